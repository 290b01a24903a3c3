"""An embedding endpoint that leads elsewhere is an error: neither the key nor a text reaches another address."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from laws.handbook import Project

from corpus.errors import ConfigurationError
from corpus.settings import load_settings
from index.embedders.http import EndpointClient
from ingestion import pipeline
from ingestion.runtime import open_runtime

KEY = "sk-very-secret-redirect-4711"
STATUSES = (301, 302, 303, 307, 308)


class Host:
    """A real server that keeps each request's method, headers and body, and answers with one status and place."""

    def __init__(self) -> None:
        self.status = 200
        self.location = ""
        self.heard: list[str] = []
        self.port = 0


@contextmanager
def host() -> Iterator[Host]:
    state = Host()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            state.heard.append(f"{self.command} {self.path}\n{self.headers}\n{body!r}")
            self.send_response(state.status)
            if state.location:
                self.send_header("location", state.location)
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815 - the names that http.server looks for

        def log_message(self, *args: Any) -> None:
            """Says nothing: a test reads `heard`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    state.port = server.server_port
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Host, Host]]:
    monkeypatch.setenv("LED_ASTRAY_KEY", KEY)
    with ExitStack() as stack:
        yield stack.enter_context(host()), stack.enter_context(host())


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])  # another host; the same one on another port
def test_key_and_texts_stay_with_the_declared_address(
    hosts: tuple[Host, Host], tmp_path: Path, status: int, name: str
) -> None:
    declared, other = hosts
    declared.status, declared.location = status, f"http://{name}:{other.port}/v1/embeddings"
    project = Project.create(tmp_path / "project")
    project.write("a", "# Valves\n\nA text that nobody else may see. " * 30)
    (project.folder / "stemma.toml").write_text(
        f'home = "home"\n[embedders.led-astray]\nprovider = "tests"\nmodel = "m"\ndimension = 256\n'
        f'url = "http://127.0.0.1:{declared.port}/v1"\napi_key_env = "LED_ASTRAY_KEY"\nattempts = 2\n'
    )
    project.contract_path.write_text(project.contract_path.read_text().replace("wordllama-256", "remote:led-astray"))
    runtime = open_runtime(load_settings(project.folder))
    client = EndpointClient(runtime.settings.embedders["led-astray"])
    for ask in (
        lambda: client.embed(["A text that nobody else may see."]),
        lambda: pipeline.ingest(runtime, "handbook"),
    ):
        with pytest.raises(ConfigurationError, match=f"answered {status}.*a redirect is not followed") as caught:
            ask()
        assert KEY not in str(caught.value)
    assert len(declared.heard) == 2
    assert all(f"Bearer {KEY}" in heard for heard in declared.heard)
    assert other.heard == []
