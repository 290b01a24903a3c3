"""Style of a text as numbers: how often each word, word pair and run of characters occurs, by bucket.

Grams are hashed, so there is no vocabulary to store and a text of any language has features. All hashing is
integer arithmetic modulo 2**64: the same text has the same counts on every machine and in every process.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

WORD_BITS, CHAR_BITS = 17, 18
WORD_BUCKETS, CHAR_BUCKETS = 1 << WORD_BITS, 1 << CHAR_BITS
DIMENSION = WORD_BUCKETS + CHAR_BUCKETS
CHAR_WIDTHS = (3, 4, 5)
"""Characters in a run (the widths of the PAN'25 TF-IDF baseline)."""
WORD_WIDTHS = (1, 2)
MOST_CHARACTERS = 200_000
"""Code points that are read; style shows long before, and no document can make a run slow."""

_TOKEN = re.compile(r"\w+|[^\w\s]")
_DIGITS = re.compile(r"\d")
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_SPACED_WORD = re.compile(f"[^\\W{_UNSPACED}]+")
_ALONE = re.compile(f"[{_UNSPACED}]")

Numbers = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.float64]
Buckets = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Features:
    """How often each bucket occurs in one text; buckets that do not occur are left out.

    Attributes:
        buckets: Distinct buckets, ascending, in `[0, DIMENSION)`: those of words first, then those of characters.
        counts: Occurrences, at least 1, of the same length.
    """

    buckets: Buckets
    counts: Counts


def parameters() -> dict[str, Any]:
    """Returns everything that changes the features of a text, for fingerprints and model cards."""
    return {
        "version": 1,
        "buckets": [WORD_BUCKETS, CHAR_BUCKETS],
        "words": list(WORD_WIDTHS),
        "characters": list(CHAR_WIDTHS),
        "most_characters": MOST_CHARACTERS,
        "token": _TOKEN.pattern,
    }


def count_words(text: str) -> int:
    """Returns the words of a text; in scripts without spaces two characters count as one.

    Bounded like the features: words after `MOST_CHARACTERS` are not counted.
    """
    head = text[:MOST_CHARACTERS]
    alone = 0 if head.isascii() else len(_ALONE.findall(head))
    return len(_SPACED_WORD.findall(head)) + alone // 2


def features_of(text: str) -> Features:
    """Returns the features of a text; an empty text has none. Linear time."""
    flat = _DIGITS.sub("0", " ".join(text[:MOST_CHARACTERS].split()))
    words, word_counts = np.unique(_word_buckets(flat.lower()), return_counts=True)
    runs, run_counts = np.unique(_char_buckets(flat), return_counts=True)
    return Features(
        buckets=np.concatenate((words, runs + WORD_BUCKETS)).astype(np.int64),
        counts=np.concatenate((word_counts, run_counts)).astype(np.float64),
    )


def _codes(text: str) -> Numbers:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)


def _char_buckets(text: str) -> Buckets:
    codes = _codes(text)
    found = [_rolled(codes, width) for width in CHAR_WIDTHS]
    return (np.concatenate(found) >> np.uint64(64 - CHAR_BITS)).astype(np.int64)


def _word_buckets(text: str) -> Buckets:
    spans = np.array([match.span() for match in _TOKEN.finditer(text)], dtype=np.int64).reshape(-1, 2)
    if not len(spans):
        return np.empty(0, dtype=np.int64)
    words = _word_numbers(_codes(text), spans[:, 0], spans[:, 1] - spans[:, 0])
    found = [_rolled(words, width) for width in WORD_WIDTHS]
    return (np.concatenate(found) >> np.uint64(64 - WORD_BITS)).astype(np.int64)


def _word_numbers(codes: Numbers, starts: Buckets, lengths: Buckets) -> Numbers:
    """Returns one number a word: the sum over its letters, each mixed with its place in the word."""
    ends = np.cumsum(lengths)
    firsts = ends - lengths
    inside = np.arange(ends[-1], dtype=np.int64) - np.repeat(firsts, lengths)
    letters = codes[np.repeat(starts, lengths) + inside]
    placed = _mixed(letters * np.uint64(0x9E3779B97F4A7C15) + (inside.astype(np.uint64) << np.uint64(32)))
    numbers: Numbers = np.add.reduceat(placed, firsts)
    return numbers


def _rolled(numbers: Numbers, width: int) -> Numbers:
    """Returns the number of each run of `width` values; widths do not share numbers."""
    count = len(numbers) - width + 1
    if count < 1:
        return np.empty(0, dtype=np.uint64)
    rolled = np.full(count, width, dtype=np.uint64)
    for place in range(width):
        rolled = _mixed(rolled * np.uint64(0x9E3779B97F4A7C15) + numbers[place : place + count])
    return rolled


def _mixed(values: Numbers) -> Numbers:
    """Spreads every bit over all 64: the finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
