"""What there is of a document in a home before it is erased: every revision, its chunks, its vectors.

It is read from where it is and held in memory only. An erasure that was cut short reads what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from corpus import batches
from corpus.catalog import segments
from corpus.ids import erased_digest
from corpus.storage import Store
from index import layout
from index.pointer import version_numbers
from ingestion.erasure.words import Words
from ingestion.runtime import Runtime

FILES = ("documents.parquet", "withheld.parquet", "chunks.parquet")
"""Files of a segment."""


@dataclass(slots=True, kw_only=True)
class Evidence:
    """What was found of one document.

    Attributes:
        words: What it said.
        contents: `erased_digest` of its bytes and texts.
        chunk_ids: Its chunks, at every revision.
        texts: What it said, each text once.
        authors: Those who are named as its authors.
        segments: Segments that hold it.
        versions: Versions that hold it.
    """

    words: Words
    contents: set[str] = field(default_factory=set)
    chunk_ids: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    metadata: list[dict[str, Any]] = field(default_factory=list)
    segments: set[str] = field(default_factory=set)
    versions: set[int] = field(default_factory=set)


def gather(runtime: Runtime, contract: str, doc_id: str, alias: str) -> Evidence:
    """Reads all that segments and versions of a contract hold of a document."""
    found = Evidence(words=Words(doc_id, alias))
    for segment in segments_of(runtime, contract):
        folder = f"segments/{segment}"
        if _read_all(runtime.store, folder, FILES, doc_id, found):
            found.segments.add(segment)
    for number in version_numbers(runtime.store, contract):
        folder = layout.version_path(contract, number)
        if _read_all(runtime.store, folder, (layout.DOCUMENTS, layout.CHUNKS), doc_id, found):
            found.versions.add(number)
    found.words.learn(found.texts)
    return found


def segments_of(runtime: Runtime, contract: str) -> tuple[str, ...]:
    """Returns the segments in the home that belong to a contract, and those of which nobody knows whose they are."""
    listed = runtime.store.names("segments")
    with runtime.catalog.reading() as tx:
        known = {name: segments.get(tx, name) for name in listed}
    return tuple(name for name, record in known.items() if record is None or record.contract == contract)


def rows_of(store: Store, path: str, doc_id: str) -> Iterator[dict[str, Any]]:
    """Yields the rows of a file of documents or chunks that are of one document; none where there is no such file."""
    try:
        with store.open(path) as handle:
            for batch in batches.stream_batches(handle, None):
                mine = batch.filter(pc.equal(batch.column("doc_id"), pa.scalar(doc_id)))
                yield from mine.to_pylist()
    except FileNotFoundError:
        return


def _read_all(store: Store, folder: str, files: Iterable[str], doc_id: str, found: Evidence) -> bool:
    held = [_read(store, f"{folder}/{name}", doc_id, found) for name in files]
    return any(held)


def _read(store: Store, path: str, doc_id: str, found: Evidence) -> bool:
    any_row = False
    for row in rows_of(store, path, doc_id):
        any_row = True
        if row.get("text"):
            found.texts.add(row["text"])
        if "chunk_id" in row:
            found.chunk_ids.add(row["chunk_id"])
            continue
        found.contents.update(erased_digest(row[name]) for name in ("raw_sha256", "content_sha256") if row[name])
        metadata = batches.loads(row["metadata"])
        if metadata:
            found.metadata.append(metadata)
        said = (row["title"], *_strings(metadata))
        found.texts.update(text for text in said if len(text.split()) > 3)
    return any_row


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
