"""Which FAISS index a version gets: what the contract asks for, made to fit how many chunks there are.

Measured for the design (FAISS 1.15, 384 numbers a vector, two cores): an exact search costs .14 ms per thousand vectors
and query, so up to 50,000 it stays under 7 ms and nothing is gained by missing neighbours. Above, an IVF with 8-bit
numbers takes about 1 ms at .97 recall with a quarter of the memory, and what is deleted from it is rebuilt in about a
minute per million; a graph (HNSW) is as fast and needs no training, but has four times the size and takes four times
as long to rebuild, so it is for corpora that are read far more than they change.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from corpus.errors import ConfigurationError

Deletes = Literal["few", "many"]

AUTO = "auto"
FLAT_UP_TO = 50_000
"""Vectors up to which `auto` is exact."""
POINTS_PER_LIST = 39
"""FAISS's own figure for how many points k-means needs for each list before it warns."""

FAMILIES = (AUTO, "Flat", "SQ8", "HNSW32", "IVF,Flat", "IVF,SQ8")
"""What a contract may ask for without counting; `IVF<lists>,Flat`, `IVF<lists>,SQ8` and `HNSW<links>` fix it all."""

FIXED = re.compile(r"^(Flat|SQ8|HNSW\d+(,(Flat|SQ8))?|IVF\d+,(Flat|SQ8))$")
"""Factory strings that can be built: the families measured for the design to find .95 and more of the ten nearest, and
searchable under a selector. Plain PQ and 1-bit RaBitQ stayed under .83 and are not offered."""
_SIZED = re.compile(r"^IVF,(Flat|SQ8)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A factory and why it was taken.

    Attributes:
        factory: FAISS factory string of an allowed family.
        reason: One sentence for a person.
    """

    factory: str
    reason: str


def choose(asked: str, vectors: int, deletes: Deletes = "many") -> Choice:
    """Returns the factory for a number of vectors.

    Args:
        asked: One of `FAMILIES`, or a factory string with its numbers.
        vectors: Chunks of the version.
        deletes: Whether many documents are expected to leave or change between rebuilds.

    Raises:
        ConfigurationError: The factory is not offered, or cannot be built from so few vectors.
    """
    if asked == AUTO:
        return _automatic(vectors, deletes)
    sized = _SIZED.match(asked)
    if sized:
        return _sized(sized[1], vectors, f"the contract asks for {asked}")
    if not FIXED.match(asked):
        raise ConfigurationError(
            f"index factory {asked!r} is not offered. Valid: {', '.join(FAMILIES)}, or with numbers of your own "
            "IVF<lists>,Flat, IVF<lists>,SQ8 and HNSW<links>."
        )
    return Choice(factory=asked, reason=f"the contract asks for {asked}")


def _automatic(vectors: int, deletes: Deletes) -> Choice:
    if vectors <= FLAT_UP_TO:
        why = f"{vectors:,} chunks: exact search is fast enough up to {FLAT_UP_TO:,}"
        return Choice(factory="Flat", reason=why)
    if deletes == "few":
        why = f"{vectors:,} chunks, of which few are expected to leave: a graph, which is slow to rebuild"
        return Choice(factory="HNSW32", reason=why)
    return _sized("SQ8", vectors, f"{vectors:,} chunks, of which many may leave or change")


def _sized(element: str, vectors: int, why: str) -> Choice:
    """Returns an IVF with as many lists as suit the number of vectors: the power of two nearest to four roots."""
    most = vectors // POINTS_PER_LIST
    if most < 1:
        few = f"{why}, but {vectors} chunks are too few for lists ({POINTS_PER_LIST} are needed for one)"
        return Choice(factory=element, reason=few)
    near = 2 ** round(math.log2(4 * math.sqrt(vectors)))
    lists = min(near, 2 ** int(math.log2(most)))
    return Choice(factory=f"IVF{lists},{element}", reason=f"{why}: {lists} lists")
