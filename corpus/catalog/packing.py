"""Packed postings: many pairs of a key and the number of an answer as eight bytes each, in buckets.

A bucket is named by the uppermost 20 bits of its keys. Of a key the 32 bits below these are kept: 52 of 64. That two
keys of a million answers agree in them by chance is one in many millions, and a key found by chance decides nothing.
Pure: it knows bytes and numbers, and no database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter

import numpy as np
import numpy.typing as npt

_BUCKET_SHIFT = 44
_KEY_SHIFT = 12
_LOW = 0xFFFFFFFF

Numbers = npt.NDArray[np.uint64]
Buckets = Iterable[tuple[int, bytes]]


def buckets_of(keys: Sequence[int] | Numbers) -> list[int]:
    """Returns the buckets that keys are in, sorted, each once."""
    found: list[int] = np.unique(np.asarray(keys, dtype=np.uint64) >> np.uint64(_BUCKET_SHIFT)).tolist()
    return found


def find(keys: Sequence[int] | Numbers, held: Iterable[tuple[int, bytes]]) -> list[tuple[int, int]]:
    """Returns the pairs of some keys in the buckets that hold them.

    Args:
        keys: Unsigned 64-bit keys.
        held: Bucket and postings, in any order.
    """
    buckets = sorted(held, key=itemgetter(0))
    wanted = np.asarray(keys, dtype=np.uint64)
    every = np.frombuffer(b"".join(data for _, data in buckets), dtype="<u8")
    sizes = [len(data) // 8 for _, data in buckets]
    of_bucket = np.repeat(np.array([bucket for bucket, _ in buckets], dtype=np.uint64), sizes)
    # The bucket and the kept bits of the key, as `_short` has them: sorted, since buckets and postings are.
    whole = (of_bucket << np.uint64(32)) | (every >> np.uint64(32))
    short = _short(wanted)
    first, last = (np.searchsorted(whole, short, side=side) for side in ("left", "right"))
    hit = np.flatnonzero(last > first)
    found = zip(wanted[hit].tolist(), first[hit].tolist(), last[hit].tolist(), strict=True)
    return [(key, number) for key, low, high in found for number in (every[low:high] & np.uint64(_LOW)).tolist()]


def merged(keys: Numbers, numbers: Numbers, held: Mapping[int, bytes]) -> Iterator[tuple[int, bytes]]:
    """Yields the buckets that pairs go into, with what they held already, in order.

    Args:
        keys: Unsigned 64-bit keys, shape `(pairs,)`.
        numbers: The answers' numbers, under 2^32, shape `(pairs,)`.
        held: Bucket to its postings, of those that exist.
    """
    entries = ((_short(keys) & np.uint64(_LOW)) << np.uint64(32)) | numbers
    buckets = keys >> np.uint64(_BUCKET_SHIFT)
    order = np.argsort(buckets, kind="stable")
    names, starts = np.unique(buckets[order], return_index=True)
    added = zip(names.tolist(), np.split(entries[order], starts[1:]), strict=True)
    for bucket, new in added:
        yield bucket, _bytes(np.concatenate((_entries(held[bucket]), new)) if bucket in held else new)


def handed_over(held: Buckets, heirs: Mapping[int, int | None]) -> list[tuple[int, bytes]]:
    """Returns the buckets that change when answers go, each with its new postings, empty where none is left.

    Args:
        held: Bucket and postings.
        heirs: Number of an answer to the number of the one that takes its pairs; None for nobody.
    """
    leaving = np.array(sorted(heirs), dtype=np.uint64)
    heir = np.array([heirs[number] or 0 for number in leaving.tolist()], dtype=np.uint64)
    changed = ((bucket, _handed_over(_entries(data), leaving, heir)) for bucket, data in held)
    return [(bucket, _bytes(entries)) for bucket, entries in changed if entries is not None]


def _handed_over(entries: Numbers, leaving: Numbers, heir: Numbers) -> Numbers | None:
    numbers = entries & np.uint64(_LOW)
    place = np.minimum(np.searchsorted(leaving, numbers), len(leaving) - 1)
    goes = leaving[place] == numbers
    if not goes.any():
        return None
    to = heir[place]
    moved: Numbers = np.where(goes, (entries & ~np.uint64(_LOW)) | to, entries)[~goes | (to > 0)]
    return moved


def _entries(data: bytes) -> Numbers:
    return np.frombuffer(data, dtype="<u8")


def _bytes(entries: Numbers) -> bytes:
    return np.unique(entries).astype("<u8").tobytes()


def _short(keys: Numbers) -> Numbers:
    return keys >> np.uint64(_KEY_SHIFT)
