"""What is stored of single revisions: a row by its segment, and the chunks that were cut of it. Reads only.

Segments hold a shard's worth of documents, so a column of ids is read and then one row; nothing is verified here.
"""

from __future__ import annotations

from typing import Any

from corpus import batches
from corpus.storage import Store

_CHUNK_COLUMNS = [
    "chunk_id", "doc_id", "revision_id", "ordinal", "start", "end", "text", "headings", "token_count",
    "digital_source_type", "origin_basis",
]  # fmt: skip


def revision_row(store: Store, segment_id: str, doc_id: str, revision_id: str) -> dict[str, Any] | None:
    """Returns the row of one revision; None where its segment is not kept, or does not hold it."""
    if not segment_id:
        return None
    for name in ("documents", "withheld"):
        path = f"segments/{segment_id}/{name}.parquet"
        if not store.exists(path):
            continue
        with store.local_file(path) as file:
            for row in batches.stream_rows(file):
                if row["doc_id"] == doc_id and row["revision_id"] == revision_id:
                    return row
    return None


def chunks_of(store: Store, segment_id: str, doc_id: str, revision_id: str) -> list[dict[str, Any]]:
    """Returns the chunks of one revision, in their order; empty where it has none, or they are not kept."""
    path = f"segments/{segment_id}/chunks.parquet"
    if not segment_id or not store.exists(path):
        return []
    with store.local_file(path) as file:
        rows = batches.stream_rows(file, _CHUNK_COLUMNS)
        mine = [row for row in rows if row["doc_id"] == doc_id and row["revision_id"] == revision_id]
    return sorted(mine, key=lambda row: int(row["ordinal"]))
