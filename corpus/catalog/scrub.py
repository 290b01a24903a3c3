"""Takes a document out of the catalog: its rows, what rows of others say about it, and what the database keeps of both.

What is deleted is not gone: a database leaves it in free pages, in dead rows and in its log until the space is used
again. `compact` writes the tables anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import JSON, Column, Table, Text, delete, select, text, tuple_, update
from sqlalchemy.orm import Session

from corpus.catalog import lineage, relations, rows, sketches
from corpus.catalog.lineage_records import LineageNode
from corpus.catalog.session import Catalog
from corpus.catalog.tables import (
    AnswerRow,
    AuditRow,
    Base,
    ContractRow,
    DecisionRow,
    DocumentRow,
    ErasureRow,
    LineageNodeRow,
    OverrideRow,
    RevisionRow,
    SketchRow,
    VoteRow,
    WebValidatorRow,
)
from corpus.errors import CatalogError

Clean = Callable[[Any], Any]
"""Gives a JSON value or a text without what it says about a document; the same value where it says nothing."""

_OWN = (DecisionRow, OverrideRow, VoteRow, RevisionRow, DocumentRow, WebValidatorRow)
_APART = (AnswerRow, AuditRow, ContractRow, ErasureRow)
"""Tables that are not read for mentions: answers are erased whole, the log is redacted, and the rest holds none."""
_WAIT_SECONDS = 60.0


def forget_document(tx: Session, contract: str, doc_id: str, alias: str) -> dict[str, int]:
    """Removes every row of a document, and how others stand to it; returns how many rows of each table went.

    Args:
        tx: The transaction.
        contract: The contract.
        doc_id: The document.
        alias: What stands for its id where the family of other documents is named after it.
    """
    found: dict[str, int] = {}
    for table in _OWN:
        gone = tx.execute(delete(table).where(table.contract == contract, table.doc_id == doc_id))
        found[str(table.__tablename__)] = int(getattr(gone, "rowcount", 0))
    found["sketches"] = len(sketches.of(tx, contract, [doc_id]))
    sketches.remove(tx, contract, [doc_id])
    named = update(SketchRow).where(SketchRow.contract == contract, SketchRow.family == doc_id)
    tx.execute(named.values(family=alias))
    found["relations"] = len(relations.around(tx, contract, [doc_id]))
    relations.remove(tx, contract, [doc_id])
    nodes = nodes_of(tx, contract, doc_id)
    found["lineage"] = len(nodes)
    lineage.forget(tx, nodes)
    return {name: number for name, number in sorted(found.items()) if number}


def nodes_of(tx: Session, contract: str, doc_id: str) -> tuple[LineageNode, ...]:
    """Returns a document in lineage, at every revision."""
    named = select(*rows.columns(LineageNodeRow, LineageNode)).where(
        LineageNodeRow.kind == "document", LineageNodeRow.name == f"{contract}/{doc_id}"
    )
    return tuple(rows.read(tx, LineageNode, named))


def clean_mentions(tx: Session, clean: Clean) -> dict[str, int]:
    """Takes what rows of all other tables say about a document out of their texts and JSON; keys stay.

    Returns:
        Table to the number of rows that changed.
    """
    apart = {table.__tablename__ for table in _APART}
    found = {
        table.name: number
        for table in Base.metadata.sorted_tables
        if table.name not in apart and (number := _clean_table(tx, table, clean))
    }
    return dict(sorted(found.items()))


def _clean_table(tx: Session, table: Table, clean: Clean) -> int:
    keys = list(table.primary_key.columns)
    spoken = [column for column in table.columns if column not in keys and _speaks(column)]
    if not spoken:
        return 0
    changed = 0
    for key, values in _read(tx, keys, spoken):
        fresh = {column.name: clean(value) for column, value in zip(spoken, values, strict=True)}
        different = {name: fresh[name] for name, value in zip(fresh, values, strict=True) if fresh[name] != value}
        if different:
            where = [column == value for column, value in zip(keys, key, strict=True)]
            tx.execute(update(table).where(*where).values(**different))
            changed += 1
    return changed


def _speaks(column: Column[Any]) -> bool:
    """Whether a column may hold words about a document: JSON and reasons; ids and titles are of the row."""
    kind = column.type
    return isinstance(getattr(kind, "impl", kind), JSON) or (isinstance(kind, Text) and column.name != "title")


def _read(tx: Session, keys: list[Column[Any]], spoken: list[Column[Any]]) -> Iterator[tuple[list[Any], list[Any]]]:
    """Yields key and values of every row, in pages by key: a row may be changed while the next ones are read."""
    after: list[Any] | None = None
    statement = select(*keys, *spoken).order_by(*keys).limit(rows.WRITE_BATCH)
    while True:
        page = list(tx.execute(statement if after is None else statement.where(_behind(keys, after))))
        for row in page:
            yield list(row[: len(keys)]), list(row[len(keys) :])
        if len(page) < rows.WRITE_BATCH:
            return
        after = list(page[-1][: len(keys)])


def _behind(keys: list[Column[Any]], after: list[Any]) -> Any:
    return keys[0] > after[0] if len(keys) == 1 else tuple_(*keys) > tuple_(*after)


def compact(catalog: Catalog) -> None:
    """Writes the database anew, so that nothing that was deleted is left in its files.

    On SQLite the whole file is, and its log is emptied. On PostgreSQL the tables of the catalog are; its log, its
    replicas and backups are for those who run it to expire.

    Raises:
        CatalogError: Somebody reads or writes all the time, or may not be kept out.
    """
    if catalog.engine.dialect.name == "sqlite":
        _compact_sqlite(catalog)
        return
    engine = catalog.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            connection.execute(text(f'VACUUM FULL "{table.name}"'))


def _compact_sqlite(catalog: Catalog) -> None:
    connection = catalog.engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA query_only = OFF")
        cursor.execute("VACUUM")
        until = time.monotonic() + _WAIT_SECONDS
        while cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > until:
                raise CatalogError(
                    "the log of the catalog cannot be emptied while somebody reads: what was erased would stay in it. "
                    "Run the same command again when others are done."
                )
            time.sleep(0.05)
    finally:
        connection.close()
