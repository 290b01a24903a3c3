"""Which figures of contamination are an alarm, and how two versions compare. Pure; limits are the design's (2026).

A comparison asks both versions the same questions. Its change is then a fact about these questions and
needs no interval to alarm; amplification speaks of all questions there could be, and needs one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from provenance.exposure import DEEP, LEAST_QUERIES, Contamination, Estimate, Exposure, Retrieved, estimate, shares

MAX_AMPLIFICATION = 1.2
"""Alarm when the lower bound of amplification is above: a search that favours AI text, and not by chance."""
MAX_RISE = 0.05
"""Alarm when exposure rose by more than these 5 points from one version to the next."""
MAX_ENTROPY_LOSS = 0.10
"""Alarm when source entropy fell by more than this share of what it was."""
# Floating-point noise of a mean must not decide: a rise of exactly five points is none of more than five.
_NOISE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One figure that is out of bounds.

    Attributes:
        code: `amplified`, `exposure_rising`, `entropy_falling` or `deep`.
        message: What was found, what is allowed, and the next step.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How the first k hits changed from one version to another.

    Attributes:
        before: Number of the earlier version.
        k: How many hits of each question are looked at.
        exposure: Exposure after minus exposure before, with the interval where questions are paired.
        pool: Share of AI text in the pool, after minus before.
        entropy: Source entropy after / before, minus 1; None where there was none before.
        paired: Whether both were asked the same questions now; else the earlier figures are as stored.
    """

    before: int
    k: int
    exposure: Estimate
    pool: float
    entropy: float | None
    paired: bool


def paired_change(
    number: int,
    before: tuple[Contamination, Sequence[Retrieved]],
    after: tuple[Contamination, Sequence[Retrieved]],
) -> Change:
    """Compares two versions that were asked the same questions.

    Args:
        number: Number of the earlier version.
        before: Its figures and what each question found in it.
        after: The same of the later version, questions in the same order.

    Raises:
        ValueError: The questions are not as many.
    """
    (earlier, found), (later, finds) = before, after
    k = min(earlier.top.k, later.top.k)
    rise = estimate(shares(finds, k) - shares(found, k)) if len(found) == len(finds) else None
    if rise is None:
        raise ValueError(f"{len(found)} questions before and {len(finds)} after are no pairs")
    return Change(
        before=number,
        k=k,
        exposure=rise,
        pool=float(later.pool["ai_share"]) - float(earlier.pool["ai_share"]),
        entropy=_relative(earlier.top.entropy_bits, later.top.entropy_bits),
        paired=True,
    )


def stored_change(number: int, pool: float, before: Exposure, after: Contamination) -> Change | None:
    """Compares a version with the stored figures of one that can no longer be asked; None for another k.

    Args:
        number: Number of the earlier version.
        pool: Share of AI text in its pool.
        before: Its figures at the k that `after` alarms at.
        after: Figures of the later version.
    """
    now = after.top
    if before.k != now.k:
        return None
    known = before.exposure.value is not None and now.exposure.value is not None
    rise = float(np.subtract(now.exposure.value or 0.0, before.exposure.value or 0.0)) if known else None
    return Change(
        before=number,
        k=now.k,
        exposure=Estimate(value=rise, low=None, high=None, n=min(before.exposure.n, now.exposure.n)),
        pool=float(after.pool["ai_share"]) - pool,
        entropy=_relative(before.entropy_bits, now.entropy_bits),
        paired=False,
    )


def alarms(found: Contamination, change: Change | None = None) -> tuple[Alarm, ...]:
    """Returns every alarm, the gravest kind first: favoured, rising, narrowing, deep.

    Args:
        found: The figures of a version.
        change: How it compares with the one before; None for the first.
    """
    return (*_amplified(found), *(_changed(change) if change else ()), *_deep(found.top))


def notes(found: Contamination, change: Change | None = None) -> tuple[str, ...]:
    """Returns what could not be judged, and why, in sentences."""
    return tuple(_notes(found, change))


def _amplified(found: Contamination) -> Iterator[Alarm]:
    top = found.top
    low = top.amplification.low
    if low is None or low <= MAX_AMPLIFICATION + _NOISE:
        return
    yield Alarm(
        code="amplified",
        message=f"AI text is {found.pool['ai_share']:.1%} of the chunks and {top.exposure.value or 0:.1%} of the first "
        f"{top.k} hits: {top.amplification.value or 0:.2f} times as much (the 95 % interval starts at {low:.2f}, "
        f"{MAX_AMPLIFICATION} is the most). See which documents are found (`stemma index query`), and filter by origin "
        "where you search, or hold such documents back.",
    )


def _changed(change: Change) -> Iterator[Alarm]:
    rise, loss = change.exposure.value, -(change.entropy or 0.0)
    since = f"since v{change.before:06d}"
    if rise is not None and rise > MAX_RISE + _NOISE:
        yield Alarm(
            code="exposure_rising",
            message=f"the share of AI text among the first {change.k} hits rose by {rise * 100:.1f} points {since}, "
            f"{MAX_RISE * 100:g} are the most (the pool changed by {change.pool * 100:+.1f}). See what came in with "
            f"`stemma index diff`, or roll back.",
        )
    if loss > MAX_ENTROPY_LOSS + _NOISE:
        yield Alarm(
            code="entropy_falling",
            message=f"the documents that are found became fewer: source entropy fell by {loss:.1%} {since}, "
            f"{MAX_ENTROPY_LOSS:.0%} is the most. See what displaced the others with `stemma index diff`.",
        )


def _deep(top: Exposure) -> Iterator[Alarm]:
    if top.max_depth >= DEEP:
        yield Alarm(
            code="deep",
            message=f"text of generation depth {top.max_depth} is among the first {top.k} hits ({top.deep or 0:.1%} of "
            f"them are of depth {DEEP} or more): answers made of answers are found as sources. Leave out hits by "
            "their generation_depth where you search, or reject these documents.",
        )


def _notes(found: Contamination, change: Change | None) -> Iterator[str]:
    n = found.top.exposure.n
    if not n:
        yield (
            "No question found anything, so only the pool is known. Put verified questions into the contract "
            "(context.verifiedStatements), or log answers with their question."
        )
    elif n < LEAST_QUERIES:
        yield (
            f"{n} questions are too few for an interval ({LEAST_QUERIES} are needed), so amplification raises no "
            "alarm: add verified questions to the contract, or log answers with their question."
        )
    if n and not found.pool["ai_share"]:
        yield "No chunk is declared or matched AI text: there is nothing to amplify. Unknown is not human."
    if change is not None and not change.paired:
        yield (
            f"v{change.before:06d} is no longer there: it is compared by its stored figures, whose questions were "
            "others than today's."
        )


def _relative(before: float | None, after: float | None) -> float | None:
    return None if not before or after is None else after / before - 1.0
