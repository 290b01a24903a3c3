"""How many nearest neighbours two versions of an index share, over a bounded sample. Loads no model.

Each chunk is looked up by its own stored vector in the index that holds it, so the two versions may be of different
models and dimensions. Of an index that compresses, the vector is what the index gives back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from index import search
from index.drift_gates import Overlap

COLUMNS = ("chunk_id", "text_sha256")
"""Columns of chunks.parquet that are needed."""

_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Side:
    """One version: its index, and the id and text digest of the chunk in each row."""

    index: Any
    ids: pa.Array
    digests: pa.Array

    @classmethod
    def of(cls, index: Any, chunks: pa.Table) -> Side:
        """Takes the columns out of a table with `COLUMNS`, in the order of the index."""
        ids, digests = (chunks[name].combine_chunks() for name in COLUMNS)
        return cls(index, ids, digests)


def neighbour_overlap(before: Side, after: Side, *, k: int, sample: int, same_space: bool) -> Overlap:
    """Measures how many of its k nearest neighbours a chunk keeps, itself not counted.

    Looked at are chunks that both versions hold with the same text. They are chosen by the digest of their text, which
    is as good as at random and the same on every run.

    Args:
        before: The version that serves.
        after: The candidate.
        k: Neighbours of each chunk.
        sample: Chunks looked at, at the most.
        same_space: Whether both are of one model, for the result.
    """
    rows_after, rows_before = _common(before, after, sample)
    if not len(rows_after):
        return Overlap(share=None, sample=0, k=k, same_space=same_space, why_not="no chunk is in both versions")
    if min(len(before.ids), len(after.ids)) <= k:
        return Overlap(
            share=None, sample=0, k=k, same_space=same_space, why_not=f"one of the versions has {k} chunks or fewer"
        )
    kept = 0
    for start in range(0, len(rows_after), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        pairs = zip(_near(before, rows_before[part], k), _near(after, rows_after[part], k), strict=True)
        kept += sum(len(old & new) for old, new in pairs)
    return Overlap(share=kept / (k * len(rows_after)), sample=len(rows_after), k=k, same_space=same_space)


def _common(before: Side, after: Side, sample: int) -> tuple[search.Rows, search.Rows]:
    """Returns the rows of the chosen chunks in both versions."""
    place = pc.index_in(after.ids, value_set=before.ids)
    same = pc.fill_null(pc.equal(before.digests.take(place), after.digests), fill_value=False)
    rows = np.flatnonzero(same.to_numpy(zero_copy_only=False))
    digests = after.digests.take(pa.array(rows)).to_pylist()
    ids = after.ids.take(pa.array(rows)).to_pylist()
    chosen = sorted(range(len(rows)), key=lambda item: (digests[item], ids[item]))[:sample]
    picked = rows[np.array(chosen, dtype=np.int64)]
    return picked, place.take(pa.array(picked)).to_numpy(zero_copy_only=False).astype(np.int64)


def _near(side: Side, rows: search.Rows, k: int) -> list[set[str]]:
    vectors = search.vectors_of(side.index, rows)
    _, found = search.search(side.index, vectors, k + 1)
    nearest = []
    for own, line in zip(rows, found, strict=True):
        others = [int(row) for row in line if row >= 0 and row != own][:k]
        nearest.append(set(side.ids.take(pa.array(others, pa.int64())).to_pylist()))
    return nearest
