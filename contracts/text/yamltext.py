"""YAML text to plain JSON values, with the line and column of every node.

Only what JSON can say comes out: no dates, no tags, no merge keys, no NaN. Size, depth and the number
of nodes that aliases expand to are bounded before anything is built, so a hostile file costs little.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from contracts.text.problems import DocumentPath, Places, Sink

# A contract is written by a person: the largest public ODCS examples are below 60 kB.
MAX_BYTES = 1_000_000
MAX_DEPTH = 40
MAX_NODES = 100_000

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PREFIX = "tag:yaml.org,2002:"
_PLAIN = frozenset({"str", "int", "float", "bool", "null", "timestamp"})
# Octal with a leading zero, base 60, binary, and blanks written as underscores: YAML 1.2.2 (10.3.2) has none of them.
_OLD_NUMBER = re.compile(r"[-+]?(?:0[0-9_]+|0b[01_]+|[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?|[0-9.]*_[0-9_.]*)")
_Placed = Callable[[yaml.Mark], tuple[int, int]]


def parse_yaml(text: str) -> tuple[Any, Sink]:
    """Parses the text of one contract.

    Args:
        text: YAML, one document.

    Returns:
        The value (None where the text cannot be parsed at all) and the sink with what is wrong so far.
    """
    sink = Sink(Places(lines=tuple(text.splitlines())))
    return read_into(sink, text, path=(), shift=_file_place), sink


def read_into(sink: Sink, text: str, *, path: DocumentPath, shift: _Placed) -> Any:
    """Parses YAML that stands at `path` of a document; its problems and places go to `sink`.

    Args:
        sink: Where problems and places go.
        text: The YAML.
        path: Where the value hangs in the document.
        shift: Turns a mark in `text` into (line, column) of the file.
    """
    try:
        _bound(text)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        _place(sink, path, shift(mark) if mark else sink.places.of(path))
        sink.add(path, f"this is not YAML: {error.problem or error.context}.", "Mend the syntax first.")
        return None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        sink.add(path, f"this cannot be read as YAML: {_first_line(error)}.")
        return None
    if node is None:
        return None
    return _Builder(sink, shift).build(node, path)


def _bound(text: str) -> None:
    """Refuses a text that is too large or nested too deeply before any node is composed."""
    if len(text.encode("utf-8")) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES:,} bytes")
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError(f"it is nested deeper than {MAX_DEPTH} in line {_line(event)}")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


@dataclass(slots=True)
class _Builder:
    """Turns composed nodes into values and notes where each stands."""

    sink: Sink
    shift: _Placed
    left: int = MAX_NODES
    open: set[int] = field(default_factory=set)

    def build(self, node: yaml.Node, path: DocumentPath) -> Any:
        # A collection is spoken of at its key: its own mark is where its first entry stands.
        here = None if isinstance(node, yaml.ScalarNode) else self.sink.places.keys.get(path)
        self.sink.places.values.setdefault(path, here or self.shift(node.start_mark))
        self.left -= 1
        if self.left < 0 or id(node) in self.open or len(path) > MAX_DEPTH:
            self.left = min(self.left, 0)
            if not any("aliases" in problem.message for _, problem in self.sink.found):
                self.sink.add(
                    path, f"aliases expand without end or to more than {MAX_NODES:,} values.", "Write it out."
                )
            return None
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node, path)
        self.open.add(id(node))
        try:
            return self.collection(node, path)
        finally:
            self.open.discard(id(node))

    def collection(self, node: yaml.Node, path: DocumentPath) -> Any:
        if node.tag not in (_PREFIX + "map", _PREFIX + "seq"):
            self.sink.add(path, f"the tag {node.tag!r} is not allowed.", "Write a plain mapping or list.")
            return None
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*path, number)) for number, child in enumerate(node.value)]
        return dict(self.entries(node, path))

    def entries(self, node: yaml.Node, path: DocumentPath) -> Iterator[tuple[str, Any]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            place = self.shift(key_node.start_mark)
            key = self.key(key_node, path, place)
            if key is None:
                continue
            if key in seen:
                _problem_here(
                    self.sink, (*path, key), place, f"the key {key!r} stands twice; first in line {seen[key]}."
                )
                continue
            seen[key] = place[0]
            self.sink.places.keys.setdefault((*path, key), place)
            yield key, self.build(value_node, (*path, key))

    def key(self, node: yaml.Node, path: DocumentPath, place: tuple[int, int]) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.tag == _PREFIX + "str":
            return str(node.value)
        if node.tag == _PREFIX + "merge":
            message = "merge keys (<<) are not supported: other readers of the standard do not know them."
        else:
            value = node.value if isinstance(node, yaml.ScalarNode) else "a collection"
            message = f"a key must be text, not {value!r} ({node.tag.removeprefix(_PREFIX)})."
        _problem_here(self.sink, (*path, f"<line {place[0]}>"), place, message)
        return None

    def scalar(self, node: yaml.ScalarNode, path: DocumentPath) -> Any:
        kind = node.tag.removeprefix(_PREFIX)
        if kind not in _PLAIN:
            self.sink.add(
                path, f"the tag {node.tag!r} is not allowed here.", "Write plain text, a number or true/false."
            )
            return None
        if node.style == "|":
            self.sink.places.blocks[path] = self.shift(node.start_mark)[0] + 1
        if kind in ("str", "timestamp"):  # JSON has no dates: the standard's are text
            return node.value
        if kind in ("int", "float") and _OLD_NUMBER.fullmatch(node.value):
            message = f"{node.value[:40]!r} is one number in YAML 1.1 and another, or text, in YAML 1.2."
            self.sink.add(path, message, "Write it in decimal digits, or in quotes if it is text.")
            return None
        return self.number(node, kind, path)

    def number(self, node: yaml.ScalarNode, kind: str, path: DocumentPath) -> Any:
        try:
            value = getattr(_CONSTRUCTOR, f"construct_yaml_{kind}")(node)
        except (ValueError, KeyError, OverflowError, IndexError):
            value = math.nan
        if isinstance(value, float) and not math.isfinite(value):
            self.sink.add(path, f"{node.value[:40]!r} is not a finite number.", "Quote it if it is text.")
            return None
        return value


def read_block(sink: Sink, text: str, path: DocumentPath) -> Any:
    """Parses YAML that a document holds as text, such as `implementation: |`.

    Args:
        sink: The sink of the document; problems inside the text get their own line where it is a block.
        text: The text.
        path: Where the text stands in the document.
    """
    start = sink.places.blocks.get(path)
    if start is None:
        here = sink.places.of(path)
        return read_into(sink, text, path=path, shift=lambda _mark: here)
    indent = sink.places.indent(start)
    return read_into(sink, text, path=path, shift=lambda mark: (start + mark.line, indent + mark.column + 1))


class _Constructor(yaml.constructor.SafeConstructor):
    """Reads ints, floats, booleans and null as YAML 1.1 says."""


_CONSTRUCTOR = _Constructor()


def _file_place(mark: yaml.Mark) -> tuple[int, int]:
    return (mark.line + 1, mark.column + 1)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _place(sink: Sink, path: DocumentPath, place: tuple[int, int]) -> None:
    sink.places.values[path] = place


def _problem_here(sink: Sink, path: DocumentPath, place: tuple[int, int], message: str) -> None:
    known = dict(sink.places.values)
    sink.places.values[path] = place
    sink.add(path, message)
    if path in known:
        sink.places.values[path] = known[path]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")
