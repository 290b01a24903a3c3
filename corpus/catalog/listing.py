"""Documents as a list that people leaf through, and the revisions of one. A page reads a page's worth of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from corpus.catalog.tables import DecisionRow, DocumentRow, RevisionRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One document of a list.

    Attributes:
        doc_id: The document.
        state: Its state.
        size: Bytes.
        updated_at: When it came into this state, or was last judged in it.
        quality_score: Score of its newest decision; None where there is none.
        digital_source_type: Origin by its newest decision; `unknown` where there is none.
        origin_basis: What that rests on; `none` where there is none.
    """

    doc_id: str
    state: str
    size: int
    updated_at: datetime
    quality_score: float | None
    digital_source_type: str
    origin_basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A revision that was made active.

    Attributes:
        revision_id: Its id.
        raw_sha256: Digest of its bytes.
        segment_id: The segment that holds it; empty where it is not kept any more.
        run_id: The run that made it active.
        activated_at: When.
    """

    revision_id: str
    raw_sha256: str
    segment_id: str
    run_id: str
    activated_at: datetime


_JUDGED = ("quality_score", "digital_source_type", "origin_basis")


def count(tx: Session, contract: str, state: str = "", text: str = "") -> int:
    """Returns how many documents a list has."""
    wanted = _wanted(select(func.count()).select_from(DocumentRow), contract, state, text)
    return int(tx.execute(wanted).scalar_one())


def page(tx: Session, contract: str, *, state: str = "", text: str = "", limit: int, offset: int) -> tuple[Listed, ...]:
    """Returns documents by id. Two statements.

    Args:
        tx: The transaction.
        contract: The contract.
        state: Only those in this state; empty for all.
        text: Only those whose id holds this text, letters as they are; empty for all.
        limit: How many at the most.
        offset: How many to pass over.
    """
    columns = select(
        DocumentRow.doc_id, DocumentRow.state, DocumentRow.size, DocumentRow.updated_at, DocumentRow.revision_id
    )
    ordered = _wanted(columns, contract, state, text).order_by(DocumentRow.doc_id)
    found = tx.execute(ordered.limit(limit).offset(offset)).all()
    judged = _judged(tx, contract, {row.doc_id: row.revision_id for row in found})
    nothing = {"quality_score": None, "digital_source_type": "unknown", "origin_basis": "none"}
    return tuple(
        Listed(
            doc_id=row.doc_id,
            state=row.state,
            size=row.size,
            updated_at=row.updated_at,
            **judged.get(row.doc_id, nothing),
        )
        for row in found
    )


def revisions(tx: Session, contract: str, doc_id: str, limit: int = 50) -> tuple[Revision, ...]:
    """Returns the revisions of a document that were made active, newest first."""
    statement = select(
        RevisionRow.revision_id,
        RevisionRow.raw_sha256,
        RevisionRow.segment_id,
        RevisionRow.run_id,
        RevisionRow.activated_at,
    ).where(RevisionRow.contract == contract, RevisionRow.doc_id == doc_id)
    newest = statement.order_by(RevisionRow.activated_at.desc(), RevisionRow.run_id.desc()).limit(limit)
    return tuple(Revision(**row._mapping) for row in tx.execute(newest))


def _wanted(statement: Any, contract: str, state: str, text: str) -> Any:
    # A select's type names its columns, which differ here from call to call.
    statement = statement.where(DocumentRow.contract == contract)
    if state:
        statement = statement.where(DocumentRow.state == state)
    return statement.where(DocumentRow.doc_id.contains(text, autoescape=True)) if text else statement


def _judged(tx: Session, contract: str, revisions_of: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    statement = select(
        DecisionRow.doc_id,
        DecisionRow.revision_id,
        DecisionRow.quality_score,
        DecisionRow.digital_source_type,
        DecisionRow.origin_basis,
    ).where(DecisionRow.contract == contract, DecisionRow.doc_id.in_(revisions_of))
    found: dict[str, dict[str, Any]] = {}
    for row in tx.execute(statement.order_by(DecisionRow.id)):
        if revisions_of[row.doc_id] == row.revision_id:
            found[row.doc_id] = {name: getattr(row, name) for name in _JUDGED}
    return found
