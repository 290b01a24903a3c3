"""Runs an ingest in a process that is killed at its n-th effect on home or catalog; see test_atomic_release.

Usage: killed_ingest.py FOLDER              kills nothing and prints the effects
       killed_ingest.py FOLDER FOLDER ...   kills the n-th before its n-th effect and prints each exit status
"""

from __future__ import annotations

import sys
from pathlib import Path

import great_expectations  # noqa: F401 - imported before the forks, so that each does not pay for it
from laws.killing import fork_each, watch

from corpus.settings import Settings
from ingestion import pipeline
from ingestion.runtime import open_runtime


def _ingest(folder: Path, number: int) -> None:
    watch(number)
    settings = Settings(project=folder, home=str(folder / "home"), shard_bytes=60_000)
    pipeline.ingest(open_runtime(settings), "handbook")


def main(folders: list[Path]) -> None:
    """Ingests each folder in a process of its own; the n-th of several is killed before its n-th effect."""
    fork_each(_ingest, enumerate(folders, start=1), killing=len(folders) > 1)


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
