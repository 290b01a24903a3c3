"""Proposes where to part a document: at its headings, and around the blocks that hold evidence. Pure.

A part that holds evidence is proposed to be dropped; a person decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from corpus.errors import ConfigurationError
from corpus.types import Block, BlockKind, Span
from ingestion.chunkers.sections import heading_title
from ingestion.splitting.cut import MOST_PARTS

_WORDS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """One part that a document can be cut into.

    Attributes:
        number: Its number, from 1.
        span: Where it stands in the whole text.
        title: Its heading; the first words of it where it has none.
        codes: Codes of the evidence in it.
        kept: Whether it is kept: as it was decided, else where it holds no evidence.
    """

    number: int
    span: Span
    title: str
    codes: tuple[str, ...]
    kept: bool


def at_places(text: str, places: Iterable[int]) -> tuple[Span, ...]:
    """Returns the parts between offsets, which need not be in order.

    Raises:
        ConfigurationError: One is not inside the text, or none is given.
    """
    cuts = sorted(set(places))
    if not cuts or cuts[0] <= 0 or cuts[-1] >= len(text):
        wrong = next((place for place in cuts if not 0 < place < len(text)), None)
        named = "no offset is given" if wrong is None else f"offset {wrong} is not inside the text"
        raise ConfigurationError(f"{named}: offsets are between 1 and {len(text) - 1}, in characters.")
    return _between(text, cuts)


def at_structure(text: str, blocks: Sequence[Block], evidence: Iterable[Span]) -> tuple[Span, ...]:
    """Returns the parts that a document's own structure gives: its sections, and blocks with evidence apart.

    Where that makes more than `MOST_PARTS`, the evidence's blocks alone are parted; where none has a block,
    the evidence itself is.
    """
    heads = [block.span.start for block in blocks if block.kind is BlockKind.HEADING]
    apart = {_past_blanks(text, place) for span in evidence for place in _around(blocks, span)}
    cuts = {*heads, *apart} if len(heads) + len(apart) < MOST_PARTS else apart
    return _between(text, sorted(cuts)[: MOST_PARTS - 1])


def proposed(
    text: str,
    spans: Sequence[Span],
    blocks: Sequence[Block],
    findings: Iterable[Mapping[str, Any]],
    kept: Sequence[Span],
) -> tuple[Proposed, ...]:
    """Returns parts with what they hold.

    Args:
        text: The whole text.
        spans: The parts, in order.
        blocks: The structure of the text.
        findings: Evidence, as a decision holds it.
        kept: What is kept by now, where the document was cut before; empty where it was not.
    """
    placed = [(str(item["code"]), *item["span"]) for item in findings if item["span"]]
    heads = {block.span.start: block for block in blocks if block.kind is BlockKind.HEADING}
    return tuple(
        _proposed(number, text, span, heads.get(span.start), placed, kept) for number, span in enumerate(spans, start=1)
    )


def _proposed(
    number: int,
    text: str,
    span: Span,
    head: Block | None,
    placed: Sequence[tuple[str, int, int]],
    kept: Sequence[Span],
) -> Proposed:
    codes = tuple(dict.fromkeys(code for code, start, end in placed if start < span.end and end > span.start))
    title = heading_title(head.span.of(text)) if head else " ".join(span.of(text)[: 4 * _WORDS].split())[:_WORDS]
    stays = any(stay.start <= span.start and span.end <= stay.end for stay in kept) if kept else not codes
    return Proposed(number=number, span=span, title=title, codes=codes, kept=stays)


def _around(blocks: Sequence[Block], span: Span) -> Iterable[int]:
    """Yields where to cut so that the blocks which hold a stretch stand apart."""
    inside = [block.span for block in blocks if block.span.start < span.end and block.span.end > span.start]
    if span.end <= span.start:
        return
    yield min((found.start for found in inside), default=span.start)
    yield max((found.end for found in inside), default=span.end)


def _past_blanks(text: str, place: int) -> int:
    """Returns where the next word begins: blanks stay with what they follow."""
    while place < len(text) and text[place].isspace():
        place += 1
    return place


def _between(text: str, cuts: Sequence[int]) -> tuple[Span, ...]:
    """Returns the stretches between cuts; blank ones go to the one before, and leading blanks to the first."""
    ends = [*(place for place in cuts if 0 < place < len(text)), len(text)]
    spans: list[Span] = []
    start = 0
    for end in dict.fromkeys(ends):
        if not text[start:end].strip() and spans:
            spans[-1] = Span(start=spans[-1].start, end=end)
        elif text[start:end].strip() or end == len(text):
            spans.append(Span(start=start, end=end))
        else:
            continue
        start = end
    return tuple(spans)
