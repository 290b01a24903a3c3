"""Atoms: stretches of text that a chunk holds whole or not at all, each with its tokens counted.

A block that fits is one atom. One that does not is split at lines (tables, code, lists) or sentences, those at
words, and a word that is too long for a chunk by force.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from corpus.types import BlockKind
from ingestion.chunkers import tokens

# A chunk never has more characters than this for each token allowed: words that the tokenizer does
# not know count as one token whatever their length. English has about 4.5, measured words at most 16.
CHARACTERS_PER_TOKEN = 16
_SENTENCE = re.compile(
    f"[.!?\u2026]+[\"'\u201d\u2019)\\]]*[{tokens.BLANKS}]++(?![a-z])"
    f"|[\u3002\uff01\uff1f]+[\u300d\u300f\u201d\uff09]*[{tokens.BLANKS}]*+"
)
_LINE = re.compile(f"\n[{tokens.BLANKS}]*+")
# One code point becomes at most four when decomposed (Unicode NFD), and each at most one token.
_TOKENS_PER_CHARACTER = 4


class Border(IntEnum):
    """How good a place the end of an atom is for a cut; lower is better."""

    BLOCK = 0
    SENTENCE = 1
    WORD = 2
    GLUE = 8
    """No cut here: a heading stays with what follows."""
    FORCED = 9
    """Always a cut here: the tokens of the two sides do not add up."""


@dataclass(frozen=True, slots=True)
class Atom:
    """A stretch `[start, end)` of the text, white space after it included, and its tokens."""

    start: int
    end: int
    count: int
    border: Border
    kind: BlockKind


@dataclass(frozen=True, slots=True)
class Range:
    """A stretch that is to become one atom or several."""

    start: int
    end: int
    kind: BlockKind
    border: Border = Border.BLOCK


def atoms_of(text: str, ranges: Sequence[Range], limit: int) -> list[Atom]:
    """Turns ranges into atoms of at most `limit` tokens each.

    Args:
        text: The whole text.
        ranges: In order, not overlapping.
        limit: Most tokens of one atom.

    Returns:
        Atoms in order that cover the same characters.
    """
    counted = zip(ranges, _counts(text, ranges, limit), strict=True)
    return [atom for part, count in counted for atom in _fitted(text, part, count, limit)]


def finer(text: str, atom: Atom, limit: int) -> list[Atom]:
    """Splits one atom further, until its first part has at most `limit` tokens where words allow."""
    parts = list(_split(text, Range(atom.start, atom.end, atom.kind, atom.border)))
    if len(parts) == 1:
        parts = list(_words(text, parts[0]))
    return atoms_of(text, parts, limit)


def _counts(text: str, ranges: Sequence[Range], limit: int) -> list[int]:
    """Counts tokens; a range of too many characters counts as over the limit without a look."""
    longest = limit * CHARACTERS_PER_TOKEN
    small = [part for part in ranges if part.end - part.start <= longest]
    counted = iter(tokens.count([text[part.start : part.end] for part in small]))
    return [next(counted) if part.end - part.start <= longest else limit + 1 for part in ranges]


def _fitted(text: str, part: Range, count: int, limit: int) -> Iterator[Atom]:
    if count <= limit:
        yield Atom(part.start, part.end, count, part.border, part.kind)
        return
    pieces = list(_split(text, part))
    if len(pieces) > 1:
        yield from atoms_of(text, pieces, limit)
        return
    words = list(_words(text, part))
    if len(words) > 1:
        yield from atoms_of(text, tuple(_packed(words, limit)), limit)
        return
    yield from _forced(text, part, limit)


def _split(text: str, part: Range) -> Iterator[Range]:
    """Splits prose at sentences, all else at lines, and else the other way round; white space stays behind."""
    rules = (_SENTENCE, _LINE) if part.kind is BlockKind.PARAGRAPH else (_LINE, _SENTENCE)
    for rule in rules:
        ends = [found.end() for found in rule.finditer(text, part.start, part.end)]
        if ends and ends[0] < part.end:
            return _cut_at(ends, part, Border.SENTENCE)
    return iter((part,))


def _words(text: str, part: Range) -> Iterator[Range]:
    return _cut_at((found.end() for found in tokens.WORD.finditer(text, part.start, part.end)), part, Border.WORD)


def _cut_at(ends: Iterable[int], part: Range, border: Border) -> Iterator[Range]:
    start = part.start
    for end in ends:
        if start < end < part.end:
            yield Range(start, end, part.kind, border)
            start = end
    yield Range(start, part.end, part.kind, part.border)


def _packed(words: Sequence[Range], limit: int) -> Iterator[Range]:
    """Joins words to runs so short that they have at most `limit` tokens; a longer word stands alone."""
    start, last = words[0].start, words[0]
    for word in words[1:]:
        if word.end - start > limit // _TOKENS_PER_CHARACTER:
            yield Range(start, last.end, last.kind, Border.WORD)
            start = word.start
        last = word
    yield Range(start, last.end, last.kind, last.border)


def _forced(text: str, part: Range, limit: int) -> Iterator[Atom]:
    """Cuts a single word that is too long, each slice measured alone."""
    start = part.start
    while start < part.end:
        end, count = _slice(text, start, part.end, limit)
        yield Atom(start, end, count, part.border if end == part.end else Border.FORCED, part.kind)
        start = end


def _slice(text: str, start: int, stop: int, limit: int) -> tuple[int, int]:
    """Returns the end of the longest slice from `start` that fits, or nearly the longest, and its tokens."""
    size = 2 * limit
    while True:
        end = min(stop, start + size, start + limit * CHARACTERS_PER_TOKEN)
        places = tokens.offsets(text[start:end])
        if len(places) > limit or end == stop or end - start >= limit * CHARACTERS_PER_TOKEN:
            break
        size *= 2
    if len(places) > limit:
        end = start + max(places[limit][0], 1)
    end = _whole(text, start, end, stop)
    while (count := tokens.count([text[start:end]])[0]) > limit:
        end = start + max((end - start) * 9 // 10, 1)
    return end, count


def _whole(text: str, start: int, end: int, stop: int) -> int:
    """Moves a cut back so that it does not part a letter from its marks or an emoji from its modifiers."""
    at = end
    while end < stop and start < at and end - at < 16:
        if not (unicodedata.combining(text[at]) or text[at] in "\u200d\ufe0f" or text[at - 1] == "\u200d"):
            return at
        at -= 1
    return end
