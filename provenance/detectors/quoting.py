"""Where a text shows something instead of saying it: code, inline code, blockquotes, quoted strings.

A manual that quotes a chatbot's trace does not carry it. Every expression here is bounded, so the
time is linear in the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

from corpus.types import Block, BlockKind, Span

_FENCE = re.compile(r"^[ \t]{0,8}(?P<mark>`{3,}|~{3,})[^\n]*\n", re.MULTILINE)
_INLINE = re.compile(r"(?<!`)(`{1,2})(?!`)[^\n]{1,500}?(?<!`)\1(?!`)")
_BLOCKQUOTE = re.compile(r"^[ \t]{0,8}>[^\n]*", re.MULTILINE)
# A quotation opens after white space or a bracket and closes before none of a word: "5' 3\"" opens nothing.
_QUOTED = re.compile(
    r"(?<![^\s(\[{])\"(?=\S)[^\"\n]{1,500}(?<=\S)\"(?!\w)"
    r"|(?<![^\s(\[{])'(?=\S)[^'\n]{1,300}(?<=\S)'(?!\w)"
    r"|“[^“”]{1,1000}”|„[^„“”]{1,1000}[“”]|«[^«»]{1,1000}»|「[^「」]{1,500}」"
)


class Shown:
    """The places of one text that show rather than say.

    Args:
        text: The text.
        blocks: What the parser saw; code blocks are taken from it.
    """

    __slots__ = ("_ends", "_starts")

    def __init__(self, text: str, blocks: Sequence[Block]) -> None:
        spans = [(block.span.start, block.span.end) for block in blocks if block.kind is BlockKind.CODE]
        spans += _fences(text)
        for pattern in (_INLINE, _BLOCKQUOTE, _QUOTED):
            spans += [match.span() for match in pattern.finditer(text)]
        self._starts, self._ends = _merged(spans)

    def covers(self, span: Span) -> bool:
        """Whether the span lies wholly inside such a place."""
        place = bisect_right(self._starts, span.start) - 1
        return place >= 0 and span.end <= self._ends[place]


def _fences(text: str) -> list[tuple[int, int]]:
    """Returns the fenced code blocks; one that is never closed runs to the end, as in CommonMark."""
    spans: list[tuple[int, int]] = []
    opened: re.Match[str] | None = None
    for match in _FENCE.finditer(text + "\n"):
        if opened is None:
            opened = match
        elif match["mark"].startswith(opened["mark"]):
            spans.append((opened.start(), min(match.end(), len(text))))
            opened = None
    if opened is not None:
        spans.append((opened.start(), len(text)))
    return spans


def _merged(spans: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    starts: list[int] = []
    ends: list[int] = []
    for start, end in sorted(spans):
        if ends and start < ends[-1]:
            ends[-1] = max(ends[-1], end)
        else:
            starts.append(start)
            ends.append(end)
    return starts, ends
