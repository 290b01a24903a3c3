"""Sections: what stands under one heading. A chunk never reaches over the border of a section.

Since each section is cut alone, an edit in one leaves the chunks of all others as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from corpus.types import Block, BlockKind
from ingestion.chunkers.units import Border, Range

_RULE_LINE = re.compile(r"\s*([!-/:-@\[-`{-~])\1*\s*\Z")
_HASHES = re.compile(r"\A#{1,6}\s+|\s+#+\s*\Z")
_MAX_HEADING = 400
_GAP = re.compile(r"\n[^\S\n]*\n\s*")


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a text.

    Attributes:
        headings: Titles above it and its own, outermost first.
        heads: Ranges of its own headings; more than one where headings follow each other.
        body: Ranges of what stands under them.
    """

    headings: tuple[str, ...]
    heads: tuple[Range, ...]
    body: tuple[Range, ...]


def sections_of(text: str, blocks: Sequence[Block]) -> Iterator[Section]:
    """Yields the sections of a text, which together cover all that is not white space."""
    path: list[tuple[int, str]] = []
    heads: list[Range] = []
    body: list[Range] = []
    for part, level in _parts(text, blocks):
        if not level:
            body.append(part)
            continue
        if body:
            yield _section(path, heads, body)
            heads, body = [], []
        path = [step for step in path if step[0] < level]
        path.append((level, heading_title(text[part.start : part.end])))
        heads.append(part)
    if heads or body:
        yield _section(path, heads, body)


def heading_title(source: str) -> str:
    """Returns a heading's words without Markdown hashes and without underlines."""
    lines = [line.strip() for line in source.split("\n") if line.strip() and not _RULE_LINE.match(line)]
    return _HASHES.sub("", " ".join(lines or [source.strip()])).strip()[:_MAX_HEADING]


def _section(path: Sequence[tuple[int, str]], heads: Sequence[Range], body: Sequence[Range]) -> Section:
    return Section(tuple(title for _, title in path if title), tuple(heads), tuple(body))


def _parts(text: str, blocks: Sequence[Block]) -> Iterator[tuple[Range, int]]:
    """Yields ranges with the level of their heading (0 for none), gaps between blocks as paragraphs."""
    at = 0
    for block in blocks:
        start, end = max(block.span.start, at), min(block.span.end, len(text))
        if start >= end:
            continue
        yield from ((gap, 0) for gap in _gaps(text, at, start))
        is_heading = block.kind is BlockKind.HEADING and block.level > 0 and end - start <= _MAX_HEADING
        kind = BlockKind.PARAGRAPH if block.kind is BlockKind.HEADING else block.kind
        if text[start:end].strip():
            border = Border.GLUE if is_heading else Border.BLOCK
            yield Range(start, end, kind, border), block.level if is_heading else 0
        at = end
    yield from ((gap, 0) for gap in _gaps(text, at, len(text)))


def _gaps(text: str, start: int, end: int) -> Iterator[Range]:
    """Yields what stands outside of any block, parted at blank lines."""
    for found in _GAP.finditer(text, start, end):
        if text[start : found.end()].strip():
            yield Range(start, found.end(), BlockKind.PARAGRAPH)
        start = found.end()
    if text[start:end].strip():
        yield Range(start, end, BlockKind.PARAGRAPH)
