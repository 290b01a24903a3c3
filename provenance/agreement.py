"""Do two texts name the same things: what agrees, what is missing, which numbers and dates contradict each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from provenance.particulars import YEARS, Particular, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How the particulars of one text stand to those of another.

    Attributes:
        agreeing: Those of the first that the second has too.
        missing: Those of the first that it does not have.
        contradicting: Numbers and dates of the first that the second does not have, where it has another of the
            same kind and unit that the first does not have; each with that one.
    """

    agreeing: tuple[Particular, ...] = ()
    missing: tuple[Particular, ...] = ()
    contradicting: tuple[tuple[Particular, Particular], ...] = ()


def agree(one: Particular, other: Particular) -> bool:
    """Returns whether two particulars are the same thing; a date that says less agrees with one that says more."""
    if {one.kind, other.kind} <= {"number", "date"} and "date" in (one.kind, other.kind):
        return any(_same_date(left, right) for left in _as_dates(one) for right in _as_dates(other))
    if one.kind == "number" == other.kind and one.unit and other.unit and one.unit != other.unit:
        return False
    if one.kind == other.kind == "name":
        return bool(one.values & other.values) or any(
            _part_of(left, right) for left in one.values for right in other.values
        )
    return bool(one.values & other.values)


def compare(ours: Sequence[Particular], theirs: Sequence[Particular]) -> Agreement:
    """Compares the particulars of two texts that may say the same."""
    agreeing = tuple(item for item in ours if any(agree(item, other) for other in theirs))
    missing = tuple(item for item in ours if item not in agreeing)
    free = [other for other in theirs if not any(agree(item, other) for item in ours)]
    contradicting = []
    for item in missing:
        rival = next((other for other in free if _rivals(item, other)), None)
        if rival is not None:
            contradicting.append((item, rival))
            free.remove(rival)
    return Agreement(agreeing=agreeing, missing=missing, contradicting=tuple(contradicting))


def _rivals(one: Particular, other: Particular) -> bool:
    return one.kind == other.kind and one.kind in ("number", "date") and one.unit == other.unit


def _as_dates(item: Particular) -> Iterator[tuple[int, int, int]]:
    for value in item.values:
        if isinstance(value, tuple):
            yield value
        elif isinstance(value, float) and not item.unit and value in YEARS:
            yield (int(value), 0, 0)


def _same_date(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    both = [(left, right) for left, right in zip(one, other, strict=True) if left and right]
    return bool(both) and all(left == right for left, right in both)


def _part_of(one: Value, other: Value) -> bool:
    """Whether one name is the other shortened: `Hamilton` of `Lewis Hamilton`."""
    left, right = sorted((str(one).split(), str(other).split()), key=len)
    return len(left) < len(right) and (left == right[-len(left) :] or left == right[: len(left)])
