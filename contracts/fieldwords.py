"""The columns of a contract in plain words: what each holds, what is promised of it, what it means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.model import Contract
from contracts.text.yamltext import parse_yaml
from contracts.versions.changes import said
from corpus.types import IPTC

_FLAGS = (("primaryKey", "key"), ("required", "always there"), ("unique", "no value twice"))
_OPTIONS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "matches {}",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "format": "in the form {}",
    "minItems": "at least {} entries",
    "maxItems": "at most {} entries",
    "dimensions": "{} numbers",
    "distanceMetric": "compared by {}",
    "embeddingModel": "made by {}",
}
"""Options of the standard's types, in words; others are said by their name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldWords:
    """One column in words.

    Attributes:
        object: `document` or `chunk`.
        name: The column.
        type: What it holds.
        promises: What is promised of every value.
        meaning: What it means, as the contract says; empty where it says nothing.
        classification: As the contract says; empty where it says nothing.
        tags: As the contract says.
    """

    object: str
    name: str
    type: str
    promises: tuple[str, ...]
    meaning: str
    classification: str
    tags: tuple[str, ...]


def fields_in_words(contract: Contract) -> tuple[FieldWords, ...]:
    """Explains every column of a contract, in its order.

    Args:
        contract: A valid contract.
    """
    value, _ = parse_yaml(contract.raw_yaml)
    return tuple(
        _words(str(item.get("name", "")), column) for item in value["schema"] for column in item.get("properties") or ()
    )


def _words(thing: str, column: Mapping[str, Any]) -> FieldWords:
    meaning = column.get("description") or column.get("businessName") or ""
    return FieldWords(
        object=thing,
        name=str(column.get("name", "")),
        type=str(column.get("logicalType", "")),
        promises=tuple(_promises(column)),
        meaning=" ".join(str(meaning).split()),
        classification=str(column.get("classification") or ""),
        tags=tuple(map(str, column.get("tags") or ())),
    )


def _promises(column: Mapping[str, Any]) -> Iterator[str]:
    yield from (words for key, words in _FLAGS if column.get(key))
    for key, value in (column.get("logicalTypeOptions") or {}).items():
        yield _OPTIONS[key].format(said(value)) if key in _OPTIONS else f"{key} {said(value)}"
    if column.get("enum"):
        values = (item.get("value") if isinstance(item, Mapping) else item for item in column["enum"])
        yield "one of " + ", ".join(str(said(value)).replace(IPTC, "") for value in values)
