"""Comparisons of the standard: reading them, holding a number against them, saying them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from contracts.model import Threshold
from contracts.reading.standard import OPERATORS
from contracts.text.node import Node, is_number
from contracts.text.problems import listed, nearest, shown

_HOLDS: Mapping[str, Callable[[float, Any], bool]] = {
    "mustBe": lambda number, value: number == value,
    "mustNotBe": lambda number, value: number != value,
    "mustBeGreaterThan": lambda number, value: number > value,
    "mustBeGreaterOrEqualTo": lambda number, value: number >= value,
    "mustBeLessThan": lambda number, value: number < value,
    "mustBeLessOrEqualTo": lambda number, value: number <= value,
    "mustBeBetween": lambda number, value: value[0] <= number <= value[1],
    "mustNotBeBetween": lambda number, value: not value[0] <= number <= value[1],
}

_WORDS = {
    "mustBe": "exactly {}",
    "mustNotBe": "not {}",
    "mustBeGreaterThan": "more than {}",
    "mustBeGreaterOrEqualTo": "at least {}",
    "mustBeLessThan": "less than {}",
    "mustBeLessOrEqualTo": "at most {}",
    "mustBeBetween": "between {} and {}",
    "mustNotBeBetween": "not between {} and {}",
}


# Doubles are exact up to here (IEEE 754, 2**53); beyond, the digits of a whole number would be made up.
_MOST_EXACT = 2.0**53


def holds(threshold: Threshold, number: float) -> bool:
    """Returns whether a number keeps to a threshold; both ends of a range belong to it."""
    return _HOLDS[threshold.op](number, threshold.value)


def words(threshold: Threshold) -> str:
    """Returns a threshold as a person says it, such as `at least 0.6`."""
    values = threshold.value if isinstance(threshold.value, tuple) else (threshold.value,)
    return _WORDS[threshold.op].format(*map(_number, values))


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < _MOST_EXACT else f"{value:g}"


def read_threshold(node: Node, *, low: float | None = None, high: float | None = None) -> Threshold | None:
    """Reads `{mustBe...: value}`, one operator with its value.

    Args:
        node: The mapping; what is wrong with it becomes a problem.
        low: Least number that makes sense, if there is one.
        high: Greatest number that makes sense, if there is one.
    """
    if not isinstance(node.value, Mapping) or not node.value:
        node.problem(f"a threshold is one comparison, not {shown(node.value)}.", f"Operators: {listed(OPERATORS)}.")
        return None
    for key, entry in node.entries():
        if key not in OPERATORS:
            hint = f"{nearest(key, OPERATORS)} Operators: {listed(OPERATORS)}.".strip()
            entry.problem(f"unknown operator `{key}`.", hint, key=True)
            return None
    if len(node.value) > 1:
        node.problem(f"{len(node.value)} operators in one threshold ({listed(node.value)}).", "Keep one.")
        return None
    operator = next(iter(node.value))
    return read_operator(node.get(operator), operator, low=low, high=high)


def read_operator(
    node: Node, operator: str, *, low: float | None = None, high: float | None = None
) -> Threshold | None:
    """Reads the value of one operator."""
    if operator.endswith("Between"):
        return _read_range(node, operator)
    if not is_number(node.value):
        node.problem(f"`{operator}` needs a number, not {shown(node.value)}.")
        return None
    if (low is not None and node.value < low) or (high is not None and node.value > high):
        node.problem(f"`{operator}: {node.value}` is out of range: the number lies between {low:g} and {high:g}.")
        return None
    return Threshold(op=operator, value=float(node.value))


def _read_range(node: Node, operator: str) -> Threshold | None:
    value = node.value
    if not isinstance(value, list) or len(value) != 2 or not all(is_number(item) for item in value):
        node.problem(f"`{operator}` needs two numbers, not {shown(value)}.")
        return None
    if value[0] >= value[1]:
        node.problem(f"`{operator}` needs the smaller number first, not {value[0]:g}, {value[1]:g}.")
        return None
    return Threshold(op=operator, value=(float(value[0]), float(value[1])))
