"""How documents stand to each other, read from both ends, and the names by which they refer to each other.

A relation's kind is a finding's code. Three kinds are notes for the next run and no relations: `key` (a
name that the document goes by), `refers` (a name that it says something about) and `declares`
(what it says of itself). A look-up by name touches a bounded number of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session, aliased

from corpus.catalog import rows
from corpus.catalog.records import DocumentState, RelationRecord
from corpus.catalog.tables import DocumentRow, RelationRow, RevisionRow
from corpus.types import utc_now

NOTES = ("key", "refers", "declares")
"""Kinds that are notes of what a document is called and says, kept to find it again."""

_KEY = ("contract", "doc_id", "other_id", "kind")
_AT_ONCE = 256


def replace(tx: Session, contract: str, doc_ids: Iterable[str], records: Sequence[RelationRecord]) -> None:
    """Writes the relations of documents in place of those that they had.

    One that was there already keeps the run that found it first.

    Args:
        tx: The transaction.
        contract: The contract.
        doc_ids: The documents whose relations these are, those without any too.
        records: Their relations.
    """
    wanted = {(record.doc_id, record.other_id, record.kind) for record in records}
    for record in _where(tx, contract, RelationRow.doc_id, doc_ids):
        if (record.doc_id, record.other_id, record.kind) not in wanted:
            mine = delete(RelationRow).where(RelationRow.contract == contract, RelationRow.doc_id == record.doc_id)
            tx.execute(mine.where(RelationRow.other_id == record.other_id, RelationRow.kind == record.kind))
    rows.insert(tx, RelationRow, (rows.values(record) for record in records), key=_KEY, update=("detail",))


def add(tx: Session, records: Iterable[RelationRecord]) -> None:
    """Writes relations beside those that are there; an equal one gets the new figures."""
    rows.insert(tx, RelationRow, (rows.values(record) for record in records), key=_KEY, update=("detail",))


def remove(tx: Session, contract: str, doc_ids: Iterable[str]) -> None:
    """Forgets documents that are gone: what they were to others, and others to them."""
    for batch in rows.chunks(doc_ids):
        mine = delete(RelationRow).where(RelationRow.contract == contract)
        tx.execute(mine.where(RelationRow.doc_id.in_(batch)))
        tx.execute(mine.where(RelationRow.other_id.in_(batch)))


def around(tx: Session, contract: str, doc_ids: Iterable[str]) -> tuple[RelationRecord, ...]:
    """Returns the relations that documents have to others and others to them, notes left out, sorted."""
    names = list(doc_ids)
    found = {
        (record.doc_id, record.other_id, record.kind): record
        for column in (RelationRow.doc_id, RelationRow.other_id)
        for record in _where(tx, contract, column, names)
        if record.kind not in NOTES
    }
    return tuple(found[key] for key in sorted(found))


def notes(tx: Session, contract: str, doc_ids: Iterable[str], kind: str) -> tuple[RelationRecord, ...]:
    """Returns the notes of one kind on documents."""
    return tuple(record for record in _where(tx, contract, RelationRow.doc_id, doc_ids) if record.kind == kind)


def waiting_on(tx: Session, contract: str, doc_ids: Iterable[str], kinds: Sequence[str]) -> tuple[str, ...]:
    """Returns the documents whose outcome rests on how they stand to others, once these others change.

    Args:
        tx: The transaction.
        contract: The contract.
        doc_ids: The documents that change or leave.
        kinds: Kinds of relations that count for documents of any state; all count for held ones.
    """
    statement = (
        select(RelationRow.doc_id)
        .join(DocumentRow, (DocumentRow.contract == RelationRow.contract) & (DocumentRow.doc_id == RelationRow.doc_id))
        .where(
            RelationRow.contract == contract,
            RelationRow.kind.not_in(NOTES),
            DocumentRow.state.in_(("active", "quarantined")),
            (DocumentRow.state == "quarantined") | RelationRow.kind.in_(kinds),
        )
    )
    found: set[str] = set()
    for batch in rows.chunks(doc_ids):
        found.update(tx.execute(statement.where(RelationRow.other_id.in_(batch))).scalars())
    return tuple(sorted(found))


def holders(tx: Session, contract: str, names: Iterable[str], kind: str, limit: int) -> dict[str, tuple[str, ...]]:
    """Returns, by name, the documents with a note of a kind on that name.

    Args:
        tx: The transaction.
        contract: The contract.
        names: The names.
        kind: `key` or `refers`.
        limit: Documents given for each name at the most, the first by id.
    """
    wanted = list(dict.fromkeys(names))
    found: dict[str, list[str]] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        batch = wanted[start : start + _AT_ONCE]
        one = (
            "SELECT * FROM (SELECT other_id, doc_id FROM relations WHERE contract = :contract AND other_id = :n{0} "
            "AND kind = :kind ORDER BY doc_id LIMIT :most) AS t{0}"
        )
        given: dict[str, Any] = {f"n{place}": name for place, name in enumerate(batch)}
        statement = text(" UNION ALL ".join(one.format(place) for place in range(len(batch))))
        for name, doc_id in tx.execute(statement, {**given, "contract": contract, "kind": kind, "most": limit}):
            found.setdefault(name, []).append(doc_id)
    return {name: tuple(sorted(doc_ids)) for name, doc_ids in found.items()}


def states(tx: Session, contract: str, doc_ids: Iterable[str]) -> dict[str, DocumentState]:
    """Returns the standing rows of some documents, by document id; unknown ids are left out."""
    statement = select(*rows.columns(DocumentRow, DocumentState)).where(DocumentRow.contract == contract)
    return {
        state.doc_id: state
        for batch in rows.chunks(dict.fromkeys(doc_ids))
        for state in rows.read(tx, DocumentState, statement.where(DocumentRow.doc_id.in_(batch)))
    }


def first_active(tx: Session, contract: str, doc_ids: Iterable[str]) -> dict[str, datetime]:
    """Returns when documents first became active, by document id; those that never did are left out."""
    statement = (
        select(RevisionRow.doc_id, func.min(RevisionRow.activated_at).label("first"))
        .where(RevisionRow.contract == contract)
        .group_by(RevisionRow.doc_id)
    )
    return {
        row.doc_id: row.first
        for batch in rows.chunks(dict.fromkeys(doc_ids))
        for row in tx.execute(statement.where(RevisionRow.doc_id.in_(batch)))
    }


def both_active(tx: Session, contract: str, kind: str) -> tuple[tuple[str, str], ...]:
    """Returns the pairs of active documents with a relation of one kind, (document, other), sorted."""
    one, other = aliased(DocumentRow), aliased(DocumentRow)
    statement = (
        select(RelationRow.doc_id, RelationRow.other_id)
        .join(one, (one.contract == RelationRow.contract) & (one.doc_id == RelationRow.doc_id))
        .join(other, (other.contract == RelationRow.contract) & (other.doc_id == RelationRow.other_id))
        .where(RelationRow.contract == contract, RelationRow.kind == kind)
        .where(one.state == "active", other.state == "active")
        .order_by(RelationRow.doc_id, RelationRow.other_id)
    )
    return tuple((row.doc_id, row.other_id) for row in tx.execute(statement))


def displace(tx: Session, contract: str, run_id: str, doc_ids: Iterable[str]) -> None:
    """Takes active documents out of the next version, in the transaction that puts others in their place.

    Why is written when the run stages them. Should the run be killed before, they are looked at again.
    """
    for batch in rows.chunks(doc_ids):
        chosen = update(DocumentRow).where(DocumentRow.contract == contract, DocumentRow.doc_id.in_(batch))
        taken: Mapping[str, Any] = {"state": "quarantined", "outcome": "quarantine", "state_key": "", "run_id": run_id}
        tx.execute(chosen.where(DocumentRow.state == "active").values(**taken, updated_at=utc_now()))


def _where(tx: Session, contract: str, column: Any, names: Iterable[str]) -> Iterable[RelationRecord]:
    statement = select(*rows.columns(RelationRow, RelationRecord)).where(RelationRow.contract == contract)
    for batch in rows.chunks(dict.fromkeys(names)):
        yield from list(rows.read(tx, RelationRecord, statement.where(column.in_(batch))))
