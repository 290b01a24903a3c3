"""The immutable batch: admitted revisions, their chunks, and what was withheld beside them.

segments/<id>/documents.parquet   admitted revisions, with text
segments/<id>/chunks.parquet      their chunks, in the order of every vectors file
segments/<id>/withheld.parquet    quarantined and rejected revisions, for the person who decides; the whole of those
                                  of which a person kept some parts only

A segment is named by the revisions in it, so the same work gives the same segment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corpus import batches
from corpus.errors import DigestMismatch
from corpus.ids import fingerprint
from corpus.storage import Store, file_digest
from corpus.types import Chunk, Origin, Outcome, ParsedDocument, Span
from provenance.classify import verdict

if TYPE_CHECKING:  # whoever only reads segments cuts nothing
    from ingestion.cutting import Knife
    from ingestion.examine import Tools

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What was published.

    Attributes:
        segment_id: Digest of the revisions in it.
        documents: Admitted revisions.
        chunk_digests: Digest of each chunk's text, in row order.
        documents_sha256: Digest of documents.parquet.
        chunks_sha256: Digest of chunks.parquet.
    """

    segment_id: str
    documents: int
    chunk_digests: tuple[str, ...]
    documents_sha256: str
    chunks_sha256: str


def segment_name(contract: str, rows: Sequence[Row]) -> str:
    """Returns the id of the segment that holds these revisions with these outcomes.

    A revision in which an answer is recognised that was registered later is the same revision, and not the same row.
    """
    revisions = sorted([row["revision_id"], row["outcome"], *_recognised(row)] for row in rows)
    return fingerprint("segment", {"contract": contract, "revisions": revisions})[:32]


def _recognised(row: Row) -> list[str]:
    found = recognised(row["findings"])
    return [fingerprint("recognised", {"findings": found})] if found else []


def recognised(findings: str) -> list[Any]:
    """Returns those of a row's findings that say which answers stand in it."""
    if '"answer.' not in findings:
        return []
    return [item for item in batches.loads(findings) if item["code"].startswith("answer.")]


def write_segment(
    store: Store, contract: str, rows: Sequence[Row], knife: Knife, tools: Tools, *, referred: Callable[[str], bool]
) -> Segment:
    """Cuts admitted revisions into chunks and publishes the segment; those that cannot be cut are withheld.

    Args:
        store: The home.
        contract: Name of the contract.
        rows: Assessed rows of one shard, those that failed left out.
        knife: Cuts the texts; knows afterwards which could not be cut.
        tools: What assessing these documents needed.
        referred: Whether the catalog already refers to a segment of that id; its files then stay.

    Returns:
        What was published. Calling it again with the same rows publishes nothing new.
    """
    digests: list[str] = []
    with store.scratch() as folder:
        batches.write_rows(folder / "chunks.parquet", batches.CHUNKS, _chunk_rows(_admitted(rows), knife, digests))
        rows = [knife.judged(row, tools) for row in rows]
        admitted, withheld = _admitted(rows), [row for row in rows if not Outcome(row["outcome"]).admitted]
        withheld += [_whole(row) for row in rows if row.get("whole")]
        batches.write_rows(folder / "documents.parquet", batches.DOCUMENTS, map(_document_columns, admitted))
        if withheld:
            batches.write_rows(folder / "withheld.parquet", batches.DOCUMENTS, map(_document_columns, withheld))
        segment_id = segment_name(contract, rows)
        published = _publish(store, segment_id, folder, keep=referred(segment_id))
    return Segment(
        segment_id=segment_id,
        documents=len(admitted),
        chunk_digests=tuple(digests),
        documents_sha256=published["documents.parquet"],
        chunks_sha256=published["chunks.parquet"],
    )


def _admitted(rows: Sequence[Row]) -> list[Row]:
    return sorted((row for row in rows if Outcome(row["outcome"]).admitted), key=lambda row: str(row["doc_id"]))


def _whole(row: Row) -> Row:
    """Returns the row of a document before a person dropped parts of it: the revision that was looked at.

    Its figures and evidence are those of what is kept; the decision about it in the catalog has its own.
    """
    return {**row, **batches.loads(row["whole"]), "outcome": Outcome.QUARANTINE.value}


def _publish(store: Store, segment_id: str, folder: Path, *, keep: bool) -> dict[str, str]:
    published = {}
    for path in sorted(folder.iterdir()):
        name = f"segments/{segment_id}/{path.name}"
        try:
            published[path.name] = store.publish_file(name, path)
        except DigestMismatch:
            # The same revisions in other bytes: the time that a source gives a file may differ, or a library
            # that wrote it. What the catalog refers to stays as it is; what a killed run left does not.
            with store.local_file(name) as found:
                published[path.name] = file_digest(found) if keep else store.replace_file(name, path)
    return published


def _document_columns(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in batches.DOCUMENTS.names}


def _chunk_rows(rows: Sequence[Row], knife: Knife, digests: list[str]) -> Iterator[dict[str, Any]]:
    for row, chunks in knife.cut(rows, document_of):
        origin, passages = _origins(row)
        for chunk in chunks:
            digests.append(chunk.text_sha256)
            yield batches.chunk_row(chunk, _origin_of(chunk, origin, passages), row["quality_score"])


def document_of(row: Row) -> ParsedDocument:
    """Returns the text of an assessed row, as a parser gave it and repairs left it."""
    return ParsedDocument(
        text=row["text"],
        blocks=batches.blocks_from_json(row["blocks"]),
        title=row["title"],
        media_type=row["media_type"],
        metadata=batches.loads(row["metadata"]),
        parser=row["parser"],
    )


def _origins(row: Row) -> tuple[Origin, tuple[tuple[Span, Origin], ...]]:
    return verdict([batches.finding_from_json(value) for value in batches.loads(row["findings"])])


def _origin_of(chunk: Chunk, origin: Origin, passages: Sequence[tuple[Span, Origin]]) -> Origin:
    """Returns the verdict on the passage that overlaps the chunk most, else the document's.

    It is as deep as the deepest passage in it with that basis: what an answer is given of it counts whole.
    """
    best, size, inside = origin, 0, []
    for span, passage in passages:
        overlap = min(span.end, chunk.span.end) - max(span.start, chunk.span.start)
        if overlap > 0:
            inside.append(passage)
        if overlap > size:
            best, size = passage, overlap
    depth = max((passage.generation_depth for passage in inside if passage.basis is best.basis), default=0)
    return replace(best, generation_depth=max(best.generation_depth, depth))
