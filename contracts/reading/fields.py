"""Properties of a schema object to `FieldSpec`s, and to the checks that their promises amount to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from contracts.build import ENTRY_TYPES, OTHER_TYPES
from contracts.model import CheckSpec, FieldSpec
from contracts.reading.logical import Limits, read_limits
from contracts.text.node import Node, is_number, unique_names
from contracts.text.problems import listed, nearest, shown
from corpus.types import OnFail

_DIMENSIONS = {"unique": "uniqueness", "required": "completeness"}
# Promises about how data lies in a database, and about columns that are calculated from others.
_NOT_OURS: Mapping[str, tuple[object, str]] = {
    "partitioned": (True, "documents are not partitioned"),
    "encryptedName": (None, "no column is stored encrypted under another name"),
}
_LABELS = ("public", "internal", "confidential", "restricted")
"""Words of classification, the most open first (the four levels that ISO/IEC 27002, 5.12, is usually run with)."""


def read_fields(thing: Node, columns: Mapping[str, str]) -> Iterator[tuple[Node, FieldSpec, Limits]]:
    """Yields the properties of an object, each with its node and what its options promise of values.

    Args:
        thing: The object `document` or `chunk`.
        columns: Columns that exist, with their logical types; any other property is a problem.
    """
    properties = thing.get("properties")
    unique_names(properties.items(), "properties")
    if thing.value is not None and not list(properties.items()):
        thing.problem(f"the object {thing.get('name').value} has no properties.", f"Columns: {listed(columns)}.")
    for node in properties.items():
        name = node.get("name")
        if name.text() in columns:
            yield _field(node, columns[name.text()])
        elif isinstance(name.value, str):
            hint = f"{nearest(name.value, columns)} Columns: {listed(columns, 40)}.".strip()
            name.problem(f"unknown property {name.value!r}: documents have no such column.", hint)


def field_checks(field: FieldSpec, limits: Limits) -> Iterator[CheckSpec]:
    """Yields the checks that a field's own promises amount to.

    Args:
        field: The field.
        limits: What its options promise of values, from `read_fields`.
    """
    if field.required:
        yield _shape(field.name, "required", {})
    # doc_id is the key that documents are stored under: two of them cannot share it.
    if field.unique and field.name != "doc_id":
        yield replace(_shape(field.name, "unique", {}), scope="batch", on_fail=OnFail.BLOCK)
    for rule, arguments in limits.items():
        yield _shape(field.name, rule, arguments)
    if field.enum:
        yield _shape(field.name, "enum", {"value_set": list(field.enum)})


def secrecy(label: str) -> int | None:
    """Returns how secret a label is, 0 for public; None for a word of somebody's own."""
    return _LABELS.index(label.lower()) if label.lower() in _LABELS else None


def _shape(name: str, rule: str, arguments: Mapping[str, Any]) -> CheckSpec:
    return CheckSpec(
        name=f"{name}.{rule}",
        rule=rule,
        engine="library",
        scope="row",
        field=name,
        arguments=dict(arguments),
        dimension=_DIMENSIONS.get(rule, "conformity"),
    )


def _field(node: Node, column_type: str) -> tuple[Node, FieldSpec, Limits]:
    name = node.get("name").text()
    kind = _kind(node, name, column_type)
    options = node.get("logicalTypeOptions")
    _nested(node, name, kind)
    _not_ours(node)
    limits = read_limits(options, kind)
    length, pattern = limits.get("length", {}), limits.get("pattern", {})
    classification = node.get("classification")
    if classification.text() and secrecy(classification.text()) is None and nearest(classification.text(), _LABELS):
        hint = f"{nearest(classification.text(), _LABELS)} Common words: {listed(_LABELS)}."
        classification.problem(f"unknown classification {shown(classification.value)}.", hint)
    others = {key: entry.value for key, entry in options.entries() if key not in ("pattern", "minLength", "maxLength")}
    field = FieldSpec(
        name=name,
        logical_type=kind,
        required=node.get("required").flag(),
        unique=node.get("unique").flag(),
        pattern=pattern.get("regex"),
        min_length=length.get("min_value"),
        max_length=length.get("max_value"),
        enum=_enum(node.get("enum"), kind),
        classification=classification.text(),
        primary_key=node.get("primaryKey").flag(),
        options=others if kind != "vector" else {},
    )
    return node, field, limits


def _kind(node: Node, name: str, column_type: str) -> str:
    kind = node.get("logicalType")
    valid = (column_type, OTHER_TYPES[name]) if name in OTHER_TYPES and column_type == "string" else (column_type,)
    if kind.text(column_type) not in valid:
        kind.problem(f"`{name}` is of logicalType {' or '.join(valid)}, not {shown(kind.value)}.")
        return column_type
    return kind.text(column_type)


def _nested(node: Node, name: str, kind: str) -> None:
    """Refuses parts inside a column, but for the type of a list's entries."""
    for key in ("properties", "map"):
        if node.has(key):
            hint = "Use `logicalTypeOptions: {required: [...]}`." if kind == "object" else ""
            node.get(key).problem(f"`{key}` has no meaning here: columns hold plain values.", hint, key=True)
    items = node.get("items")
    if node.has("items") and kind != "array":
        items.problem("`items` has no meaning here: columns hold plain values.", key=True)
        return
    for key, entry in items.entries():
        if key not in ("logicalType", "name", "description", "id"):
            entry.problem(f"this build does not run `{key}` of the entries of `{name}`.", "Remove it.", key=True)
    entry_type = items.get("logicalType")
    if entry_type.value is not None and entry_type.value != ENTRY_TYPES.get(name):
        entry_type.problem(
            f"entries of `{name}` are of logicalType {ENTRY_TYPES.get(name)}, not {shown(entry_type.value)}."
        )


def _not_ours(node: Node) -> None:
    for key, (value, why) in _NOT_OURS.items():
        if node.has(key) and (value is None or node.get(key).value is value):
            node.get(key).problem(f"`{key}` is not kept: {why}.", "Remove it.", key=True)
    semantic = node.get("semanticType")
    if semantic.value == "measure":
        semantic.problem("a `measure` is calculated from many rows: documents have none.", "Use a check of type sql.")


def _enum(node: Node, kind: str) -> tuple[str | int | float | bool, ...]:
    values = [item.get("value") for item in node.items()]
    for value in values:
        if value.value is None or isinstance(value.value, bool | list | dict):
            value.problem(
                f"{shown(value.value)} is not a value of an enum.",
                "Quote it: YAML reads no, yes and on as true or false.",
            )
        elif kind in ("number", "integer") and not is_number(value.value):
            value.problem(f"{shown(value.value)} can never stand here: the column holds numbers.", "Write a number.")
        elif kind == "string" and not isinstance(value.value, str):
            value.problem(f"{shown(value.value)} can never stand here: the column holds text.", "Quote it.")
    return tuple(value.value for value in values)
