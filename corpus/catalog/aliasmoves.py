"""Where aliases pointed and when, as the audit log has it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from corpus.catalog.tables import AuditRow

_MOVING = ("alias.move", "alias.restore")
"""Actions after which an alias points where it is said; the second when a lost catalog was rebuilt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasMove:
    """One move of an alias.

    Attributes:
        alias: The alias.
        before: Version that it pointed to; None for none.
        number: Version that it points to from then on.
        generation: Moves of this alias so far, from 1.
        at: When.
        actor: Who moved it.
        reason: Why, in words.
        entry: Number of the audit log's entry.
    """

    alias: str
    before: int | None
    number: int
    generation: int
    at: datetime
    actor: str
    reason: str
    entry: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A time in which an alias served a version.

    Attributes:
        alias: The alias.
        number: The version.
        since: From when.
        until: Till when; None where it still does.
        actor: Who moved the alias there.
        reason: Why, in words.
    """

    alias: str
    number: int
    since: datetime
    until: datetime | None
    actor: str
    reason: str


def moves(tx: Session, name: str) -> tuple[AliasMove, ...]:
    """Returns every move of every alias of an index, in the order of the audit log."""
    columns = (AuditRow.number, AuditRow.at, AuditRow.actor, AuditRow.subject, AuditRow.detail)
    mine = select(*columns).where(
        AuditRow.action.in_(_MOVING), AuditRow.subject.startswith(f"{name}@", autoescape=True)
    )
    return tuple(
        AliasMove(
            alias=row.subject.removeprefix(f"{name}@"),
            before=row.detail.get("from"),
            number=int(row.detail["to"]),
            generation=int(row.detail.get("generation") or 0),
            at=row.at,
            actor=row.actor,
            reason=str(row.detail.get("reason") or ""),
            entry=row.number,
        )
        for row in tx.execute(mine.order_by(AuditRow.number))
    )


def servings(found: Iterable[AliasMove]) -> tuple[Serving, ...]:
    """Returns the times in which aliases served versions, in the order in which they began."""
    listed = list(found)
    ends = {
        move.entry: next((later.at for later in listed[place + 1 :] if later.alias == move.alias), None)
        for place, move in enumerate(listed)
    }
    return tuple(
        Serving(
            alias=move.alias,
            number=move.number,
            since=move.at,
            until=ends[move.entry],
            actor=move.actor,
            reason=move.reason,
        )
        for move in listed
    )
