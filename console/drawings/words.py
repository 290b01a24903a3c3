"""Words of drawings, for terminals, files and pages alike: text made harmless, and what stands in a box."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]

_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn")
_MOST_NAMED = 48


def plain(value: Any, *, lines: bool = False) -> str:
    r"""Returns a value as text that cannot drive a terminal.

    Args:
        value: Anything; None is shown as `-`.
        lines: Keep line breaks; otherwise white space becomes single blanks.

    Returns:
        The text with control, format and unassigned characters shown as `\uXXXX`.
    """
    text = "-" if value is None else str(int(value) if isinstance(value, float) and value.is_integer() else value)
    text = text if lines else " ".join(text.split())
    return "".join(
        char if char == "\n" or unicodedata.category(char) not in _HIDDEN else _escaped(char) for char in text
    )


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def labels(node: Json) -> list[str]:
    """Returns the two lines that a box holds."""
    if node["kind"] == "unknown":
        return ["not known", "stands nowhere here"]
    if node["kind"] == "unseen":
        return ["a document", "of a contract you may not see"]
    second = f"depth {node['depth']}, {node.get('state', 'unknown')}"
    if node["kind"] == "answer":
        second = f"depth {node['depth']}, answer of {node.get('model') or node.get('system') or 'unknown'}"
    return [_short(plain(node["name"])), _begun(plain(second))]


def line_label(edge: Json) -> str:
    """Returns what stands on a line."""
    if "chunks" in edge:
        return chunks_words(edge)
    if edge.get("basis") == "suspected":
        return "suspected"
    return f"{float(edge.get('containment') or 0):.0%}"


def chunks_words(edge: Json) -> str:
    """Returns how many chunks an answer was given of a document."""
    return f"{edge['chunks']} chunk{'s' if edge['chunks'] > 1 else ''}" + (", cited" if edge["cited"] else "")


def _begun(text: str) -> str:
    return text if len(text) <= _MOST_NAMED else f"{text[: _MOST_NAMED - 3]}..."


def _short(text: str) -> str:
    return text if len(text) <= _MOST_NAMED else f"...{text[3 - _MOST_NAMED :]}"
