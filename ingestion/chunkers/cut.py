"""Turns the pieces of a chunker into chunks with ids that survive edits elsewhere in the document."""

from __future__ import annotations

from collections import Counter

from corpus.ids import chunk_id, text_digest
from corpus.seams import Chunker
from corpus.types import Chunk, ParsedDocument


def chunks_of(doc_id: str, revision_id: str, document: ParsedDocument, chunker: Chunker) -> tuple[Chunk, ...]:
    """Cuts one document.

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
    for ordinal, piece in enumerate(chunker.chunk(document.text, document.blocks)):
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
