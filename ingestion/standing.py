"""What the next version would hold beside what this run admits: the standing documents, streamed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from corpus import batches
from corpus.catalog import documents
from corpus.errors import IntegrityError
from ingestion.runtime import Runtime

_BATCH = 1_024
"""Documents held in memory at once."""


def standing_rows(
    runtime: Runtime, contract: str, columns: Collection[str], leaving: Collection[str]
) -> Iterator[dict[str, Any]]:
    """Yields columns of the documents that are active now, those leaving left out.

    Args:
        runtime: The project.
        contract: Name of the contract.
        columns: Columns of documents.parquet.
        leaving: Ids of documents that vanish or are replaced in this run.
    """
    for batch in standing_batches(runtime, contract, columns, leaving):
        yield from batch.to_pylist()


def standing_batches(
    runtime: Runtime, contract: str, columns: Collection[str], leaving: Collection[str]
) -> Iterator[pa.RecordBatch]:
    """Yields the same as `standing_rows` as Arrow batches, in bounded memory; empty batches are left out."""
    with runtime.catalog.reading() as tx:
        active = [revision for revision in documents.active(tx, contract) if revision.doc_id not in leaving]
    wanted: dict[str, set[str]] = {}
    for revision in active:
        wanted.setdefault(revision.segment_id, set()).add(revision.revision_id)
    selected = sorted({*columns, "revision_id"})
    for segment, revisions in wanted.items():
        yield from _batches(runtime, contract, segment, selected, revisions)


def _batches(
    runtime: Runtime, contract: str, segment: str, columns: list[str], revisions: Collection[str]
) -> Iterator[pa.RecordBatch]:
    wanted = pa.array(sorted(revisions), pa.string())
    try:
        with runtime.store.open(f"segments/{segment}/documents.parquet") as handle:
            for batch in batches.stream_batches(handle, columns, _BATCH):
                kept = batch.filter(pc.is_in(batch.column("revision_id"), value_set=wanted))
                if kept.num_rows:
                    yield kept
    except FileNotFoundError as error:
        raise IntegrityError(
            f"segment {segment} of {contract!r} is in the catalog but its files are gone. Run `stemma reconcile "
            f"{contract}`, then `stemma ingest {contract}`: what was in it is read again."
        ) from error
