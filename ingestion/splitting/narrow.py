"""Narrows a document to the parts that a person keeps. Pure.

Every place stays what it was: what goes becomes blanks, line for line, and a block of its own kind says so. So a chunk
of what is kept stands in the narrowed text and in the whole one at the same offsets, and nobody who reads the narrowed
text, be it an index, an export or a model, sees a word of what was dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from corpus.ids import text_digest
from corpus.types import Block, BlockKind, Edit, Finding, ParsedDocument, Span
from ingestion.repairs.edits import all_moved
from ingestion.splitting.cut import Cut

_SEEN = re.compile(r"[^\n]")
_BETWEEN = "\n\n"


def fits(document: ParsedDocument, cut: Cut) -> bool:
    """Whether a cut was made of this text."""
    return text_digest(document.text) == cut.text_sha256


def narrowed(document: ParsedDocument, cut: Cut) -> ParsedDocument:
    """Returns the document with the dropped parts blank; the same object where none is.

    A title that only a dropped part says goes with it. Metadata stays: it stands beside the text.
    """
    dropped = cut.dropped
    if not dropped:
        return document
    blocks = [*_kept_blocks(document.blocks, cut.kept), *(_dropped(span) for span in dropped)]
    text = _blanked(document.text, dropped)
    return replace(
        document,
        text=text,
        blocks=tuple(sorted(blocks, key=lambda block: block.span)),
        title=_title(document, text, blocks),
    )


def kept_spans(document: ParsedDocument) -> tuple[Span, ...]:
    """Returns the stretches of a narrowed document that are kept; of any other, all of it as one."""
    found, at = [], 0
    for block in document.blocks:
        if block.kind is BlockKind.DROPPED:
            found.append(Span(start=at, end=block.span.start))
            at = block.span.end
    found.append(Span(start=at, end=len(document.text)))
    return tuple(span for span in found if span.end > span.start)


def is_narrowed(document: ParsedDocument) -> bool:
    """Whether parts of a document were dropped."""
    return any(block.kind is BlockKind.DROPPED for block in document.blocks)


def lean(document: ParsedDocument) -> ParsedDocument:
    """Returns a document with the kept stretches only, one after the other: what its figures are measured on.

    Places in it are not those of the document. One that is whole is returned as it is.
    """
    if not is_narrowed(document):
        return document
    parts: list[str] = []
    blocks: list[Block] = []
    at = 0
    for span in kept_spans(document):
        shift = at - span.start
        blocks += [_shifted(block, shift) for block in within(document.blocks, span)]
        parts.append(span.of(document.text))
        at += len(span) + len(_BETWEEN)
    return replace(document, text=_BETWEEN.join(parts), blocks=tuple(blocks))


def within(blocks: Iterable[Block], span: Span) -> Iterator[Block]:
    """Yields the blocks inside a stretch, those that reach over its ends cut there."""
    for block in blocks:
        start, end = max(block.span.start, span.start), min(block.span.end, span.end)
        if start < end and block.kind is not BlockKind.DROPPED:
            yield replace(block, span=Span(start=start, end=end))


def in_kept(findings: Iterable[Finding], cut: Cut, text: str) -> tuple[Finding, ...]:
    """Returns the findings that speak of what is kept.

    One that has no place in the text speaks of the document, and stays. One that reaches into a dropped part quotes
    what is left of it.

    Args:
        findings: Those of the whole document.
        cut: Which parts are kept.
        text: The narrowed text.
    """
    dropped = cut.dropped
    return tuple(
        _in_kept(finding, dropped, text)
        for finding in findings
        if finding.span is None or not any(_holds(span, finding.span) for span in dropped)
    )


def _in_kept(finding: Finding, dropped: Sequence[Span], text: str) -> Finding:
    place = finding.span
    if place is None or not any(place.start < span.end and place.end > span.start for span in dropped):
        return finding
    return replace(finding, quote=" ".join(place.of(text).split())[: len(finding.quote)])


def edits_in(edits: Sequence[Edit], cut: Cut) -> tuple[Edit, ...]:
    """Returns repairs so that undoing them on the narrowed text gives none of the dropped text back."""
    dropped = cut.dropped
    places = all_moved((edit.span for edit in edits), edits)
    return tuple(_edit(edit, place, dropped) for edit, place in zip(edits, places, strict=True))


def _edit(edit: Edit, place: Span, dropped: Sequence[Span]) -> Edit:
    touched = [span for span in dropped if (place.start < span.end and place.end > span.start) or _holds(span, place)]
    if not touched:
        return edit
    after = list(edit.after)
    for span in touched:
        for at in range(max(span.start, place.start), min(span.end, place.end)):
            after[at - place.start] = _SEEN.sub(" ", after[at - place.start])
    return replace(edit, before=_SEEN.sub(" ", edit.before), after="".join(after))


def _holds(outer: Span, inner: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _blanked(text: str, dropped: Sequence[Span]) -> str:
    parts, at = [], 0
    for span in dropped:
        parts += [text[at : span.start], _SEEN.sub(" ", span.of(text))]
        at = span.end
    return "".join((*parts, text[at:]))


def _kept_blocks(blocks: Sequence[Block], kept: Sequence[Span]) -> Iterator[Block]:
    for span in kept:
        yield from within(blocks, span)


def _dropped(span: Span) -> Block:
    return Block(kind=BlockKind.DROPPED, span=span)


def _shifted(block: Block, shift: int) -> Block:
    return replace(block, span=Span(start=block.span.start + shift, end=block.span.end + shift))


def _title(document: ParsedDocument, text: str, blocks: Iterable[Block]) -> str:
    said = document.title.strip()
    if not said or said in text or said not in document.text:
        return document.title
    headings = (block.span.of(text).strip().lstrip("# ") for block in blocks if block.kind is BlockKind.HEADING)
    return next((words for words in headings if words), "")
