"""One change of a contract, and who must be told of it.

The words that `contracts.versions.compare` and its parts are written in; nothing here compares anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from contracts.model import Contract

Kind = Literal["breaking", "compatible", "notice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that is not as it was.

    Attributes:
        path: The part of the contract, as a person looks for it.
        before: What stood there, in words; None where nothing did.
        after: What stands there now; None where nothing does.
        kind: How much it matters.
        why: What it means, in words.
        producers: Whether it concerns those who write the documents.
        consumers: Whether it concerns those who read the index.
        tell: Who must be told.
    """

    path: str
    before: str | None
    after: str | None
    kind: Kind
    why: str
    producers: bool = False
    consumers: bool = False
    tell: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Returns the change as a JSON object."""
        told = {"kind": self.kind, "why": self.why, "tell": list(self.tell)}
        return {"path": self.path, "before": self.before, "after": self.after, **told}


def edited(
    path: str, before: Any, after: Any, kind: Kind, why: str, *, producers: bool = False, consumers: bool = False
) -> Change:
    """Returns a change of a value; values are said as a person writes them, None is nothing."""
    return Change(
        path=path,
        before=said(before),
        after=said(after),
        kind=kind,
        why=why,
        producers=producers,
        consumers=consumers,
    )


def added(path: str, after: Any, kind: Kind, why: str, *, producers: bool = False, consumers: bool = False) -> Change:
    """Returns a change where nothing stood before."""
    return edited(path, None, after, kind, why, producers=producers, consumers=consumers)


def removed(
    path: str, before: Any, kind: Kind, why: str, *, producers: bool = False, consumers: bool = False
) -> Change:
    """Returns a change after which nothing stands there."""
    return edited(path, before, None, kind, why, producers=producers, consumers=consumers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Who is told of a change.

    Attributes:
        owners: Teams that answer for the contract, the old one and the new one.
        members: People of these teams; they are told of what breaks.
        producers: Who writes the documents.
        consumers: Who reads the index.
    """

    owners: tuple[str, ...]
    members: tuple[str, ...]
    producers: tuple[str, ...]
    consumers: tuple[str, ...]

    @classmethod
    def of(cls, old: Contract, new: Contract) -> Self:
        """Reads team and roles of both versions: who loses a role is told as well."""
        roles = {role.role: role.access for contract in (old, new) for role in contract.roles}
        writing = [f"role {name}" for name, access in roles.items() if "write" in access.lower()]
        reading = [f"role {name}" for name, access in roles.items() if "write" not in access.lower()]
        names = dict.fromkeys((old.name, new.name))
        return cls(
            owners=tuple(f"owner {team}" for team in dict.fromkeys((old.owner_team, new.owner_team))),
            members=tuple(dict.fromkeys(item.username for contract in (old, new) for item in contract.team)),
            producers=tuple(writing) or tuple(f"authors of the documents of {name}" for name in names),
            consumers=(*reading, *(f"readers of the index {name}" for name in names)),
        )

    def told(self, change: Change) -> Change:
        """Returns the change with the names of those who must be told."""
        people = self.members if change.kind == "breaking" else ()
        producers = self.producers if change.producers else ()
        consumers = self.consumers if change.consumers else ()
        return replace(change, tell=tuple(dict.fromkeys((*self.owners, *people, *producers, *consumers))))


def said(value: Any) -> str | None:
    """Returns a value as a person writes it; None is nothing."""
    if value is None:
        return None
    if isinstance(value, dict):
        return ", ".join(f"{key}: {said(item)}" for key, item in sorted(value.items())) or "nothing"
    if isinstance(value, list | tuple):
        return ", ".join(str(said(item)) for item in value) or "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
