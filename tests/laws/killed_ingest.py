"""Runs an ingest in a process that is killed at its n-th effect on home or catalog; see test_atomic_release.

Usage: killed_ingest.py FOLDER              kills nothing and prints the effects
       killed_ingest.py FOLDER FOLDER ...   kills the n-th before its n-th effect and prints each exit status

Everything is imported once, then each ingest is forked: killing before effect n + 1 is killing after effect n.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import great_expectations  # noqa: F401 - imported before the forks, so that each does not pay for it
from sqlalchemy import event
from sqlalchemy.engine import Engine

from corpus.settings import Settings
from corpus.storage import Store
from ingestion import pipeline
from ingestion.runtime import open_runtime

EFFECTS = ("publish", "publish_file", "publish_folder", "replace", "remove")
seen: list[str] = []


def _step(name: str, number: int) -> None:
    seen.append(name)
    if len(seen) == number:
        os.kill(os.getpid(), signal.SIGKILL)


def _wrapped(name: str, real: Callable[..., Any], number: int) -> Callable[..., Any]:
    def effect(*args: Any, **kwargs: Any) -> Any:
        _step(f"{name} {args[1]}", number)
        return real(*args, **kwargs)

    return effect


def _ingest(folder: Path, number: int) -> None:
    for name in EFFECTS:
        setattr(Store, name, _wrapped(name, getattr(Store, name), number))

    def committing(connection: Any) -> None:
        _step("commit", number)

    event.listen(Engine, "commit", committing)
    settings = Settings(project=folder, home=str(folder / "home"), shard_bytes=60_000)
    pipeline.ingest(open_runtime(settings), "handbook")
    print("\n".join(seen), flush=True)


def main(folders: list[Path]) -> None:
    """Ingests each folder in a process of its own; the n-th of several is killed before its n-th effect."""
    for number, folder in enumerate(folders, start=1):
        child = os.fork()
        if child == 0:
            _ingest(folder, number if len(folders) > 1 else 0)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if len(folders) > 1:
            print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
