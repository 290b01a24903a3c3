"""How two versions of a contract differ in what they say about the life of index versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from contracts.model import Contract
from contracts.versions.changes import Change, Kind, edited

_GATES = ("recall", "overlap", "quality", "freshness", "change")
_STRICTER_WHEN_LARGER = ("minimum", "minimum_model_change")
_STRICTER_WHEN_SMALLER = (
    "max_share_below",
    "max_drop",
    "max_age_days",
    "max_share_older",
    "max_added_share",
    "max_removed_share",
    "max_changed_share",
)


def gate_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Yields what changed in the gates of a release, but for the gate `contamination`."""
    for gate in _GATES:
        was, now = getattr(old.gates, gate), getattr(new.gates, gate)
        if was is None and now is not None:
            yield _gate(f"ragGates.{gate}", None, "asked for", stricter=True)
        elif now is None and was is not None:
            yield _gate(f"ragGates.{gate}", "asked for", None, stricter=False)
        elif was != now:
            yield from _limits(gate, was, now)


def _limits(gate: str, was: Any, now: Any) -> Iterator[Change]:
    for field in fields(was):
        before, after = getattr(was, field.name), getattr(now, field.name)
        if before == after:
            continue
        place = f"ragGates.{gate}.{_camel(field.name)}"
        if field.name in (*_STRICTER_WHEN_LARGER, *_STRICTER_WHEN_SMALLER):
            yield _gate(place, before, after, stricter=_is_stricter(field.name, before, after))
        else:
            yield edited(place, before, after, "notice", "another sample is looked at before a release.")


def _is_stricter(name: str, before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return before is None
    return after > before if name in _STRICTER_WHEN_LARGER else after < before


def _gate(place: str, before: Any, after: Any, *, stricter: bool) -> Change:
    why = "versions that were released may be refused." if stricter else "more versions are released."
    kind: Kind = "breaking" if stricter else "compatible"
    return edited(place, before, after, kind, why, producers=stricter)


def retention_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Yields what changed in which versions are kept."""
    was, now = old.versions, new.versions
    if was.declared != now.declared:
        why = "old versions are removed from now on." if now.declared else "no version is removed any more."
        before, after = ("as said" if item.declared else "every version" for item in (was, now))
        yield edited("ragRetention", before, after, "compatible", why, consumers=True)
        return
    for name in ("versions", "days", "candidates", "candidate_days"):
        before, after = getattr(was, name), getattr(now, name)
        if before != after:
            shorter = after < before
            why = "fewer can be rolled back to or looked at." if shorter else "more can be rolled back to or looked at."
            yield edited(f"ragRetention.{_camel(name)}", before, after, "compatible", why, consumers=shorter)


def approval_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Yields what changed in who must approve a version."""
    was, now = old.approvals, new.approvals
    if was.persons != now.persons:
        more = now.persons > was.persons
        why = "a version waits for more people before it serves." if more else "a version waits for fewer people."
        kind: Kind = "breaking" if more else "compatible"
        yield edited("ragApprovals.persons", was.persons, now.persons, kind, why, producers=more)
    for name in ("approvers", "aliases"):
        before, after = sorted(getattr(was, name)), sorted(getattr(now, name))
        if before != after and (was.persons or now.persons):
            why = "other people may approve." if name == "approvers" else "other aliases wait for approval."
            yield edited(f"ragApprovals.{name}", before, after, "notice", why)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
