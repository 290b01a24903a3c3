"""Decisions with their reasons, and the overrides that people make."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from corpus.catalog import audit, rows
from corpus.catalog.records import AuditRecord, DecisionRecord, OverrideRecord
from corpus.catalog.tables import AuditRow, DecisionRow, DocumentRow, OverrideRow
from corpus.types import Outcome

SPLIT = "split"
"""Outcome of an override that narrows a document to some of its parts; these are then judged like any other text."""


def add(tx: Session, decisions: Iterable[DecisionRecord]) -> None:
    """Keeps decisions. One that is there for the same run and revision stays as it was first made."""
    written = (rows.values(decision) for decision in decisions)
    rows.insert(tx, DecisionRow, written, key=("contract", "doc_id", "revision_id", "run_id"))


def of_document(tx: Session, contract: str, doc_id: str) -> tuple[DecisionRecord, ...]:
    """Returns every decision about a document, newest first."""
    statement = select(*rows.columns(DecisionRow, DecisionRecord)).where(
        DecisionRow.contract == contract, DecisionRow.doc_id == doc_id
    )
    newest = statement.order_by(DecisionRow.decided_at.desc(), DecisionRow.id.desc())
    return tuple(rows.read(tx, DecisionRecord, newest))


def standing(tx: Session, contract: str, *outcomes: str) -> tuple[DecisionRecord, ...]:
    """Returns, for each document whose standing outcome is one of `outcomes`, the decision that says so.

    Args:
        tx: The transaction.
        contract: The contract.
        outcomes: Values of `Outcome`, such as `quarantine`.

    Returns:
        One decision per document, by document id. Documents that are gone are left out.

    Raises:
        ValueError: An outcome is no outcome.
    """
    deciding = (
        select(func.max(DecisionRow.id))
        .join(
            DocumentRow,
            (DocumentRow.contract == DecisionRow.contract)
            & (DocumentRow.doc_id == DecisionRow.doc_id)
            & (DocumentRow.revision_id == DecisionRow.revision_id)
            & (DocumentRow.outcome == DecisionRow.outcome),
        )
        .where(
            DocumentRow.contract == contract,
            DocumentRow.outcome.in_([Outcome(outcome).value for outcome in outcomes]),
            DocumentRow.state != "gone",
        )
        .group_by(DecisionRow.doc_id)
    )
    statement = select(*rows.columns(DecisionRow, DecisionRecord)).where(DecisionRow.id.in_(deciding))
    return tuple(rows.read(tx, DecisionRecord, statement.order_by(DecisionRow.doc_id)))


def trail(tx: Session, contract: str, doc_id: str) -> tuple[AuditRecord, ...]:
    """Returns what people did about a document, from the audit log, newest first."""
    statement = select(*rows.columns(AuditRow, AuditRecord)).where(AuditRow.subject == f"{contract}/{doc_id}")
    mine = AuditRow.action.startswith("decision.", autoescape=True)
    return tuple(rows.read(tx, AuditRecord, statement.where(mine).order_by(AuditRow.number.desc())))


def set_override(tx: Session, override: OverrideRecord) -> None:
    """Keeps a person's decision, writes it to the audit log, and makes the next run look again.

    Raises:
        ValueError: The outcome is no outcome.
    """
    outcome = SPLIT if override.outcome == SPLIT else Outcome(override.outcome).value
    detail: dict[str, Any] = {"raw_sha256": override.raw_sha256, "outcome": outcome, "reason": override.reason}
    if override.parts is not None:
        detail["parts"] = dict(override.parts)
    subject = f"{override.contract}/{override.doc_id}"
    audit.append(tx, actor=override.actor, action="decision.override", subject=subject, detail=detail)
    key = ("contract", "doc_id", "raw_sha256")
    rows.insert(tx, OverrideRow, [rows.values(override)], key=key, update=("outcome", "reason", "actor", "at", "parts"))
    document = (DocumentRow.contract == override.contract, DocumentRow.doc_id == override.doc_id)
    tx.execute(update(DocumentRow).where(*document).values(state_key=""))


def overrides(tx: Session, contract: str) -> dict[tuple[str, str], OverrideRecord]:
    """Returns the overrides of a contract by (document id, `corpus.ids.judged_digest` of what was looked at)."""
    statement = select(*rows.columns(OverrideRow, OverrideRecord)).where(OverrideRow.contract == contract)
    return {(found.doc_id, found.raw_sha256): found for found in rows.read(tx, OverrideRecord, statement)}
