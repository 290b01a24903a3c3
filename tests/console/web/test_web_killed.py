"""A release on a page works in the server's process: what is left where that is killed in the middle (SIGKILL)."""

from __future__ import annotations

import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from corpus.catalog import runs
from corpus.settings import load_settings
from index import layout
from index.pointer import version_numbers
from index.signing import TrustStore
from index.verify import verify_version
from ingestion.releasing import KIND
from ingestion.runtime import Runtime, open_runtime

TOKEN = "token-of-the-tests-0123456789"
HANDBOOK = {"contract": "handbook"}
PATIENCE_S = 60


def _begun(runtime: Runtime) -> bool:
    with runtime.catalog.reading() as tx:
        return any(run.kind == KIND and run.state == "running" for run in runs.recent(tx, "handbook", 3))


def _half_built(runtime: Runtime) -> bool:
    """Whether files of the next version lie in scratch, and it is not there yet."""
    return _begun(runtime) and any(Path(runtime.settings.home, ".tmp").rglob("*.parquet"))


def _kill_in(site: Any, runtime: Runtime, moment: Callable[[Runtime], bool], reason: str) -> None:
    """Orders a release and kills the server at a moment of it."""
    broken: list[Exception] = []
    with site.client() as mara:
        csrf = re.search(r'name="csrf" value="([^"]+)"', mara.get("/index", params=HANDBOOK).text)
        assert csrf
        form = HANDBOOK | {"reason": reason, "insist": "true", "csrf": csrf[1]}

        def order() -> None:
            try:
                mara.post("/index/release", data=form, headers={"origin": site.url})
            except httpx2.HTTPError as error:
                broken.append(error)

        ordering = threading.Thread(target=order)
        ordering.start()
        deadline = time.monotonic() + PATIENCE_S
        while not moment(runtime):
            assert time.monotonic() < deadline, "it never came to that"
            assert ordering.is_alive(), "it ended before"
            time.sleep(0.002)
        os.kill(site.pid, signal.SIGKILL)
        ordering.join(PATIENCE_S)
    assert broken, "whoever waited for the page got no answer"


def _nothing_half(project: Any, runtime: Runtime, live: int) -> None:
    """Readers get what they got, every version that has a folder is whole and signed, and the log holds."""
    checked = project("index", "verify", "handbook")
    assert checked["ok"], checked
    assert {item["alias"]: item["number"] for item in checked["aliases"]}["live"] == live
    trust = TrustStore.from_folder(runtime.settings.trusted_keys)
    for number in version_numbers(runtime.store, "handbook"):
        verify_version(runtime.store, "handbook", number, trust)
        assert runtime.store.exists(f"{layout.version_path('handbook', number)}/{layout.ENVELOPE}")
    assert project("audit", "verify")["intact"]


def test_a_release_whose_server_is_killed_leaves_nothing_half_and_says_how_to_go_on(
    home: Any, tmp_path: Path, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STEMMA_HOME", raising=False)
    shutil.copytree(home.folder, tmp_path / "own")
    project = type(home)(tmp_path / "own")
    project("index", "rollback", "handbook", "--reason", "to have something to release")
    runtime = open_runtime(load_settings(project.folder))
    for moment in (_begun, _half_built):
        reason = f"killed: {moment.__name__}"
        with serve(project, console_token=TOKEN) as site:
            _kill_in(site, runtime, moment, reason)
        _nothing_half(project, runtime, live=2)
    with serve(project, console_token=TOKEN) as again, again.client() as mara:
        twin = mara.get("/index.json", params=HANDBOOK).json()
        order = twin["ordered"]
        assert (order["by"], order["reason"], order["state"]) == ("Mara", "killed: _half_built", "broken-off")
        page = mara.get("/index", params=HANDBOOK).text
        assert "was broken off" in page
        assert "To go on, release again below" in page
        csrf = re.search(r'name="csrf" value="([^"]+)"', page)
        assert csrf
        form = HANDBOOK | {"reason": "once more", "insist": "true", "csrf": csrf[1]}
        answer = mara.post("/index/release", data=form, headers={"origin": again.url})
        assert "is live" in mara.get(answer.headers["location"]).text
        twin = mara.get("/index.json", params=HANDBOOK).json()
        assert (twin["ordered"], twin["live"], twin["rows"][0]["number"]) == (None, twin["rows"][0]["number"], 4)
    _nothing_half(project, runtime, live=4)
    entries = [entry for entry in project("audit", "list")["entries"] if entry["action"] == "release.order"]
    assert [entry["detail"]["reason"] for entry in entries] == ["once more", "killed: _half_built", "killed: _begun"]
    assert {entry["actor"] for entry in entries} == {"Mara"}
    with runtime.catalog.reading() as tx:
        ended = [(run.state, run.receipt.get("error", "")) for run in runs.recent(tx, "handbook") if run.kind == KIND]
    gone = ("failed", "broken off: its process is gone")
    assert ended == [("succeeded", ""), gone, gone]
    runtime.catalog.close()
