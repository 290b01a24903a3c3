"""Checks of engine `greatExpectations`: the implementation block, read against the table of expectations.

It knows names and arguments. Running them is the business of `contracts.rules.shapes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from contracts.build import DOCUMENT_COLUMNS
from contracts.model import CheckSpec, Scope
from contracts.reading.expectationtable import BATCH_EXPECTATIONS, NUMERIC, REFUSED, ROW_EXPECTATIONS
from contracts.text.node import Node, is_number
from contracts.text.patterns import is_pattern
from contracts.text.problems import listed, nearest, shown

_KNOWN: Mapping[str, tuple[str, ...]] = {**ROW_EXPECTATIONS, **BATCH_EXPECTATIONS}
_IGNORE_ROW_IF = ("both_values_are_missing", "either_value_is_missing", "never")
_IGNORE_LIST_IF = ("all_values_are_missing", "any_value_is_missing", "never")
_NUMBERS = ("integer", "number")


def expectation_check(node: Node, field: str) -> CheckSpec | None:
    """Reads one check of engine `greatExpectations`.

    Args:
        node: The check; what is wrong with it becomes problems.
        field: Column that it stands under, empty for the object `document`.
    """
    body = node.get("implementation")
    if not isinstance(body.value, Mapping):
        body.problem(
            "the implementation of a Great Expectations check is a mapping.", "Write {type: expect_..., kwargs: {...}}."
        )
        return None
    body.only(("type", "kwargs", "onFail"))
    name = body.get("type").filled()
    if name not in _KNOWN:
        _unknown(body.get("type"), name)
        return None
    given = body.get("kwargs") if body.has("kwargs") else Node({}, body.path, body.sink)
    if not isinstance(given.value, Mapping):
        given.problem(f"`kwargs` must be a mapping, not {shown(given.value)}.", "Write `kwargs: {column: ...}`.")
        return None
    column = _read_arguments(given, name, field)
    arguments = {key: value for key, value in given.value.items() if key != "column"}
    scope: Scope = "row" if name in ROW_EXPECTATIONS and arguments.get("mostly", 1) == 1 else "batch"
    return CheckSpec(
        name=f"{column or 'document'}.{name}",
        rule=name,
        engine="greatExpectations",
        scope=scope,
        field=column,
        arguments=arguments,
    )


def _unknown(node: Node, name: str) -> None:
    if name in REFUSED:
        node.problem(f"{name} makes no sense on one batch of documents.", REFUSED[name])
    elif name:
        hint = f"{nearest(name, _KNOWN)} Run by this build: {listed(_KNOWN, 50)}.".strip()
        node.problem(f"unknown expectation {name!r}.", hint)


def _read_arguments(given: Node, name: str, field: str) -> str:
    """Judges the arguments of an expectation and returns the column that it speaks of, if it is one."""
    options = _KNOWN[name]
    plain = tuple(option.rstrip("!") for option in options)
    table = name.startswith("expect_table")
    several = "column_A" in plain or "column_list" in plain
    common = () if table else ("mostly",) if several else ("column", "mostly")
    given.only((*plain, *common))
    for option in options:
        if option.endswith("!") and not given.has(option.rstrip("!")):
            given.problem(f"{name} needs `{option.rstrip('!')}`.", "Add it to `kwargs`.")
    for key, entry in given.entries():
        reader = _READERS.get(key)
        if reader is not None and key in (*plain, *common):
            reader(entry)
    _in_order(given)
    _columns_of_kind(given, name, field, several=several)
    if table or several:
        return ""
    return _column(given, name, field)


def _in_order(given: Node) -> None:
    """Refuses bounds that no value can keep."""
    low, high = given.get("min_value").value, given.get("max_value").value
    if is_number(low) and is_number(high) and low > high:
        given.get("min_value").problem(
            f"min_value {shown(low)} is above max_value {shown(high)}: nothing could pass.", "Swap them."
        )


def _column(given: Node, name: str, field: str) -> str:
    if not given.has("column") and not field:
        given.problem(f"{name} needs `column`.", "Add it to `kwargs`, or move the check under a property.")
        return ""
    if not given.has("column"):
        return field
    return given.get("column").choice(tuple(DOCUMENT_COLUMNS), field, "column")


def _columns_of_kind(given: Node, name: str, field: str, *, several: bool) -> None:
    """Refuses a calculation with columns that hold no numbers: it would fail in every run."""
    if name not in NUMERIC:
        return
    nodes = list(given.get("column_list").items()) if several else [given.get("column")]
    for node in nodes:
        column = node.value if node.value is not None else field
        kind = DOCUMENT_COLUMNS.get(column) if isinstance(column, str) else None
        if kind is not None and kind not in _NUMBERS:
            numbers = [key for key, value in DOCUMENT_COLUMNS.items() if value in _NUMBERS]
            where = node if node.value is not None else given
            where.problem(f"{name} needs numbers: `{column}` is a {kind}.", f"Columns of numbers: {listed(numbers)}.")


def _list_of_values(node: Node) -> None:
    if not isinstance(node.value, list) or not node.value:
        node.problem(f"`{node.path[-1]}` must be a list of values, not {shown(node.value)}.")
    for item in node.items():
        if isinstance(item.value, bool | Mapping | list):
            hint = "Quote it: YAML reads no, yes and on as true or false."
            item.problem(f"{shown(item.value)} is not a value of {node.path[-1]}.", hint)


def _list_of_patterns(node: Node) -> None:
    if not isinstance(node.value, list) or not node.value:
        node.problem(f"`{node.path[-1]}` must be a list of values, not {shown(node.value)}.")
    for item in node.items():
        is_pattern(item)


def _list_of_columns(node: Node) -> None:
    names = node.texts()
    for item in node.items():
        if isinstance(item.value, str):
            item.choice(tuple(DOCUMENT_COLUMNS), "", "column")
    if node.value is not None and len(set(names)) < 2:
        node.problem(f"`{node.path[-1]}` needs at least two different columns.")


def _pairs(node: Node) -> None:
    pairs = list(node.items())
    if not pairs or any(not isinstance(pair.value, list) or len(pair.value) != 2 for pair in pairs):
        node.problem("`value_pairs_set` must be a list of pairs.", "Write [[a, b], [c, d]].")


def _quantiles(node: Node) -> None:
    node.only(("quantiles", "value_ranges"))
    points, ranges = node.get("quantiles"), node.get("value_ranges")
    numbers = list(points.items())
    if not numbers or any(not is_number(item.value) or not 0 <= item.value <= 1 for item in numbers):
        points.problem("`quantiles` must be a list of numbers from 0 to 1.")
    if len(list(ranges.items())) != len(numbers):
        ranges.problem(f"`value_ranges` needs one range for each of {len(numbers)} quantiles.", "Write [[low, high]].")
    for item in ranges.items():
        entries = [bound.value for bound in item.items()]
        if len(entries) != 2 or not all(value is None or is_number(value) for value in entries):
            item.problem(f"a range is two numbers, not {shown(item.value)}.", "Write [low, high]; null for no limit.")


def _schema(node: Node) -> None:
    if not isinstance(node.value, Mapping):
        node.problem(f"`json_schema` must be a mapping, not {shown(node.value)}.")


def _flag(node: Node) -> None:
    if not isinstance(node.value, bool):
        node.problem(f"`{node.path[-1]}` must be true or false, not {shown(node.value)}.")


def _bound(node: Node) -> None:
    if node.value is not None and not is_number(node.value):
        node.problem(f"`{node.path[-1]}` must be a number, not {shown(node.value)}.")


def _document_column(node: Node) -> None:
    node.choice(tuple(DOCUMENT_COLUMNS), "", "column")


def _ignore(node: Node) -> None:
    pair = node.sink is not None and "column_A" in _siblings(node)
    node.choice(_IGNORE_ROW_IF if pair else _IGNORE_LIST_IF, "never")


def _siblings(node: Node) -> tuple[str, ...]:
    """Returns the keys that stand beside a node; the places of a document know them all."""
    return tuple(str(path[-1]) for path in node.sink.places.keys if path[:-1] == node.path[:-1])


_READERS: Mapping[str, Callable[[Node], Any]] = {
    "mostly": lambda node: node.number(1.0, 0.0, 1.0),
    "value_set": _list_of_values,
    "regex": is_pattern,
    "regex_list": _list_of_patterns,
    "match_on": lambda node: node.choice(("any", "all"), "any"),
    "strftime_format": lambda node: node.filled(),
    "json_schema": _schema,
    "strict_min": _flag,
    "strict_max": _flag,
    "or_equal": _flag,
    "ties_okay": _flag,
    "double_sided": _flag,
    "min_value": _bound,
    "max_value": _bound,
    "value": _bound,
    "threshold": _bound,
    "sum_total": _bound,
    "column_A": _document_column,
    "column_B": _document_column,
    "column_list": _list_of_columns,
    "value_pairs_set": _pairs,
    "quantile_ranges": _quantiles,
    "ignore_row_if": _ignore,
}
