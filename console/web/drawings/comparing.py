"""Two texts side by side in one column: what went, what came, and a little of what stayed. Pure, and bounded."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field

from console.web.page import View

MOST = 4_000
"""Paragraphs of a text that are compared: difflib takes the square of them in the worst case."""
_AROUND = 1


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
        The lines that differ with one equal line around them; None where the texts are too long to compare.
    """
    old, new = before.splitlines(), after.splitlines()
    if len(old) > MOST or len(new) > MOST:
        return None
    found: list[Line] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            found += _kept(old[a:b], first=a == 0, last=b == len(old))
        else:
            found += _changed(old[a:b], new[c:d])
    return found


def _kept(lines: Sequence[str], *, first: bool, last: bool) -> Iterator[Line]:
    head, tail = (0 if first else _AROUND), (0 if last else _AROUND)
    if len(lines) <= head + tail:
        yield from (_line("same", line) for line in lines)
        return
    yield from (_line("same", line) for line in lines[:head])
    yield Line(kind="gap", pieces=[], lines=len(lines) - head - tail)
    yield from (_line("same", line) for line in lines[len(lines) - tail :])


def _changed(old: Sequence[str], new: Sequence[str]) -> Iterator[Line]:
    if len(old) != len(new):
        yield from (_line("removed", line) for line in old)
        yield from (_line("added", line) for line in new)
        return
    for before, after in zip(old, new, strict=True):
        yield from _words(before, after)


def _words(before: str, after: str) -> Iterator[Line]:
    old, new = _cut(before), _cut(after)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    if matcher.quick_ratio() < 0.4:
        yield from (_line("removed", before), _line("added", after))
        return
    removed: list[Piece] = []
    added: list[Piece] = []
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            same = Piece(kind="same", text="".join(old[a:b]))
            removed.append(same)
            added.append(same)
            continue
        removed += [Piece(kind="removed", text="".join(old[a:b]))] if b > a else []
        added += [Piece(kind="added", text="".join(new[c:d]))] if d > c else []
    yield Line(kind="removed", pieces=removed)
    yield Line(kind="added", pieces=added)


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
