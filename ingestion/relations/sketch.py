"""MinHash signatures of texts: how alike two texts are, told from 512 bytes each.

Jaccard similarity of the sets of word 5-grams, estimated by MinHash (Broder 1997) with banding for
look-ups (Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, chapter 3). Words are hashed here,
whole arrays at a time, because cutting shingles in Python costs more than the signature itself. Only
unsigned 64-bit arithmetic that wraps is used, so every process on every platform gets the same bytes.

Bytes of a signature: 128 unsigned 32-bit numbers, little endian; none for a text of fewer than five words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rensa import RMinHash

PERMUTATIONS = 128
"""Standard error of an estimate near .8: sqrt(.8 * .2 / 128) = .035."""
BANDS = 32
"""Bands of four rows: two texts of similarity .8 meet in one with probability 1 - 5e-8, of .5 with .87."""
WORDS = 5
SEED = 20_261_121
FINGERPRINT = f"sketch/2 rensa RMinHash {PERMUTATIONS} {BANDS} words {WORDS} seed {SEED}"

Codes = npt.NDArray[np.uint64]

# From here on scripts are written without blanks between words: each character counts as a word.
_IDEOGRAPHS = 0x2E80
_WORD_CHARACTER = np.array([re.match(r"\w", chr(code)) is not None for code in range(_IDEOGRAPHS)] + [True])
# Odd constants of splitmix64 and of the golden ratio (Steele, Lea, Flood 2014): any odd ones would do.
_GOLDEN, _FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_POWERS = np.cumprod(np.full(64, _GOLDEN))
_ROWS_AT_ONCE = 1_024


def sketch_of(text: str) -> bytes:
    """Returns the signature of a text, 128 little-endian uint32; empty for one of fewer than five words."""
    grams = shingles_of(text)
    if not len(grams):
        return b""
    rows = np.array([0, len(grams)], dtype=np.uint64)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(grams, rows, PERMUTATIONS, SEED)
    return np.asarray(matrix.to_rows()[0], dtype="<u4").tobytes()


def shingles_of(text: str) -> Codes:
    """Returns a 64-bit hash of each run of five words; empty where there are fewer."""
    words = _word_hashes(text)
    number = len(words) - WORDS + 1
    if number < 1:
        return np.empty(0, dtype=np.uint64)
    grams = words[:number] * _GOLDEN
    for place in range(1, WORDS):
        grams = (grams ^ (grams >> np.uint64(29))) * _FIRST + words[place : place + number]
    return _mixed(grams)


def _word_hashes(text: str) -> Codes:
    codes = np.frombuffer(text.lower().encode("utf-32-le", "surrogatepass"), dtype="<u4")
    capped = np.minimum(codes, _IDEOGRAPHS)
    places = np.flatnonzero(_WORD_CHARACTER[capped])
    if not len(places):
        return np.empty(0, dtype=np.uint64)
    codes, ideographs = codes[places], capped[places] == _IDEOGRAPHS
    starting = np.ones(len(codes), dtype=bool)
    starting[1:] = (np.diff(places) != 1) | ideographs[1:] | ideographs[:-1]
    starts = np.flatnonzero(starting)
    lengths = np.diff(starts, append=len(codes))
    within = (np.arange(len(codes)) - np.repeat(starts, lengths)) & (len(_POWERS) - 1)
    hashed = (codes + _GOLDEN) * _SECOND
    hashed ^= hashed >> np.uint64(29)
    hashed *= _POWERS[within]
    return _mixed(np.add.reduceat(hashed, starts) + lengths.astype(np.uint64))


def _mixed(values: Codes) -> Codes:
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    return values ^ (values >> np.uint64(31))


def similarity(one: bytes, other: bytes) -> float:
    """Returns the estimated Jaccard similarity of two texts in [0, 1]; 0 where one has no signature."""
    if not one or not other:
        return 0.0
    return float(np.mean(np.frombuffer(one, "<u4") == np.frombuffer(other, "<u4")))


def bands_of(sketch: bytes) -> tuple[int, ...]:
    """Returns the bands of a signature as unsigned 64-bit numbers, each tied to its place."""
    return tuple(int(band) for band in band_matrix([sketch])[0]) if sketch else ()


def band_matrix(sketches: Sequence[bytes]) -> Codes:
    """Returns the bands of many signatures, one row each; none of the signatures may be empty."""
    bands = np.empty((len(sketches), BANDS), dtype=np.uint64)
    for start in range(0, len(sketches), _ROWS_AT_ONCE):
        bands[start : start + _ROWS_AT_ONCE] = _bands(sketches[start : start + _ROWS_AT_ONCE])
    return bands


def _bands(sketches: Sequence[bytes]) -> Codes:
    rows = np.frombuffer(b"".join(sketches), "<u4").astype(np.uint64).reshape(len(sketches), BANDS, -1)
    bands = np.broadcast_to(_mixed(np.arange(1, BANDS + 1, dtype=np.uint64)), rows.shape[:2])
    for place in range(rows.shape[2]):
        bands = _mixed((bands ^ rows[:, :, place]) * _GOLDEN)
    return bands
