"""Rows of one document or one chunk out of a version's files, without reading the files.

Rows are sorted by document id and lie in row groups of whole documents, whose least and greatest id stand in the
file's footer: a document is looked for in one row group. A chunk id is a digest, so the column of chunk ids is read,
one row group after another, and nothing else. Nothing here verifies: who asks does that (`index.verify`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from corpus.batches import open_parquet
from corpus.errors import IntegrityError
from corpus.storage import Store
from index import layout

_UTC = pa.timestamp("us", tz="UTC")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

CHUNK_COLUMNS = (
    "chunk_id",
    "doc_id",
    "revision_id",
    "ordinal",
    "start",
    "end",
    "text",
    "text_sha256",
    "token_count",
    "digital_source_type",
    "origin_basis",
    "generation_depth",
    "quality_score",
)


def document_row(store: Store, name: str, number: int, doc_id: str, columns: Sequence[str]) -> dict[str, Any] | None:
    """Returns columns of a document's row in a version; None where the version does not hold it.

    Raises:
        IntegrityError: The file is gone or cannot be read.
    """
    with _opened(store, name, number, layout.DOCUMENTS) as file:
        found = _of_document(file, doc_id, columns)
    return found[0] if found else None


def chunk_rows(
    store: Store, name: str, number: int, doc_id: str, columns: Sequence[str] = CHUNK_COLUMNS
) -> list[dict[str, Any]]:
    """Returns columns of the chunks of a document in a version, in their order; empty where it has none.

    Raises:
        IntegrityError: The file is gone or cannot be read.
    """
    with _opened(store, name, number, layout.CHUNKS) as file:
        return _of_document(file, doc_id, columns)


def find_chunk(
    store: Store, name: str, number: int, chunk_id: str, columns: Sequence[str] = CHUNK_COLUMNS
) -> dict[str, Any] | None:
    """Returns columns of a chunk's row in a version, whatever document it is of; None where there is none.

    Raises:
        IntegrityError: The file is gone or cannot be read.
    """
    with _opened(store, name, number, layout.CHUNKS) as file:
        for group in range(file.num_row_groups):
            ids = _values(file, group, "chunk_id")
            if chunk_id in ids:
                place = ids.index(chunk_id)
                return _rows(file, group, columns, place, 1)[0]
    return None


@contextmanager
def _opened(store: Store, name: str, number: int, file: str) -> Iterator[pq.ParquetFile]:
    path = f"{layout.version_path(name, number)}/{file}"
    try:
        with store.open(path) as handle:
            yield open_parquet(handle)
    except FileNotFoundError as error:
        raise IntegrityError(f"{path} is missing. Restore the version, or roll back.") from error
    except (pa.ArrowException, OSError) as error:
        raise IntegrityError(f"{path} cannot be read: {error}. Restore the version, or roll back.") from error


def _of_document(file: pq.ParquetFile, doc_id: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Returns the rows of one document; they lie in one row group, because groups hold whole documents."""
    wanted = list(dict.fromkeys(("doc_id", *columns)))
    rows: list[dict[str, Any]] = []
    for group in _groups(file, doc_id):
        ids = _values(file, group, "doc_id")
        if doc_id in ids:  # sorted, so that they lie side by side
            first = ids.index(doc_id)
            rows += _rows(file, group, wanted, first, ids.count(doc_id))
    return rows


def _rows(file: pq.ParquetFile, group: int, columns: Sequence[str], first: int, count: int) -> list[dict[str, Any]]:
    """Returns some rows of a row group; times are read as numbers, because Arrow would import pandas to read them."""
    part = file.read_row_group(group, columns=list(columns), use_threads=False)
    table = part.slice(first, count).combine_chunks()
    values: dict[str, list[Any]] = {}
    for field, column in zip(table.schema, table.columns, strict=True):
        chunks = column.chunks
        if field.type == _UTC:
            micros = [value for chunk in chunks for value in chunk.view(pa.int64()).to_pylist()]
            values[field.name] = [None if value is None else _EPOCH + timedelta(microseconds=value) for value in micros]
        else:
            values[field.name] = [value for chunk in chunks for value in chunk.to_pylist()]
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


def _values(file: pq.ParquetFile, group: int, column: str) -> list[str]:
    """Returns one column of a row group; compared in Python, because Arrow's functions would import pandas."""
    values: list[str] = file.read_row_group(group, columns=[column], use_threads=False)[column].to_pylist()
    return values


def _groups(file: pq.ParquetFile, doc_id: str) -> Iterator[int]:
    """Yields the row groups whose range of document ids covers one; those without statistics too."""
    column = file.schema_arrow.get_field_index("doc_id")
    for group in range(file.num_row_groups):
        seen = file.metadata.row_group(group).column(column).statistics
        if seen is None or not seen.has_min_max or seen.min <= doc_id <= seen.max:
            yield group
