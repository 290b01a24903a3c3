"""Rows of one document or one chunk out of a version's files, without reading the files.

Rows are sorted by document id and lie in row groups of whole documents, whose least and greatest id stand in the
file's footer: a document is looked for in one row group. A chunk id is a digest, so the column of chunk ids is read,
one row group after another, and nothing else. Nothing here verifies: who asks does that (`index.verify`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from corpus.errors import IntegrityError
from corpus.storage import Store
from index import layout

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
            ids = file.read_row_group(group, columns=["chunk_id"])["chunk_id"]
            place = pc.index(ids, chunk_id).as_py()
            if place >= 0:
                found: list[dict[str, Any]] = (
                    file.read_row_group(group, columns=list(columns)).slice(place, 1).to_pylist()
                )
                return found[0]
    return None


@contextmanager
def _opened(store: Store, name: str, number: int, file: str) -> Iterator[pq.ParquetFile]:
    path = f"{layout.version_path(name, number)}/{file}"
    try:
        with store.open(path) as handle:
            yield pq.ParquetFile(handle)
    except FileNotFoundError as error:
        raise IntegrityError(f"{path} is missing. Restore the version, or roll back.") from error
    except (pa.ArrowException, OSError) as error:
        raise IntegrityError(f"{path} cannot be read: {error}. Restore the version, or roll back.") from error


def _of_document(file: pq.ParquetFile, doc_id: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Returns the rows of one document; they lie in one row group, because groups hold whole documents."""
    wanted = list(dict.fromkeys(("doc_id", *columns)))
    rows: list[dict[str, Any]] = []
    for group in _groups(file, doc_id):
        mask = pc.equal(file.read_row_group(group, columns=["doc_id"])["doc_id"], doc_id)
        if pc.any(mask).as_py():
            rows += file.read_row_group(group, columns=wanted).filter(mask).to_pylist()
    return rows


def _groups(file: pq.ParquetFile, doc_id: str) -> Iterator[int]:
    """Yields the row groups whose range of document ids covers one; those without statistics too."""
    column = file.schema_arrow.get_field_index("doc_id")
    for group in range(file.num_row_groups):
        seen = file.metadata.row_group(group).column(column).statistics
        if seen is None or not seen.has_min_max or seen.min <= doc_id <= seen.max:
            yield group
