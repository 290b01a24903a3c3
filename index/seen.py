"""What a reader remembers outside the home: how far the alias and the tombstones of an index were.

Files that were signed in their time can be put back: an older alias file with the older version beside it, older
tombstones. Nothing inside the home tells, since all of it can be put back together. A reader that keeps a
small file of its own, where who writes the home cannot write, refuses to go back.
"""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any

from corpus.errors import ConfigurationError, IntegrityError


class Seen:
    """The memory of one reader, in a JSON file that it may write.

    Args:
        path: The file; it is made when something is first remembered.

    Raises:
        ConfigurationError: The file is there and is no such memory. It is not taken for an empty one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = _load(path)

    def tombstones(self, index: str) -> int:
        """Returns the sequence that the tombstones of an index had; 0 where nothing is remembered."""
        return self._known.get(index, {}).get("tombstones", 0)

    def require_newer(self, index: str, alias: str, generation: int) -> None:
        """Refuses an alias that is further back than it was.

        Raises:
            IntegrityError: The alias was moved less often than this reader has seen.
        """
        known = self._known.get(index, {}).get(f"alias {alias}", 0)
        if generation < known:
            raise IntegrityError(
                f"alias {alias!r} of {index!r} is at generation {generation}, and was at {known} when this reader last "
                f"looked: an older alias file was put back. If the home was restored from a backup on purpose, remove "
                f"{self._path}."
            )

    def remember(self, index: str, *, alias: str = "", generation: int = 0, tombstones: int = 0) -> None:
        """Keeps how far an index is, where that is further than before.

        Raises:
            ConfigurationError: The file cannot be written.
        """
        known = self._known.setdefault(index, {})
        fresh = {"tombstones": tombstones} | ({f"alias {alias}": generation} if alias else {})
        further = {name: number for name, number in fresh.items() if number > known.get(name, 0)}
        if further:
            known.update(further)
            _store(self._path, self._known)


def _load(path: Path) -> dict[str, dict[str, int]]:
    try:
        found: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} cannot be read as what a reader remembers: {error}. Restore it.") from error
    right = isinstance(found, dict) and all(
        isinstance(entry, dict) and all(type(number) is int for number in entry.values()) for entry in found.values()
    )
    if not right:
        raise ConfigurationError(f"{path} is not what a reader remembers. Name another file.")
    return dict(found)


def _store(path: Path, known: dict[str, dict[str, int]]) -> None:
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as handle:
            json.dump(known, handle, sort_keys=True)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror}. Name a file that you may write."
        ) from error
