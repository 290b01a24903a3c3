"""Evidence in a version: where pinned words stand, what became of them, and which hits hold them. Pure.

Words are compared white space aside, letter by letter; no model decides whether two texts say the same. Where
texts come from, and which passages stand against each other, is found elsewhere and handed in.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

REWORDED = 0.6
"""Share of a quote's three-word groups that makes a passage a rival wording of it, as long as it is not all of it.
Two independent texts of one subject share a few percent; the half is passed only by copies that were edited."""

_LEAST_WORDS = 6
_WORD = re.compile(r"\w+")


class State(StrEnum):
    """What became of an item since it was bound, from the best to the worst."""

    VALID = "valid"
    MOVED = "moved"
    CONTESTED = "contested"
    CHANGED = "changed"
    GONE = "gone"
    UNBOUND = "unbound"

    @property
    def holds(self) -> bool:
        """Whether the evidence is still what was pinned, and nothing new stands against it."""
        return self in (State.VALID, State.MOVED)


_ORDER = tuple(State)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A chunk of a document: its offsets and the digest of its text."""

    start: int
    end: int
    text_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One place where a quote stands.

    Attributes:
        start: Offset in the document, in code points.
        end: Offset behind it.
        chunks: Digests of the texts of the chunks that it reaches into, in order.
    """

    start: int
    end: int
    chunks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """Where one piece of evidence stands in a version; digests and offsets only, no word of it.

    Attributes:
        document: The document that it stands in.
        content_sha256: Digest of that document's text; empty where the document is not there.
        places: Where; empty where it is not there, and for a document as a whole.
        whole: Whether the document as a whole is the evidence.
    """

    document: str
    content_sha256: str
    places: tuple[Place, ...] = ()
    whole: bool = False

    @property
    def stands(self) -> bool:
        """Whether the evidence is in the version."""
        return bool(self.content_sha256) and (self.whole or bool(self.places))

    def to_json(self) -> dict[str, Any]:
        """Returns the pin as a JSON object."""
        return {
            "document": self.document,
            "content_sha256": self.content_sha256,
            "whole": self.whole,
            "places": [{"start": at.start, "end": at.end, "chunks": list(at.chunks)} for at in self.places],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Pin:
        """Reads what `to_json` wrote."""
        places = tuple(Place(start=at["start"], end=at["end"], chunks=tuple(at["chunks"])) for at in value["places"])
        return cls(
            document=value["document"], content_sha256=value["content_sha256"], whole=value["whole"], places=places
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A passage that searches find and that stands against the evidence.

    Attributes:
        document: Its document.
        kind: `number`, `negation` or `duty` (the same sentence but for that), `rewording` (a near copy), or the name
            of a relation that the catalog holds between the two documents.
        content_sha256: Digest of its document's text: a rival that is edited is another rival.
    """

    document: str
    kind: str
    content_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A hit, as far as evidence is concerned."""

    document: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """At which hit, counted from 1, one piece of evidence was there as a whole, and that hit's score."""

    rank: int
    score: float


def occurrences(text: str, quote: str) -> tuple[tuple[int, int], ...]:
    """Returns the offsets of every occurrence of a quote, white space aside."""
    words = quote.split()
    if not words or max(words, key=len) not in text:
        return ()
    return tuple(match.span() for match in re.finditer(r"\s+".join(map(re.escape, words)), text))


def pin(document: str, content_sha256: str, text: str, quote: str, pieces: Sequence[Piece]) -> Pin:
    """Finds a quote in a document and the chunks that hold it.

    Args:
        document: Id of the document.
        content_sha256: Digest of its text.
        text: Its text.
        quote: The words; empty for the document as a whole.
        pieces: Its chunks, by offset.
    """
    if not quote.strip():
        return Pin(document=document, content_sha256=content_sha256, whole=True)
    places = tuple(
        Place(
            start=start,
            end=end,
            chunks=tuple(piece.text_sha256 for piece in pieces if piece.start < end and start < piece.end),
        )
        for start, end in occurrences(text, quote)
    )
    return Pin(document=document, content_sha256=content_sha256, places=places)


def state_of(bound: Pin, now: Pin) -> State:
    """Says what became of one piece of evidence.

    Args:
        bound: Where it stood when the item was bound.
        now: Where it stands in the version. Its document is another one only where that of `bound` is not there.
    """
    if not now.stands:
        return State.CHANGED if now.content_sha256 else State.GONE
    if bound.whole and now.content_sha256 != bound.content_sha256:
        return State.CHANGED
    same = now.document == bound.document and now.places == bound.places
    return State.VALID if same else State.MOVED


def worst(states: Collection[State]) -> State:
    """Returns the worst of several states, which is that of the item."""
    return max(states, key=_ORDER.index)


def reworded(quote: str, passage: str) -> bool:
    """Whether a passage repeats most of a quote in other words; an exact copy is no rival of its original."""
    return len(_WORD.findall(quote)) >= _LEAST_WORDS and REWORDED <= shared(quote, passage) < 1.0


def shared(quote: str, passage: str) -> float:
    """Returns the share of a quote's three-word groups that a passage holds; 1 for a quote of fewer words."""
    ours = _triples(quote)
    return len(ours & _triples(passage)) / len(ours) if ours else 1.0


@lru_cache(maxsize=4096)
def _triples(text: str) -> frozenset[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())
    return frozenset(zip(words, words[1:], words[2:], strict=False))


def rank_of(now: Pin, text: str, hits: Sequence[Found]) -> Rank | None:
    """Says at which hit a piece of evidence is there as a whole: one hit holds it, or several hold its parts.

    Args:
        now: Where it stands in the version.
        text: The text of its document.
        hits: What the question found, best first.
    """
    if now.whole:
        first = ((at, hit) for at, hit in enumerate(hits, 1) if hit.document == now.document)
        return next((Rank(rank=at, score=hit.score) for at, hit in first), None)
    spans: list[tuple[int, int]] = []
    for at, hit in enumerate(hits, 1):
        if hit.document == now.document:
            spans.append((hit.start, hit.end))
            if any(_covered(place, text, spans) for place in now.places):
                return Rank(rank=at, score=hit.score)
    return None


def _covered(place: Place, text: str, spans: Collection[tuple[int, int]]) -> bool:
    """Whether nothing but white space of a place lies outside the spans."""
    position = place.start
    for start, end in sorted(spans):
        if end <= position or start >= place.end:
            continue
        if text[position:start].strip():
            return False
        position = end
    return not text[position : place.end].strip()
