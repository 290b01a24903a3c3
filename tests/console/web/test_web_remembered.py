"""What the console remembers of versions: worked out once for all who ask at a time, and bounded."""

from __future__ import annotations

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from console.web.views import differences, refused, seals
from corpus.catalog import versions
from corpus.settings import load_settings
from ingestion.runtime import open_runtime


def test_a_difference_is_worked_out_once_and_a_few_are_kept(versions_home: Any) -> None:
    runtime = open_runtime(load_settings(versions_home.folder))
    differences._KNOWN.clear()
    begun, others, both = [], threading.Event(), threading.Barrier(8)

    def work() -> Any:
        begun.append(threading.get_ident())
        others.wait(1)  # the others are there by then, and wait
        return found

    def asking(_number: int) -> Any:
        both.wait(10)
        return differences._worked_out(("home", "handbook", "a", "b"), work)

    found = differences.difference_of(runtime, "handbook", 1, 2)
    with ThreadPoolExecutor(8) as threads:
        assert {id(answer) for answer in threads.map(asking, range(8))} == {id(found)}
    assert len(begun) == 1
    for number in range(20):
        differences._worked_out(("home", "handbook", "a", str(number)), lambda: found)
    assert len(differences._KNOWN) == differences._MOST
    assert differences.difference_of(runtime, "handbook", 1, 2) == found, "it was forgotten, and is worked out anew"
    runtime.catalog.close()


def test_a_seal_is_remembered_until_a_file_changes_and_refused_ones_are_read_each_time(
    versions_home: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    shutil.copytree(versions_home.folder, folder)
    runtime = open_runtime(load_settings(folder))
    with runtime.catalog.reading() as tx:
        version = versions.require(tx, "handbook", 1)

    def seal() -> Any:
        return seals.seals_of(runtime, [version], 1)[1]

    first = seal()
    assert (first.state, seal()) == ("verified", first), "the same, with the time of the first look"
    [manifest] = folder.glob(".stemma/indexes/handbook/v000001/manifest.json")
    manifest.write_bytes(manifest.read_bytes() + b" ")
    time.sleep(0.01)
    assert seal().state == "not verified"
    [kept] = refused.refused_of(runtime, "handbook")
    shutil.rmtree(next(folder.glob(f".stemma/**/{kept.id}*")))
    assert refused.refused_of(runtime, "handbook") == []
    runtime.catalog.close()
