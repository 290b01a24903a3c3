"""Properties of a schema object to `FieldSpec`s."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.model import FieldSpec
from contracts.node import Node, is_number, unique_names
from contracts.problems import listed, nearest, shown
from contracts.specs import is_pattern

_EXTENT = {
    "minimum": ("min_value", ""),
    "maximum": ("max_value", ""),
    "exclusiveMinimum": ("min_value", "strict_min"),
    "exclusiveMaximum": ("max_value", "strict_max"),
}
# Options of a logical type that this build runs; others are refused where they promise something of values.
_RUN = {
    "string": ("minLength", "maxLength", "pattern"),
    "number": (*_EXTENT, "format"),
    "integer": (*_EXTENT, "format"),
    "timestamp": ("timezone", "defaultTimezone"),
}
_NESTED = ("properties", "items", "map")


def read_fields(thing: Node, columns: Mapping[str, str]) -> Iterator[tuple[Node, FieldSpec, dict[str, Any]]]:
    """Yields the properties of an object, each with its node and the extent of its numbers.

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
            yield node, _field(node, columns[name.text()]), _extent(node)
        elif isinstance(name.value, str):
            hint = f"{nearest(name.value, columns)} Columns: {listed(columns)}.".strip()
            name.problem(f"unknown property {name.value!r}: documents have no such column.", hint)


def _field(node: Node, column_type: str) -> FieldSpec:
    kind = node.get("logicalType")
    if kind.text(column_type) != column_type:
        kind.problem(f"`{node.get('name').value}` is of logicalType {column_type}, not {shown(kind.value)}.")
    options = node.get("logicalTypeOptions")
    _refuse_what_is_not_run(node, options, column_type)
    low, high = options.get("minLength"), options.get("maxLength")
    if isinstance(low.value, int) and isinstance(high.value, int) and low.value > high.value:
        low.problem(f"`minLength: {low.value}` is more than `maxLength: {high.value}`.")
    pattern = options.get("pattern")
    return FieldSpec(
        name=node.get("name").text(),
        logical_type=column_type,
        required=node.get("required").flag(),
        unique=node.get("unique").flag(),
        pattern=pattern.text() if pattern.value is not None and is_pattern(pattern) else None,
        min_length=low.value if isinstance(low.value, int) else None,
        max_length=high.value if isinstance(high.value, int) else None,
        enum=_enum(node.get("enum")),
        classification=node.get("classification").text(),
    )


def _enum(node: Node) -> tuple[str | int | float | bool, ...]:
    values = [item.get("value") for item in node.items()]
    for value in values:
        if value.value is None or isinstance(value.value, bool | list | dict):
            value.problem(
                f"{shown(value.value)} is not a value of an enum.",
                "Quote it: YAML reads no, yes and on as true or false.",
            )
    return tuple(value.value for value in values)


def _refuse_what_is_not_run(node: Node, options: Node, column_type: str) -> None:
    for key in _NESTED:
        if node.has(key):
            node.get(key).problem(f"`{key}` has no meaning here: columns hold plain values.", key=True)
    for key, entry in options.entries():
        if column_type in _RUN and key not in _RUN[column_type]:
            hint = "Use `pattern`." if key == "format" else "Use a check of engine greatExpectations."
            entry.problem(f"this build does not run `{key}` of a {column_type}.", hint, key=True)


def _extent(node: Node) -> dict[str, Any]:
    options = node.get("logicalTypeOptions")
    found: dict[str, Any] = {}
    for key, (name, strict) in _EXTENT.items():
        value = options.get(key).value
        if is_number(value):
            found[name] = value
            if strict:
                found[strict] = True
    low, high = found.get("min_value"), found.get("max_value")
    if low is not None and high is not None and low > high:
        options.problem(f"the least value {low:g} is more than the greatest {high:g}.")
    return found
