"""Arrow schemas of the immutable files, and the streaming reads and writes of them.

documents.parquet   one row per revision, with its text
chunks.parquet      one row per chunk, in the order of the vectors
vectors.parquet     FixedSizeBinary rows of float32, little endian, same order as chunks

Vectors are FixedSizeBinary because it reads and writes several times faster than FixedSizeList
(measured for the design, 2026). Nested values are JSON text: a reader in any language opens them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from corpus.errors import DigestMismatch
from corpus.ids import canonical_json, revision_id, text_digest
from corpus.types import (
    Assessment,
    Basis,
    Block,
    BlockKind,
    Chunk,
    Edit,
    Finding,
    Origin,
    OriginKind,
    ParsedDocument,
    Reason,
    Scope,
    Span,
)

T = TypeVar("T")

_UTC = pa.timestamp("us", tz="UTC")

DOCUMENTS = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("revision_id", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("text", pa.large_string()),
        pa.field("content_sha256", pa.string()),
        pa.field("raw_sha256", pa.string()),
        pa.field("media_type", pa.string()),
        pa.field("language", pa.string()),
        pa.field("updated_at", _UTC),
        pa.field("size_bytes", pa.int64()),
        pa.field("owner", pa.string()),
        pa.field("source_system", pa.string()),
        pa.field("last_validated_date", pa.string()),
        pa.field("sensitivity_label", pa.string()),
        pa.field("version", pa.string()),
        pa.field("governance_basis", pa.string()),
        pa.field("digital_source_type", pa.string(), nullable=False),
        pa.field("origin_basis", pa.string(), nullable=False),
        pa.field("generation_depth", pa.int32(), nullable=False),
        pa.field("quality_score", pa.float64()),
        pa.field("quality_parts", pa.string()),
        pa.field("quality_reasons", pa.string()),
        pa.field("document_type", pa.string()),
        pa.field("repairs", pa.string(), nullable=False),
        pa.field("findings", pa.string(), nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("reasons", pa.string(), nullable=False),
        pa.field("metadata", pa.string(), nullable=False),
        pa.field("blocks", pa.string(), nullable=False),
        pa.field("parser", pa.string(), nullable=False),
    ]
)

CHUNKS = pa.schema(
    [
        pa.field("chunk_id", pa.string(), nullable=False),
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("revision_id", pa.string(), nullable=False),
        pa.field("ordinal", pa.int32(), nullable=False),
        pa.field("start", pa.int64(), nullable=False),
        pa.field("end", pa.int64(), nullable=False),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("text_sha256", pa.string(), nullable=False),
        pa.field("headings", pa.string(), nullable=False),
        pa.field("token_count", pa.int32(), nullable=False),
        pa.field("digital_source_type", pa.string(), nullable=False),
        pa.field("origin_basis", pa.string(), nullable=False),
        pa.field("generation_depth", pa.int32(), nullable=False),
        pa.field("quality_score", pa.float64()),
    ]
)


def vectors_schema(dimension: int) -> pa.Schema:
    """Returns the schema of a vectors file: chunk text digest and vector, one row per chunk."""
    return pa.schema(
        [
            pa.field("text_sha256", pa.string(), nullable=False),
            pa.field("vector", pa.binary(dimension * 4), nullable=False),
        ]
    )


def document_row(assessment: Assessment) -> dict[str, Any]:
    """Returns the row of documents.parquet that records one assessed revision."""
    document = assessment.document
    values = assessment.governance.values
    text = document.text if document else None
    return {
        "doc_id": assessment.ref.doc_id,
        "revision_id": assessment.revision_id,
        "uri": assessment.ref.uri,
        "title": document.title if document else "",
        "text": text,
        "content_sha256": text_digest(text) if text is not None else None,
        "raw_sha256": assessment.raw_sha256 or None,
        "media_type": document.media_type if document else None,
        "language": assessment.language,
        "updated_at": assessment.updated_at.astimezone(UTC) if assessment.updated_at else None,
        "size_bytes": assessment.ref.size,
        "owner": values.get("owner"),
        "source_system": values.get("source_system"),
        "last_validated_date": values.get("last_validated_date"),
        "sensitivity_label": values.get("sensitivity_label"),
        "version": values.get("version"),
        "governance_basis": dumps(dict(assessment.governance.basis)),
        "digital_source_type": assessment.origin.kind.value,
        "origin_basis": assessment.origin.basis.value,
        "generation_depth": assessment.origin.generation_depth,
        "quality_score": assessment.score.value if assessment.score else None,
        "quality_parts": dumps(dict(assessment.score.parts)) if assessment.score else None,
        "quality_reasons": dumps([*assessment.score.fatal, *assessment.score.reasons]) if assessment.score else None,
        "document_type": (assessment.score.document_type or None) if assessment.score else None,
        "repairs": dumps([edit_json(edit) for edit in assessment.repairs]),
        "findings": dumps([finding_json(finding) for finding in assessment.findings]),
        "outcome": assessment.decision.outcome.value,
        "reasons": dumps([reason_json(reason) for reason in assessment.decision.reasons]),
        "metadata": dumps(dict(document.metadata) if document else {}),
        "blocks": dumps(_blocks_json(document) if document else []),
        "parser": document.parser if document else "",
    }


def whole_json(assessment: Assessment) -> dict[str, Any]:
    """Returns the columns in which the whole of a document differs from what is kept of it, as JSON."""
    whole = assessment.whole
    assert whole is not None  # noqa: S101 - asked for documents with dropped parts only
    return {
        "revision_id": revision_id(assessment.ref.doc_id, assessment.state_key),
        "title": whole.title,
        "text": whole.text,
        "content_sha256": text_digest(whole.text),
        "blocks": dumps(_blocks_json(whole)),
    }


def _blocks_json(document: ParsedDocument) -> list[list[Any]]:
    return [[b.kind.value, b.span.start, b.span.end, b.level] for b in document.blocks]


def chunk_row(chunk: Chunk, origin: Origin, quality_score: float | None) -> dict[str, Any]:
    """Returns the row of chunks.parquet that records one chunk and the origin of its passage."""
    return {
        "chunk_id": chunk.chunk_id,
        "doc_id": chunk.doc_id,
        "revision_id": chunk.revision_id,
        "ordinal": chunk.ordinal,
        "start": chunk.span.start,
        "end": chunk.span.end,
        "text": chunk.text,
        "text_sha256": chunk.text_sha256,
        "headings": dumps(list(chunk.headings)),
        "token_count": chunk.token_count,
        "digital_source_type": origin.kind.value,
        "origin_basis": origin.basis.value,
        "generation_depth": origin.generation_depth,
        "quality_score": quality_score,
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    """Returns a finding as a JSON object."""
    return {
        "detector": finding.detector,
        "code": finding.code,
        "level": finding.level,
        "origin": finding.origin.value,
        "basis": finding.basis.value,
        "scope": finding.scope.value,
        "span": [finding.span.start, finding.span.end] if finding.span is not None else None,
        "quote": finding.quote,
        "detail": dict(finding.detail),
    }


def reason_json(reason: Reason) -> dict[str, Any]:
    """Returns a reason as a JSON object."""
    return {
        "code": reason.code,
        "message": reason.message,
        "rule": reason.rule,
        "span": [reason.span.start, reason.span.end] if reason.span is not None else None,
        "quote": reason.quote,
    }


def edit_json(edit: Edit) -> dict[str, Any]:
    """Returns a repair as a JSON object."""
    return {"span": [edit.span.start, edit.span.end], "before": edit.before, "after": edit.after, "code": edit.code}


def edit_from_json(value: Mapping[str, Any]) -> Edit:
    """Reads what `edit_json` wrote."""
    start, end = value["span"]
    return Edit(span=Span(start=start, end=end), before=value["before"], after=value["after"], code=value["code"])


def dumps(value: Any) -> str:
    """Returns the canonical JSON text of a nested value, for a string column."""
    return canonical_json(value).decode("utf-8")


def loads(text: str | None) -> Any:
    """Reads what `dumps` wrote; None gives None."""
    return None if text is None else json.loads(text)


def write_rows(path: Path, schema: pa.Schema, rows: Iterable[dict[str, Any]], batch_rows: int = 1024) -> int:
    """Streams rows into a Parquet file in bounded memory.

    Args:
        path: The file to make.
        schema: One of this module's schemas.
        rows: Dictionaries with the schema's field names.
        batch_rows: Rows held in memory at once, and rows per row group.

    Returns:
        The number of rows written.
    """
    written = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batched(rows, batch_rows):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
            written += len(batch)
    return written


def write_vectors(
    path: Path, digests: Iterable[tuple[tuple[str, ...], npt.NDArray[np.float32]]], dimension: int
) -> int:
    """Streams vectors into a Parquet file.

    Args:
        path: The file to make.
        digests: Batches of (text digests, array of shape `(len(digests), dimension)`).
        dimension: Numbers per vector.

    Returns:
        The number of rows written.

    Raises:
        DigestMismatch: A batch's digests and vectors differ in number or dimension.
    """
    schema = vectors_schema(dimension)
    written = 0
    with pq.ParquetWriter(path, schema, compression="none") as writer:
        for names, vectors in digests:
            if vectors.shape != (len(names), dimension):
                raise DigestMismatch(
                    f"{len(names)} chunks of dimension {dimension} cannot have vectors of shape {vectors.shape}"
                )
            writer.write_table(pa.table([pa.array(names, pa.string()), vectors_to_arrow(vectors)], schema=schema))
            written += len(names)
    return written


def vectors_to_arrow(vectors: npt.NDArray[np.float32]) -> pa.FixedSizeBinaryArray:
    """Returns rows of float32 as a FixedSizeBinary array, without copying each row."""
    rows = np.ascontiguousarray(vectors, dtype="<f4")
    width = rows.shape[1] * 4
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), rows.shape[0], [None, pa.py_buffer(rows.tobytes())])


def vectors_from_arrow(column: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.float32]:
    """Returns a FixedSizeBinary column as an array of shape `(rows, dimension)`, float32."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    dimension = array.type.byte_width // 4
    flat = np.frombuffer(
        array.buffers()[1], dtype="<f4", count=len(array) * dimension, offset=array.offset * dimension * 4
    )
    return flat.reshape(len(array), dimension)


_LATER: Mapping[str, str | None] = {"quality_reasons": None, "document_type": None, "repairs": "[]"}
"""Columns of documents that files of older builds lack, and the value that stands for what was not recorded."""
_DOCUMENTS_HAVE = frozenset({"revision_id", "findings", "blocks"})
"""Columns that tell a file of documents from all others."""


def open_parquet(handle: IO[bytes] | Path) -> pq.ParquetFile:
    """Opens a Parquet file to read it in the calling thread: give `use_threads=False` to what reads.

    A thread of Arrow that still lets go of bytes which Python gave it when the process ends, aborts that process
    (https://github.com/apache/arrow/issues/34314). What works side by side are tasks.
    """
    return pq.ParquetFile(handle, pre_buffer=False)


def read_table(handle: IO[bytes] | Path, columns: list[str] | None = None) -> pa.Table:
    """Reads a Parquet file whole, or some of its columns; columns that it is too old to have are filled."""
    file = open_parquet(handle)
    stored, later = _stored(file, columns)
    return _filled(file.read(columns=stored, use_threads=False), later, columns)


def row_count(handle: IO[bytes] | Path) -> int:
    """Returns how many rows a Parquet file has, reading its footer only."""
    return int(open_parquet(handle).metadata.num_rows)


def stream_rows(
    handle: IO[bytes] | Path, columns: list[str] | None = None, batch_rows: int = 1024
) -> Iterator[dict[str, Any]]:
    """Yields the rows of a Parquet file as dictionaries, in bounded memory."""
    for batch in stream_batches(handle, columns, batch_rows):
        yield from batch.to_pylist()


def stream_batches(
    handle: IO[bytes] | Path, columns: list[str] | None = None, batch_rows: int = 1024
) -> Iterator[pa.RecordBatch]:
    """Yields the same as `stream_rows` as Arrow batches; columns that a file is too old to have are filled."""
    file = open_parquet(handle)
    stored, later = _stored(file, columns)
    for batch in file.iter_batches(batch_size=batch_rows, columns=stored, use_threads=False):
        yield _filled(batch, later, columns)


def _stored(file: pq.ParquetFile, columns: list[str] | None) -> tuple[list[str] | None, list[str]]:
    """Returns what to read of a file, and which columns it is too old to have."""
    there = set(file.schema_arrow.names)
    if columns is None:
        return None, [name for name in _LATER if name not in there] if there >= _DOCUMENTS_HAVE else []
    later = [name for name in columns if name in _LATER and name not in there]
    return ([name for name in columns if name not in later], later) if later else (columns, [])


def _filled(part: Any, later: list[str], columns: list[str] | None) -> Any:
    for name in later:
        values = pa.array([_LATER[name]] * part.num_rows, pa.string())
        part = part.append_column(DOCUMENTS.field(name), values)
    return part.select(columns) if later and columns else part


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yields lists of at most `size` items, in order."""
    batch: list[T] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def finding_from_json(value: Mapping[str, Any]) -> Finding:
    """Reads what `finding_json` wrote."""
    return Finding(
        detector=value["detector"],
        code=value["code"],
        level=value["level"],
        origin=OriginKind(value["origin"]),
        basis=Basis(value["basis"]),
        scope=Scope(value["scope"]),
        span=Span(start=value["span"][0], end=value["span"][1]) if value["span"] else None,
        quote=value["quote"],
        detail=value["detail"],
    )


def blocks_from_json(text: str) -> tuple[Block, ...]:
    """Reads the `blocks` column of documents.parquet."""
    return tuple(
        Block(kind=BlockKind(kind), span=Span(start=start, end=end), level=level)
        for kind, start, end, level in json.loads(text)
    )
