"""Documents that wait for people, a page at a time: a fixed number of statements for any number of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Text, and_, cast, func, or_, select
from sqlalchemy.orm import Session

from corpus.catalog import rows
from corpus.catalog.records import DecisionRecord, DocumentState, OverrideRecord, VoteRecord
from corpus.catalog.tables import DecisionRow, DocumentRow, OverrideRow, VoteRow
from corpus.types import Outcome

STATES: Mapping[str, str] = {
    Outcome.QUARANTINE.value: "quarantined",
    Outcome.REJECT.value: "rejected",
    Outcome.FAIL.value: "failed",
}
"""Outcome of a decision that keeps a document out, to the document's state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One document that is kept out.

    Attributes:
        state: Its standing row.
        decision: The decision that keeps it out; None where none was kept.
        override: What a person decided about these bytes; None for nothing.
        votes: The votes on these bytes, oldest first.
    """

    state: DocumentState
    decision: DecisionRecord | None
    override: OverrideRecord | None
    votes: tuple[VoteRecord, ...]


def count(tx: Session, contract: str, outcome: str, rule: str = "") -> int:
    """Returns how many documents of a contract are kept out with an outcome; by one rule, where it is named."""
    return int(tx.execute(select(func.count()).select_from(_kept(contract, outcome, rule).subquery())).scalar_one())


def page(tx: Session, contract: str, outcome: str, *, rule: str = "", limit: int, offset: int) -> tuple[Held, ...]:
    """Returns documents that are kept out, those that wait longest first. Four statements.

    Args:
        tx: The transaction.
        contract: The contract.
        outcome: A key of `STATES`.
        rule: Only documents that break this rule; empty for all.
        limit: How many at the most.
        offset: How many to pass over.
    """
    ordered = _kept(contract, outcome, rule).order_by(DocumentRow.updated_at, DocumentRow.doc_id)
    states = tuple(rows.read(tx, DocumentState, ordered.limit(limit).offset(offset)))
    names = [state.doc_id for state in states]
    decided = _newest(tx, contract, states)
    settled, cast = _overrides(tx, contract, names), _votes(tx, contract, names)
    return tuple(
        Held(
            state=state,
            decision=decided.get(state.doc_id),
            override=settled.get((state.doc_id, state.judged_sha256)),
            votes=cast.get((state.doc_id, state.judged_sha256), ()),
        )
        for state in states
    )


def following(tx: Session, contract: str, state: DocumentState) -> str:
    """Returns the document that comes after one in the list of those held, else the first; empty where it is alone."""
    held = select(DocumentRow.doc_id).where(DocumentRow.contract == contract, DocumentRow.state == "quarantined")
    later = or_(
        DocumentRow.updated_at > state.updated_at,
        and_(DocumentRow.updated_at == state.updated_at, DocumentRow.doc_id > state.doc_id),
    )
    ordered = held.order_by(DocumentRow.updated_at, DocumentRow.doc_id).limit(1)
    found = tx.execute(ordered.where(later)).scalar()
    return found or tx.execute(ordered.where(DocumentRow.doc_id != state.doc_id)).scalar() or ""


def override_of(tx: Session, contract: str, state: DocumentState) -> OverrideRecord | None:
    """Returns what a person decided about a document as it is now; None for nothing."""
    return _overrides(tx, contract, [state.doc_id]).get((state.doc_id, state.judged_sha256))


def newest_of(tx: Session, contract: str, state: DocumentState) -> DecisionRecord | None:
    """Returns the newest decision about a document's standing revision; None where none was kept."""
    return _newest(tx, contract, [state]).get(state.doc_id)


def states_of(tx: Session, contract: str, doc_ids: Sequence[str]) -> dict[str, tuple[str, datetime]]:
    """Returns the state of each of some documents, and since when."""
    statement = select(DocumentRow.doc_id, DocumentRow.state, DocumentRow.updated_at).where(
        DocumentRow.contract == contract
    )
    return {
        row.doc_id: (row.state, row.updated_at)
        for batch in rows.chunks(doc_ids)
        for row in tx.execute(statement.where(DocumentRow.doc_id.in_(batch)))
    }


def resembling(tx: Session, contract: str, doc_id: str, limit: int = 200) -> tuple[str, ...]:
    """Returns document ids that share the last part of a path with one, without its ending; some of them at most."""
    stem = doc_id.rpartition("/")[2].partition(".")[0][:60]
    known = select(DocumentRow.doc_id).where(DocumentRow.contract == contract).order_by(DocumentRow.doc_id).limit(limit)
    alike = known.where(DocumentRow.doc_id.contains(stem[: max(3, len(stem) - 2)], autoescape=True))
    return tuple(tx.execute(alike).scalars())


def _kept(contract: str, outcome: str, rule: str) -> Select[Any]:
    statement = select(*rows.columns(DocumentRow, DocumentState)).where(
        DocumentRow.contract == contract, DocumentRow.state == STATES[outcome]
    )
    if not rule:
        return statement
    # Reasons are canonical JSON, so that a rule is found by its letters; a quotation mark in a text is escaped there.
    named = cast(DecisionRow.reasons, Text).contains(f'"rule":"{rule}"', autoescape=True)
    decided = select(DecisionRow.id).where(
        DecisionRow.contract == DocumentRow.contract,
        DecisionRow.doc_id == DocumentRow.doc_id,
        DecisionRow.revision_id == DocumentRow.revision_id,
        DecisionRow.outcome == DocumentRow.outcome,
        named,
    )
    return statement.where(decided.exists())


def _newest(tx: Session, contract: str, states: Sequence[DocumentState]) -> dict[str, DecisionRecord]:
    if not states:
        return {}
    wanted = {state.doc_id: state.revision_id for state in states}
    statement = select(*rows.columns(DecisionRow, DecisionRecord)).where(
        DecisionRow.contract == contract, DecisionRow.doc_id.in_(wanted)
    )
    # A document has few decisions; a key of two columns would not be looked up in the index.
    found = rows.read(tx, DecisionRecord, statement.order_by(DecisionRow.id))
    return {record.doc_id: record for record in found if record.revision_id == wanted[record.doc_id]}


def _overrides(tx: Session, contract: str, names: Sequence[str]) -> dict[tuple[str, str], OverrideRecord]:
    if not names:
        return {}
    statement = select(*rows.columns(OverrideRow, OverrideRecord)).where(
        OverrideRow.contract == contract, OverrideRow.doc_id.in_(names)
    )
    return {(found.doc_id, found.raw_sha256): found for found in rows.read(tx, OverrideRecord, statement)}


def _votes(tx: Session, contract: str, names: Sequence[str]) -> dict[tuple[str, str], tuple[VoteRecord, ...]]:
    if not names:
        return {}
    statement = select(*rows.columns(VoteRow, VoteRecord)).where(
        VoteRow.contract == contract, VoteRow.doc_id.in_(names)
    )
    found: dict[tuple[str, str], tuple[VoteRecord, ...]] = {}
    for vote in rows.read(tx, VoteRecord, statement.order_by(VoteRow.at, VoteRow.actor, VoteRow.outcome)):
        key = vote.doc_id, vote.raw_sha256
        found[key] = (*found.get(key, ()), vote)
    return found
