"""Runs an ingest in a process that is killed at its n-th effect on home or catalog; see test_atomic_release.

Usage: killed_ingest.py PROJECT_FOLDER N    (N = 0 kills nothing and prints the effects)

Killed before effect n + 1 is killed after effect n, so the last number, one past the end, ends normally.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def main(folder: Path, number: int) -> None:
    for name in EFFECTS:
        setattr(Store, name, _wrapped(name, getattr(Store, name), number))

    def committing(connection: Any) -> None:
        _step("commit", number)

    event.listen(Engine, "commit", committing)
    settings = Settings(project=folder, home=str(folder / "home"), shard_bytes=60_000)
    receipt = pipeline.ingest(open_runtime(settings), "handbook")
    print("\n".join(seen) if number == 0 else receipt.figures["status"])


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
