"""Standing documents that leave because a newcomer takes their place: read from their segment, held from now on.

They are not read from their source again: what they are has not changed, only where they stand.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from corpus import batches
from corpus.catalog.records import DocumentState
from corpus.errors import IntegrityError
from corpus.types import Outcome, Reason, SourceRef
from ingestion.relations.families import Place
from ingestion.relations.relating import place_finding
from ingestion.runtime import Runtime
from ingestion.snapshot import Entry, mark_of


def entry_of(state: DocumentState) -> Entry:
    """Returns a standing document as an entry of a shard."""
    ref = SourceRef(doc_id=state.doc_id, uri=state.uri, path=state.path, size=state.size, modified_at=state.modified_at)
    return Entry(
        ref=ref,
        raw_sha256=state.raw_sha256,
        state_key=state.state_key,
        seen=mark_of(state),
        sidecar_sha256=state.sidecar_sha256,
    )


def rows_of(runtime: Runtime, contract: str, states: Sequence[DocumentState]) -> dict[str, dict[str, Any]]:
    """Reads the rows of standing active documents, by document id."""
    return stored(runtime, contract, states, None)


def texts_of(runtime: Runtime, contract: str, states: Sequence[DocumentState]) -> dict[str, str]:
    """Reads the texts of standing active documents, by document id."""
    found = stored(runtime, contract, states, ["doc_id", "revision_id", "text"])
    return {doc_id: row["text"] or "" for doc_id, row in found.items()}


def stored(
    runtime: Runtime, contract: str, states: Sequence[DocumentState], columns: list[str] | None
) -> dict[str, dict[str, Any]]:
    """Reads columns of the rows of standing active documents, by document id.

    Raises:
        IntegrityError: A segment is gone, or does not hold what the catalog says.
    """
    wanted: dict[str, set[str]] = {}
    for state in states:
        wanted.setdefault(state.segment_id, set()).add(state.revision_id)
    found: dict[str, dict[str, Any]] = {}
    for segment, revisions in sorted(wanted.items()):
        found |= {row["doc_id"]: row for row in _rows(runtime, contract, segment, columns, revisions)}
    missing = sorted({state.doc_id for state in states} - set(found))
    if missing:
        raise _lost(contract, f"{missing[0]} is in the catalog but not in its segment")
    return found


def _rows(
    runtime: Runtime, contract: str, segment: str, columns: list[str] | None, revisions: Collection[str]
) -> list[dict[str, Any]]:
    try:
        with runtime.store.open(f"segments/{segment}/documents.parquet") as handle:
            return [row for row in batches.stream_rows(handle, columns) if row["revision_id"] in revisions]
    except FileNotFoundError as error:
        raise _lost(contract, f"segment {segment} is in the catalog but its files are gone") from error


def _lost(contract: str, what: str) -> IntegrityError:
    return IntegrityError(
        f"{what}. Run `stemma reconcile {contract}`, then `stemma ingest {contract}`: it is read again."
    )


def standing_row(row: Mapping[str, Any], state: DocumentState) -> dict[str, Any]:
    """Returns the columns of its assessed row that say again that a standing document stays."""
    due = state.due_at.isoformat() if state.due_at else None
    return {name: row[name] for name in ("reasons", "findings")} | {"outcome": state.outcome, "due_at": due}


def row_of(row: Mapping[str, Any], state: DocumentState, place: Place, sketch: bytes) -> dict[str, Any]:
    """Returns an assessed row that holds a standing document back."""
    reason = batches.reason_json(Reason(code=place.code, message=place.why))
    finding = batches.finding_json(place_finding(place))
    due = [moment for moment in (state.due_at, place.due_at) if moment is not None]
    return {
        **row,
        "outcome": Outcome.QUARANTINE.value,
        "reasons": batches.dumps([reason, *batches.loads(row["reasons"])]),
        "findings": batches.dumps([*batches.loads(row["findings"]), finding]),
        "path": state.path,
        "state_key": state.state_key,
        "sidecar_sha256": state.sidecar_sha256,
        "modified_at": state.modified_at.isoformat() if state.modified_at else None,
        "violations": "[]",
        "actor": "stemma",
        "due_at": min(due).isoformat() if due else None,
        "sketch": sketch,
        "stamp": state.stamp,
    }
