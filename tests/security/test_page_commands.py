"""What docs/security.md says to type against dependencies with known holes, and against readers of foreign bytes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from docs.pages import ROOT, page
from environments import installed, unavailable
from security import fuzz
from security.fuzz_targets import targets

PIPX = "pip install pipx==1.18.4"
INSTALL_SECONDS = 300
_HINT = "It needs a package index."


def typed(text: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Types lines in the repository; the environment that `make` asks for is this one, by another name."""
    made = folder / "environment"
    (made / "bin").mkdir(parents=True, exist_ok=True)
    python = made / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (made / ".ready").touch()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    environment = kept | {"VENV": str(made), "NO_PROXY": "127.0.0.1"} | variables
    return subprocess.run(
        ["bash", "-euc", text], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def block(words: str) -> str:
    [text] = [found.text for found in page("docs/security.md").blocks("bash") if words in found.text]
    return text


def test_every_reader_is_fuzzed_and_one_for_longer(tmp_path: Path) -> None:
    """As the page has it, but for the time: the readers read what they start from, and one reads mutations of it."""
    text = block("make fuzz")
    assert f"{fuzz.SECONDS} seconds for each of {len(targets())} readers" in text
    assert "'manifest 600'" in text
    done = typed(text.replace("'manifest 600'", "'manifest 1'"), tmp_path, FUZZ="0", FUZZ_FOUND=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.findall(r"^([\w -]+): (\d+) inputs, \d+ of them read, no undocumented error$", done.stdout, re.MULTILINE)
    assert [name for name, _ in told] == [*targets(), "manifest"]
    assert int(told[-1][1]) > 10
    assert list(tmp_path.glob("fuzz-*")) == []


# A database of vulnerabilities that says what the test wants

Answer = Callable[[str], dict[str, Any] | None]


class Database:
    """Answers as OSV does, for one package after the other; None is a server that cannot answer."""

    def __init__(self) -> None:
        self.asked: dict[str, str] = {}
        self.answer: Answer = lambda name: {}
        self.url = ""

    @property
    def arguments(self) -> str:
        return f"--vulnerability-service osv --osv-url {self.url}"


@pytest.fixture
def database() -> Iterator[Database]:
    state = Database()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            name = asked["package"]["name"]
            state.asked[name] = asked["version"]
            answer = state.answer(name)
            body = json.dumps(answer or {}).encode()
            self.send_response(500 if answer is None else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1/query"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def test_each_pin_is_looked_up_and_a_hole_or_a_failure_ends_it(
    request: pytest.FixtureRequest, tmp_path: Path, database: Database
) -> None:
    kept = Path(request.config.cache.mkdir("pipx"))
    programs = installed(kept, PIPX, seconds=INSTALL_SECONDS, hint=_HINT)
    places = {"PIPX_HOME": "home", "PIPX_BIN_DIR": "programs", "PIPX_MAN_DIR": "manual"}
    own = {name: str(kept / place) for name, place in places.items()}
    own["AUDIT_ARGS"] = f"{database.arguments} --cache-dir {tmp_path}"
    path = os.pathsep.join((str(programs), str(kept / "programs"), os.environ["PATH"]))
    text = block("pip-audit")
    done = typed(text, tmp_path, PATH=path, **own)
    if not (kept / "programs" / "pip-audit").exists():
        unavailable(f"pip-audit cannot be installed: {done.stderr}", _HINT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No known vulnerabilities found" in done.stderr
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert {_plain(name): version for name, version in database.asked.items()} == {
        _plain(name): version for name, version in pins.items()
    }
    hole = {"id": "GHSA-of-a-test", "summary": "a hole", "aliases": [], "affected": []}
    for answer, words in (
        (lambda name: {"vulns": [hole]} if name == "pypdf" else {}, "GHSA-of-a-test"),
        (lambda name: None if name == "pypdf" else {}, "ServiceError"),
    ):
        database.answer = answer
        ended = typed(text.splitlines()[-1], tmp_path, PATH=path, **own)
        assert ended.returncode != 0, ended.stdout
        assert words in ended.stdout + ended.stderr


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
