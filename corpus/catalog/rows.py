"""Rows to records and back: the few statements that every query module shares.

Columns are selected, never entities, so no object of the mapper leaves a session or fills its memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import fields
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Select, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, Session

from corpus.catalog.tables import Base

R = TypeVar("R")
V = TypeVar("V")

# Rows per executemany: bounds memory, and costs nothing measurable against 10,000.
WRITE_BATCH = 2_000
# Values per IN list: PostgreSQL takes 65,535 parameters, SQLite 32,766.
IN_BATCH = 5_000


def columns(table: type[Base], record: type[Any], without: Collection[str] = ()) -> list[InstrumentedAttribute[Any]]:
    """Returns the columns of a table that a record has fields for, but those in `without`."""
    return [getattr(table, field.name) for field in fields(record) if field.name not in without]


def values(record: Any, **extra: Any) -> dict[str, Any]:
    """Returns a record's fields by name, not copied, and `extra` beside them."""
    return {**{field.name: getattr(record, field.name) for field in fields(record)}, **extra}


def read(tx: Session, record: type[R], statement: Select[Any], *, shared: Collection[str] = ()) -> Iterator[R]:
    """Yields one record per row; the labels of the statement's columns are the record's fields.

    Args:
        tx: The transaction.
        record: What is made of a row.
        statement: The rows.
        shared: Fields whose values many rows have in common: each value is kept once.
    """
    known: dict[Any, Any] = {}
    with tx.execute(statement) as result:
        for row in result:
            made = dict(row._mapping)
            for name in shared:
                made[name] = known.setdefault(made[name], made[name])
            yield record(**made)


def first(tx: Session, record: type[R], statement: Select[Any]) -> R | None:
    """Returns the first row as a record; None where there is none."""
    return next(read(tx, record, statement.limit(1)), None)


def insert(
    tx: Session, table: type[Base], rows: Iterable[dict[str, Any]], *, key: Sequence[str], update: Sequence[str] = ()
) -> None:
    """Inserts rows in chunks; a row whose key is there already updates it, or is left out.

    Args:
        tx: The transaction.
        table: Where.
        rows: One dictionary per row, all with the same keys; a key may occur twice, the last wins.
        key: Columns of the unique constraint that decides what is there already.
        update: Columns to overwrite; empty keeps the row that is there.
    """
    statement, connection = _upsert(tx, table, key, update), tx.connection()
    for batch in chunks(rows, WRITE_BATCH):
        connection.execute(statement, batch)


def insert_new(tx: Session, table: type[Base], row: dict[str, Any], *, key: Sequence[str]) -> bool:
    """Inserts one row unless its key is there already; returns whether it did."""
    statement = _upsert(tx, table, key, ()).returning(table.__table__.c[key[0]])
    return tx.execute(statement, row).first() is not None


def _upsert(tx: Session, table: type[Base], key: Sequence[str], update: Sequence[str]) -> Any:
    # Both dialects' inserts have the same methods, but no common type.
    dialect = postgresql if tx.get_bind().dialect.name == "postgresql" else sqlite
    target = table.__table__
    assert isinstance(target, Table)  # noqa: S101 - narrows the mapper's FromClause for the type checker
    statement = dialect.insert(target)
    if not update:
        return statement.on_conflict_do_nothing(index_elements=list(key))
    changed = {name: statement.excluded[name] for name in update}
    return statement.on_conflict_do_update(index_elements=list(key), set_=changed)


def chunks(items: Iterable[V], size: int = IN_BATCH) -> Iterator[list[V]]:
    """Yields lists of at most `size` items, in order; by default short enough for an IN list."""
    # Not `corpus.batches.batched`: the catalog opens without loading Arrow.
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch
