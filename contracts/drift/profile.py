"""The profile of a run: how each column of its documents is distributed, small enough to be kept.

Profiles are merged by adding: that of two halves is that of the whole (of the categories of a column,
the `MOST_CATEGORIES` most frequent). They hold counts only, no text but the names of categories and
fields. Light to import: `contracts.drift.measure` makes them, `contracts.drift.rule` compares them.

Law: `from_json(json.loads(canonical_json(profile.to_json()))) == profile`.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from contracts.drift import histogram
from contracts.drift.histogram import Histogram

Kind = Literal["text", "category", "number", "time", "date", "fields"]

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "doc_id": "text",
        "title": "text",
        "text": "text",
        "media_type": "category",
        "language": "category",
        "document_type": "category",
        "parser": "category",
        "owner": "category",
        "source_system": "category",
        "sensitivity_label": "category",
        "version": "category",
        "digital_source_type": "category",
        "origin_basis": "category",
        "size_bytes": "number",
        "quality_score": "number",
        "generation_depth": "number",
        "updated_at": "time",
        "last_validated_date": "date",
        "metadata": "fields",
    }
)
"""Columns of documents.parquet that are profiled: lengths of texts, names of categories,
numbers, ages of times (in steps of days when the run is judged), and the names and types of metadata fields."""

COLUMNS = tuple(KINDS)

MOST_CATEGORIES = 200
"""Categories that a column keeps by name; the rarest beyond go to `rest`, as of two with equal counts the later."""

MOST_FIELDS = 500
"""Metadata fields that are kept; pages can declare any number."""

_LONGEST_NAME = 100
_LONGEST_TYPED = 64
_NUMBER = re.compile(r"[+-]?(\d{1,18}(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ][\d:.,+Z-]*)?")
_BOOLEANS = frozenset(("true", "false", "yes", "no"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """How one column is distributed.

    Attributes:
        rows: Documents.
        nulls: Those without a value.
        empties: Those whose value is a text without a character that can be seen.
        types: What the values read as (`text`, `number`, `boolean`, `date`, ...) to their number.
        numbers: Lengths in characters, numbers, or ages in days, as the kind of the column says.
        categories: Value to its number, most frequent first; empty for other kinds.
        rest: Values whose names are not kept.
    """

    rows: int = 0
    nulls: int = 0
    empties: int = 0
    types: Mapping[str, int] = field(default_factory=dict)
    numbers: Histogram = field(default_factory=Histogram)
    categories: Mapping[str, int] = field(default_factory=dict)
    rest: int = 0

    @property
    def values(self) -> int:
        """Documents with a value that is not empty."""
        return self.rows - self.nulls - self.empties

    def to_json(self) -> dict[str, Any]:
        """Returns the column as a JSON object."""
        return {
            "rows": self.rows,
            "nulls": self.nulls,
            "empties": self.empties,
            "types": dict(self.types),
            "numbers": self.numbers.to_json(),
            "categories": [[name, count] for name, count in self.categories.items()],
            "rest": self.rest,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How the documents of a run are distributed.

    Attributes:
        documents: How many there are.
        columns: Column to its profile.
        fields: Metadata field to what its values read as, and how often.
    """

    documents: int = 0
    columns: Mapping[str, ColumnProfile] = field(default_factory=dict)
    fields: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Returns the profile as a JSON object."""
        return {
            "documents": self.documents,
            "columns": {name: column.to_json() for name, column in self.columns.items()},
            "fields": {name: dict(types) for name, types in self.fields.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The profile that a run is compared with.

    Attributes:
        profile: The profile of the last accepted run.
        run_id: That run.
        accepted_at: When it was accepted.
    """

    profile: Profile
    run_id: str
    accepted_at: datetime


def merged(first: Profile, second: Profile) -> Profile:
    """Returns the profile of both runs' documents together."""
    columns = {
        name: _merged_columns(first.columns.get(name), second.columns.get(name))
        for name in COLUMNS
        if name in first.columns or name in second.columns
    }
    return Profile(
        documents=first.documents + second.documents, columns=columns, fields=_added(first.fields, second.fields)
    )


def from_json(value: Mapping[str, Any]) -> Profile:
    """Reads what `Profile.to_json` wrote."""
    return Profile(
        documents=value["documents"],
        columns={name: _column_from_json(column) for name, column in value["columns"].items()},
        fields={name: dict(types) for name, types in value["fields"].items()},
    )


def type_of(text: str) -> str:
    """Returns what a text reads as: `empty`, `number`, `boolean`, `date`, `list`, `object` or `text`."""
    short = text[: _LONGEST_TYPED + 1].strip()
    if not short:
        return "empty" if not text.strip() else "text"
    if short[0] in "[{":
        return {("[", "]"): "list", ("{", "}"): "object"}.get((short[0], text.rstrip()[-1]), "text")
    if len(short) > _LONGEST_TYPED:
        return "text"
    if short.lower() in _BOOLEANS:
        return "boolean"
    kinds = (("date", _DATE), ("number", _NUMBER))
    return next((name for name, pattern in kinds if pattern.fullmatch(short)), "text")


def name_of(value: str) -> str:
    """Returns the name that a category is counted under: itself, or for a long one its start and a digest."""
    if len(value) <= _LONGEST_NAME:
        return value
    digest = hashlib.sha256(value.encode("utf-8")).hexdigest()[:12]
    return f"{value[: _LONGEST_NAME - 14]}… {digest}"


def _merged_columns(first: ColumnProfile | None, second: ColumnProfile | None) -> ColumnProfile:
    one, other = first or ColumnProfile(), second or ColumnProfile()
    kept, rest = capped(Counter(one.categories) + Counter(other.categories))
    return ColumnProfile(
        rows=one.rows + other.rows,
        nulls=one.nulls + other.nulls,
        empties=one.empties + other.empties,
        types=ranked(Counter(one.types) + Counter(other.types)),
        numbers=histogram.merged(one.numbers, other.numbers),
        categories=kept,
        rest=one.rest + other.rest + rest,
    )


def _added(
    first: Mapping[str, Mapping[str, int]], second: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, int]]:
    names = {*first, *second}
    return most_frequent({name: dict(Counter(first.get(name, {})) + Counter(second.get(name, {}))) for name in names})


def most_frequent(fields: Mapping[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """Returns the metadata fields that are kept, by name."""
    order = sorted(fields, key=lambda name: (-sum(fields[name].values()), name))[:MOST_FIELDS]
    return {name: ranked(fields[name]) for name in sorted(order)}


def capped(counts: Mapping[str, int]) -> tuple[dict[str, int], int]:
    """Returns the categories that are kept by name, and how many values are in all others."""
    items = list(ranked(counts).items())
    return dict(items[:MOST_CATEGORIES]), sum(count for _, count in items[MOST_CATEGORIES:])


def ranked(counts: Mapping[str, int]) -> dict[str, int]:
    """Returns counts, greatest first, equal ones by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _column_from_json(value: Mapping[str, Any]) -> ColumnProfile:
    return ColumnProfile(
        rows=value["rows"],
        nulls=value["nulls"],
        empties=value["empties"],
        types=dict(value["types"]),
        numbers=histogram.from_json(value["numbers"]),
        categories=dict(value["categories"]),
        rest=value["rest"],
    )
