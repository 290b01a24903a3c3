"""Power lost under a SQLite catalog: a commit is on the disk before it counts; a disk that lied is caught up with."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

from faults.judging import inbox, judge, live, page
from laws.handbook import NAME, Project
from sqlalchemy import text

from corpus.errors import ReleaseError
from ingestion.stages import reconcile

_FULL = 2
_HEADER, _FRAME_HEADER = 32, 24
"""Bytes of a write-ahead log's header and of a frame's (https://www.sqlite.org/fileformat2.html#walformat)."""


def commits_of(log: Path) -> list[int]:
    """Returns the sizes that a write-ahead log had after each of its commits."""
    data = log.read_bytes()
    page_size = struct.unpack(">I", data[8:12])[0]
    salts, step = data[16:24], _FRAME_HEADER + page_size
    ends = []
    for start in range(_HEADER, len(data) - step + 1, step):
        size, salt = struct.unpack(">I", data[start + 4 : start + 8])[0], data[start + 8 : start + 16]
        if salt == salts and size:  # a frame that ends a transaction says how large the database is then
            ends.append(start + step)
    return ends


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    for opened in (project.runtime.catalog.transaction, project.runtime.catalog.reading):
        with opened() as tx:
            assert tx.execute(text("PRAGMA synchronous")).scalar() == _FULL
            assert tx.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    project.runtime.catalog.close()


def test_a_disk_that_lost_the_last_commits_and_kept_the_files_is_caught_up_with(tmp_path: Path) -> None:
    """The write-ahead log is cut behind some of its commits, as a power cut leaves it where a disk lies about them."""
    project = Project.create(tmp_path / "project")
    project.fill(2)
    project.ingest()
    project.runtime.catalog.close()
    catalog = Path(project.settings.home) / "catalog.db"
    with closing(sqlite3.connect(catalog)) as held:
        held.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        held.execute("BEGIN")
        held.execute("SELECT count(*) FROM documents").fetchone()  # from here on the log only grows
        project.write("second", page("second valve"))
        project.ingest()
        assert live(project) == 2
        project.runtime.catalog.close()
        shutil.copytree(project.folder, tmp_path / "lost")
    log = tmp_path / "lost" / "home" / "catalog.db-wal"
    ends = commits_of(log)
    assert len(ends) >= 6
    whole = log.read_bytes()
    for kept in sorted({0, len(ends) // 3, 2 * len(ends) // 3, len(ends) - 2, len(ends) - 1}):
        folder = tmp_path / f"kept-{kept}"
        shutil.copytree(tmp_path / "lost", folder)
        after = folder / "home" / "catalog.db"
        after.with_name("catalog.db-shm").unlink(missing_ok=True)
        after.with_name("catalog.db-wal").write_bytes(whole[: ends[kept - 1] if kept else 0])
        found = Project(folder)
        assert live(found) == 2  # readers go by the signed files
        with contextlib.suppress(ReleaseError):  # where it does not know version 2 any more: nothing is built then
            found.ingest()
        reconcile.reconcile(found.runtime, NAME)
        assert found.ingest().counts.balanced
        assert live(found) >= 2
        judge(found, inbox(found))
        found.runtime.catalog.close()
