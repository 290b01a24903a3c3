"""The repair lane: mends a text where that is safe, records each mend, and can take it back.

Kinds are `encoding`, `control_characters`, `hyphenation` and `boilerplate`. Code is never touched. Evidence is
looked for before a repair, so a repair hides nothing. A repaired document repairs to itself, and `undo` gives
back what was there, character for character. It is pure and knows no contract.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from corpus.ids import fingerprint as digest
from corpus.types import EMPTY, Block, BlockKind, Edit, ParsedDocument, Span
from ingestion.repairs.boilerplate import boilerplate_edits
from ingestion.repairs.controls import control_edits
from ingestion.repairs.edits import all_moved, apply, composed, moved, undo
from ingestion.repairs.encoding import encoding_edits
from ingestion.repairs.hyphens import MEDIA_TYPES, hyphen_edits

__all__ = ["KINDS", "fingerprint", "moved", "repair", "undo"]

KINDS = ("encoding", "control_characters", "hyphenation", "boilerplate")
"""In the order in which they are made."""
VERSION = "repair/1"
_ROUNDS = 8
"""Times that the kinds are tried in turn until nothing changes: one mend can lay another open."""
_SUSPECT = re.compile("[^\t\n -~]")
_FENCE = re.compile(r"^(`{3,}|~{3,})[^\n]*$", re.MULTILINE)
_TICKED = re.compile(r"`[^`\n]+`")


def fingerprint() -> str:
    """Returns a digest of everything that changes a repair."""
    from importlib.metadata import version  # noqa: PLC0415 - asked once a run

    return digest("repair", {"version": VERSION, "ftfy": version("ftfy")})


def repair(document: ParsedDocument, kinds: Sequence[str]) -> tuple[ParsedDocument, tuple[Edit, ...]]:
    """Mends what is safe to mend.

    Args:
        document: The document.
        kinds: Any of `KINDS`.

    Returns:
        The document, the same object where nothing was mended, and the edits of its text, in order.
    """
    edits: tuple[Edit, ...] = ()
    mended = document
    for _ in range(_ROUNDS):
        again = mended
        for kind in KINDS:
            if kind in kinds:
                mended, edits = _step(document.text, mended, kind, edits)
        if again is mended:
            break
    if mended is document or not edits:
        return document, ()
    return replace(mended, title=_title(document, kinds)), edits


def _step(
    text: str, document: ParsedDocument, kind: str, before: tuple[Edit, ...]
) -> tuple[ParsedDocument, tuple[Edit, ...]]:
    """Makes the mends of one kind; none where nothing to read would be left."""
    found = _ordered(_found(document, kind)) if _may(document, kind) else ()
    if not found:
        return document, before
    after = apply(document.text, found)
    if not after.strip():
        return document, before
    return replace(document, text=after, blocks=_blocks(document.blocks, after, found)), composed(text, before, found)


def _may(document: ParsedDocument, kind: str) -> bool:
    """Whether a look is worth its time."""
    text = document.text
    if kind == "encoding":
        return not text.isascii() or "&" in text
    if kind == "control_characters":
        return _SUSPECT.search(text) is not None
    if kind == "hyphenation":
        return document.media_type in MEDIA_TYPES and ("-\n" in text or "\u2010\n" in text)
    return any(note.startswith("pages:") for note in document.notes) or "html" in document.media_type


def _found(document: ParsedDocument, kind: str) -> Iterator[Edit]:
    free = tuple(_free(document))
    if kind == "boilerplate":
        yield from boilerplate_edits(document, free)
        return
    made = {"encoding": encoding_edits, "control_characters": control_edits, "hyphenation": hyphen_edits}[kind]
    for span in free:
        yield from made(document.text, span.start, span.end)


def _free(document: ParsedDocument) -> Iterator[Span]:
    """Yields the stretches outside code, in order."""
    text = document.text
    taken = [block.span for block in document.blocks if block.kind is BlockKind.CODE]
    if "`" in text or "~~~" in text:
        taken += [*_fenced(text), *(Span(start=match.start(), end=match.end()) for match in _TICKED.finditer(text))]
    place = 0
    for span in sorted(taken):
        if span.start > place:
            yield Span(start=place, end=span.start)
        place = max(place, span.end)
    if place < len(text):
        yield Span(start=place, end=len(text))


def _fenced(text: str) -> Iterator[Span]:
    """Yields code between fences; a fence that is not closed holds to the end, as Markdown has it."""
    opened: re.Match[str] | None = None
    for match in _FENCE.finditer(text):
        if opened is None:
            opened = match
        elif match[0].rstrip() == match[1] and match[1].startswith(opened[1]):
            yield Span(start=opened.start(), end=match.end())
            opened = None
    if opened is not None:
        yield Span(start=opened.start(), end=len(text))


def _ordered(edits: Iterator[Edit]) -> tuple[Edit, ...]:
    """Returns edits by place; of two that overlap the first."""
    kept: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: edit.span):
        if not kept or edit.span.start >= kept[-1].span.end:
            kept.append(edit)
    return tuple(kept)


def _blocks(blocks: tuple[Block, ...], text: str, edits: tuple[Edit, ...]) -> tuple[Block, ...]:
    """Returns the blocks where they stand now, less those that hold nothing any more."""
    kept, place = [], 0
    for block, span in zip(blocks, all_moved((block.span for block in blocks), edits), strict=True):
        here = Span(start=max(place, span.start), end=max(place, span.end))
        if here.of(text).strip():
            kept.append(replace(block, span=here))
            place = here.end
    return tuple(kept)


def _title(document: ParsedDocument, kinds: Sequence[str]) -> str:
    """Returns the title with the mends that concern characters."""
    title = ParsedDocument(
        text=document.title, blocks=(), title="", media_type="", metadata=EMPTY, parser=document.parser
    )
    if not document.title:
        return ""
    return repair(title, [kind for kind in kinds if kind in ("encoding", "control_characters")])[0].text
