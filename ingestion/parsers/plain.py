"""Plain text, reStructuredText, tables of values, JSON and logs: the text is the file itself.

Paragraphs are what blank lines part. In reStructuredText an underlined line is a heading; levels follow
the order in which underlines first appear, as docutils has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from corpus.ids import fingerprint
from corpus.types import Block, BlockKind, ParsedDocument, RawBlob, Span
from ingestion import media
from ingestion.parsers.decode import decode
from ingestion.parsers.layout import line_starts, require_text

NAME = "text/1"
_KINDS = {
    "text/csv": BlockKind.TABLE,
    "text/tab-separated-values": BlockKind.TABLE,
    media.JSON: BlockKind.CODE,
}
_RULE = re.compile(r"([!-/:-@\[-`{-~])\1{2,}[ \t]*\Z")
_BULLET = re.compile(r"[ \t]*(?:[-*+\u2022]|\(?\d{1,3}[.)]|#\.)[ \t]+\S")
_TABLE = re.compile(r"[ \t]*(?:\+[-=+]{3,}\+|={2,}(?:[ \t]+={2,})+)[ \t]*\Z")
_FIELD = re.compile(r":([A-Za-z][\w -]{0,40}):[ \t]+(\S.*)\Z")
_LITERAL = re.compile(r"(?:::[ \t]*|\.\.[ \t]+(?:code-block|sourcecode|code|literalinclude)::.*)\Z")


class PlainParser:
    """Reads text files as they are."""

    @property
    def fingerprint(self) -> str:
        """Digest of everything that changes the text that comes out."""
        return fingerprint("parser", {"name": NAME})

    def parse(self, blob: RawBlob, media_type: str) -> ParsedDocument:
        """Parses one document; see `corpus.seams.Parser`."""
        text, notes = decode(blob.data)
        require_text(text, "document")
        lines = text.split("\n")
        kind = _KINDS.get(media_type, BlockKind.PARAGRAPH)
        blocks = _rst_blocks(lines) if media_type == media.RST else tuple(_paragraphs(lines, kind))
        heading = next((block for block in blocks if block.kind is BlockKind.HEADING), None)
        return ParsedDocument(
            text=text,
            blocks=blocks,
            title=heading_text(heading.span.of(text)) if heading else "",
            media_type=media_type,
            metadata=_docinfo(lines) if media_type == media.RST else {},
            parser=NAME,
            notes=notes,
        )


def heading_text(source: str) -> str:
    """Returns a heading without the marks around it (`##`, underlines)."""
    lines = [line.strip() for line in source.split("\n") if not _RULE.match(line)]
    return " ".join(lines).lstrip("#").rstrip("#").strip()


def _paragraphs(lines: Sequence[str], kind: BlockKind) -> Iterator[Block]:
    starts = line_starts(line + "\n" for line in lines)
    for first, last in _runs(lines):
        yield _block(kind, starts, lines, first, last)


def _runs(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yields ranges of lines between blank ones."""
    first = -1
    for at, line in enumerate((*lines, "")):
        if line.strip() and first < 0:
            first = at
        elif not line.strip() and first >= 0:
            yield first, at
            first = -1


def _block(
    kind: BlockKind, starts: Sequence[int], lines: Sequence[str], first: int, last: int, level: int = 0
) -> Block:
    end = starts[last - 1] + len(lines[last - 1].rstrip())
    return Block(kind=kind, span=Span(start=starts[first], end=end), level=level)


def _rst_blocks(lines: Sequence[str]) -> tuple[Block, ...]:
    starts = line_starts(line + "\n" for line in lines)
    styles: dict[str, int] = {}
    blocks: list[Block] = []
    literal = False
    for first, last in _runs(lines):
        indented = lines[first][:1] in (" ", "\t")
        literal = literal and indented
        if literal:
            blocks.append(_block(BlockKind.CODE, starts, lines, first, last))
            continue
        for start, end, level in _headings(lines, first, last, styles):
            kind = BlockKind.HEADING if level else _rst_kind(lines[start])
            blocks.append(_block(kind, starts, lines, start, end, level))
        literal = (
            _LITERAL.search(lines[last - 1].rstrip()) is not None or _LITERAL.match(lines[first].strip()) is not None
        )
    return tuple(blocks)


def _headings(lines: Sequence[str], first: int, last: int, styles: dict[str, int]) -> Iterator[tuple[int, int, int]]:
    """Splits a run of lines where a line is underlined; yields (first, last, level), level 0 for text."""
    at = text_from = first
    while at < last:
        size = _heading_lines(lines, at, last)
        if not size:
            at += 1
            continue
        if text_from < at:
            yield text_from, at, 0
        style = lines[at + size - 1].strip()[0] * (size - 1)
        yield at, at + size, min(styles.setdefault(style, len(styles) + 1), 6)
        at = text_from = at + size
    if text_from < last:
        yield text_from, last, 0


def _heading_lines(lines: Sequence[str], at: int, last: int) -> int:
    """Returns 2 for a title and its underline at this line, 3 with an overline, 0 for no heading."""
    if at + 1 >= last:
        return 0
    if at + 2 < last and _RULE.match(lines[at]) and lines[at].strip() == lines[at + 2].strip():
        return 0 if _RULE.match(lines[at + 1]) else 3
    title, under = lines[at], lines[at + 1].rstrip()
    is_title = title[:1].strip() != "" and not _RULE.match(title)
    return 2 if is_title and _RULE.match(under) and len(under) >= len(title.rstrip()) * 0.8 else 0


def _rst_kind(line: str) -> BlockKind:
    if _TABLE.match(line):
        return BlockKind.TABLE
    return BlockKind.LIST if _BULLET.match(line) else BlockKind.PARAGRAPH


def _docinfo(lines: Sequence[str]) -> dict[str, str]:
    """Returns the field list at the top of a reStructuredText file (`:owner: docs team`)."""
    found = (_FIELD.match(line) for line in lines[:40])
    return {match[1].strip().lower(): match[2].strip() for match in found if match}
