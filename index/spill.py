"""Brings the active rows of many segments into the order of a version, in bounded memory.

Segments hold revisions in the order of their runs; a version holds them by document id. Documents
are cut into ranges of ids; each segment is read once and its rows are spilled to the range they
belong to; each range is then small enough to be sorted in memory. A chunk travels with its vector,
so the two cannot get out of step. Memory: one segment, and one range.
"""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus import batches
from corpus.errors import IntegrityError
from corpus.seams import Vectors
from corpus.storage import Store

# A document has some 10-30 chunks of 2-3 KB with their vectors: a range is tens of megabytes.
_RANGE_DOCUMENTS = 1_000
# Two open files a range; processes may commonly open 1,024.
_MOST_RANGES = 64
# float32 rows that were normalised are within 1e-6; stored halves within 1e-3.
_UNIT_TOLERANCE = 1e-3


class ActiveRevision(Protocol):
    """The revision of a document that belongs into the version, and where it is stored."""

    @property
    def doc_id(self) -> str: ...  # noqa: D102

    @property
    def revision_id(self) -> str: ...  # noqa: D102

    @property
    def segment_id(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """The vector space that is read: fingerprint of the embedder, and numbers per vector."""

    fingerprint: str
    dimension: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Whole documents, sorted by id, with their chunks and vectors.

    Attributes:
        documents: Table of `batches.DOCUMENTS`, sorted by document id.
        chunks: Table of `batches.CHUNKS`, sorted by document id and ordinal.
        vectors: Array of shape `(chunks, dimension)`, same order.
    """

    documents: pa.Table
    chunks: pa.Table
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is wanted of one segment: parallel arrays of revision, document and range."""

    revisions: pa.Array
    documents: pa.Array
    ranges: pa.Array


def sorted_ranges(store: Store, space: Space, active: Iterable[ActiveRevision], work: Path) -> Iterator[Range]:
    """Yields the active rows of all segments, in the order of a version.

    Args:
        store: The home with `segments/` and `vectors/`.
        space: Which vectors to read.
        active: One revision per document.
        work: An empty local folder for the spilled rows.

    Raises:
        IntegrityError: A document is active twice; a segment lacks an active revision, a file, or a
            column; chunks and vectors differ in number or digest; a vector is null, not finite or
            not of unit length; a chunk id occurs twice.
    """
    listed = sorted(active, key=lambda revision: revision.doc_id)
    _refuse_twice([revision.doc_id for revision in listed], "document")
    size = max(_RANGE_DOCUMENTS, -(-len(listed) // _MOST_RANGES))
    with contextlib.ExitStack() as stack:
        sinks = _Sinks(work, stack)
        for segment_id, wanted in _by_segment(listed, size):
            _spill_segment(store, space, segment_id, wanted, sinks)
    for number, start in enumerate(range(0, len(listed), size)):
        yield _read_range(work, number, listed[start : start + size], space)


class _Sinks:
    """The spill files of all ranges, opened when first written to."""

    def __init__(self, work: Path, stack: contextlib.ExitStack) -> None:
        self._work = work
        self._stack = stack
        self._open: dict[Path, Any] = {}

    def write(self, kind: str, number: int, table: pa.Table) -> None:
        path = _spill_path(self._work, kind, number)
        if path not in self._open:
            sink = self._stack.enter_context(pa.OSFile(str(path), "wb"))
            self._open[path] = self._stack.enter_context(pa.ipc.new_stream(sink, table.schema))
        self._open[path].write_table(table)


def _spill_path(work: Path, kind: str, number: int) -> Path:
    return work / f"{kind}-{number}.arrows"


def _by_segment(listed: list[ActiveRevision], size: int) -> Iterator[tuple[str, _Wanted]]:
    rows: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
    for position, revision in enumerate(listed):
        rows[revision.segment_id].append((revision.revision_id, revision.doc_id, position // size))
    for segment_id in sorted(rows):
        revisions, documents, ranges = zip(*rows[segment_id], strict=True)
        wanted = _Wanted(
            pa.array(revisions, pa.string()), pa.array(documents, pa.string()), pa.array(ranges, pa.int32())
        )
        yield segment_id, wanted


def _spill_segment(store: Store, space: Space, segment_id: str, wanted: _Wanted, sinks: _Sinks) -> None:
    folder = f"segments/{segment_id}"
    documents = _read(store, f"{folder}/documents.parquet", batches.DOCUMENTS)
    chunks = _with_vectors(store, space, segment_id, _read(store, f"{folder}/chunks.parquet", batches.CHUNKS))
    for kind, table in (("documents", documents), ("chunks", chunks)):
        for number, part in _split(table, wanted):
            sinks.write(kind, number, part)


def _read(store: Store, name: str, schema: pa.Schema) -> pa.Table:
    try:
        with store.open(name) as handle:
            return batches.read_table(handle, schema.names).select(schema.names).cast(schema)
    except FileNotFoundError as error:
        raise IntegrityError(
            f"{name} is missing from {store.url}. Run `stemma reconcile NAME`, then `stemma ingest NAME` and `stemma "
            "reembed NAME`: they make it again."
        ) from error
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise IntegrityError(f"{name} in {store.url} cannot be read: {error}. Restore it.") from error


def _with_vectors(store: Store, space: Space, segment_id: str, chunks: pa.Table) -> pa.Table:
    """Returns the chunks with their vectors as one more column, after comparing the digests."""
    name = f"vectors/{space.fingerprint}/{segment_id}.parquet"
    stored = _read(store, name, batches.vectors_schema(space.dimension))
    if stored.num_rows != chunks.num_rows:
        raise IntegrityError(
            f"{name} has {stored.num_rows} vectors for {chunks.num_rows} chunks. Re-embed the segment."
        )
    same = pc.equal(chunks["text_sha256"], stored["text_sha256"])
    if chunks.num_rows and not pc.all(same).as_py():
        row = pc.index(same, False).as_py()
        raise IntegrityError(
            f"row {row} of {name} is the vector of text {stored['text_sha256'][row].as_py()[:12]}..., "
            f"but the chunk's is {chunks['text_sha256'][row].as_py()[:12]}.... Re-embed the segment."
        )
    return chunks.append_column(stored.schema.field("vector"), stored["vector"])


def _split(table: pa.Table, wanted: _Wanted) -> Iterator[tuple[int, pa.Table]]:
    """Yields the wanted rows of a table by range; a row is wanted by document and revision."""
    table = table.combine_chunks()
    position = pc.index_in(table["revision_id"], value_set=wanted.revisions)
    right = pc.equal(wanted.documents.take(position), table["doc_id"]).fill_null(fill_value=False)
    kept, ranges = table.filter(right), wanted.ranges.take(position).filter(right)
    for number in pc.unique(ranges).to_pylist():
        yield number, kept.filter(pc.equal(ranges, number))


def _read_range(work: Path, number: int, listed: list[ActiveRevision], space: Space) -> Range:
    documents = _load(_spill_path(work, "documents", number), batches.DOCUMENTS, [("doc_id", "ascending")])
    _require_all(documents["doc_id"].to_pylist(), listed)
    with_vector = pa.schema([*batches.CHUNKS, batches.vectors_schema(space.dimension).field("vector")])
    order = [("doc_id", "ascending"), ("ordinal", "ascending")]
    chunks = _load(_spill_path(work, "chunks", number), with_vector, order)
    _refuse_twice(chunks["chunk_id"].to_pylist(), "chunk")
    vectors = unit_vectors(chunks["vector"], space.dimension, chunks["chunk_id"])
    return Range(documents=documents, chunks=chunks.drop_columns(["vector"]), vectors=vectors)


def _load(path: Path, schema: pa.Schema, order: list[tuple[str, str]]) -> pa.Table:
    if not path.exists():
        return schema.empty_table()
    with pa.OSFile(str(path), "rb") as source:
        table = pa.ipc.open_stream(source).read_all()
    path.unlink()
    return table.sort_by(order).combine_chunks()


def unit_vectors(column: pa.ChunkedArray, dimension: int, names: pa.ChunkedArray) -> Vectors:
    """Returns a vector column as an array, having refused what is no vector.

    Args:
        column: FixedSizeBinary column.
        dimension: Numbers per vector.
        names: What each row is called, for the message.

    Raises:
        IntegrityError: A row is null, holds NaN or infinity, or is not of unit length. A failed
            embedding must never become a zero vector that matches everything a little.
    """
    if column.null_count:
        row = pc.index(column.is_null(), True).as_py()
        raise IntegrityError(f"{names[row].as_py()} has no vector. Re-embed its segment.")
    if not len(column):
        return np.zeros((0, dimension), dtype=np.float32)
    vectors = batches.vectors_from_arrow(column)
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    bad = np.flatnonzero(~(np.abs(lengths - 1.0) <= _UNIT_TOLERANCE))
    if len(bad):
        raise IntegrityError(
            f"the vector of {names[int(bad[0])].as_py()} has length {lengths[bad[0]]:g}, not 1 "
            f"({len(bad)} such vectors). Re-embed its segment."
        )
    return vectors


def _require_all(found: list[str], listed: list[ActiveRevision]) -> None:
    missing = {revision.doc_id for revision in listed}.difference(found)
    for revision in listed:
        if revision.doc_id in missing:
            raise IntegrityError(
                f"segment {revision.segment_id} lacks the active revision {revision.revision_id} of {revision.doc_id} "
                f"({len(missing)} such documents). Restore the segment, or run `stemma ingest` again."
            )
    _refuse_twice(found, "document")


def _refuse_twice(ids: list[str], what: str) -> None:
    if len(set(ids)) == len(ids):
        return
    twice = next(item for item, number in Counter(ids).items() if number > 1)
    raise IntegrityError(f"{what} {twice} would be in the version twice. Run `stemma reconcile`.")
