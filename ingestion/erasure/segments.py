"""Writes every segment that speaks of a document again without it, with its vectors in every space.

A segment never changes either: the new one has a name of its own, made from the old name and the erasure, so that an
erasure that was cut short finds what it wrote. The catalog goes over to it in one transaction, then the old files go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from corpus import batches
from corpus.catalog import segments
from corpus.catalog.records import SegmentRecord, VectorsRecord
from corpus.catalog.tables import DocumentRow, RevisionRow, SegmentRow
from corpus.ids import fingerprint
from corpus.storage import file_digest
from ingestion import checkpoints
from ingestion.embedding import vectors_path
from ingestion.erasure.evidence import FILES, segments_of
from ingestion.erasure.versions import Work

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rewritten:
    """A segment's files without the document: name to table, and which chunks stayed."""

    tables: dict[str, pa.Table]
    kept: Mask


def rewrite_segments(work: Work) -> int:
    """Puts a new segment in the place of each that speaks of the document; returns how many those were."""
    done = 0
    for segment in segments_of(work.runtime, work.name):
        found = _without(work, segment)
        if found is not None:
            _replace(work, segment, found)
            done += 1
    return done


def _without(work: Work, segment: str) -> _Rewritten | None:
    """Returns the files of a segment without the document; None where they do not speak of it."""
    changed = False
    tables: dict[str, pa.Table] = {}
    kept: Mask = np.empty(0, dtype=np.bool_)
    for name in FILES:
        path = f"segments/{segment}/{name}"
        if not work.runtime.store.exists(path):
            continue
        with work.runtime.store.open(path) as handle:
            table = batches.read_table(handle)
        mine = np.array([doc_id != work.record.doc_id for doc_id in table["doc_id"].to_pylist()], dtype=np.bool_)
        left = table.filter(pa.array(mine))
        if name == "chunks.parquet":
            kept = mine
        else:
            rows = left.to_pylist()
            fresh = [work.words.clean_row(row) for row in rows]
            if fresh != rows:
                left = pa.Table.from_pylist([dict(row) for row in fresh], schema=table.schema)
        changed = changed or (left is not None and (not mine.all() or not left.equals(table)))
        tables[name] = left
    return _Rewritten(tables=tables, kept=kept) if changed else None


def _replace(work: Work, segment: str, found: _Rewritten) -> None:
    with work.runtime.catalog.reading() as tx:
        record = segments.get(tx, segment)
    if record is not None:
        fresh = _publish(work, record, found)
        with work.runtime.catalog.transaction() as tx:
            _go_over(tx, work, record, fresh, found)
    _remove(work, segment)


def _publish(work: Work, record: SegmentRecord, found: _Rewritten) -> tuple[SegmentRecord, tuple[VectorsRecord, ...]]:
    store = work.runtime.store
    parts = {"segment": record.segment_id, "erasure": work.record.digest, "at": work.record.requested_at.isoformat()}
    name = fingerprint("segment-without", parts)[:32]
    digests: dict[str, str] = {}
    with store.scratch() as folder:
        for file, table in found.tables.items():
            pq.write_table(table, folder / file, compression="zstd")
            digests[file] = store.replace_file(f"segments/{name}/{file}", folder / file)
    fresh = replace(
        record,
        segment_id=name,
        documents=found.tables["documents.parquet"].num_rows,
        chunks=int(found.kept.sum()),
        documents_sha256=digests["documents.parquet"],
        chunks_sha256=digests["chunks.parquet"],
    )
    return fresh, tuple(_vectors(work, record.segment_id, name, found.kept))


def _vectors(work: Work, old: str, new: str, kept: Mask) -> Iterator[VectorsRecord]:
    store = work.runtime.store
    with work.runtime.catalog.reading() as tx:
        known = {space: segments.vectors(tx, old, space) for space in segments.spaces(tx, old)}
    for space, record in known.items():
        if record is None or not store.exists(vectors_path(space, old)):
            continue
        with store.open(vectors_path(space, old)) as handle:
            table = batches.read_table(handle).filter(pa.array(kept))
        dimension = table.schema.field("vector").type.byte_width // 4
        with store.scratch() as folder:
            path = folder / "vectors.parquet"
            rows = [(tuple(table["text_sha256"].to_pylist()), batches.vectors_from_arrow(table["vector"]))]
            batches.write_vectors(path, rows if table.num_rows else [], dimension)
            digest = file_digest(path)
            store.replace_file(vectors_path(space, new), path)
        yield replace(record, segment_id=new, rows=table.num_rows, sha256=digest)


def _go_over(
    tx: Session,
    work: Work,
    old: SegmentRecord,
    fresh: tuple[SegmentRecord, tuple[VectorsRecord, ...]],
    found: _Rewritten,
) -> None:
    """Lets the catalog go over from one segment to the other; the document's own rows go here."""
    record, vectors = fresh
    segments.add(tx, record)
    digests: list[str] = found.tables["chunks.parquet"]["text_sha256"].to_pylist()
    segments.add_chunk_digests(tx, record.segment_id, digests)
    for item in vectors:
        segments.add_vectors(tx, item)
    for table in (DocumentRow, RevisionRow):
        mine: Any = (table.contract == work.name, table.segment_id == old.segment_id)
        tx.execute(delete(table).where(*mine, table.doc_id == work.record.doc_id))
        tx.execute(update(table).where(*mine).values(segment_id=record.segment_id))
    tx.execute(delete(SegmentRow).where(SegmentRow.segment_id == old.segment_id))


def _remove(work: Work, segment: str) -> None:
    store = work.runtime.store
    for space in store.names("vectors"):
        store.remove(vectors_path(space, segment))
        checkpoints.discard(store, space, segment)
    store.remove(f"segments/{segment}")
