"""Patterns that contracts write: regular expressions and date formats."""

from __future__ import annotations

import re
from datetime import datetime

from contracts.text.backtracking import runs_away
from contracts.text.node import Node
from contracts.text.problems import shown

# Letters of a JDK DateTimeFormatter pattern (java.time.format.DateTimeFormatter) to those of strptime(3). Only
# what every reader of a contract takes for the same; the standard names that formatter for its `format`.
_TOKENS = {
    "yyyy": "%Y",
    "uuuu": "%Y",
    "yy": "%y",
    "MM": "%m",
    "MMM": "%b",
    "MMMM": "%B",
    "dd": "%d",
    "DDD": "%j",
    "HH": "%H",
    "mm": "%M",
    "ss": "%S",
    "XXX": "%z",
}
_PIECE = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+")


def is_pattern(node: Node) -> bool:
    """Returns whether a node holds a regular expression that compiles and comes to an end; else it is a problem.

    It is matched against texts of any document, in a process that no limit of time ends.
    """
    if not isinstance(node.value, str):
        node.problem(f"`{node.path[-1]}` must be a regular expression, not {shown(node.value)}.")
        return False
    try:
        re.compile(node.value)
    except (re.error, OverflowError, RecursionError) as error:
        node.problem(f"{shown(node.value)} is not a valid regular expression: {error}.")
        return False
    if runs_away(node.value):
        node.problem(
            f"{shown(node.value)} can take for ever: it repeats without end what may itself be longer or shorter.",
            r"Say what must stand between two rounds, as \w+(\s\w+)* does for (\w+\s?)*.",
        )
        return False
    return True


def strptime_form(pattern: str) -> str:
    """Returns a JDK date pattern such as `yyyy-MM-dd` in the form of `datetime.strptime`.

    Raises:
        ValueError: A letter has no counterpart, or a quote is not closed; the message says which.
    """
    form, at = "", 0
    while at < len(pattern):
        match = _PIECE.match(pattern, at)
        if match is None:
            raise ValueError("a quote is not closed")
        at = match.end()
        piece = match[0]
        if piece.startswith("'"):
            form += (match[1].replace("''", "'") or "'").replace("%", "%%")
        elif match[2]:
            if piece not in _TOKENS:
                raise ValueError(f"{piece!r} is not one of {', '.join(_TOKENS)}")
            form += _TOKENS[piece]
        else:
            form += piece.replace("%", "%%")
    return form


def parsed_date(text: str, pattern: str) -> datetime:
    """Returns the moment that a text says in a JDK date pattern.

    Raises:
        ValueError: The text does not have that form.
    """
    return datetime.strptime(text, strptime_form(pattern))  # noqa: DTZ007 - the pattern decides about zones
