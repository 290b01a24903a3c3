"""Golden items: what they are bound to in an index, and how its versions answered them.

Neither holds a question or a word of a document: digests, offsets, figures and document ids only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from corpus.catalog import audit, rows
from corpus.catalog.tables import EvaluationRow, GoldenBindingRow

_PINNED = ("digest", "number", "bound_at", "pins", "rivals")


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingRecord:
    """What one golden item is bound to.

    Attributes:
        name: The index.
        item: The item's id.
        digest: Digest of its question and evidence.
        number: The version that it was bound to.
        bound_at: When.
        pins: Where each piece of its evidence stood, as JSON objects.
        rivals: Passages that stood against it and were accepted, as JSON objects.
    """

    name: str
    item: str
    digest: str
    number: int
    bound_at: datetime
    pins: tuple[Mapping[str, Any], ...]
    rivals: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRecord:
    """How one version answered the golden items.

    Attributes:
        name: The index.
        number: The version.
        measured_at: When.
        k: Hits of each question that were looked at.
        compared_with: Number of the version it was compared with; None for none.
        items: Items that are bound.
        holding: Those of them whose evidence holds.
        ndcg: Mean over the items that hold; None where none does.
        recall: Likewise.
        mrr: Likewise.
        report: The figures, items included, as JSON.
    """

    name: str
    number: int
    measured_at: datetime
    k: int
    compared_with: int | None
    items: int
    holding: int
    ndcg: float | None
    recall: float | None
    mrr: float | None
    report: Mapping[str, Any]


def bindings(tx: Session, name: str) -> dict[str, BindingRecord]:
    """Returns what the items of an index are bound to, by item id."""
    statement = select(*rows.columns(GoldenBindingRow, BindingRecord)).where(GoldenBindingRow.name == name)
    found = rows.read(tx, BindingRecord, statement.order_by(GoldenBindingRow.item))
    return {record.item: record for record in found}


def bind(tx: Session, records: Sequence[BindingRecord], *, actor: str) -> tuple[str, ...]:
    """Binds items that are not bound yet, and returns their ids; a bound one stays as it is.

    Args:
        tx: The transaction.
        records: What they are bound to, all of one index.
        actor: Who does it; the audit log names the items.
    """
    audit.lock(tx)
    fresh = [
        record.item
        for record in records
        if rows.insert_new(tx, GoldenBindingRow, rows.values(record), key=("name", "item"))
    ]
    if fresh:
        detail = {"items": fresh, "to": records[0].number}
        audit.append(tx, actor=actor, action="golden.bind", subject=records[0].name, detail=detail)
    return tuple(fresh)


def rebind(
    tx: Session, name: str, records: Sequence[BindingRecord], *, actor: str, reason: str, states: Mapping[str, str]
) -> None:
    """Binds items anew and writes into the audit log which, from what to what, and why.

    Args:
        tx: The transaction.
        name: The index.
        records: What they are bound to from now on.
        actor: Who does it.
        reason: Why; not empty.
        states: Item id to the state that it had.

    Raises:
        ValueError: The reason is empty.
    """
    if not reason.strip():
        raise ValueError("a new baseline needs a reason")
    audit.lock(tx)
    before = bindings(tx, name)
    rows.insert(tx, GoldenBindingRow, (rows.values(item) for item in records), key=("name", "item"), update=_PINNED)
    changed = [
        {
            "item": record.item,
            "state": states.get(record.item, ""),
            "from": before[record.item].number if record.item in before else None,
            "to": record.number,
            "digest": record.digest,
        }
        for record in records
    ]
    detail = {"reason": reason.strip(), "items": changed}
    audit.append(tx, actor=actor, action="golden.rebase", subject=name, detail=detail)


def add(tx: Session, record: EvaluationRecord) -> None:
    """Keeps an evaluation; another of the same version at the same moment stays as it is."""
    rows.insert(tx, EvaluationRow, [rows.values(record)], key=("name", "number", "measured_at"))


def latest(tx: Session, name: str, numbers: Collection[int]) -> dict[int, EvaluationRecord]:
    """Returns the last evaluation of each of some versions, by number."""
    newest = _all(name).where(EvaluationRow.number.in_(sorted(numbers))).order_by(EvaluationRow.measured_at)
    return {record.number: record for record in rows.read(tx, EvaluationRecord, newest)}


def history(tx: Session, name: str) -> tuple[EvaluationRecord, ...]:
    """Returns every evaluation of an index, oldest first."""
    ordered = _all(name).order_by(EvaluationRow.measured_at, EvaluationRow.number)
    return tuple(rows.read(tx, EvaluationRecord, ordered))


def _all(name: str) -> Select[Any]:
    return select(*rows.columns(EvaluationRow, EvaluationRecord)).where(EvaluationRow.name == name)
