"""What other parts of the system say about a version or a document, read from where they write it: the audit log.

Approvals, erasures and tombstones are made elsewhere. Each leaves an entry whose action begins with one of the words
below and whose subject is the version (`NAME/v000001`, `NAME@v000001`) or the document (`NAME/DOCUMENT`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from corpus.catalog import rows
from corpus.catalog.records import AuditRecord
from corpus.catalog.tables import AuditRow
from index.layout import version_name

APPROVING = ("approval.", "release.approve", "version.approve")
ERASING = ("erase", "erasure", "tombstone", "forget")


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


def approvals(tx: Session, name: str, number: int) -> tuple[Act, ...]:
    """Returns who approved a version, oldest first; empty where nobody had to, or nobody did."""
    version = version_name(number)
    return _acts(tx, APPROVING, (f"{name}/{version}", f"{name}@{version}", f"{name}/{number}", f"{name}@{number}"))


def erasures(tx: Session, name: str, doc_id: str) -> tuple[Act, ...]:
    """Returns when and by whom a document was erased or withdrawn, oldest first."""
    return _acts(tx, ERASING, (f"{name}/{doc_id}",))


def erased_between(tx: Session, name: str, doc_ids: Iterable[str], since: datetime, until: datetime) -> dict[str, Act]:
    """Returns, for documents that were erased or withdrawn in a time, the last act, by document id."""
    subjects = [f"{name}/{doc_id}" for doc_id in doc_ids]
    found = (act for batch in rows.chunks(subjects) for act in _acts(tx, ERASING, tuple(batch)))
    return {act.subject.removeprefix(f"{name}/"): act for act in found if since < act.at <= until}


def decided_by_people(tx: Session, name: str, doc_id: str) -> tuple[Act, ...]:
    """Returns what people decided about a document, oldest first."""
    return _acts(tx, ("decision.",), (f"{name}/{doc_id}",))


def _acts(tx: Session, actions: tuple[str, ...], subjects: tuple[str, ...]) -> tuple[Act, ...]:
    begins = or_(*(AuditRow.action.startswith(word, autoescape=True) for word in actions))
    statement = select(*rows.columns(AuditRow, AuditRecord)).where(AuditRow.subject.in_(subjects), begins)
    return tuple(_act(entry) for entry in rows.read(tx, AuditRecord, statement.order_by(AuditRow.number)))


def _act(entry: AuditRecord) -> Act:
    detail: Any = entry.detail
    return Act(
        action=entry.action,
        subject=entry.subject,
        actor=entry.actor,
        at=entry.at,
        reason=str(detail.get("reason") or ""),
        entry=entry.number,
    )
