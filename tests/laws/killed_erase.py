"""Erases in a process that is killed at its n-th effect on home or catalog; see test_erase_killed.

Usage: killed_erase.py FOLDER              kills nothing and prints the effects
       killed_erase.py FOLDER FOLDER ...   kills the n-th before its n-th effect and prints each exit status
       killed_erase.py --at=N,N,... FOLDER ...   the same at these effects

Everything is imported once, then each erasure is forked: killing before effect n + 1 is killing after effect n.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from laws.erasing import DOC
from laws.handbook import NAME
from sqlalchemy import event
from sqlalchemy.engine import Engine

from corpus.catalog import scrub
from corpus.settings import Settings
from corpus.storage import Store
from ingestion.runtime import open_runtime
from ingestion.stages import erase

EFFECTS = ("publish", "publish_file", "publish_folder", "replace", "replace_file", "remove")
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


def _erase(folder: Path, number: int) -> None:
    for name in EFFECTS:
        setattr(Store, name, _wrapped(name, getattr(Store, name), number))
    real = scrub.compact

    def compact(catalog: Any) -> None:
        _step("compact", number)
        real(catalog)

    scrub.compact = compact

    def committing(connection: Any) -> None:
        _step("commit", number)

    event.listen(Engine, "commit", committing)
    settings = Settings(project=folder, home=str(folder / "home"))
    erase.erase(open_runtime(settings), NAME, DOC, reason="request 17", actor="ann")
    print("\n".join(seen), flush=True)


def main(arguments: list[str]) -> None:
    """Erases in each folder in a process of its own."""
    chosen = next((item for item in arguments if item.startswith("--at=")), "")
    folders = [Path(item) for item in arguments if item != chosen]
    numbers = [int(item) for item in chosen.removeprefix("--at=").split(",")] if chosen else range(1, len(folders) + 1)
    several = bool(chosen) or len(folders) > 1
    for number, folder in zip(numbers, folders, strict=True):
        child = os.fork()
        if child == 0:
            _erase(folder, number if several else 0)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if several:
            print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
