"""Splits the making of an index into ranges of rows that can be added apart and put together to the very same bytes.

Training is one job over one sample, and comes first. Each range is then added to a copy of the trained, empty index,
and the copies are moved behind one another in the order of the rows. A list so holds its rows in the order in which one
task would have added them, under the same numbers; and as ranges begin at multiples of the block in which rows are
added, every matrix product has the same shape, and the same rounding, as in one task.

A graph (HNSW) links each row to those added before: it has no parts, and is always built by one task.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from index import search

_NAME = re.compile(r"^(\d{1,12})-(\d{1,12})$")


@dataclass(frozen=True, slots=True, order=True)
class Rows:
    """Consecutive rows of an index: `start` and those after it, up to and without `stop`."""

    start: int
    stop: int

    @classmethod
    def parse(cls, name: str) -> Self:
        """Reads a name such as `0-16384`.

        Raises:
            ValueError: It is none.
        """
        match = _NAME.match(name)
        if not match or int(match[1]) >= int(match[2]):
            raise ValueError(f"{name!r} names no rows: write the first and the one after the last, such as 0-16384.")
        return cls(int(match[1]), int(match[2]))

    @property
    def count(self) -> int:
        """How many rows those are."""
        return self.stop - self.start

    def __str__(self) -> str:
        return f"{self.start}-{self.stop}"


def can_merge(factory: str) -> bool:
    """Returns whether an index of that factory can be put together from parts: all but a graph."""
    return not factory.startswith("HNSW")


def plan(rows: int, wanted: int, most: int = 1_000) -> tuple[Rows, ...]:
    """Cuts the rows of an index into ranges, each but the last of whole blocks (`search.BLOCK`).

    Args:
        rows: Rows of the index.
        wanted: Rows of a range; rounded up to whole blocks.
        most: Ranges at the most; more rows make larger ones.

    Returns:
        The ranges, in order, without a gap; of no rows, none.
    """
    size = max(wanted, -(-rows // most), 1)
    size = -(-size // search.BLOCK) * search.BLOCK
    return tuple(Rows(start, min(start + size, rows)) for start in range(0, rows, size))


def gap_in(ranges: Iterable[Rows], rows: int) -> Rows | None:
    """Returns the first rows of an index that ranges, in their order, leave out or hold twice; None where they fit."""
    reached = 0
    for part in ranges:
        if part.start != reached:
            return Rows(min(part.start, reached), max(part.start, reached))
        reached = part.stop
    return None if reached == rows else Rows(min(reached, rows), max(reached, rows))


def merge(trained: Any, parts: Iterable[Any], rows: int) -> Any:
    """Puts parts together, in the order of their rows.

    Args:
        trained: The trained, empty index; it becomes the whole.
        parts: Indexes to which a range each was added, all copies of the trained one; they are emptied one by one.
        rows: Rows of the whole.

    Returns:
        The index, with the bytes of `search.make_index` over all rows.
    """
    search.make_room(trained, rows)
    for part in parts:
        search.move_into(trained, part)
        del part  # it is empty, and keeps its memory: not beside the next one
    return trained
