"""What it costs that each commit of a SQLite catalog waits for the disk: the same ingest with FULL and with NORMAL.

Usage: durable.py FOLDER [--bytes N] [--rounds N]

FOLDER has to be on the disk that is asked about. Real text (`corpora.installed`), wordllama-256, else default settings,
ingest and release in one process. Time in commits is that of the driver's COMMIT, of reading transactions too; the
whole depends on what else the machine does.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import corpora
from sqlalchemy.engine.default import DefaultDialect

from console.cli.main import main as stemma
from corpus.catalog import session
from corpus.settings import load_settings
from ingestion import pipeline
from ingestion.runtime import open_runtime

MODES = ("FULL", "NORMAL")


class Commits:
    """Counts and times the commits of this process, and sets how each new connection waits."""

    def __init__(self) -> None:
        self.mode = MODES[0]
        self.number = 0
        self.seconds = 0.0
        plain = DefaultDialect.do_commit

        def timed(dialect: DefaultDialect, connection: Any) -> None:
            began = time.perf_counter()
            plain(dialect, connection)
            self.seconds += time.perf_counter() - began
            self.number += 1

        DefaultDialect.do_commit = timed  # type: ignore[method-assign]
        configured = session._configure_sqlite

        def configure(connection: Any, record: Any) -> None:
            configured(connection, record)
            connection.execute(f"PRAGMA synchronous = {self.mode}")

        session._configure_sqlite = configure


def prepare(folder: Path, size: int) -> int:
    """Makes a project over real documents; returns how many."""
    stemma(["init", str(folder)])
    inbox = folder / "inbox"
    inbox.mkdir(exist_ok=True)
    number = 0
    for number, (name, text) in enumerate(corpora.installed(size), start=1):  # noqa: B007 - counted
        (inbox / name).write_text(text)
    new = ["--project", str(folder), "contract", "new", "bench", "--path", f"{inbox}/**/*", "--owner", "bench"]
    new += ["--model", "wordllama-256"]
    stemma([*new, "--default", "version=1", "--default", "last_validated_date=2026-11-01"])
    return number


def main() -> None:
    """Prints one line per ingest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bytes", type=int, default=3_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    commits = Commits()
    for turn in range(2 * asked.rounds + 1):  # the first one loads what the others have
        commits.mode = MODES[turn % 2]
        with tempfile.TemporaryDirectory(dir=asked.folder) as place:
            documents = prepare(Path(place), asked.bytes)
            runtime = open_runtime(load_settings(Path(place)))
            commits.number, commits.seconds = 0, 0.0
            began = time.perf_counter()
            pipeline.ingest(runtime, "bench")
            took = time.perf_counter() - began
            runtime.catalog.close()
        if turn:
            print(
                f"{commits.mode:7}{documents} documents in {took:.1f} s, {commits.number} commits in "
                f"{1000 * commits.seconds:.0f} ms: {100 * commits.seconds / took:.2f} %",
                flush=True,
            )


if __name__ == "__main__":
    main()
