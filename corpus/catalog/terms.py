"""The texts of contracts as they read when a run first used them, by version."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from corpus.catalog.tables import ContractRow


def texts(tx: Session, name: str) -> dict[str, str]:
    """Returns version to YAML of every version of a contract that was ever registered, oldest first.

    Args:
        tx: The transaction.
        name: The contract's name; an unknown one has none.
    """
    statement = select(ContractRow.version, ContractRow.yaml).where(ContractRow.name == name)
    return {row.version: row.yaml for row in tx.execute(statement.order_by(ContractRow.registered_at))}
