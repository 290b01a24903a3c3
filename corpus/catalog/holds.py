"""Holds: versions that stay although the contract would let them go; when versions last served; retiring one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from corpus.catalog import audit, erasures, rows, versions
from corpus.catalog.tables import AliasRow, AuditRow, VersionHoldRow
from corpus.errors import ConfigurationError
from corpus.types import utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRecord:
    """A version that retention must not remove: which, why, by whose word, and since when."""

    name: str
    number: int
    reason: str
    actor: str
    at: datetime


def of_index(tx: Session, name: str) -> tuple[HoldRecord, ...]:
    """Returns the holds on versions of an index, by number."""
    statement = select(*rows.columns(VersionHoldRow, HoldRecord)).where(VersionHoldRow.name == name)
    return tuple(rows.read(tx, HoldRecord, statement.order_by(VersionHoldRow.number)))


def place(tx: Session, name: str, number: int, *, actor: str, reason: str) -> HoldRecord:
    """Holds a version, and writes that to the audit log.

    Raises:
        ConfigurationError: There is no such version, it was removed, or it is protected already.
    """
    audit.lock(tx)
    version = versions.require(tx, name, number)
    if version.state == "retired":
        raise ConfigurationError(f"{name} v{number:06d} was removed already: there is nothing left to protect.")
    hold = HoldRecord(name=name, number=number, reason=reason, actor=actor, at=utc_now())
    if not rows.insert_new(tx, VersionHoldRow, rows.values(hold), key=("name", "number")):
        raise ConfigurationError(f"{name} v{number:06d} is protected already. End that first to give another reason.")
    _log(tx, "version.hold", hold)
    return hold


def lift(tx: Session, name: str, number: int, *, actor: str, reason: str) -> None:
    """Lifts the hold on a version, and writes that to the audit log.

    Raises:
        ConfigurationError: It is not protected.
    """
    audit.lock(tx)
    here = (VersionHoldRow.name == name, VersionHoldRow.number == number)
    if tx.execute(delete(VersionHoldRow).where(*here).returning(VersionHoldRow.number)).first() is None:
        held = ", ".join(f"v{item.number:06d}" for item in of_index(tx, name)) or "none"
        raise ConfigurationError(f"{name} v{number:06d} is not protected. Protected: {held}.")
    _log(tx, "version.unhold", HoldRecord(name=name, number=number, reason=reason, actor=actor, at=utc_now()))


def hand_over(tx: Session, name: str, number: int, to: int) -> None:
    """Lets the hold on a version, if there is one, go over to the version that took its place."""
    here = (VersionHoldRow.name == name, VersionHoldRow.number == number)
    tx.execute(update(VersionHoldRow).where(*here).values(number=to))


def _log(tx: Session, action: str, hold: HoldRecord) -> None:
    subject = f"{hold.name}@v{hold.number:06d}"
    audit.append(tx, actor=hold.actor, action=action, subject=subject, detail={"reason": hold.reason}, at=hold.at)


def last_served(tx: Session, name: str) -> dict[int, datetime]:
    """Returns when an alias last left each version, or was last moved to it, as the audit log has it.

    Versions that no alias ever pointed to are left out. One that was built again since without an erased document is
    given under the number that it has now.
    """
    since = erasures.replacements(tx, name)
    moves = select(AuditRow.at, AuditRow.detail).where(AuditRow.action == "alias.move")
    mine = AuditRow.subject.startswith(f"{name}@", autoescape=True)
    found: dict[int, datetime] = {}
    for at, detail in tx.execute(moves.where(mine).order_by(AuditRow.number)):
        for number in (detail.get("from"), detail.get("to")):
            if number is not None:
                found[since.get(int(number), int(number))] = at
    return found


def retire(tx: Session, name: str, number: int, *, actor: str, why: str) -> bool:
    """Takes a version out of service for good, unless an alias points to it or it is held by now.

    The log's lock comes first, as in every move of an alias: between the look and the note nobody moves one.

    Args:
        tx: The transaction.
        name: The index.
        number: The version.
        actor: Who removes it.
        why: By which rule, for the audit log.

    Returns:
        Whether it was taken out; its files may be removed then.
    """
    audit.lock(tx)
    pointed = tx.execute(select(AliasRow.alias).where(AliasRow.name == name, AliasRow.number == number)).first()
    held = any(hold.number == number for hold in of_index(tx, name))
    if pointed is not None or held:
        return False
    versions.set_state(tx, name, number, "retired")
    audit.append(tx, actor=actor, action="version.retire", subject=f"{name}@v{number:06d}", detail={"why": why})
    return True
