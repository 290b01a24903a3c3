"""Contamination of index versions as it was measured, and the logged answers that it is measured over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from corpus.catalog import rows
from corpus.catalog.tables import AnswerRow, ContaminationRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ContaminationRecord:
    """What was measured of the contamination of one version.

    Attributes:
        name: The index.
        number: The version.
        measured_at: When.
        k: Hits of each question that alarms look at.
        compared_with: Number of the version it was compared with; None for none.
        questions: Questions that found something.
        report: The figures as JSON; no question and no text is in them.
        alarms: JSON objects with `code` and `message`.
    """

    name: str
    number: int
    measured_at: datetime
    k: int
    compared_with: int | None
    questions: int
    report: Mapping[str, Any]
    alarms: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedAnswer:
    """What contamination needs of a served answer.

    Attributes:
        question: What was asked; None when it was not logged or may not be kept.
        retrieved: Chunk ids that were given to the model.
        cited: Chunk ids that the answer cites.
    """

    question: str | None
    retrieved: tuple[str, ...]
    cited: tuple[str, ...]


def add(tx: Session, record: ContaminationRecord) -> None:
    """Keeps a measurement; another of the same version at the same moment stays as it is."""
    rows.insert(tx, ContaminationRow, [rows.values(record)], key=("name", "number", "measured_at"))


def latest(tx: Session, name: str, number: int) -> ContaminationRecord | None:
    """Returns what was measured last of a version; None where nothing was."""
    newest = _all(name).where(ContaminationRow.number == number).order_by(ContaminationRow.measured_at.desc())
    return rows.first(tx, ContaminationRecord, newest)


def all_of(tx: Session, name: str) -> tuple[ContaminationRecord, ...]:
    """Returns every measurement of an index, by version and time."""
    ordered = _all(name).order_by(ContaminationRow.number, ContaminationRow.measured_at)
    return tuple(rows.read(tx, ContaminationRecord, ordered))


def _all(name: str) -> Select[Any]:
    return select(*rows.columns(ContaminationRow, ContaminationRecord)).where(ContaminationRow.name == name)


def logged(tx: Session, index_versions: Sequence[str], limit: int, now: datetime) -> tuple[LoggedAnswer, ...]:
    """Returns the answers that were served last from versions of an index, newest first.

    Args:
        tx: The transaction.
        index_versions: The versions as answers name them, such as `handbook/v000001`.
        limit: How many.
        now: Answers whose term is over by then are left out.
    """
    statement = select(AnswerRow.served_at, AnswerRow.answer_id, *rows.columns(AnswerRow, LoggedAnswer))
    kept = statement.where(or_(AnswerRow.expires_at.is_(None), AnswerRow.expires_at > now))
    newest = kept.order_by(AnswerRow.served_at.desc(), AnswerRow.answer_id).limit(limit)
    found = [
        row
        for batch in rows.chunks(index_versions)
        for row in tx.execute(newest.where(AnswerRow.index_version.in_(batch)))
    ]
    found.sort(key=lambda row: (-row.served_at.timestamp(), row.answer_id))
    return tuple(LoggedAnswer(question=row.question, retrieved=row.retrieved, cited=row.cited) for row in found[:limit])
