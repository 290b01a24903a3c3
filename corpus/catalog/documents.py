"""Documents: one standing row each, and the history of what was ever active."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from corpus.catalog import rows
from corpus.catalog.records import ActiveRevision, DocumentState
from corpus.catalog.tables import DocumentRow, RevisionRow
from corpus.types import utc_now

_KEY = ("contract", "doc_id")
_SHARED = ("state", "outcome", "run_id", "segment_id", "sidecar_sha256")
"""Few documents have a value of their own in these: a fifth of what the rows of a contract take in memory."""
_AT_ONCE = 2_000


def states(tx: Session, contract: str) -> dict[str, DocumentState]:
    """Returns the standing row of every document of a contract, by document id, those gone too."""
    statement = select(*rows.columns(DocumentRow, DocumentState)).where(DocumentRow.contract == contract)
    streamed = statement.execution_options(yield_per=_AT_ONCE)  # else the driver holds all of it beside the records
    return {state.doc_id: state for state in rows.read(tx, DocumentState, streamed, shared=_SHARED)}


def record(tx: Session, contract: str, run_id: str, states: Sequence[DocumentState]) -> None:
    """Writes what a run decided about documents: one standing row each, and history for active ones.

    Args:
        tx: The transaction.
        contract: The contract.
        run_id: The run; it is what is written, whatever the states carry.
        states: The new standing rows; an active one names a segment that is in the catalog.

    Raises:
        CatalogError: (from the transaction) An active document names no known segment.
    """
    written = (rows.values(state) | {"contract": contract, "run_id": run_id} for state in states)
    changing = [column.key for column in rows.columns(DocumentRow, DocumentState) if column.key not in _KEY]
    rows.insert(tx, DocumentRow, written, key=_KEY, update=changing)
    history = (_revision(contract, run_id, state) for state in states if state.state == "active")
    rows.insert(tx, RevisionRow, history, key=(*_KEY, "revision_id", "run_id"))


def _revision(contract: str, run_id: str, state: DocumentState) -> dict[str, Any]:
    return {
        "contract": contract,
        "doc_id": state.doc_id,
        "revision_id": state.revision_id,
        "run_id": run_id,
        "raw_sha256": state.raw_sha256,
        "segment_id": state.segment_id,
        "activated_at": state.updated_at,
    }


def note_stamps(tx: Session, contract: str, stamps: Sequence[tuple[str, str, str, str]]) -> None:
    """Notes what a listing says of documents whose bytes were read and are the same as before.

    Args:
        tx: The transaction.
        contract: The contract.
        stamps: Document id, stamp, digest of the bytes and of what is beside them. A row that has other digests by now
            stays as it is.
    """
    if not stamps:
        return
    names = ("doc_id", "stamp", "raw_sha256", "sidecar_sha256")
    place: dict[str, Any] = {name: bindparam(f"the_{name}") for name in names}
    chosen = update(DocumentRow.__table__).where(  # type: ignore[arg-type] # the table itself, for executemany
        *(DocumentRow.__table__.c[name] == place[name] for name in names if name != "stamp"),
        DocumentRow.__table__.c.contract == contract,
    )
    given = [{f"the_{name}": value for name, value in zip(names, stamp, strict=True)} for stamp in stamps]
    tx.connection().execute(chosen.values(stamp=place["stamp"]), given)


def mark_gone(tx: Session, contract: str, run_id: str, doc_ids: Iterable[str]) -> None:
    """Notes that documents are no longer in their source; the next version will not hold them."""
    for batch in rows.chunks(doc_ids):
        chosen = update(DocumentRow).where(DocumentRow.contract == contract, DocumentRow.doc_id.in_(batch))
        still_there = chosen.where(DocumentRow.state != "gone")
        tx.execute(still_there.values(state="gone", state_key="", run_id=run_id, updated_at=utc_now()))


def active(tx: Session, contract: str) -> Iterator[ActiveRevision]:
    """Yields the revisions that the next version will hold, by document id in code point order.

    Rows are streamed: read them before the transaction ends.
    """
    statement = select(*rows.columns(DocumentRow, ActiveRevision)).where(
        DocumentRow.contract == contract, DocumentRow.state == "active"
    )
    streamed = statement.order_by(DocumentRow.doc_id).execution_options(yield_per=rows.WRITE_BATCH)
    return rows.read(tx, ActiveRevision, streamed)


def find(tx: Session, contract: str, doc_id: str) -> DocumentState | None:
    """Returns the standing row of one document; None for an unknown id."""
    statement = select(*rows.columns(DocumentRow, DocumentState))
    return rows.first(
        tx, DocumentState, statement.where(DocumentRow.contract == contract, DocumentRow.doc_id == doc_id)
    )


def count_by_state(tx: Session, contract: str) -> dict[str, int]:
    """Returns the number of documents of a contract in each state that occurs."""
    counted = select(DocumentRow.state, func.count().label("number")).where(DocumentRow.contract == contract)
    return {row.state: row.number for row in tx.execute(counted.group_by(DocumentRow.state))}


def look_again(tx: Session, contract: str, *, segment_id: str | None = None, doc_ids: Iterable[str] = ()) -> None:
    """Makes the next run work out the outcome of documents again, although nothing in them changed.

    Args:
        tx: The transaction.
        contract: The contract.
        segment_id: All documents of this segment.
        doc_ids: These documents.
    """
    mine = update(DocumentRow).where(DocumentRow.contract == contract).values(state_key="")
    if segment_id is not None:
        tx.execute(mine.where(DocumentRow.segment_id == segment_id))
    for batch in rows.chunks(doc_ids):
        tx.execute(mine.where(DocumentRow.doc_id.in_(batch)))
