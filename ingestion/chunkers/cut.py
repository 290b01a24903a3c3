"""Turns the pieces of a chunker into chunks with ids that survive edits elsewhere in the document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from corpus.ids import chunk_id, text_digest
from corpus.seams import Chunker, Piece
from corpus.types import Block, BlockKind, Chunk, ParsedDocument, Span
from ingestion.chunkers.sections import heading_title
from ingestion.splitting.narrow import is_narrowed, kept_spans, within


def chunks_of(doc_id: str, revision_id: str, document: ParsedDocument, chunker: Chunker) -> tuple[Chunk, ...]:
    """Cuts one document; no chunk reaches over a part that a person dropped.

    Args:
        doc_id: The document.
        revision_id: The revision that is cut.
        document: Its text and structure.
        chunker: Cuts it.

    Returns:
        Chunks in order; of chunks with equal text the first keeps its id whatever comes after it.
    """
    seen: Counter[str] = Counter()
    chunks: list[Chunk] = []
    for ordinal, piece in enumerate(_pieces(document, chunker)):
        text = piece.span.of(document.text)
        digest = text_digest(text)
        chunks.append(
            Chunk(
                chunk_id=chunk_id(doc_id, digest, seen[digest]),
                doc_id=doc_id,
                revision_id=revision_id,
                ordinal=ordinal,
                span=piece.span,
                text=text,
                text_sha256=digest,
                headings=piece.headings,
                token_count=piece.token_count,
            )
        )
        seen[digest] += 1
    return tuple(chunks)


def _pieces(document: ParsedDocument, chunker: Chunker) -> Iterator[Piece]:
    if not is_narrowed(document):
        yield from chunker.chunk(document.text, document.blocks)
        return
    above: list[tuple[int, str]] = []
    for span in kept_spans(document):
        blocks = list(within(document.blocks, span))
        heads = [block for block in blocks if block.kind is BlockKind.HEADING and block.level > 0]
        here = [_moved(block, -span.start) for block in blocks]
        for piece in chunker.chunk(span.of(document.text), here):
            place = Span(start=piece.span.start + span.start, end=piece.span.end + span.start)
            yield replace(piece, span=place, headings=(*_still_above(above, heads, place), *piece.headings))
        above = _after(above, heads, document.text)


def _still_above(above: Sequence[tuple[int, str]], heads: Sequence[Block], place: Span) -> tuple[str, ...]:
    """Returns the headings of earlier stretches that a piece still stands under."""
    outermost = min((head.level for head in heads if head.span.start < place.end), default=7)
    return tuple(title for level, title in above if level < outermost)


def _after(above: Sequence[tuple[int, str]], heads: Sequence[Block], text: str) -> list[tuple[int, str]]:
    path = list(above)
    for head in heads:
        path = [step for step in path if step[0] < head.level]
        path.append((head.level, heading_title(head.span.of(text))))
    return [step for step in path if step[1]]


def _moved(block: Block, shift: int) -> Block:
    return replace(block, span=Span(start=block.span.start + shift, end=block.span.end + shift))
