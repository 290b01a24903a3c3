"""What is wrong with a contract, where, and what to write instead.

A `Sink` gathers every problem of one file, so that all can be mended at once. The module knows
places in a document and nothing of contracts.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

DocumentPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One thing that is wrong in a contract file.

    Attributes:
        line: Line in the file, from 1.
        column: Column in the line, from 1.
        path: Place in the document, such as `schema[0].properties[2].enum`; empty for the whole.
        message: The bad value and the valid ones.
        hint: The next step, empty where the message says it all.
    """

    line: int
    column: int
    path: str
    message: str
    hint: str = ""

    def located(self, file: str) -> str:
        """Returns `file:line:column: message`, the form that editors jump to."""
        tail = f" {self.hint}" if self.hint else ""
        return f"{file}:{self.line}:{self.column}: {self.message}{tail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the nodes of a YAML document stand, as (line, column) from 1.

    Attributes:
        values: Place of the value at each path.
        keys: Place of the key that leads to each path.
        blocks: Line on which the content of each literal block (`|`) starts.
        lines: The lines of the file.
    """

    values: dict[DocumentPath, tuple[int, int]] = field(default_factory=dict)
    keys: dict[DocumentPath, tuple[int, int]] = field(default_factory=dict)
    blocks: dict[DocumentPath, int] = field(default_factory=dict)
    lines: tuple[str, ...] = ()

    def of(self, path: DocumentPath, *, key: bool = False) -> tuple[int, int]:
        """Returns the place of a value or of its key, or of the nearest node around it."""
        for end in range(len(path), -1, -1):
            inner = path[:end]
            order = (self.keys, self.values) if key else (self.values, self.keys)
            for table in order:
                if inner in table:
                    return table[inner]
        return (1, 1)

    def indent(self, line: int) -> int:
        """Returns by how many columns a line of the file is indented."""
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return len(text) - len(text.lstrip(" "))


@dataclass(frozen=True, slots=True)
class Sink:
    """Gathers the problems of one document.

    Attributes:
        places: Where the document's nodes stand.
        found: Path, whether the key is meant, and the problem, in order of discovery.
    """

    places: Places
    found: list[tuple[DocumentPath, Problem]] = field(default_factory=list)

    def add(self, path: DocumentPath, message: str, hint: str = "", *, key: bool = False) -> None:
        """Records a problem at a path; a second one at the same path with the same words is dropped."""
        line, column = self.places.of(path, key=key)
        problem = Problem(line=line, column=column, path=path_text(path), message=message, hint=hint)
        if (path, problem) not in self.found:
            self.found.append((path, problem))

    def at(self, path: DocumentPath) -> bool:
        """Returns whether something is already wrong at exactly this path."""
        return any(place == path for place, _ in self.found)

    def problems(self) -> tuple[Problem, ...]:
        """Returns every problem in order of place."""
        return tuple(sorted({problem for _, problem in self.found}))


def path_text(path: DocumentPath) -> str:
    """Returns a path in the form `schema[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def nearest(word: str, valid: Iterable[str]) -> str:
    """Returns `Did you mean 'x'?` for the valid word closest to `word`, or an empty text."""
    words = {candidate.lower(): candidate for candidate in valid}
    close = difflib.get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    return f"Did you mean {words[close[0]]!r}?" if close else ""


def listed(names: Iterable[str], limit: int = 30) -> str:
    """Returns names as `a, b, c`, cut after `limit`."""
    every = list(names)
    more = f", and {len(every) - limit} more" if len(every) > limit else ""
    return ", ".join(every[:limit]) + more


def shown(value: Any) -> str:
    """Returns a value as a short text with its kind, for a message."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "nothing (null)"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
