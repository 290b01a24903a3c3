"""Two texts side by side in one column: what went, what came, and a little of what stayed. Pure, and bounded."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field

from console.web.page import View

MOST = 4_000
"""Paragraphs of a text that are compared."""
MOST_STEPS = 2_000_000
"""Places that difflib may look at for one comparison, about half a second: in the worst case it looks at the cube of
what it is given. A count and no clock, so that a comparison is the same each time."""
_AROUND = 1


class _TooMuch(Exception):
    """A comparison took more steps than it may."""


class _Matcher(difflib.SequenceMatcher[str]):
    """A matcher that stops where it would take too long.

    Args:
        old: What was.
        new: What is.
        left: Steps that are left, as the only item of a list; it is counted down.
    """

    a: Sequence[str]
    b: Sequence[str]
    b2j: Mapping[str, Sequence[int]]

    def __init__(self, old: Sequence[str], new: Sequence[str], left: list[int]) -> None:
        super().__init__(None, old, new)  # what makes up a hundredth of a long text and more is no place to start from
        self._left = left

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> difflib.Match:
        """Finds one; counts the places that it looks at."""
        self._left[0] -= sum(1 + len(self.b2j.get(item, ())) for item in self.a[alo:ahi])
        if self._left[0] < 0:
            raise _TooMuch
        return super().find_longest_match(alo, ahi, blo, bhi)


class Piece(View):
    """A stretch of one line: as it was, taken out, or put in."""

    kind: Literal["same", "removed", "added"]
    text: str


class Line(View):
    """One line of a comparison."""

    kind: Literal["same", "removed", "added", "gap"]
    pieces: list[Piece] = Field(description="Empty for a gap.")
    lines: int = Field(default=0, description="How many equal lines a gap stands for.")


def compared(before: str, after: str) -> list[Line] | None:
    """Returns the difference of two texts by lines, and of lines that resemble each other by words.

    Returns:
        The lines that differ with one equal line around them; None where the texts are too long to compare. Long
        lines of which too many differ are told as a whole.
    """
    old, new = before.splitlines(), after.splitlines()
    if len(old) > MOST or len(new) > MOST:
        return None
    found: list[Line] = []
    left = [MOST_STEPS]
    try:
        steps = _Matcher(old, new, left).get_opcodes()
    except _TooMuch:
        return None
    for tag, a, b, c, d in steps:
        if tag == "equal":
            found += _kept(old[a:b], first=a == 0, last=b == len(old))
        else:
            found += _changed(old[a:b], new[c:d], left)
    return found


def _kept(lines: Sequence[str], *, first: bool, last: bool) -> Iterator[Line]:
    head, tail = (0 if first else _AROUND), (0 if last else _AROUND)
    if len(lines) <= head + tail:
        yield from (_line("same", line) for line in lines)
        return
    yield from (_line("same", line) for line in lines[:head])
    yield Line(kind="gap", pieces=[], lines=len(lines) - head - tail)
    yield from (_line("same", line) for line in lines[len(lines) - tail :])


def _changed(old: Sequence[str], new: Sequence[str], left: list[int]) -> Iterator[Line]:
    if len(old) != len(new):
        yield from (_line("removed", line) for line in old)
        yield from (_line("added", line) for line in new)
        return
    for before, after in zip(old, new, strict=True):
        yield from (_line("same", before),) if before == after else _words(before, after, left)


def _words(before: str, after: str, left: list[int]) -> Iterator[Line]:
    matcher = _Matcher(_cut(before), _cut(after), left)
    steps = _steps(matcher)
    if steps is None:
        yield from (_line("removed", before), _line("added", after))
        return
    old, new = matcher.a, matcher.b
    removed: list[Piece] = []
    added: list[Piece] = []
    for tag, a, b, c, d in steps:
        if tag == "equal":
            same = Piece(kind="same", text="".join(old[a:b]))
            removed.append(same)
            added.append(same)
            continue
        removed += [Piece(kind="removed", text="".join(old[a:b]))] if b > a else []
        added += [Piece(kind="added", text="".join(new[c:d]))] if d > c else []
    yield Line(kind="removed", pieces=removed)
    yield Line(kind="added", pieces=added)


def _steps(matcher: _Matcher) -> list[tuple[str, int, int, int, int]] | None:
    """Returns what makes one line of another; None where they have too little in common, or are too long."""
    if matcher.quick_ratio() < 0.4:
        return None
    try:
        return list(matcher.get_opcodes())
    except _TooMuch:
        return None


def _cut(line: str) -> list[str]:
    """Returns the words of a line, each with the blanks behind it."""
    parts: list[str] = []
    for character in line:
        if parts and (character.isspace() or not parts[-1][-1].isspace()):
            parts[-1] += character
        else:
            parts.append(character)
    return parts


def _line(kind: Literal["same", "removed", "added"], text: str) -> Line:
    return Line(kind=kind, pieces=[Piece(kind=kind, text=text)])
