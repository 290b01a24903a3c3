"""Rows of a version, read one at a time and cheaply: what a hit shows.

A column is opened once as plain buffers; reading a value then makes no Arrow scalar and no table.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np
import pyarrow as pa

from corpus.types import Span
from index.fields import Coded, coded

_DOCUMENT_TEXTS = ("doc_id", "title", "uri")
_DOCUMENT_CODES = (
    "version",
    "owner",
    "source_system",
    "sensitivity_label",
    "language",
    "last_validated_date",
)
_KEPT = 4096
"""Documents of which a reader keeps what hits say: some 2 MB."""


@lru_cache(maxsize=4096)
def _headings(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def unloaded(table: pa.Table) -> pa.Table:
    """Moves a table out of memory into a file that has no name any more, and maps it.

    What was verified can so not be altered by anybody, and the system takes and gives its memory as it likes.
    """
    with tempfile.NamedTemporaryFile(prefix="stemma-", suffix=".arrow") as file:
        with pa.OSFile(file.name, "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table.combine_chunks(), max_chunksize=max(table.num_rows, 1))
        with pa.memory_map(file.name) as source:
            return pa.ipc.open_file(source).read_all()


def viewed(array: Any) -> memoryview:
    """Returns an array as a view whose items are plain numbers, several times as fast to take as NumPy's."""
    return memoryview(np.ascontiguousarray(array))  # type: ignore[arg-type] # an array is a buffer


@dataclass(frozen=True, slots=True)
class Texts:
    """A column of text, by row."""

    offsets: memoryview
    data: memoryview
    valid: memoryview | None

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> Self:
        """Opens a column of Arrow strings."""
        array = column.cast(pa.large_string()).combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], pa.large_string())
        _, offsets, data = array.buffers()
        places = np.frombuffer(offsets or bytes(8), dtype=np.int64)[array.offset : array.offset + len(array) + 1]
        valid = viewed(array.is_valid().to_numpy(zero_copy_only=False)) if array.null_count else None
        return cls(viewed(places), memoryview(data or b""), valid)

    def at(self, row: int) -> str | None:
        """Returns the value of a row."""
        if self.valid is not None and not self.valid[row]:
            return None
        return str(self.data[self.offsets[row] : self.offsets[row + 1]], "utf-8")


class Rows:
    """The chunks of a version with their documents.

    Args:
        chunks: chunks.parquet.
        documents: `index.fields.DOCUMENT_COLUMNS` of documents.parquet.
        document_of: Row of its document for each chunk.
    """

    def __init__(self, chunks: pa.Table, documents: pa.Table, document_of: Any) -> None:
        self._document_of = viewed(document_of)
        self._id, self._revision, self._text, self._heads = (
            Texts.of(chunks[name]) for name in ("chunk_id", "revision_id", "text", "headings")
        )
        self._origin, self._basis = (coded(chunks[name]) for name in ("digital_source_type", "origin_basis"))
        self._start, self._end, self._depth, self._quality = (
            viewed(chunks[name].to_numpy()) for name in ("start", "end", "generation_depth", "quality_score")
        )
        self._documents: dict[str, Texts | Coded] = {
            **{name: Texts.of(documents[name]) for name in _DOCUMENT_TEXTS},
            **{name: coded(documents[name]) for name in _DOCUMENT_CODES},
        }
        self._known: dict[int, dict[str, Any]] = {}

    def values(self, row: int) -> dict[str, Any]:
        """Returns what a hit says of a chunk and of its document, by the names of `Hit`."""
        number = self._document_of[row]
        document = self._known.get(number)
        if document is None:
            document = self._document(number)
        quality = self._quality[row]
        return {
            "chunk_id": self._id.at(row),
            "revision_id": self._revision.at(row),
            "text": self._text.at(row),
            "span": Span(start=self._start[row], end=self._end[row]),
            "headings": _headings(self._heads.at(row) or "[]"),
            "digital_source_type": self._origin.at(row),
            "origin_basis": self._basis.at(row),
            "generation_depth": self._depth[row],
            "quality_score": None if quality != quality else quality,  # noqa: PLR0124 - NaN, which stands for null
            **document,
        }

    def _document(self, number: int) -> dict[str, Any]:
        """Returns what a hit says of a document; hits come in groups of one document, so it is kept for a while."""
        if len(self._known) >= _KEPT:
            self._known.clear()
        found = {name: column.at(number) for name, column in self._documents.items()}
        self._known[number] = found
        return found
