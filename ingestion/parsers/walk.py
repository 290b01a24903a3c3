"""Walks an HTML tree and lays out its visible text: which elements break lines, which are skipped."""

from __future__ import annotations

import re
from typing import Any

from corpus.types import BlockKind
from ingestion.parsers.layout import Layout

# Elements without text for a reader.
_SILENT_NAMES = (
    "script style template noscript head iframe object embed svg math canvas audio video map select option "
    "datalist button textarea title"
)
_SILENT = frozenset(_SILENT_NAMES.split())
_CHROME = frozenset({"nav", "footer"})
_CHROME_ROLES = frozenset({"navigation", "contentinfo", "search", "banner"})
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
# Elements that a browser starts on a new line (HTML Standard, 15.3, "Rendering").
_BLOCK_NAMES = (
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure "
    "form header hgroup hr legend li main nav footer ol p pre search section summary table tbody td tfoot th thead "
    "tr ul"
)
_BLOCKS = frozenset(_BLOCK_NAMES.split()) | frozenset(_HEADINGS)
_HIDDEN_STYLE = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\n\f]+")


class Walker:
    """Lays out one tree.

    Args:
        skip_chrome: Whether navigation and footers are left out.

    Attributes:
        layout: The text so far.
        notes: `hidden_left_out` where something hidden was skipped.
    """

    def __init__(self, *, skip_chrome: bool) -> None:
        self.layout = Layout()
        self.notes: set[str] = set()
        self._skip_chrome = skip_chrome
        self._buffer: list[str] = []
        self._headings: list[int] = []
        self._lists = 0
        self._pre = 0
        self._tables = 0
        self._row: list[str] = []
        self._rows: list[str] = []

    def walk(self, root: Any) -> None:
        """Walks the tree below and including `root`; depth costs no stack."""
        stack: list[tuple[Any, bool]] = [(root, False)]
        while stack:
            element, leaving = stack.pop()
            if leaving:
                self._leave(element)
                self._say(element.tail)
            elif self._enter(element):
                stack.append((element, True))
                stack.extend((child, False) for child in reversed(element))
                self._say(element.text)
            elif element is not root:
                self._say(element.tail)
        self._flush()

    def _enter(self, element: Any) -> bool:
        tag = element.tag
        if not isinstance(tag, str) or self._is_skipped(element, tag):
            return False
        if tag == "br":
            self._buffer.append("\n")
        elif tag in _BLOCKS:
            self._break(tag)
            self._open(tag)
        return True

    def _is_skipped(self, element: Any, tag: str) -> bool:
        if tag in _SILENT or (tag == "a" and "headerlink" in element.get("class", "").split()):
            return True
        if "hidden" in element.attrib or _HIDDEN_STYLE.search(element.get("style", "")):
            self.notes.add("hidden_left_out")
            return True
        return self._skip_chrome and (tag in _CHROME or element.get("role", "").lower() in _CHROME_ROLES)

    def _open(self, tag: str) -> None:
        if tag in _HEADINGS:
            self._headings.append(_HEADINGS[tag])
        elif tag == "li":
            self._lists += 1
        elif tag == "pre":
            self._pre += 1
        elif tag == "table":
            self._tables += 1

    def _leave(self, element: Any) -> None:
        tag = element.tag
        if tag not in _BLOCKS:
            return
        self._break(tag)
        if tag in _HEADINGS:
            self._headings.pop()
        elif tag == "li":
            self._lists -= 1
        elif tag == "pre":
            self._pre -= 1
        elif tag == "table":
            self._tables -= 1
            if not self._tables:
                self._end_table()

    def _break(self, tag: str) -> None:
        """Ends what stands in the buffer: a cell or a row inside a table, else a block."""
        if not self._tables:
            self._flush()
            return
        if tag in ("td", "th", "tr", "caption"):
            self._row.append(_SPACE.sub(" ", "".join(self._buffer)).strip())
            self._buffer.clear()
        elif self._buffer:
            self._buffer.append(" ")
        if tag in ("tr", "caption"):
            self._end_row()

    def _end_row(self) -> None:
        cells = [cell for cell in self._row if cell]
        self._row.clear()
        if cells:
            self._rows.append(" | ".join(cells))

    def _end_table(self) -> None:
        self._break("tr")
        self.layout.add(BlockKind.TABLE, "\n".join(self._rows))
        self._rows.clear()

    def _say(self, text: str | None) -> None:
        if text:
            self._buffer.append(text if self._pre and not self._tables else _SPACE.sub(" ", text))

    def _flush(self) -> None:
        if not self._buffer:
            return
        text = "".join(self._buffer)
        self._buffer.clear()
        if self._pre:
            self.layout.add(BlockKind.CODE, text)
            return
        text = "\n".join(_SPACE.sub(" ", line).strip() for line in text.split("\n")).strip()
        if self._headings:
            self.layout.add(BlockKind.HEADING, _SPACE.sub(" ", text), self._headings[-1])
        elif self._lists:
            self.layout.add(BlockKind.LIST, f"- {text}" if text else "")
        else:
            self.layout.add(BlockKind.PARAGRAPH, text)
