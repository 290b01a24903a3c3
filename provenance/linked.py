"""What structured data (JSON-LD and the like) says about origin, and about what it says so.

A picture in an article has a digital source type of its own, which is not the article's. A statement counts for the
document only where the data speaks of the document itself: at its root, in a graph, or as its main entity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from provenance.iptc import folded

# schema.org types that are something in a page and not its text.
_PARTS = frozenset(
    {
        "3dmodel", "audioobject", "barcode", "comment", "datadownload", "dataset", "imageobject", "imagegallery",
        "mediagallery", "mediaobject", "musicrecording", "photograph", "review", "videogame", "videoobject",
    }
)  # fmt: skip
_SAME = frozenset({"graph", "mainentity", "mainentityofpage"})
"""Fields whose value is the document itself, under another name."""
_AUTHORS = frozenset({"author", "creator", "generator", "producer", "contributor"})
_PROGRAMS = frozenset({"softwareapplication", "webapplication", "softwareagent"})
_NAME = re.compile(r"[:/#@]")
_DEEPEST, _MOST = 40, 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One statement.

    Attributes:
        code: `digital_source_type`, `status` or `generator`.
        name: The field as it is spelt there.
        value: Its value.
        about: What of the document it speaks of; empty for the document itself.
    """

    code: str
    name: str
    value: str
    about: str = ""


def statements(data: Any) -> Iterator[Said]:
    """Yields the statements about origin in a parsed JSON value, in its order; those beyond bounds are left out."""
    waiting: list[tuple[Any, str, int]] = [(data, "", 0)]
    for _ in range(_MOST):
        if not waiting:
            return
        value, about, depth = waiting.pop()
        if isinstance(value, list):
            waiting += [(item, about, depth + 1) for item in reversed(value) if depth < _DEEPEST]
        elif isinstance(value, Mapping):
            kind = _type(value)
            about = about or (kind if folded(kind) in _PARTS else "")
            yield from _of_node(value, about)
            if depth < _DEEPEST:
                waiting += [
                    (item, about if _field(name) in _SAME else about or _named(item, str(name)), depth + 1)
                    for name, item in reversed(list(value.items()))
                    if isinstance(item, Mapping | list)
                ]


def _of_node(node: Mapping[Any, Any], about: str) -> Iterator[Said]:
    for name, value in node.items():
        field = _field(name)
        if field == "digitalsourcetype":
            for text in _texts(value):
                yield Said(code="digital_source_type", name=str(name), value=text, about=about)
        elif field == "creativeworkstatus":
            for text in _texts(value):
                yield Said(code="status", name=str(name), value=text, about=about)
        elif field in _AUTHORS:
            for text in _programs(value):
                yield Said(code="generator", name=str(name), value=text, about=about)


def _texts(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    named = [item.get("@id") or item.get("name") or "" if isinstance(item, Mapping) else item for item in items]
    return [text.strip() for text in named if isinstance(text, str) and text.strip()]


def _programs(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [
        str(item.get("name") or "") for item in items if isinstance(item, Mapping) and folded(_type(item)) in _PROGRAMS
    ]


def _named(item: Any, name: str) -> str:
    return (_type(item) if isinstance(item, Mapping) else "") or name


def _type(node: Mapping[Any, Any]) -> str:
    found = node.get("@type") or node.get("type") or ""
    first = found[0] if isinstance(found, list) and found else found
    return _NAME.split(first)[-1] if isinstance(first, str) else ""


def _field(name: Any) -> str:
    return folded(_NAME.split(str(name))[-1])


def is_part(kind: str) -> bool:
    """Whether a type of schema.org is something in a page, such as a picture, and not its text."""
    return folded(kind) in _PARTS
