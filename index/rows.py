"""Rows of a version, read one at a time and cheaply: what a hit shows.

A column is opened once as plain buffers; reading a value then makes no Arrow scalar and no table.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np
import pyarrow as pa

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
_CHUNK_CODES = ("digital_source_type", "origin_basis")


@lru_cache(maxsize=4096)
def _headings(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


@dataclass(frozen=True, slots=True)
class Texts:
    """A column of text, by row."""

    offsets: Any
    data: memoryview
    valid: Any

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> Self:
        """Opens a column of Arrow strings."""
        array = column.cast(pa.large_string()).combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], pa.large_string())
        _, offsets, data = array.buffers()
        places = np.frombuffer(offsets or bytes(8), dtype=np.int64)[array.offset : array.offset + len(array) + 1]
        valid = array.is_valid().to_numpy(zero_copy_only=False) if array.null_count else None
        return cls(places, memoryview(data or b""), valid)

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
        self._document_of = document_of
        self._texts = {name: Texts.of(chunks[name]) for name in ("chunk_id", "revision_id", "text", "headings")}
        self._codes: dict[str, Coded] = {name: coded(chunks[name]) for name in _CHUNK_CODES}
        self._start, self._end, self._depth = (chunks[name].to_numpy() for name in ("start", "end", "generation_depth"))
        self._quality = chunks["quality_score"].to_numpy()
        self._document_texts = {name: Texts.of(documents[name]) for name in _DOCUMENT_TEXTS}
        self._document_codes: dict[str, Coded] = {name: coded(documents[name]) for name in _DOCUMENT_CODES}

    def span(self, row: int) -> tuple[int, int]:
        """Returns where a chunk stands in its document."""
        return int(self._start[row]), int(self._end[row])

    def headings(self, row: int) -> tuple[str, ...]:
        """Returns the headings above a chunk, outermost first."""
        return _headings(self._texts["headings"].at(row) or "[]")

    def values(self, row: int) -> dict[str, Any]:
        """Returns what else a hit says of a chunk and of its document."""
        document = int(self._document_of[row])
        quality = float(self._quality[row])
        return {
            **{name: self._texts[name].at(row) for name in ("chunk_id", "revision_id", "text")},
            **{name: column.at(row) for name, column in self._codes.items()},
            "generation_depth": int(self._depth[row]),
            "quality_score": None if quality != quality else quality,  # noqa: PLR0124 - NaN, which stands for null
            **{name: column.at(document) for name, column in self._document_texts.items()},
            **{name: column.at(document) for name, column in self._document_codes.items()},
        }
