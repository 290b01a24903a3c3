"""FAISS: which indexes are allowed, how they are made, searched and measured.

Row number is id, and the index is plain, without an IDMap2: versions are immutable, so no id ever
moves, removal is a selector at search, and eight bytes a vector are saved. Vectors are of unit
length and the metric is the inner product, which then is the cosine.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import faiss as _faiss
import numpy as np
import numpy.typing as npt

from corpus.errors import ConfigurationError
from corpus.seams import Vectors
from index.factory import FAMILIES, FIXED, POINTS_PER_LIST

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]

# The stubs that FAISS ships describe the C++ signatures, not the Python ones that are called here.
faiss: Any = _faiss

METRIC = "cosine"
RECALL_K = 10

# Measured at 100k and 1M vectors: .98 and .97 recall.
_EF_SEARCH = 128
_NPROBE = 64
BLOCK = 16_384
"""Vectors that are added at a time. The order of sums in a matrix product depends on its shape, so what adds a part of
the rows by itself has to cut them at multiples of this to get the same bytes (`index.shards`)."""
# A filter that leaves no more rows than this is answered exactly: an approximate index would miss
# some of them. 20,000 rows of 384 numbers are 30 MB and some milliseconds.
_NARROW_ROWS = 20_000
# So few are fetched by number: looking at one bit for each row of a large index would take longer.
_FEW_ROWS = 1_000
_TRAIN_PER_LIST = 64
_TRAIN_LEAST = 65_536


def make_index(factory: str, vectors: Vectors) -> Any:
    """Builds an index over vectors; equal input gives equal bytes.

    Args:
        factory: FAISS factory string of an allowed family.
        vectors: Array of shape `(n, dimension)`, float32, rows of unit length; may be a memory map.

    Raises:
        ConfigurationError: The factory is not allowed, or needs more vectors than there are.
    """
    index = train_index(factory, vectors)
    add_vectors(index, vectors)
    return index


def train_index(factory: str, vectors: Vectors) -> Any:
    """Returns an index that has learnt its lists and ranges from a sample of the vectors, and holds none of them.

    Args:
        factory: FAISS factory string of an allowed family.
        vectors: All vectors of the index to be, as for `make_index`.

    Raises:
        ConfigurationError: The factory is not allowed, or needs more vectors than there are.
    """
    if not FIXED.match(factory):
        raise ConfigurationError(f"index factory {factory!r} is not offered. Valid: {', '.join(FAMILIES[1:])}.")
    lists = _lists(factory)
    if len(vectors) < least_chunks(factory):
        raise ConfigurationError(
            f"index factory {factory!r} needs at least {least_chunks(factory)} chunks, there are {len(vectors)}. "
            "Use Flat, or fewer lists."
        )
    index = faiss.index_factory(vectors.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
    _tune(index)
    if not index.is_trained and len(vectors):
        index.train(_training_sample(vectors, lists))
    return index


def add_vectors(index: Any, vectors: Vectors) -> None:
    """Adds vectors to a trained index, a block at a time.

    Args:
        index: An index of this module, empty.
        vectors: Array of shape `(n, dimension)`, float32; of a memory map no more than a block is held.
    """
    add_blocks(index, len(vectors), blocks(vectors))


def add_blocks(index: Any, rows: int, parts: Iterable[Vectors]) -> None:
    """Adds vectors to a trained, empty index as they come.

    Args:
        index: An index of this module, empty.
        rows: How many vectors will come.
        parts: Arrays of `BLOCK` rows, the last one of what is left.
    """
    make_room(index, rows)
    for block in parts:
        index.add(block)


def make_room(index: Any, rows: int) -> None:
    """Takes the memory of an index that is one run of codes at once: else it is held twice as it grows."""
    if isinstance(index, faiss.IndexFlat | faiss.IndexScalarQuantizer):
        index.codes.resize(rows * index.sa_code_size())


def move_into(index: Any, part: Any) -> None:
    """Moves the vectors of an index behind those of another that was trained with it; the part is empty afterwards."""
    # One run of codes numbers its rows itself, and FAISS refuses any other number; lists keep a number for each row.
    index.merge_from(part, index.ntotal if isinstance(index, faiss.IndexIVF) else 0)


def least_chunks(factory: str) -> int:
    """Returns how many vectors an index of that factory needs to be trained."""
    return _lists(factory) * POINTS_PER_LIST


def stored_vectors(index: Any) -> Vectors:
    """Returns the vectors of an index by row, shape `(n, dimension)`, as it stores them."""
    return vectors_of(index, np.arange(index.ntotal))


def write_index(index: Any, path: Path) -> None:
    """Writes an index to a file."""
    faiss.write_index(index, str(path))


def load_index(data: bytes) -> Any:
    """Reads an index from the bytes of its file."""
    return faiss.deserialize_index(np.frombuffer(data, dtype=np.uint8))


def read_index(path: Path) -> Any:
    """Reads an index from a file into memory; it may be added to."""
    return faiss.read_index(str(path))


def map_index(path: Path) -> Any:
    """Opens an index from a memory-mapped file; such an index must never be written to."""
    return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)


def vectors_of(index: Any, rows: Rows) -> Vectors:
    """Returns the vectors of some rows, as the index has them: of one that compresses, nearly what was put in."""
    if isinstance(index, faiss.IndexIVF) and index.direct_map.no():
        index.make_direct_map()  # in memory; the file is not written
    if not len(rows):
        return np.zeros((0, index.d), dtype=np.float32)
    found: Vectors = index.reconstruct_batch(np.ascontiguousarray(rows, dtype=np.int64))
    return np.ascontiguousarray(found, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows that a search may return, in the forms that it needs.

    Attributes:
        mask: Boolean array over rows.
        count: How many are allowed.
        bits: The mask as packed bits, for FAISS.
    """

    mask: Mask
    count: int
    bits: Any

    @classmethod
    def of(cls, mask: Mask) -> Self:
        """Prepares a mask."""
        return cls(mask, int(np.count_nonzero(mask)), np.packbits(mask, bitorder="little"))

    def without(self, barred: Mask) -> Self:
        """Returns this selection less some rows."""
        return type(self).of(self.mask & ~barred)


def search(index: Any, queries: Vectors, k: int, allowed: Selection | None = None) -> tuple[Vectors, Rows]:
    """Finds the rows nearest to each query, among the allowed ones only.

    An approximate index looks further the fewer rows are allowed, so that recall does not fall with them: few are
    compared one by one, of more an IVF opens more lists and a graph keeps more candidates.

    Args:
        index: An index of this module.
        queries: Array of shape `(q, dimension)`, float32, rows of unit length.
        k: How many; fewer come back where fewer are allowed.
        allowed: The rows; None allows all. It is applied before ranking.

    Returns:
        Cosines and row numbers, both of shape `(q, k)`, best first; row -1 where there is none.
    """
    queries = np.ascontiguousarray(queries)
    if allowed is None:
        return _typed(index.search(queries, k, params=_wide(index, k)))
    if allowed.count <= _FEW_ROWS and not isinstance(index, faiss.IndexIVF):
        return _search_rows(index, queries, k, np.flatnonzero(allowed.mask))
    if isinstance(index, faiss.IndexHNSW) and allowed.count <= _NARROW_ROWS:
        # A graph of which most nodes are forbidden is not walked to its end; its rows lie in a plain index.
        index = faiss.downcast_index(index.storage)
    # The selector points into the bits, which the selection keeps alive until the search is over.
    selector = faiss.IDSelectorBitmap(allowed.bits)
    return _typed(index.search(queries, k, params=_parameters(index, selector, allowed, k)))


def _search_rows(index: Any, queries: Vectors, k: int, rows: Rows) -> tuple[Vectors, Rows]:
    """Compares a few rows one by one; all others are not even looked at."""
    scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    found = np.full((len(queries), k), -1, dtype=np.int64)
    if not len(rows):
        return scores, found
    exact = queries @ index.reconstruct_batch(rows).T
    best = np.argsort(-exact, axis=1, kind="stable")[:, :k]
    width = best.shape[1]
    scores[:, :width] = np.take_along_axis(exact, best, axis=1)
    found[:, :width] = rows[best]
    return scores, found


def measure_recall(index: Any, vectors: Vectors, sample: int = 100) -> tuple[float | None, int]:
    """Measures recall@10 of an index against exact search.

    Queries are rows of the index, evenly spaced; a row is never counted as its own neighbour. A
    result counts when its exact cosine reaches that of the exact tenth, so twins do no harm.

    Returns:
        The recall in [0, 1] and the number of queries; `(None, 0)` with ten vectors or fewer.
    """
    if len(vectors) <= RECALL_K:
        return None, 0
    chosen = np.unique(np.linspace(0, len(vectors) - 1, min(sample, len(vectors))).astype(np.int64))
    queries = np.ascontiguousarray(vectors[chosen])
    _let_go(vectors)
    tenth = _exact_tenth(queries, chosen, vectors)
    _, found = search(index, queries, RECALL_K + 1)
    hits = 0
    for query, row, rows, least in zip(queries, chosen, found, tenth, strict=True):
        others = rows[(rows != row) & (rows >= 0)][:RECALL_K]
        hits += int((np.asarray(vectors[others]) @ query >= least - 1e-5).sum())
        _let_go(vectors)
    return round(hits / (RECALL_K * len(chosen)), 6), len(chosen)


def _exact_tenth(queries: Vectors, own: Rows, vectors: Vectors) -> Vectors:
    """Returns the exact cosine of each query's tenth neighbour, itself not counted."""
    best = np.full((len(queries), RECALL_K), -np.inf, dtype=np.float32)
    start = 0
    for block in blocks(vectors):
        scores = queries @ block.T
        inside = (own >= start) & (own < start + len(block))
        scores[inside, own[inside] - start] = -np.inf
        merged = np.concatenate([best, scores], axis=1)
        best = np.partition(merged, -RECALL_K, axis=1)[:, -RECALL_K:]
        start += len(block)
    tenth: Vectors = best.min(axis=1)
    return tenth


def _typed(found: tuple[Any, Any]) -> tuple[Vectors, Rows]:
    return found[0], found[1]


def _lists(factory: str) -> int:
    match = re.match(r"^IVF(\d+)", factory)
    return int(match.group(1)) if match else 0


def _tune(index: Any) -> None:
    if isinstance(index, faiss.IndexIVF):
        index.nprobe = min(index.nlist, _NPROBE)
    elif isinstance(index, faiss.IndexHNSW):
        index.hnsw.efSearch = _EF_SEARCH


def _wide(index: Any, k: int) -> Any:
    """Returns parameters where many hits are asked for: a graph keeps at least as many candidates as it returns."""
    if isinstance(index, faiss.IndexHNSW) and k > index.hnsw.efSearch:
        return faiss.SearchParametersHNSW(efSearch=k)
    return None


def widen(index: Any) -> bool:
    """Makes searches look twice as far, for good; returns whether that is possible."""
    if isinstance(index, faiss.IndexIVF) and index.nprobe < index.nlist:
        index.nprobe = min(index.nlist, 2 * index.nprobe)
        return True
    if isinstance(index, faiss.IndexHNSW):
        index.hnsw.efSearch = 2 * index.hnsw.efSearch
        return True
    return False


def _parameters(index: Any, selector: Any, allowed: Selection, k: int) -> Any:
    share = max(allowed.count, 1) / max(index.ntotal, 1)
    if isinstance(index, faiss.IndexIVF):
        narrow = allowed.count <= _NARROW_ROWS
        wider = index.nlist if narrow else min(index.nlist, int(index.nprobe / share) + 1)
        return faiss.SearchParametersIVF(sel=selector, nprobe=wider)
    if isinstance(index, faiss.IndexHNSW):
        return faiss.SearchParametersHNSW(sel=selector, efSearch=int(max(index.hnsw.efSearch, k) / share))
    return faiss.SearchParameters(sel=selector)


def _training_sample(vectors: Vectors, lists: int) -> Vectors:
    size = min(len(vectors), max(lists * _TRAIN_PER_LIST, _TRAIN_LEAST))
    step = max(1, len(vectors) // size)
    sample = np.empty((size, vectors.shape[1]), dtype=np.float32)
    for start in range(0, size, BLOCK // step + 1):
        end = min(size, start + BLOCK // step + 1)
        sample[start:end] = vectors[start * step : end * step : step]
        _let_go(vectors)
    return sample


def blocks(vectors: Vectors) -> Iterator[Vectors]:
    """Yields vectors `BLOCK` rows at a time; of a memory map no more than that is held."""
    for start in range(0, len(vectors), BLOCK):
        yield np.ascontiguousarray(vectors[start : start + BLOCK])
        _let_go(vectors)


def _let_go(vectors: Vectors) -> None:
    """Gives back the memory of what was read of a mapped file; it is read again where it is looked at again.

    Else the whole file is counted as memory of this process before it ends, and counts against its limit.
    """
    if isinstance(vectors, np.memmap) and vectors._mmap is not None:  # type: ignore[attr-defined] # not in its stubs
        vectors._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]
