"""The arithmetic of edits: apply them, undo them, put one after the other, and move a place through them.

Edits of one text are ordered by place and do not overlap; a place counts code points of the text before.
It knows nothing of why a text is edited.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from corpus.types import Edit, Span


def apply(text: str, edits: Sequence[Edit]) -> str:
    """Returns the text after the edits."""
    parts, place = [], 0
    for edit in edits:
        parts += [text[place : edit.span.start], edit.after]
        place = edit.span.end
    return "".join((*parts, text[place:]))


def undo(text: str, edits: Sequence[Edit]) -> str:
    """Returns the text before the edits, given the text after them."""
    parts, place, shift = [], 0, 0
    for edit in edits:
        start = edit.span.start + shift
        parts += [text[place:start], edit.before]
        place = start + len(edit.after)
        shift += len(edit.after) - len(edit.span)
    return "".join((*parts, text[place:]))


def moved(span: Span, edits: Sequence[Edit]) -> Span:
    """Returns where a stretch of the text before the edits stands after them.

    A stretch that touches an edit covers the whole of what was put there; one that was deleted is empty.
    """
    return next(all_moved((span,), edits))


def all_moved(spans: Iterable[Span], edits: Sequence[Edit]) -> Iterator[Span]:
    """Yields where each of many stretches stands after the edits; what `moved` does, for less."""
    starts = [edit.span.start for edit in edits]
    shifts = [0, *accumulate(len(edit.after) - len(edit.span) for edit in edits)]
    for span in spans:
        start = _place(span.start, edits, starts, shifts, forward=False)
        end = _place(span.end, edits, starts, shifts, forward=True)
        yield Span(start=start, end=max(start, end))


def composed(text: str, first: Sequence[Edit], second: Sequence[Edit]) -> tuple[Edit, ...]:
    """Returns the edits that do at once what two lists do in turn.

    Args:
        text: The text before both.
        first: Edits of `text`.
        second: Edits of what the first make of it.
    """
    if not first or not second:
        return tuple(first or second)
    middle = apply(text, first)
    edits, shift = [], 0
    for start, end, mine, theirs in _groups(first, second):
        grown = sum(len(edit.after) - len(edit.span) for edit in mine)
        span = Span(start=start - shift, end=end - shift - grown)
        shift += grown
        inside = [_relative(edit, start) for edit in theirs]
        before, after = span.of(text), apply(middle[start:end], inside)
        if before != after:
            edits.append(Edit(span=span, before=before, after=after, code=(*mine, *theirs)[0].code))
    return tuple(edits)


def _place(place: int, edits: Sequence[Edit], starts: list[int], shifts: list[int], *, forward: bool) -> int:
    """Returns where a place stands; one inside an edit goes to the edit's end or its beginning."""
    number = bisect_left(starts, place)
    if number and place < edits[number - 1].span.end:
        return edits[number - 1].span.start + shifts[number - 1] + (len(edits[number - 1].after) if forward else 0)
    return place + shifts[number]


def _groups(
    first: Sequence[Edit], second: Sequence[Edit]
) -> Iterator[tuple[int, int, tuple[Edit, ...], tuple[Edit, ...]]]:
    """Yields stretches of the text between both lists in which edits of either touch, with those edits."""
    stretches: list[tuple[int, int, int, Edit]] = [(e.span.start, e.span.end, 1, e) for e in second]
    shift = 0
    for edit in first:
        start = edit.span.start + shift
        stretches.append((start, start + len(edit.after), 0, edit))
        shift += len(edit.after) - len(edit.span)
    stretches.sort(key=lambda found: found[:3])
    group: list[tuple[int, int, int, Edit]] = []
    end = 0
    for found in stretches:
        if group and not (found[0] < end or (found[0] == end and (found[0] == found[1] or group[-1][0] == end))):
            yield _group(group, end)
            group = []
        end = max(end, found[1]) if group else found[1]
        group.append(found)
    if group:
        yield _group(group, end)


def _group(group: list[tuple[int, int, int, Edit]], end: int) -> tuple[int, int, tuple[Edit, ...], tuple[Edit, ...]]:
    mine = tuple(found[3] for found in group if found[2] == 0)
    theirs = tuple(found[3] for found in group if found[2] == 1)
    return group[0][0], end, mine, theirs


def _relative(edit: Edit, start: int) -> Edit:
    span = Span(start=edit.span.start - start, end=edit.span.end - start)
    return Edit(span=span, before=edit.before, after=edit.after, code=edit.code)
