"""Erases in a process that is killed at its n-th effect on home or catalog; see test_erase_killed.

Usage: killed_erase.py FOLDER              kills nothing and prints the effects
       killed_erase.py FOLDER FOLDER ...   kills the n-th before its n-th effect and prints each exit status
       killed_erase.py --at=N,N,... FOLDER ...   the same at these effects
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from laws.erasing import DOC
from laws.handbook import NAME
from laws.killing import fork_each, step, watch

from corpus.catalog import scrub
from corpus.settings import Settings
from ingestion.runtime import open_runtime
from ingestion.stages import erase


def _erase(folder: Path, number: int) -> None:
    watch(number)
    real = scrub.compact

    def compact(catalog: Any) -> None:
        step("compact", number)
        real(catalog)

    scrub.compact = compact
    settings = Settings(project=folder, home=str(folder / "home"))
    erase.erase(open_runtime(settings), NAME, DOC, reason="request 17", actor="ann")


def main(arguments: list[str]) -> None:
    """Erases in each folder in a process of its own."""
    chosen = next((item for item in arguments if item.startswith("--at=")), "")
    folders = [Path(item) for item in arguments if item != chosen]
    numbers = [int(item) for item in chosen.removeprefix("--at=").split(",")] if chosen else range(1, len(folders) + 1)
    fork_each(_erase, zip(numbers, folders, strict=True), killing=bool(chosen) or len(folders) > 1)


if __name__ == "__main__":
    main(sys.argv[1:])
