"""A cursor over a parsed document that notes what is wrong as it reads.

Reading never raises: a wrong value becomes a problem at its line, and the default takes its place, so
that one pass finds everything. Keys of the standard are already judged by its schema; a wrong one is
passed over here without a second message.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from contracts.text.problems import DocumentPath, Sink, listed, nearest, shown


@dataclass(frozen=True, slots=True)
class Node:
    """A value, its path, and where problems with it go."""

    value: Any
    path: DocumentPath
    sink: Sink

    def problem(self, message: str, hint: str = "", *, key: bool = False) -> None:
        """Records a problem at this place, unless the schema already complained here."""
        if not self.sink.at(self.path):
            self.sink.add(self.path, message, hint, key=key)

    def get(self, key: str) -> Node:
        """Returns the value under a key; a node of None where there is none."""
        value = self.value.get(key) if isinstance(self.value, Mapping) else None
        return Node(value, (*self.path, key), self.sink)

    def has(self, key: str) -> bool:
        """Returns whether a mapping holds the key."""
        return isinstance(self.value, Mapping) and key in self.value

    def items(self) -> Iterator[Node]:
        """Yields the entries of a list, and nothing for anything else."""
        if isinstance(self.value, list):
            for number, value in enumerate(self.value):
                yield Node(value, (*self.path, number), self.sink)

    def entries(self) -> Iterator[tuple[str, Node]]:
        """Yields the entries of a mapping, and nothing for anything else."""
        if isinstance(self.value, Mapping):
            for key in self.value:
                yield key, self.get(key)

    def text(self, default: str = "") -> str:
        """Returns a text as it is; the default for anything else."""
        return self.value if isinstance(self.value, str) else default

    def flag(self) -> bool:
        """Returns whether the value is exactly true."""
        return self.value is True

    def only(self, valid: Collection[str]) -> None:
        """Reports every key of a mapping that is not one of the valid ones."""
        if self.value is not None and not isinstance(self.value, Mapping):
            self.problem(f"`{self.path[-1]}` must be a mapping, not {shown(self.value)}.", f"Keys: {listed(valid)}.")
        for key, node in self.entries():
            if key not in valid:
                hint = nearest(key, valid) or f"Valid: {listed(valid)}."
                node.problem(f"unknown key `{key}`.", hint, key=True)

    def choice(self, valid: Collection[str], default: str, what: str = "") -> str:
        """Returns one of the valid words; anything else is a problem."""
        if self.value is None or self.value in tuple(valid):
            return self.text(default)
        hint = nearest(self.value, valid) if isinstance(self.value, str) else ""
        self.problem(f"unknown {what or self.path[-1]} {shown(self.value)}.", f"{hint} Valid: {listed(valid)}.".strip())
        return default

    def whole(self, default: int, low: int, high: int) -> int:
        """Returns a whole number within bounds; anything else is a problem."""
        if self.value is None:
            return default
        if not isinstance(self.value, int) or isinstance(self.value, bool) or not low <= self.value <= high:
            self.problem(f"`{self.path[-1]}` must be a whole number from {low} to {high}, not {shown(self.value)}.")
            return default
        return self.value

    def number(self, default: float, low: float, high: float) -> float:
        """Returns a number within bounds; anything else is a problem."""
        if self.value is None:
            return default
        if not is_number(self.value) or not low <= self.value <= high:
            self.problem(f"`{self.path[-1]}` must be a number from {low:g} to {high:g}, not {shown(self.value)}.")
            return default
        return float(self.value)

    def texts(self, *, least: int = 1) -> tuple[str, ...]:
        """Returns a list of texts; anything else is a problem."""
        if not isinstance(self.value, list) or len(self.value) < least:
            if self.value is not None or least:
                self.problem(f"`{self.path[-1]}` must be a list of texts, not {shown(self.value)}.")
            return ()
        for item in self.items():
            if not isinstance(item.value, str) or not item.value:
                item.problem(
                    f"{shown(item.value)} is not text.", "Quote it: YAML reads no, yes, on and numbers as values."
                )
        return tuple(item for item in self.value if isinstance(item, str))

    def filled(self) -> str:
        """Returns a text that is not blank; anything else is a problem."""
        if isinstance(self.value, str) and self.value.strip():
            return self.value
        self.problem(
            f"`{self.path[-1]}` must be text that is not empty, not {shown(self.value)}.", "Quote numbers and dates."
        )
        return ""

    def day(self) -> str:
        """Returns a date as YYYY-MM-DD; anything else is a problem."""
        try:
            return date.fromisoformat(self.filled()).isoformat()
        except ValueError:
            self.problem(f"`{self.path[-1]}` must be a date such as 2026-01-31, not {shown(self.value)}.")
            return ""


def is_number(value: Any) -> bool:
    """Returns whether a value is a number and not a boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def unique_names(nodes: Iterator[Node], what: str, key: str = "name", fold: Callable[[str], str] = str) -> None:
    """Reports each entry whose name an earlier entry already has."""
    seen: dict[str, int] = {}
    for node in nodes:
        name = node.get(key)
        if not isinstance(name.value, str):
            continue
        line, _ = name.sink.places.of(name.path)
        if fold(name.value) in seen:
            name.problem(f"two {what} are called {name.value!r}; the first is in line {seen[fold(name.value)]}.")
        seen.setdefault(fold(name.value), line)
