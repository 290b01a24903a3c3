"""Which texts of a run are alike, which one of two copies is kept, and how many come at once.

Pure decisions over signatures and names; texts are not read here. The document that stands is kept; among
newcomers the one that says to be older, then the one whose id is smaller, so that the order in which a
source lists its documents decides nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ingestion.relations.families import Declared
from ingestion.relations.sketch import band_matrix, similarity

KIN_FLOOR = 0.1
"""Similarity from which two documents of one name are versions of each other: of 6,061 pairs found so in three sets of
real versions 6,059 were (benchmarks/duplicates.py); the standard error of an estimate near .1 is .027."""
MOST_COMPARED = 32
"""Documents of one band, text or name that each other one is compared with, the first ones in order."""
BURST = 3
"""Near-identical newcomers that make a burst: the fewest copies that a few poisoned documents need to be."""

Pairs: TypeAlias = npt.NDArray[np.int64]
"""Pairs of places, each as one number: eight bytes, where two numbers in a tuple in a set take 150."""

_LATEST = datetime.max.replace(tzinfo=UTC)
_EMPTY: Mapping[str, float] = {}
_PAIRS_AT_ONCE = 8_192


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """One document of the run that has a text.

    Attributes:
        doc_id: The document.
        title: Its title.
        content_sha256: Digest of its text.
        sketch: Signature of its text, empty for a short one.
        keys: Names by which its versions find it.
        declared: What it says of versions.
        author: Who wrote it, empty for nobody.
        made: When it says to have been made.
        sound: Whether it is admitted so far.
        decided: Whether a person decided about it: then nothing here changes its outcome.
        active: Whether it was active before this run.
    """

    doc_id: str
    title: str
    content_sha256: str
    sketch: bytes
    keys: tuple[str, ...]
    declared: Declared
    author: str = ""
    made: datetime | None = None
    sound: bool = True
    decided: bool = False
    active: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One document that is like one that is kept.

    Attributes:
        of: The one that is kept.
        similarity: Estimated Jaccard similarity; 1 for the same text.
        exact: Whether the text is the same.
    """

    of: str
    similarity: float
    exact: bool


class Likeness:
    """Pairs of documents that are alike, looked up from either end."""

    def __init__(self) -> None:
        self._pairs: dict[str, dict[str, float]] = {}
        self._same: set[tuple[str, str]] = set()

    def add(self, one: str, other: str, alike: float, *, exact: bool = False) -> None:
        """Notes how alike two documents are."""
        self._pairs.setdefault(one, {})[other] = alike
        self._pairs.setdefault(other, {})[one] = alike
        if exact:
            self._same.update(((one, other), (other, one)))

    def of(self, doc_id: str) -> Mapping[str, float]:
        """Returns the documents that are like one, and how much."""
        return self._pairs.get(doc_id, _EMPTY)

    def is_exact(self, one: str, other: str) -> bool:
        """Returns whether two documents have the same text."""
        return (one, other) in self._same


def in_order(newcomers: Iterable[Newcomer]) -> list[Newcomer]:
    """Returns newcomers in the order in which one of two copies is kept."""
    return sorted(newcomers, key=lambda item: (not item.active, item.made or _LATEST, item.doc_id))


def compare_all(newcomers: Sequence[Newcomer], likeness: Likeness) -> None:
    """Compares the documents of one run with each other, where a band, a text or a name says that it may help.

    Args:
        newcomers: In the order of `in_order`.
        likeness: Takes the pairs that are alike.
    """
    for members in _grouped((item.content_sha256, place) for place, item in enumerate(newcomers)):
        # The one before too: a crowd stays one, whoever of its first ones is out.
        for one, other in {*_fan(members), *pairwise(members)}:
            likeness.add(newcomers[one].doc_id, newcomers[other].doc_id, 1.0, exact=True)
    sketched = [place for place, item in enumerate(newcomers) if item.sketch]
    if len(sketched) < 2:
        return
    sketches = [newcomers[place].sketch for place in sketched]
    pairs = _by_band(sketches)
    where = {place: row for row, place in enumerate(sketched)}
    pairs = _with(pairs, _by_key(newcomers, where), len(sketched))
    for start in range(0, len(pairs), _PAIRS_AT_ONCE):
        ones, others = np.divmod(pairs[start : start + _PAIRS_AT_ONCE], len(sketched))
        alike = (_rows(sketches, ones) == _rows(sketches, others)).mean(axis=1)
        for row in np.flatnonzero(alike >= KIN_FLOOR):
            one, other = newcomers[sketched[ones[row]]], newcomers[sketched[others[row]]]
            if one.content_sha256 != other.content_sha256:
                likeness.add(one.doc_id, other.doc_id, float(alike[row]))


def _rows(sketches: Sequence[bytes], places: Pairs) -> npt.NDArray[np.uint32]:
    data = b"".join([sketches[place] for place in places.tolist()])
    return np.frombuffer(data, "<u4").reshape(len(places), -1)


def compare_with(item: Newcomer, other_id: str, content_sha256: str, sketch: bytes, likeness: Likeness) -> None:
    """Compares a newcomer with a document that stands."""
    exact = item.content_sha256 == content_sha256
    alike = 1.0 if exact else similarity(item.sketch, sketch)
    if exact or alike >= KIN_FLOOR:
        likeness.add(item.doc_id, other_id, alike, exact=exact)


def _grouped(pairs: Iterable[tuple[str, int]]) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for key, place in pairs:
        groups.setdefault(key, []).append(place)
    return [members for members in groups.values() if len(members) > 1]


def _by_key(newcomers: Sequence[Newcomer], where: Mapping[int, int]) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for place, item in enumerate(newcomers):
        if place in where:
            for key in item.keys:
                groups.setdefault(key, []).append(where[place])
    return [members for members in groups.values() if len(members) > 1]


def _by_band(sketches: Sequence[bytes]) -> Pairs:
    pairs = np.empty(0, dtype=np.int64)
    for column in band_matrix(sketches).T:
        order = np.argsort(column, kind="stable")
        breaks = np.flatnonzero(column[order][1:] != column[order][:-1]) + 1
        bounds = np.concatenate(([0], breaks, [len(sketches)]))
        sizes = np.diff(bounds)
        crowds = zip(bounds[:-1][sizes > 1], sizes[sizes > 1], strict=True)
        members = (order[start : start + size].tolist() for start, size in crowds)
        pairs = _with(pairs, members, len(sketches))
    return pairs


def _with(pairs: Pairs, groups: Iterable[Sequence[int]], number: int) -> Pairs:
    """Returns pairs with those of some groups, each once and in order; a pair of `number` places is one number."""
    fresh = array("q")
    for members in groups:
        fresh.extend(first * number + member for first, member in _fan(members))
    return np.union1d(pairs, np.frombuffer(fresh, dtype=np.int64)) if fresh else pairs


def _fan(members: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Yields each member with the first ones before it: a crowd costs a bounded number of pairs each."""
    for place, member in enumerate(members):
        for first in members[: min(place, MOST_COMPARED)]:
            yield (first, member)


def copies(
    newcomers: Sequence[Newcomer],
    likeness: Likeness,
    kept: Collection[str],
    out: Collection[str],
    *,
    threshold: float,
    holds: Callable[[Copy], bool],
) -> dict[str, Copy]:
    """Says which newcomers are copies, and of what.

    Args:
        newcomers: In the order of `in_order`.
        likeness: Who is like whom.
        kept: Documents that stand and stay.
        out: Newcomers that are kept out for other reasons, so that nothing is a copy of them.
        threshold: Similarity from which one is a copy.
        holds: Whether the rules hold such a copy back.
    """
    served, found = set(kept), {}
    first: dict[str, str] = {}
    for item in newcomers:
        near = [
            (alike, likeness.is_exact(item.doc_id, other), other)
            for other, alike in likeness.of(item.doc_id).items()
            if other in served and (alike >= threshold or likeness.is_exact(item.doc_id, other))
        ]
        if item.content_sha256 in first:
            near.append((1.0, True, first[item.content_sha256]))
        held = False
        if near:
            alike, exact, other = min(near, key=lambda pair: (not pair[1], -pair[0], pair[2]))
            found[item.doc_id] = Copy(of=other, similarity=round(alike, 4), exact=exact)
            held = not item.decided and holds(found[item.doc_id])
        if item.sound and item.doc_id not in out and not held:
            served.add(item.doc_id)
            first.setdefault(item.content_sha256, item.doc_id)
    return found


def bursts(
    newcomers: Sequence[Newcomer], likeness: Likeness, recent: Collection[str], *, threshold: float
) -> dict[str, int]:
    """Counts near-identical newcomers, those of earlier runs of the window among them.

    Args:
        newcomers: The documents of the run.
        likeness: Who is like whom.
        recent: Documents that stand and are newcomers still.
        threshold: Similarity from which two are near-identical.

    Returns:
        Document id to the number of documents in its burst, for bursts of at least `BURST`.
    """
    fresh = {item.doc_id for item in newcomers if not item.active}
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for doc_id in sorted(fresh):
        for other, alike in likeness.of(doc_id).items():
            if alike >= threshold and (other in fresh or other in recent):
                parent[root(doc_id)] = root(other)
    sizes: dict[str, int] = {}
    for name in parent:
        sizes[root(name)] = sizes.get(root(name), 0) + 1
    return {doc_id: sizes[root(doc_id)] for doc_id in sorted(fresh) if sizes.get(root(doc_id), 0) >= BURST}
