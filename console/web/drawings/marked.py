"""A text with its evidence marked where it stands, cut into runs; what nobody sees is spelled out. Pure."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from pydantic import Field

from console.web.page import View

Kind: TypeAlias = Literal["hidden", "answer", "residue", "order", "other"]

WHOLE = 30_000
"""Characters of a text that is shown whole; of a longer one, what is around its evidence."""
AROUND = 700
"""Characters around evidence in a text that is not shown whole."""
EXCERPT = 320
"""Characters of the beginning of a part of a document."""
_KINDS: Mapping[str, Kind] = {
    "hidden": "hidden",
    "answer": "answer",
    "residue": "residue",
    "instruction": "order",
}
_DETECTORS: Mapping[str, Kind] = {"residue": "residue", "hidden": "hidden", "instruction": "order", "reuse": "answer"}
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


class Run(View):
    """A stretch of text that is marked alike; or one character that nobody sees, as its name."""

    text: str
    start: int = Field(description="Offset of its first character in the stored text.")
    kinds: list[Kind] = Field(description="What it is evidence of; empty where it is not.")
    marks: list[int] = Field(description="Numbers of the pieces of evidence that it belongs to.")
    unseen: bool = Field(default=False, description="Whether `text` names a character that shows nothing.")
    left_out: int = Field(default=0, description="Characters that are left out before it.")


class Mark(View):
    """One piece of evidence, and where it stands."""

    number: int = Field(description="Its number on this page, from 1.")
    kind: Kind
    code: str = Field(description="What was found.")
    detector: str = Field(description="Who found it.")
    level: str = Field(description="Rung of the ladder of origin evidence; `-` for evidence of something else.")
    spans: list[tuple[int, int]] = Field(description="Where it stands in the stored text; empty where it is not in it.")
    quote: str
    figures: dict[str, str] = Field(description="What the detector measured, in words.")


def marks_of(findings: Iterable[Mapping[str, Any]]) -> list[Mark]:
    """Returns the findings of a decision as numbered pieces of evidence, those with a place first, in their order."""
    found = sorted(findings, key=lambda finding: (not finding["span"], finding["span"] or [0, 0]))
    return [_mark(number, finding) for number, finding in enumerate(found, start=1)]


def runs_of(
    text: str,
    marks: Sequence[Mark],
    whole: int = WHOLE,
    around: int = AROUND,
    dropped: Sequence[tuple[int, int]] = (),
) -> list[Run]:
    """Cuts a text into runs at the ends of its evidence.

    Args:
        text: The stored text, which offsets speak of.
        marks: The evidence; spans that are not in the text are passed over.
        whole: Longest text that is given whole.
        around: Characters around each piece of evidence in a longer one.
        dropped: Stretches that a person dropped: blanks, which are left out.
    """
    placed = [(start, end, mark) for mark in marks for start, end in mark.spans if 0 <= start < end <= len(text)]
    windows = [(0, len(text))] if len(text) <= whole else _windows(placed, len(text), around)
    windows = [part for window in windows for part in _outside(window, dropped)]
    found: list[Run] = []
    after = 0
    for low, high in windows:
        left_out, after = low - after, high
        for run in _cut(text, low, high, placed):
            found.append(run.model_copy(update={"left_out": left_out}) if left_out else run)
            left_out = 0
    return found


def _outside(window: tuple[int, int], dropped: Sequence[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """Yields a window without what was dropped."""
    at, end = window
    for low, high in dropped:
        if low < end and high > at:
            if at < low:
                yield at, low
            at = max(at, high)
    if at < end:
        yield at, end


def excerpt_of(text: str, marks: Sequence[Mark], start: int, end: int, most: int = EXCERPT) -> list[Run]:
    """Cuts a stretch of a text into runs: its beginning, and what is around the evidence in it.

    Args:
        text: The text, which offsets speak of.
        marks: The evidence.
        start: Where the stretch begins.
        end: Where it ends.
        most: Characters of its beginning; evidence is shown with a quarter as many around it.
    """
    end = start + len(text[start:end].rstrip())
    placed = [(low, high, mark) for mark in marks for low, high in mark.spans if low < end and high > start]
    wanted = [(max(start, low - most // 4), min(end, high + most // 4)) for low, high, _ in placed]
    found: list[Run] = []
    after = start
    for low, high in _merged([(start, min(end, start + most)), *wanted]):
        left_out, after = low - after, high
        for run in _cut(text, low, high, placed):
            found.append(run.model_copy(update={"left_out": left_out}) if left_out else run)
            left_out = 0
    return found


def _windows(placed: Sequence[tuple[int, int, Mark]], size: int, around: int) -> list[tuple[int, int]]:
    wanted = [(max(0, start - around), min(size, end + around)) for start, end, _ in placed]
    return _merged([(0, min(size, 2 * around)), *wanted])


def _merged(wanted: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(wanted):
        if merged and low <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], high)
        else:
            merged.append((low, high))
    return merged


def _cut(text: str, low: int, high: int, placed: Sequence[tuple[int, int, Mark]]) -> Iterable[Run]:
    here = [(max(start, low), min(end, high), mark) for start, end, mark in placed if start < high and end > low]
    ends = sorted({low, high, *(place for start, end, _ in here for place in (start, end))})
    for start, end in itertools.pairwise(ends):
        over = [mark for first, last, mark in here if first <= start and end <= last]
        kinds = list(dict.fromkeys(mark.kind for mark in over))
        numbers = [mark.number for mark in over]
        for piece, at, unseen in _pieces(text, start, end):
            yield Run(text=piece, start=at, kinds=kinds, marks=numbers, unseen=unseen)


def _pieces(text: str, start: int, end: int) -> Iterable[tuple[str, int, bool]]:
    since = start
    for at in range(start, end):
        if _shows(text[at]):
            continue
        if since < at:
            yield text[since:at], since, False
        yield f"U+{ord(text[at]):04X}", at, True
        since = at + 1
    if since < end:
        yield text[since:end], since, False


def _shows(character: str) -> bool:
    return (
        character in "\n\t"
        or (character.isascii() and character.isprintable())
        or (unicodedata.category(character) not in _UNSEEN)
    )


def _mark(number: int, finding: Mapping[str, Any]) -> Mark:
    detail = finding["detail"]
    passages = detail.get("passages") or ([pair["span"] for pair in detail.get("pairs", ())] or [finding["span"]])
    spans = sorted((int(span[0]), int(span[1])) for span in passages if span)
    return Mark(
        number=number,
        kind=_kind(finding),
        code=str(finding["code"]),
        detector=str(finding["detector"]),
        level=str(finding["level"]),
        spans=spans,
        quote=str(finding["quote"]),
        figures={name: _words(value) for name, value in detail.items() if _tells(name, value)},
    )


def _kind(finding: Mapping[str, Any]) -> Kind:
    by_code = _KINDS.get(str(finding["code"]).partition(".")[0])
    return by_code or _DETECTORS.get(str(finding["detector"]).partition("/")[0], "other")


def _tells(name: str, value: object) -> bool:
    structured = isinstance(value, dict) or (isinstance(value, list) and bool(value) and not isinstance(value[0], str))
    return value not in (None, "", False) and not structured and name != "passages"


def _words(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "yes" if value is True else f"{value:g}" if isinstance(value, float) else str(value)
