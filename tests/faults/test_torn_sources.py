"""Sources that move while they are read: torn, appearing and vanishing files, and things that take a file's place."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults.judging import inbox, judge, page
from laws.handbook import NAME, Project

from corpus.catalog import decisions
from corpus.errors import SourceError, SourceGone, SourceUnavailable, TornRead
from corpus.receipts import Counts
from ingestion.sources.files import FilesSource
from ingestion.sources.local import LocalPlace


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = Project.create(tmp_path / "project")
    project.fill(3)
    project.ingest()
    yield project
    project.runtime.catalog.close()


def _after_listing(monkeypatch: pytest.MonkeyPatch, change: Callable[[], None]) -> None:
    """Lets something happen between the listing of a source and its first read."""
    real = FilesSource.list
    todo = [change]

    def listed(self: FilesSource) -> Iterator[object]:
        found = list(real(self))
        for step in todo:
            step()
        todo.clear()
        return iter(found)

    monkeypatch.setattr(FilesSource, "list", listed)


def test_a_file_written_within_this_tick_of_the_clock_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two writes within one tick leave size and time as they were: only reading it later again shows the second."""
    path = tmp_path / "page.md"
    path.write_bytes(b"a" * 1_000)
    place = LocalPlace(str(tmp_path))
    uri = next(iter(place.entries())).uri
    waits: list[float] = []

    def meanwhile(seconds: float) -> None:
        if not waits:
            at = path.stat().st_mtime_ns
            path.write_bytes(b"b" * 1_000)
            os.utime(path, ns=(at, at))
        waits.append(seconds)

    # A tick of an hour: however busy this machine is, the file was written within it.
    monkeypatch.setattr("ingestion.sources.local._TICK_SECONDS", 3_600)
    monkeypatch.setattr("ingestion.sources.local.time.sleep", meanwhile)
    assert place.read(uri, 10_000) == b"b" * 1_000
    assert waits == [3_600, 3_600]
    os.utime(path, (1, 1))
    assert place.read(uri, 10_000) == b"b" * 1_000
    assert len(waits) == 2  # one that has rested is read once


def test_a_file_that_never_rests_is_torn_and_not_guessed(tmp_path: Path) -> None:
    path, stop, letters = tmp_path / "page.md", threading.Event(), iter(range(10**9))
    path.write_bytes(b"start")

    def write() -> None:
        while not stop.is_set():
            path.write_bytes(str(next(letters)).encode() * 2_000)
            time.sleep(0.001)

    writer, place = threading.Thread(target=write), LocalPlace(str(tmp_path))
    uri = next(iter(place.entries())).uri
    writer.start()
    try:
        with pytest.raises(TornRead, match="when its writer is done"):
            _read_often(place, uri)
    finally:
        stop.set()
        writer.join()


def _read_often(place: LocalPlace, uri: str) -> None:
    for _ in range(50):
        place.read(uri, 1_000_000)


def test_a_document_whose_writer_does_not_rest_fails_alone_and_comes_in_later(project: Project) -> None:
    path, stop = project.write("log", page("busy valve")), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            path.write_text(page(f"busy valve {number}"))

    writer = threading.Thread(target=write)
    writer.start()
    project.write("calm", page("calm valve"))
    try:
        receipt = project.ingest()
    finally:
        stop.set()
        writer.join()
    assert receipt.counts.balanced
    # Rejected: the writer had emptied the file and rested; that is a revision too.
    assert receipt.counts.indexed + receipt.counts.failed + receipt.counts.rejected == 2
    assert receipt.counts.indexed >= 1
    again = project.ingest()
    assert again.counts.balanced
    assert again.counts.failed == 0
    judge(project, inbox(project))
    assert project.ingest().counts == Counts(received=5, unchanged=5)


def test_what_comes_and_goes_between_listing_and_reading_is_accounted_for(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = sorted(project.inbox.glob("*.md"))
    project.write("brief", page("brief valve"))

    def change() -> None:
        (project.inbox / "brief.md").unlink()
        here[0].unlink()
        project.write("late", page("late valve"))

    _after_listing(monkeypatch, change)
    receipt = project.ingest()
    assert receipt.counts == Counts(received=4, unchanged=2, failed=2)
    monkeypatch.undo()
    again = project.ingest()
    assert (again.counts.received, again.counts.indexed, again.counts.removed) == (3, 1, 2)
    judge(project, inbox(project))


@pytest.mark.parametrize("kind", ["folder", "pipe", "link out", "parent is a file"])
def test_what_takes_the_place_of_a_file_is_not_read_and_blocks_nobody(
    project: Project, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = project.write("notes/odd", page("odd valve"))
    (project.folder / "secret.md").write_text(page("secret valve"))

    def change() -> None:
        if kind == "parent is a file":
            shutil.rmtree(path.parent)
            path.parent.write_text("no folder")
            return
        path.unlink()
        if kind == "folder":
            path.mkdir()
        elif kind == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to(project.folder / "secret.md")

    _after_listing(monkeypatch, change)
    receipt = project.ingest()
    assert receipt.counts == Counts(received=4, unchanged=3, failed=1)
    with project.runtime.catalog.reading() as tx:
        [failed] = decisions.standing(tx, NAME, "fail")
    assert "List the source again" in str(failed.reasons[0]["message"])
    monkeypatch.undo()
    assert project.ingest().counts.balanced
    judge(project, inbox(project) - {"notes/odd.md"})


def test_the_place_itself_says_what_is_gone(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("text")
    place = LocalPlace(str(tmp_path))
    uri = next(iter(place.entries())).uri
    (tmp_path / "page.md").unlink()
    os.mkfifo(tmp_path / "page.md")
    started = time.monotonic()
    with pytest.raises(SourceGone):
        place.read(uri, 1_000)
    assert time.monotonic() - started < 5


def test_a_folder_that_is_replaced_while_it_is_listed_is_never_half_a_listing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renamed away and put back anew, as a publisher does it: an error that may pass, or all of it, but no deletion."""
    for number in range(5):
        project.write(f"set/page-{number}", page(f"valve of the set {number}"))
    project.ingest()
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            fresh = project.folder / "fresh"
            shutil.copytree(project.inbox / "set", fresh)
            (project.inbox / "set").rename(project.folder / "old")
            time.sleep(0.001)
            fresh.rename(project.inbox / "set")
            shutil.rmtree(project.folder / "old")

    source = FilesSource(str(project.inbox), ("**/*.md",))
    swapping = threading.Thread(target=swap)
    swapping.start()
    sizes: list[int] = []
    try:
        until = time.monotonic() + 2
        while time.monotonic() < until:
            try:
                sizes.append(len(list(source.list())))
            except SourceError as error:
                assert isinstance(error, SourceUnavailable)  # noqa: PT017 - whether it comes is up to the scheduler
    finally:
        stop.set()
        swapping.join()
    assert sizes
    # The whole folder was away, as if somebody had removed it: the contract's guard is for that. Never a part of it.
    assert set(sizes) <= {3, 8}
    project.ingest()
    judge(project, inbox(project))
