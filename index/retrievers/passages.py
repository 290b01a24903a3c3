"""What the retrievers have in common: one question, one version, and what each hit says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from index import layout
from index.filters import Where
from index.fusion import Hybrid
from index.live import LiveIndex
from index.reader import Hit, IndexReader

Index: TypeAlias = IndexReader | LiveIndex
"""What a retriever asks: an open version, or an index that follows its alias."""


def ask(
    index: Index, query: str, *, k: int, where: Where | None, hybrid: Hybrid | None, min_score: float | None
) -> tuple[tuple[Hit, Mapping[str, Any]], ...]:
    """Asks the version that serves now.

    Args:
        index: The index.
        query: The question.
        k: How many hits.
        where: Filters (`index.filters`).
        hybrid: How a search by words joins; None for vectors alone.
        min_score: Hits with a lower score are left out; None for none.

    Returns:
        Hits with their metadata, best first, all of one version.
    """
    reader = index.reader if isinstance(index, LiveIndex) else index
    hits = reader.search(query, k, where=where, hybrid=hybrid)
    return tuple((hit, metadata_of(hit, reader)) for hit in hits if min_score is None or hit.score >= min_score)


def metadata_of(hit: Hit, reader: IndexReader) -> dict[str, Any]:
    """Returns what a hit says of itself, as flat names and plain values.

    Args:
        hit: The hit.
        reader: The version that found it.
    """
    return {
        "chunk_id": hit.chunk_id,
        "doc_id": hit.doc_id,
        "revision_id": hit.revision_id,
        "title": hit.title,
        "source": hit.uri,
        "start": hit.span.start,
        "end": hit.span.end,
        "headings": " > ".join(hit.headings),
        "score": hit.score,
        "cosine": hit.cosine,
        "bm25": hit.bm25,
        "origin": hit.digital_source_type,
        "origin_basis": hit.origin_basis,
        "generation_depth": hit.generation_depth,
        "quality_score": hit.quality_score,
        "document_version": hit.version,
        "owner": hit.owner,
        "source_system": hit.source_system,
        "sensitivity_label": hit.sensitivity_label,
        "language": hit.language,
        "last_validated_date": hit.last_validated_date,
        "index_version": f"{reader.manifest.name}/{layout.version_name(hit.index_version)}",
        "manifest_sha256": reader.manifest_sha256,
    }
