"""Who wrote the documents of a contract, and since which run that is known."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from corpus.catalog import rows
from corpus.catalog.records import AuthorRecord
from corpus.catalog.tables import AuthorRow


def add(tx: Session, authors: Iterable[AuthorRecord]) -> None:
    """Keeps authors; one who is known already stays as first seen."""
    rows.insert(tx, AuthorRow, (rows.values(author) for author in authors), key=("contract", "author"))


def known(tx: Session, contract: str, names: Iterable[str]) -> frozenset[str]:
    """Returns those of the names that are authors of the contract."""
    statement = select(AuthorRow.author).where(AuthorRow.contract == contract)
    return frozenset(
        name
        for batch in rows.chunks(dict.fromkeys(names))
        for name in tx.execute(statement.where(AuthorRow.author.in_(batch))).scalars()
    )


def remove(tx: Session, contract: str, names: Iterable[str]) -> None:
    """Forgets authors of a contract."""
    for batch in rows.chunks(names):
        tx.execute(delete(AuthorRow).where(AuthorRow.contract == contract, AuthorRow.author.in_(batch)))


def has_any(tx: Session, contract: str) -> bool:
    """Returns whether any author of the contract is known: without one, everybody would be new."""
    statement = select(*rows.columns(AuthorRow, AuthorRecord)).where(AuthorRow.contract == contract)
    return rows.first(tx, AuthorRecord, statement) is not None
