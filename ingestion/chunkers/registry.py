"""Names of the chunkers."""

from __future__ import annotations

from corpus.plugins import Registry

CHUNKERS = Registry(
    seam="chunker",
    group="stemma.chunkers",
    table={"structural": "ingestion.chunkers.structural:StructuralChunker"},
)
