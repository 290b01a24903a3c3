"""Lines of a log in bounded memory: one that is too long is passed over without being held."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

MOST_BYTES = 64 << 20
"""Largest line: parsed JSON takes about six times its size (measured on CPython 3.11)."""
_PASSED = 1 << 20


def bounded(handle: BinaryIO, most: int = MOST_BYTES) -> Iterator[bytes | None]:
    """Yields lines; None for one that is longer than so many bytes."""
    while line := handle.readline(most + 1):
        if len(line) <= most:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = handle.readline(_PASSED)
        yield None
