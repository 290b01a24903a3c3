"""What the next version would hold: standing documents and those about to be admitted, as rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from corpus import batches
from corpus.catalog import documents
from corpus.errors import IntegrityError
from ingestion.runtime import Runtime


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
    with runtime.catalog.reading() as tx:
        active = [revision for revision in documents.active(tx, contract) if revision.doc_id not in leaving]
    wanted: dict[str, set[str]] = {}
    for revision in active:
        wanted.setdefault(revision.segment_id, set()).add(revision.revision_id)
    selected = sorted({*columns, "revision_id"})
    for segment, revisions in wanted.items():
        yield from _rows(runtime, contract, segment, selected, revisions)


def _rows(
    runtime: Runtime, contract: str, segment: str, columns: list[str], revisions: Collection[str]
) -> Iterator[dict[str, Any]]:
    try:
        with runtime.store.open(f"segments/{segment}/documents.parquet") as handle:
            rows = batches.stream_rows(handle, columns)
            yield from (row for row in rows if row["revision_id"] in revisions)
    except FileNotFoundError as error:
        raise IntegrityError(
            f"segment {segment} of {contract!r} is in the catalog but its files are gone. Run `stemma reconcile "
            f"{contract}`, then `stemma ingest {contract}`: what was in it is read again."
        ) from error
