"""How far two profiles of one column are apart: the figures that drift is judged by.

PSI, the population stability index, compares shares bin by bin: sum of (p - q) ln(p / q). The bins are the
baseline's: up to ten of equal share for numbers (cut where the histogram's bins are) with one below and
one above all that the baseline had, the twenty most frequent values and one for all others for
categories, and one for documents without a value. Half a document is added to every bin, so that an
empty one leaves the figure finite. By convention less than 0.1 is stable, 0.1 to 0.25 is a shift to look
at, more is a change of population (N. Siddiqi, "Credit Risk Scorecards", Wiley 2006). Under no change PSI
is near chi-square times (1/n + 1/m) (B. Yurdakul, "Statistical Properties of Population Stability Index",
dissertation, Western Michigan University 2018).

KS is the greatest distance of the two cumulative distributions, read at the edges of the histogram's
bins, so it is never more than that of the numbers themselves, and less by no more than what one bin
holds. Critical values are those of two independent samples.

Knows no contract and decides nothing.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Mapping

from contracts.drift.histogram import Histogram, upper_edge
from contracts.drift.profile import ColumnProfile, Profile

PSI_SHIFT, PSI_CHANGE = 0.1, 0.25
"""From where a shift deserves a look, and from where it is another population (Siddiqi 2006)."""

CHANCE = 0.01
"""How often chance alone may give more than what `chance_of_psi` and `chance_of_ks` say."""

NUMERIC_BINS = 10
NAMED_BINS = 20
_HALF = 0.5

Counts = list[int]


def paired_bins(now: ColumnProfile, before: ColumnProfile) -> tuple[Counts, Counts, tuple[str, ...]]:
    """Returns documents per bin now and in the baseline, and the names of the bins."""
    if before.categories or now.categories:
        return _named_bins(now, before)
    return _number_bins(now, before)


def psi(now: ColumnProfile, before: ColumnProfile) -> tuple[float, int]:
    """Returns the population stability index, and the number of bins that any document is in."""
    current, past, _ = paired_bins(now, before)
    used = [index for index in range(len(current)) if current[index] + past[index]]
    shares, expected = (_shares([side[index] for index in used]) for side in (current, past))
    return sum((p - q) * math.log(p / q) for p, q in zip(shares, expected, strict=True)), len(used)


def chance_of_psi(bins: int, now: int, before: int) -> float:
    """Returns the index that two samples of one population exceed once in a hundred times."""
    from scipy import special  # noqa: PLC0415 - only where two profiles are compared

    return float(special.chdtri(max(bins - 1, 1), CHANCE)) * (1 / now + 1 / before)


def ks(now: Histogram, before: Histogram) -> float:
    """Returns the greatest distance of the cumulative distributions at the edges of the bins."""
    if not now.total or not before.total:
        return float(now.total != before.total)
    keys = sorted({*now.bins, *before.bins})
    current, past = (
        [seen / side.total for seen in itertools.accumulate(side.bins.get(key, 0) for key in keys)]
        for side in (now, before)
    )
    return max(abs(p - q) for p, q in zip(current, past, strict=True))


def chance_of_ks(now: int, before: int) -> float:
    """Returns the distance that two samples of one population exceed at most once in a hundred times."""
    from scipy import special  # noqa: PLC0415

    return float(special.kolmogi(CHANCE)) * math.sqrt(1 / now + 1 / before)


def median_change(now: Histogram, before: Histogram) -> float:
    """Returns by how much of itself the median changed: 0.5 is half as much again, or half as much."""
    current, past = now.quantile(0.5) or 0.0, before.quantile(0.5) or 0.0
    if not past:
        return float(current != past)
    return abs(current / past - 1)


def type_distance(now: Mapping[str, int], before: Mapping[str, int]) -> float:
    """Returns the share of values that read as another type now: half the sum of all changes of share."""
    totals = sum(now.values()), sum(before.values())
    if not all(totals):
        return float(totals[0] != totals[1])
    return sum(abs(now.get(n, 0) / totals[0] - before.get(n, 0) / totals[1]) for n in {*now, *before}) / 2


def new_categories(now: ColumnProfile, before: ColumnProfile) -> dict[str, int]:
    """Returns the values that the baseline has not, most frequent first."""
    return {name: count for name, count in now.categories.items() if name not in before.categories}


def shape_changes(now: Profile, before: Profile) -> tuple[list[str], list[str], list[tuple[str, str, str]]]:
    """Compares what metadata documents declare.

    A field belongs to the shape when at least two documents of the baseline, and 1 % of them, declare it.
    What a field reads as is what at least half of its values do.

    Returns:
        Fields that are new, fields that are gone, and fields with what they read as before and now.
    """
    least = max(2.0, 0.01 * before.documents)
    shape = {name: types for name, types in before.fields.items() if sum(types.values()) >= least}
    retyped = [
        (name, _main(types), _main(now.fields[name]))
        for name, types in shape.items()
        if name in now.fields and _differ(_main(types), _main(now.fields[name]))
    ]
    new = sorted(set(now.fields) - set(before.fields))
    return new, sorted(set(shape) - set(now.fields)), sorted(retyped)


def _differ(before: str, now: str) -> bool:
    return bool(before and now) and before != now


def _main(types: Mapping[str, int]) -> str:
    total = sum(types.values())
    return next((name for name, count in types.items() if 2 * count >= total), "")


def _shares(counts: Counts) -> list[float]:
    total = sum(counts) + _HALF * len(counts)
    return [(count + _HALF) / total for count in counts]


def _named_bins(now: ColumnProfile, before: ColumnProfile) -> tuple[Counts, Counts, tuple[str, ...]]:
    names = list(before.categories)[:NAMED_BINS]
    current, past = (
        [*(side.categories.get(name, 0) for name in names), _others(side, names), side.nulls + side.empties]
        for side in (now, before)
    )
    return current, past, (*names, "any other", "no value")


def _others(side: ColumnProfile, names: list[str]) -> int:
    return sum(side.categories.values()) - sum(side.categories.get(name, 0) for name in names) + side.rest


def _number_bins(now: ColumnProfile, before: ColumnProfile) -> tuple[Counts, Counts, tuple[str, ...]]:
    edges = _edges(before.numbers)
    current, past = ([*_binned(side.numbers, edges), side.rows - side.numbers.total] for side in (now, before))
    return current, past, (*_labels(edges), "no value")


def _edges(baseline: Histogram) -> list[int]:
    """Returns the last key of every bin but the topmost, which is open."""
    if not baseline.bins:
        return []
    keys = (baseline.key_at(step / NUMERIC_BINS) for step in range(1, NUMERIC_BINS))
    return sorted({min(baseline.bins) - 1, *(key for key in keys if key is not None), max(baseline.bins)})


def _binned(numbers: Histogram, edges: list[int]) -> list[int]:
    counts = [0] * (len(edges) + 1)
    for key, count in numbers.bins.items():
        counts[bisect.bisect_left(edges, key)] += count
    return counts


def _labels(edges: list[int]) -> list[str]:
    shown = [_figure(upper_edge(key)) for key in edges]
    if not shown:
        return ["all"]
    return [
        f"to {shown[0]}",
        *(f"{low} to {high}" for low, high in itertools.pairwise(shown)),
        f"over {shown[-1]}",
    ]


def _figure(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
