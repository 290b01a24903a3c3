"""What a search can be filtered by: the fields of a version, and their values by row.

A field is a column of documents.parquet or chunks.parquet, or a key of one of their JSON columns. Columns are
prepared when a filter first asks for them. Text is held as one small number per row and a list of the values
that occur; numbers and moments as float64, with NaN where there is none.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal, Self, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from corpus.errors import FilterError

Mask = npt.NDArray[np.bool_]
Kind = Literal["text", "number", "moment", "any"]
T = TypeVar("T")

DOCUMENT_COLUMNS = (
    "doc_id",
    "revision_id",
    "uri",
    "title",
    "media_type",
    "language",
    "updated_at",
    "size_bytes",
    "owner",
    "source_system",
    "last_validated_date",
    "sensitivity_label",
    "version",
    "governance_basis",
    "document_type",
    "metadata",
    "parser",
)
"""Columns of documents.parquet that a reader holds; texts, blocks and findings stay in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Something to filter by.

    Attributes:
        kind: `text`, `number`, `moment` (a date or a time), or `any`, which is decided by what it is compared with.
        column: The column.
        of: Whether the column is the document's or the chunk's own.
        about: What it says, for people.
    """

    kind: Kind
    column: str
    of: Literal["document", "chunk"] = "document"
    about: str


FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        "chunk_id": Field(kind="text", column="chunk_id", of="chunk", about="the chunk"),
        "depth": Field(
            kind="number",
            column="generation_depth",
            of="chunk",
            about="generation depth, 0 for a primary source",
        ),
        "doc_id": Field(kind="text", column="doc_id", about="the document"),
        "document_type": Field(kind="text", column="document_type", about="prose, reference, ... as it was scored"),
        "effective_from": Field(kind="moment", column="effective_from", about="from when the document says it holds"),
        "effective_until": Field(kind="moment", column="effective_until", about="until when it says it holds"),
        "in_force": Field(kind="moment", column="in_force", about="a moment at which it holds, as in in_force=now"),
        "language": Field(kind="text", column="language", about="ISO 639-1 code, or und"),
        "media_type": Field(kind="text", column="media_type", about="such as text/html"),
        "origin": Field(
            kind="text", column="digital_source_type", of="chunk", about="IPTC digital source type of the passage"
        ),
        "origin_basis": Field(
            kind="text", column="origin_basis", of="chunk", about="declared, matched, ...: what the origin rests on"
        ),
        "owner": Field(kind="text", column="owner", about="governance: who answers for it"),
        "parser": Field(kind="text", column="parser", about="what read it"),
        "quality": Field(kind="number", column="quality_score", of="chunk", about="quality score, 0 to 1"),
        "reviewed": Field(kind="moment", column="last_validated_date", about="governance: when it was last validated"),
        "revision_id": Field(kind="text", column="revision_id", about="the revision"),
        "sensitivity": Field(kind="text", column="sensitivity_label", about="governance: its label"),
        "size_bytes": Field(kind="number", column="size_bytes", about="bytes of the file"),
        "source": Field(kind="text", column="source_system", about="governance: the system it came from"),
        "title": Field(kind="text", column="title", about="the title"),
        "tokens": Field(kind="number", column="token_count", of="chunk", about="tokens of the chunk"),
        "updated": Field(kind="moment", column="updated_at", about="when the content last changed"),
        "uri": Field(kind="text", column="uri", about="where it came from"),
        "version": Field(kind="text", column="version", about="governance: the document's own version"),
    }
)
"""Every filter by its name. Beside them: `metadata.KEY` and `basis.FIELD`."""

OTHER_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "generation_depth": "depth",
        "digital_source_type": "origin",
        "last_validated_date": "reviewed",
        "quality_score": "quality",
        "sensitivity_label": "sensitivity",
        "source_system": "source",
        "token_count": "tokens",
        "updated_at": "updated",
    }
)
"""Names of columns, for those whose filter has a shorter one."""

METADATA, BASIS = "metadata.", "basis."
"""Beginnings of filters on a key of what a document declares, and on who said a governance field."""

# As `ingestion.relations.families` reads them; a test of the whole project compares.
EFFECTIVE_FROM = ("effective_from", "effective_date", "valid_from", "effective")
EFFECTIVE_UNTIL = (
    "effective_until", "effective_to", "valid_until", "valid_to",
    "expires", "expires_at", "expiry_date", "expiration_date",
)  # fmt: skip
_SEPARATORS = re.compile(r"[\s:.-]+")


def field_of(name: str) -> tuple[str, Field]:
    """Returns a filter's own name and what it is.

    Raises:
        FilterError: There is no such filter.
    """
    known = OTHER_NAMES.get(name, name)
    if known in FIELDS:
        return known, FIELDS[known]
    for start, column in ((METADATA, "metadata"), (BASIS, "governance_basis")):
        key = name.removeprefix(start)
        if name.startswith(start) and key.strip():
            return f"{start}{spelt(key)}", Field(kind="any", column=column, about=f"the key {key} of {column}")
    valid = ", ".join((*sorted(FIELDS), f"{METADATA}KEY", f"{BASIS}FIELD"))
    raise FilterError(f"unknown filter {name!r}. Valid: {valid}.")


def spelt(key: str) -> str:
    """Returns a metadata key in the one spelling under which all its spellings are looked up."""
    return _SEPARATORS.sub("_", key.strip().lower())


def moment(text: str) -> datetime | None:
    """Reads an ISO 8601 date or time; a missing zone is UTC; None for all else."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Coded:
    """Text by row: the code of each row, -1 for none, and the values that occur."""

    codes: npt.NDArray[np.int32]
    values: tuple[str, ...]
    quick: memoryview

    @classmethod
    def of(cls, codes: npt.NDArray[np.int32], values: tuple[str, ...]) -> Self:
        """Opens a column; `quick` is its codes once more, for reading one at a time."""
        return cls(codes, values, memoryview(codes))  # type: ignore[arg-type] # an array is a buffer

    def at(self, row: int) -> str | None:
        """Returns the value of a row."""
        code = self.quick[row]
        return self.values[code] if code >= 0 else None

    def mask(self, wanted: Callable[[str], bool], *, missing: bool = False) -> Mask:
        """Returns the rows whose value is wanted; each value is asked about once, not each row."""
        table = np.fromiter((*map(wanted, self.values), missing), dtype=bool, count=len(self.values) + 1)
        found: Mask = table[self.codes]  # the code -1 is the last entry
        return found


class Fields:
    """The filterable columns of an open version, each prepared when it is first asked for.

    Args:
        chunks: chunks.parquet.
        documents: `DOCUMENT_COLUMNS` of documents.parquet.
        document_of: Row of its document for each chunk.
    """

    def __init__(self, chunks: pa.Table, documents: pa.Table, document_of: npt.NDArray[np.int64]) -> None:
        self._tables = {"chunk": chunks, "document": documents}
        self.document_of = document_of
        self._ready: dict[str, Any] = {}
        self._preparing = threading.RLock()

    def coded(self, field: Field) -> Coded:
        """Returns a column of text, by row of its own table."""
        return self._once(f"text {field.of} {field.column}", lambda: coded(self._table(field)[field.column]))

    def numbers(self, field: Field) -> npt.NDArray[np.float64]:
        """Returns a column of numbers, by row of its own table."""
        return self._once(f"number {field.of} {field.column}", lambda: _floats(self._table(field)[field.column]))

    def moments(self, field: Field) -> npt.NDArray[np.float64]:
        """Returns a column of moments in seconds since 1970, by row of its own table."""
        return self._once(f"moment {field.of} {field.column}", lambda: self._seconds(field))

    def json_values(self, column: str, key: str) -> Coded:
        """Returns the values of one key of a JSON column of the documents, lists and numbers as their JSON text."""
        return self._once(f"json {column} {key}", lambda: _coded_values(row.get(key) for row in self._objects(column)))

    def spread(self, field: Field, mask: Mask) -> Mask:
        """Returns a mask over chunks, of one over the rows of the field's table."""
        return mask if field.of == "chunk" else mask[self.document_of]

    def keys(self, column: str) -> tuple[str, ...]:
        """Returns the keys that occur in a JSON column, sorted."""
        return tuple(sorted({key for row in self._objects(column) for key in row}))

    def _table(self, field: Field) -> pa.Table:
        return self._tables[field.of]

    def _objects(self, column: str) -> list[dict[str, str]]:
        return self._once(f"objects {column}", lambda: list(map(_object, self._tables["document"][column].to_pylist())))

    def _seconds(self, field: Field) -> npt.NDArray[np.float64]:
        if field.column in ("effective_from", "effective_until"):
            until = field.column == "effective_until"
            names = EFFECTIVE_UNTIL if until else EFFECTIVE_FROM
            found = (_first_moment(row, names, end=until) for row in self._objects("metadata"))
            return np.fromiter(found, np.float64, self._tables["document"].num_rows)
        values = self._table(field)[field.column]
        if pa.types.is_timestamp(values.type):
            return _floats(values.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())) / 1e6
        column = self.coded(field)
        seconds = np.array([_stamp(moment(value)) for value in column.values] + [np.nan])
        return np.asarray(seconds[column.codes], dtype=np.float64)

    def _once(self, name: str, make: Callable[[], T]) -> T:
        found = self._ready.get(name)
        if found is None:
            with self._preparing:
                found = self._ready.get(name)
                if found is None:
                    found = self._ready[name] = make()
        ready: T = found
        return ready


def coded(values: pa.ChunkedArray) -> Coded:
    """Returns a text column as codes and values."""
    encoded = pc.dictionary_encode(values.combine_chunks())
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    codes = np.ascontiguousarray(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int32)
    return Coded.of(codes, tuple(encoded.dictionary.to_pylist()))


def _coded_values(values: Iterable[str | None]) -> Coded:
    return coded(pa.chunked_array([pa.array(list(values), pa.string())]))


def _floats(values: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    return np.asarray(
        pc.fill_null(values.cast(pa.float64()), float("nan")).to_numpy(zero_copy_only=False), dtype=np.float64
    )


def _object(text: str | None) -> dict[str, str]:
    """Returns a JSON object with its keys in one spelling and its values as text; of two spellings the first counts."""
    found: dict[str, str] = {}
    for key, value in (json.loads(text) if text else {}).items():
        if value is not None:
            found.setdefault(spelt(key), value if isinstance(value, str) else json.dumps(value))
    return found


def _first_moment(row: Mapping[str, str], names: Iterable[str], *, end: bool) -> float:
    for name in names:
        value = row.get(name, "").strip()
        found = moment(value)
        if found is not None:
            # A day that is the last one is over when the next begins.
            return _stamp(found) + (86_400.0 if end and is_day(value) else 0.0)
    return float("nan")


def is_day(text: str) -> bool:
    """Returns whether a text is a date without a time."""
    try:
        date.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


def _stamp(found: datetime | None) -> float:
    # Not `timestamp()`: it fails outside of what the C library knows.
    return float("nan") if found is None else (found - _EPOCH) / timedelta(seconds=1)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
