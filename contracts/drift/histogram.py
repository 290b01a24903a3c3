"""Numbers as counts in bins of equal ratio: what is kept of a column's lengths, sizes, scores and ages.

A bin holds the numbers between two powers of `RATIO`, so a number is known to 5 % of itself however
large it is, two histograms are merged by adding, and a column of any length fits into some hundred
counts. After C. Masson, J. Rim, H. Lee, "DDSketch", VLDB 2019 (arXiv:1908.10693). Knows no column.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

RATIO = 1.1
"""Upper over lower edge of a bin: a value stands for its bin with an error of at most 4.8 % of itself."""

OFFSET = 1_000
"""Added to the power of `RATIO` that a bin ends at, so that keys of positive numbers are positive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Counts of numbers by bin.

    Attributes:
        bins: Key to count, ascending. Keys are in the order of the numbers that they stand for; 0 is zero.
    """

    bins: Mapping[int, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many numbers were counted."""
        return sum(self.bins.values())

    def quantile(self, share: float) -> float | None:
        """Returns the number below which a share of all numbers lies, to 5 %; None where there is none."""
        key = self.key_at(share)
        return None if key is None else number_of(key)

    def key_at(self, share: float) -> int | None:
        """Returns the bin that the quantile of a share lies in; None where there is none."""
        rank, seen = share * self.total, 0
        for key, count in self.bins.items():
            seen += count
            if seen >= rank and count:
                return key
        return next(reversed(self.bins), None) if self.bins else None

    def to_json(self) -> list[list[int]]:
        """Returns pairs of key and count, ascending."""
        return [[key, count] for key, count in self.bins.items()]


def number_of(key: int) -> float:
    """Returns the number that a bin stands for: off by the same share at both of its ends."""
    if key == 0:
        return 0.0
    return math.copysign(2 * RATIO ** (abs(key) - OFFSET) / (RATIO + 1), key)


def upper_edge(key: int) -> float:
    """Returns the greatest number that a bin holds."""
    if key > 0:
        return RATIO ** (key - OFFSET)
    return 0.0 if key == 0 else -(RATIO ** (-key - OFFSET - 1))


def merged(first: Histogram, second: Histogram) -> Histogram:
    """Returns the histogram of two columns one after the other."""
    keys = sorted({*first.bins, *second.bins})
    return Histogram(bins={key: first.bins.get(key, 0) + second.bins.get(key, 0) for key in keys})


def from_json(pairs: Iterable[Iterable[int]]) -> Histogram:
    """Reads what `to_json` wrote."""
    return Histogram(bins={int(key): int(count) for key, count in pairs})
