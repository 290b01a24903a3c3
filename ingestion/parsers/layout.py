"""The law of extracted text, and the builder that lays out text and blocks together.

Text law: no lone surrogate, no NUL, lines end in a line feed. Blocks are in order, in range, do not overlap
and hold something to read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from corpus.errors import ParseError
from corpus.types import Block, BlockKind, Span

_SURROGATES = re.compile("[\ud800-\udfff]")
# Blank lines between blocks; items of one list and rows of one table stay on neighbouring lines.
_TIGHT = frozenset({BlockKind.LIST})


def tidy(text: str) -> str:
    """Brings text under the law; offsets may be taken only afterwards."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\x00" in text:
        text = text.replace("\x00", "")
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def require_text(text: str, what: str) -> None:
    """Raises ParseError (code `empty`) where there is nothing to read.

    Args:
        text: What was extracted.
        what: What the owner knows the document as, such as `page`.
    """
    if not text.strip():
        raise ParseError(f"The {what} holds no text, only white space. Add text, or remove it.", code="empty")


def require_whole(errors: Any, what: str) -> None:
    """Raises ParseError (code `too_deep`) where lxml gave a tree up midway: what follows would be lost in silence.

    Args:
        errors: The error log of the parser that built the tree; giving up is its last entry.
        what: What the owner knows the document as, such as `page`.
    """
    last = errors.last_error
    if last is not None and last.type_name == "ERR_RESOURCE_LIMIT":
        raise ParseError(
            f"The {what} cannot be read to its end ({last.message.partition(',')[0].strip()}), so a part would be "
            "lost. Save it anew with another program.",
            code="too_deep",
        )


class Layout:
    """Collects blocks and the text they stand in.

    `text` and `blocks` are consistent at any time: each block's span covers exactly what was added.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []

    def add(self, kind: BlockKind, text: str, level: int = 0) -> None:
        """Adds one block; blank text is not added.

        Args:
            kind: What it is.
            text: Its text; white space around it is dropped.
            level: 1 to 6 for headings, 0 for all else.
        """
        text = tidy(text).strip("\n") if kind is BlockKind.CODE else tidy(text).strip()
        if not text.strip():
            return
        if self._blocks:
            tight = kind in _TIGHT and self._blocks[-1].kind is kind
            self._append("\n" if tight else "\n\n")
        start = self._length
        self._append(text)
        self._blocks.append(Block(kind=kind, span=Span(start=start, end=self._length), level=level))

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._parts)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks so far."""
        return tuple(self._blocks)


def line_starts(lines: Iterable[str]) -> list[int]:
    """Returns where each line starts, and at the end where the text ends; lines carry their ends."""
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    return starts


def trimmed(text: str, start: int, end: int) -> Span | None:
    """Returns the range without blank lines at its ends; None where nothing is left."""
    stretch = text[start:end]
    body = stretch.rstrip()
    if not body:
        return None
    lead = len(stretch) - len(stretch.lstrip())
    # Keep the indentation of the first line: it is part of code.
    first = stretch.rfind("\n", 0, lead) + 1
    return Span(start=start + first, end=start + len(body))
