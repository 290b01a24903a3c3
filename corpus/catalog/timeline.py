"""Versions of one index for pages: a page's worth of rows, newest first, and what is noted of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from corpus.catalog import rows
from corpus.catalog.contamination import ContaminationRecord
from corpus.catalog.records import VersionRecord
from corpus.catalog.tables import AuditRow, ContaminationRow, EmbedderRow, EvaluationRow, VersionRow

_APPROVE = "version.approve"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationFigures:
    """An evaluation without its items.

    Attributes:
        number: The version.
        measured_at: When.
        k: Hits of each question that were looked at.
        items: Items that are bound.
        holding: Those of them whose evidence holds.
        ndcg: Mean over the items that hold; None where none does.
        recall: Likewise.
        mrr: Likewise.
    """

    number: int
    measured_at: datetime
    k: int
    items: int
    holding: int
    ndcg: float | None
    recall: float | None
    mrr: float | None


def states(tx: Session, name: str) -> dict[int, str]:
    """Returns every version's number and state, newest first, without manifests."""
    statement = select(VersionRow.number, VersionRow.state).where(VersionRow.name == name)
    return {row.number: row.state for row in tx.execute(statement.order_by(VersionRow.number.desc()))}


def page(tx: Session, name: str, *, limit: int, offset: int = 0) -> tuple[VersionRecord, ...]:
    """Returns versions, newest first, cut into a page."""
    statement = select(*rows.columns(VersionRow, VersionRecord)).where(VersionRow.name == name)
    cut = statement.order_by(VersionRow.number.desc()).limit(limit).offset(offset)
    return tuple(rows.read(tx, VersionRecord, cut))


def names(tx: Session) -> tuple[str, ...]:
    """Returns the indexes that have a version, by name."""
    return tuple(tx.execute(select(VersionRow.name).distinct().order_by(VersionRow.name)).scalars())


def models(tx: Session, name: str) -> dict[str, str]:
    """Returns the spaces of an index's versions: fingerprint to the name that the model was asked for by."""
    used = select(VersionRow.embedder_fingerprint).where(VersionRow.name == name).distinct()
    found = select(EmbedderRow.fingerprint, EmbedderRow.model).where(EmbedderRow.fingerprint.in_(used))
    return {row.fingerprint: row.model for row in tx.execute(found)}


def approvals(tx: Session, name: str, numbers: Collection[int]) -> Mapping[int, frozenset[str]]:
    """Returns who is noted in the audit log to have approved each of some versions; the signed files say whether."""
    subjects = {f"{name}@v{number:06d}": number for number in numbers}
    statement = select(AuditRow.subject, AuditRow.actor, AuditRow.detail)
    noted = statement.where(AuditRow.action == _APPROVE, AuditRow.subject.in_(sorted(subjects)))
    found: dict[int, frozenset[str]] = {}
    for row in tx.execute(noted):
        number = subjects[row.subject]
        found[number] = found.get(number, frozenset()) | {str(row.detail.get("by") or row.actor)}
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionAct:
    """Something that a person did about one version: approved, held, let go.

    Attributes:
        at: When.
        actor: Who.
        action: What, such as `version.hold`.
        reason: Why; empty where nothing is said.
    """

    at: datetime
    actor: str
    action: str
    reason: str


def acts(tx: Session, name: str, number: int) -> tuple[VersionAct, ...]:
    """Returns what the audit log says about one version, moves of aliases aside, oldest first."""
    columns = select(AuditRow.at, AuditRow.actor, AuditRow.action, AuditRow.detail)
    mine = columns.where(AuditRow.subject == f"{name}@v{number:06d}").order_by(AuditRow.number)
    return tuple(
        VersionAct(
            at=row.at,
            actor=str(row.detail.get("by") or row.actor),
            action=row.action,
            reason=str(row.detail.get("reason") or row.detail.get("why") or ""),
        )
        for row in tx.execute(mine)
    )


def measured(tx: Session, name: str, limit: int) -> tuple[ContaminationRecord, ...]:
    """Returns the last measurement of contamination of each of the newest versions that have one, oldest first."""
    last = (
        select(ContaminationRow.number, func.max(ContaminationRow.measured_at).label("at"))
        .where(ContaminationRow.name == name)
        .group_by(ContaminationRow.number)
        .order_by(ContaminationRow.number.desc())
        .limit(limit)
        .subquery()
    )
    statement = (
        select(*rows.columns(ContaminationRow, ContaminationRecord))
        .join(last, (last.c.number == ContaminationRow.number) & (last.c.at == ContaminationRow.measured_at))
        .where(ContaminationRow.name == name)
        .order_by(ContaminationRow.number)
    )
    return tuple(rows.read(tx, ContaminationRecord, statement))


def evaluated(tx: Session, name: str, limit: int) -> tuple[EvaluationFigures, ...]:
    """Returns the last evaluation of each of the newest versions that have one, oldest first, without their items."""
    last = (
        select(EvaluationRow.number, func.max(EvaluationRow.measured_at).label("at"))
        .where(EvaluationRow.name == name)
        .group_by(EvaluationRow.number)
        .order_by(EvaluationRow.number.desc())
        .limit(limit)
        .subquery()
    )
    statement = (
        select(*rows.columns(EvaluationRow, EvaluationFigures))
        .join(last, (last.c.number == EvaluationRow.number) & (last.c.at == EvaluationRow.measured_at))
        .where(EvaluationRow.name == name)
        .order_by(EvaluationRow.number)
    )
    return tuple(rows.read(tx, EvaluationFigures, statement))
