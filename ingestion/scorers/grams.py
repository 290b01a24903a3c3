"""Runs of words that occur again, counted as Gopher counts them (Rae et al. 2021, table A1).

The straight way makes a string of each run of two to ten words, nine times the text. Here a run is one
64-bit number, rolled over the words' hashes, and the long runs are only walked where a bound over all of
them says that a limit could be broken. It knows no limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

_Numbers = npt.NDArray[np.uint64]
_Places = npt.NDArray[np.int64]
_ROLL = 0x9E3779B97F4A7C15
"""An odd multiplier without pattern (2^64 over the golden ratio; Knuth, The Art of Computer Programming 3, 6.4)."""


@dataclass(frozen=True, slots=True)
class Grams:
    """The words of one text, ready to be counted.

    Attributes:
        hashes: One number per word; equal words have equal numbers.
        ends: Characters up to each word, from 0 on, blanks not counted; one more than words.
        known: Width to the runs of that width that occurred before.
    """

    hashes: _Numbers
    ends: npt.NDArray[np.int64]
    known: dict[int, tuple[_Places, _Places]] = field(default_factory=dict)

    def top(self, width: int) -> tuple[int, int]:
        """Returns how often the commonest run of `width` words occurs and its characters; of equals the first.

        Characters count the blanks between the words. `(0, 0)` where there is no such run.
        """
        keys = self._keys(width)
        if not len(keys):
            return 0, 0
        ordered = np.sort(keys)
        starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        counts = np.diff(np.append(starts, len(ordered)))
        most = int(counts.max())
        tops = ordered[starts[counts == most]] if most > 1 else keys[:1]
        first = int((keys == tops[0] if len(tops) == 1 else np.isin(keys, tops)).argmax())
        return most, int(self.ends[first + width] - self.ends[first]) + width - 1

    def longest(self, width: int) -> int:
        """Returns the characters of the longest run of `width` words, blanks between them counted."""
        if len(self.hashes) < width:
            return 0
        return int((self.ends[width:] - self.ends[:-width]).max()) + width - 1

    def repeated_bound(self, width: int) -> int:
        """Returns at least as many characters as `repeated` for this width, and for any greater one."""
        places, _ = self._again(width)
        if not len(places):
            return 0
        covered = np.zeros(len(self.hashes) + 1, np.int64)
        np.add.at(covered, places, 1)
        np.add.at(covered, places + width, -1)
        return int(np.diff(self.ends)[np.cumsum(covered[:-1]) > 0].sum())

    def repeated(self, width: int) -> int:
        """Returns the characters in runs of `width` words that occurred before; a counted run is stepped over."""
        stepped = bytearray(len(self.hashes) + width)
        seen: dict[int, int] = {}
        total = 0
        for place, first in zip(*(found.tolist() for found in self._again(width)), strict=True):
            if stepped[place]:
                continue
            if stepped[first] and first not in seen:
                seen[first] = place  # what came before was stepped over, so this is the first that is looked at
                continue
            total += int(self.ends[place + width] - self.ends[place])
            stepped[place : place + width] = b"\x01" * width
            stepped[place] = 0
        return total

    def _keys(self, width: int) -> _Numbers:
        """Returns one number per run of `width` words."""
        number = len(self.hashes) - width + 1
        if number <= 0:
            return np.zeros(0, np.uint64)
        keys = np.zeros(number, np.uint64)
        for step in range(width):
            keys = keys * np.uint64(_ROLL) + self.hashes[step : step + number]
        return keys

    def _again(self, width: int) -> tuple[_Places, _Places]:
        """Returns the places of runs that occurred before, in order, and for each the place of the first."""
        if width not in self.known:
            keys = self._keys(width)
            order = np.argsort(keys, kind="stable")
            ordered = keys[order]
            starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
            first = np.empty(len(keys), np.int64)
            first[order] = np.repeat(order[starts], np.diff(np.append(starts, len(keys)))) if len(keys) else order
            places = np.flatnonzero(first != np.arange(len(keys)))
            self.known[width] = (places, first[places])
        return self.known[width]


def grams_of(words: Sequence[str], lengths: npt.NDArray[np.int64]) -> Grams:
    """Makes words ready to be counted.

    Args:
        words: The words in order.
        lengths: Their lengths.
    """
    hashes = np.fromiter(map(hash, words), np.int64, len(words)).view(np.uint64)
    # Hashes of one-character words differ in few bits on some builds of Python: mix them once.
    mixed = (hashes ^ (hashes >> np.uint64(31))) * np.uint64(_ROLL)
    return Grams(mixed, np.concatenate(([0], np.cumsum(lengths))))
