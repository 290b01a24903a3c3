"""Contract versions: what was promised, as it read when it was first used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from corpus.catalog import rows
from corpus.catalog.records import ContractRecord
from corpus.catalog.tables import ContractRow
from corpus.errors import ContractError
from corpus.types import utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A version of a contract that runs have used, without its text.

    Attributes:
        name: The contract's name.
        version: Its version.
        digest: Digest of its meaning.
        registered_at: When a run used it first.
        seen_at: When a run used it last.
    """

    name: str
    version: str
    digest: str
    registered_at: datetime
    seen_at: datetime


def register(tx: Session, *, name: str, version: str, digest: str, yaml: str) -> None:
    """Notes that a contract version is in use.

    Args:
        tx: The transaction.
        name: The contract's name.
        version: Its version.
        digest: Digest of its meaning.
        yaml: Its text.

    Raises:
        ContractError: The same version was registered with another meaning.
    """
    now = utc_now()
    record = ContractRecord(name=name, version=version, digest=digest, yaml=yaml, registered_at=now, seen_at=now)
    rows.insert(tx, ContractRow, [rows.values(record)], key=("name", "version"), update=("seen_at",))
    require_same_terms(tx, name=name, version=version, digest=digest)


def require_same_terms(tx: Session, *, name: str, version: str, digest: str) -> None:
    """Refuses a contract whose version stood for other terms before; one never used is fine.

    Raises:
        ContractError: The same version was registered with another meaning.
    """
    here = (ContractRow.name == name, ContractRow.version == version)
    known = tx.execute(select(ContractRow.digest).where(*here)).scalar_one_or_none()
    if known not in (None, digest):
        raise ContractError(
            f"contract {name!r} version {version} was used before with other terms (digest {str(known)[:12]}, now "
            f"{digest[:12]}). A version never changes its meaning: raise the contract's version and run again."
        )


def latest(tx: Session, name: str) -> ContractRecord | None:
    """Returns the version of a contract that was registered last; None for an unknown name."""
    statement = select(*rows.columns(ContractRow, ContractRecord)).where(ContractRow.name == name)
    newest = statement.order_by(ContractRow.seen_at.desc(), ContractRow.registered_at.desc())
    return rows.first(tx, ContractRecord, newest)


def names(tx: Session) -> tuple[str, ...]:
    """Returns the names of all contracts ever registered, sorted."""
    return tuple(tx.execute(select(ContractRow.name).distinct().order_by(ContractRow.name)).scalars())


def registered(tx: Session, name: str | None = None) -> dict[str, tuple[Registered, ...]]:
    """Returns every version that was ever used, oldest first, by contract; of one contract, or of all for None."""
    statement = select(*rows.columns(ContractRow, Registered)).order_by(ContractRow.name, ContractRow.registered_at)
    if name is not None:
        statement = statement.where(ContractRow.name == name)
    found: dict[str, tuple[Registered, ...]] = {}
    for item in rows.read(tx, Registered, statement):
        found[item.name] = (*found.get(item.name, ()), item)
    return found


def clean_texts(tx: Session, clean: Callable[[str], str]) -> int:
    """Takes out of the texts of all contracts what an erased document said; returns how many changed.

    Their digests stay: they are of what was agreed, and name no word of it.
    """
    changed = 0
    for row in tx.execute(select(ContractRow.name, ContractRow.version, ContractRow.yaml)).all():
        fresh = clean(row.yaml)
        if fresh != row.yaml:
            here = (ContractRow.name == row.name, ContractRow.version == row.version)
            tx.execute(update(ContractRow).where(*here).values(yaml=fresh))
            changed += 1
    return changed


def texts(tx: Session, name: str) -> dict[str, str]:
    """Returns version to YAML of every version of a contract that was ever registered, oldest first.

    Args:
        tx: The transaction.
        name: The contract's name; an unknown one has none.
    """
    statement = select(ContractRow.version, ContractRow.yaml).where(ContractRow.name == name)
    return {row.version: row.yaml for row in tx.execute(statement.order_by(ContractRow.registered_at))}
