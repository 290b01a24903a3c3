"""What other parts of the system say about a version or a document, read from where they write it: the audit log.

Approvals, deletions and erasures are made elsewhere. Each leaves an entry: an approval under `NAME@v000001`, a deletion
under `NAME/DOCUMENT` or `NAME/CHUNK`, an erasure under a digest of the document's id, because the id has to go too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from corpus.catalog import rows
from corpus.catalog.records import AuditRecord
from corpus.catalog.tables import AuditRow
from corpus.ids import tomb_digest
from index.layout import version_name

APPROVING = ("version.approve",)
ERASING = ("document.erase", "document.delete")
UNDOING = ("document.erase.lift", "document.restore")


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that a person did, as the audit log has it.

    Attributes:
        action: What.
        subject: To what.
        actor: Who.
        at: When.
        reason: Why, empty where nothing is said.
        entry: Number of the audit log's entry.
    """

    action: str
    subject: str
    actor: str
    at: datetime
    reason: str
    entry: int

    @property
    def undoes(self) -> bool:
        """Whether it takes a deletion or an erasure back."""
        return self.action in UNDOING


def approvals(tx: Session, name: str, number: int) -> tuple[Act, ...]:
    """Returns who approved a version, oldest first; empty where nobody had to, or nobody did."""
    return _acts(tx, APPROVING, (f"{name}@{version_name(number)}",))


def erasures(tx: Session, name: str, *names: str) -> tuple[Act, ...]:
    """Returns when and by whom documents or chunks were deleted or erased, and that taken back, oldest first."""
    subjects = _subjects(name, names)
    found = _acts(tx, (*ERASING, *UNDOING), tuple(subjects))
    return tuple(replace(act, subject=subjects[act.subject]) for act in found)


def erased_between(tx: Session, name: str, doc_ids: Iterable[str], since: datetime, until: datetime) -> dict[str, Act]:
    """Returns, for documents that were deleted or erased in a time, the last act of it, by document id."""
    subjects = _subjects(name, doc_ids)
    found = (act for batch in rows.chunks(subjects) for act in _acts(tx, (*ERASING, *UNDOING), tuple(batch)))
    last = {subjects[act.subject]: act for act in found if since < act.at <= until}
    return {doc_id: act for doc_id, act in last.items() if not act.undoes}


def decided_by_people(tx: Session, name: str, doc_id: str) -> tuple[Act, ...]:
    """Returns what people decided about a document, oldest first."""
    return _acts(tx, ("decision.override", "decision.vote"), (f"{name}/{doc_id}",))


def _subjects(name: str, doc_ids: Iterable[str]) -> dict[str, str]:
    """Returns the subjects under which the audit log may speak of documents, to what they are."""
    found: dict[str, str] = {}
    for doc_id in doc_ids:
        found |= {f"{name}/{doc_id}": doc_id, tomb_digest(name, doc_id): doc_id}
    return found


def _acts(tx: Session, actions: tuple[str, ...], subjects: tuple[str, ...]) -> tuple[Act, ...]:
    statement = select(*rows.columns(AuditRow, AuditRecord)).where(
        AuditRow.subject.in_(subjects), AuditRow.action.in_(actions)
    )
    return tuple(_act(entry) for entry in rows.read(tx, AuditRecord, statement.order_by(AuditRow.number)))


def _act(entry: AuditRecord) -> Act:
    detail: Any = entry.detail
    return Act(
        action=entry.action,
        subject=entry.subject,
        actor=str(detail.get("by") or entry.actor),
        at=entry.at,
        reason=str(detail.get("reason") or ""),
        entry=entry.number,
    )
