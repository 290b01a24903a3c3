"""Filters of a search: which rows are allowed before anything is ranked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from corpus.errors import ConfigurationError, IntegrityError
from corpus.types import OriginKind

Mask = npt.NDArray[np.bool_]

Where = Mapping[str, str | Iterable[str]]
"""Filter name to the value, or the values of which one has to hold."""

_DOCUMENT_FILTERS = ("language", "owner", "sensitivity_label", "source_system")
FILTERS = ("doc_id", "origin", *_DOCUMENT_FILTERS)
"""What `where` may name."""


@dataclass(frozen=True, slots=True)
class _Column:
    """A filterable column: one code per row, and the code of each value."""

    codes: Any
    values: Mapping[str, int]

    def mask(self, wanted: Iterable[str]) -> Mask:
        known = [self.values[value] for value in wanted if value in self.values]
        allowed: Mask = np.isin(self.codes, known)
        return allowed


@dataclass(frozen=True, slots=True)
class Filters:
    """The filterable columns of an open version.

    Attributes:
        document_of: Row of its document for each chunk.
        columns: Filter name to column.
    """

    document_of: Any
    columns: Mapping[str, _Column]

    @classmethod
    def of(cls, chunks: pa.Table, documents: pa.Table) -> Self:
        """Prepares the filters of a version.

        Raises:
            IntegrityError: A chunk belongs to no document.
        """
        document_of = _document_rows(chunks, documents)
        columns = {name: _column(documents[name], document_of) for name in ("doc_id", *_DOCUMENT_FILTERS)}
        columns["origin"] = _column(chunks["digital_source_type"], np.arange(chunks.num_rows))
        return cls(document_of, columns)

    def allowed(self, where: Where) -> Mask | None:
        """Returns which rows pass every filter; None where there is no filter.

        Raises:
            ConfigurationError: A filter or an origin is unknown.
        """
        masks = [self.columns[_known(name)].mask(_wanted(name, value)) for name, value in where.items()]
        return reduce(np.logical_and, masks) if masks else None


def _document_rows(chunks: pa.Table, documents: pa.Table) -> Any:
    """Returns the row of its document for each chunk."""
    rows = pc.index_in(chunks["doc_id"], value_set=documents["doc_id"].combine_chunks())
    if rows.null_count:
        raise IntegrityError("a chunk belongs to no document of the version. Build it again, or roll back.")
    return rows.to_numpy()


def _column(values: pa.ChunkedArray, rows: Any) -> _Column:
    encoded = values.combine_chunks().dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return _Column(codes[rows], {value: code for code, value in enumerate(encoded.dictionary.to_pylist())})


def _known(name: str) -> str:
    if name not in FILTERS:
        raise ConfigurationError(f"unknown filter {name!r}. Valid: {', '.join(sorted(FILTERS))}.")
    return name


def _wanted(name: str, value: str | Iterable[str]) -> tuple[str, ...]:
    values = (value,) if isinstance(value, str) else tuple(value)
    return tuple(_origin(item) for item in values) if name == "origin" else values


def _origin(value: str) -> str:
    known = {kind.value.rsplit("/", 1)[-1]: kind.value for kind in OriginKind}
    full = known.get(value, value)
    if full not in known.values():
        raise ConfigurationError(f"unknown origin {value!r}. Valid: {', '.join(sorted(known))}, or their IPTC URLs.")
    return full
