"""Geometry of lines over versions, checks on a scale of powers of ten, and the way of an alias. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

LEAST_MOVED = 1e-7
"""Cosines nearer to 1 than this are drawn as equal: 32-bit vectors of one runtime differ by as much."""


class Dot(NamedTuple):
    """A value in its place."""

    x: float
    y: float
    place: int


class Curve(NamedTuple):
    """A line over versions: stretches without a gap, the area between the bounds, and every value."""

    lines: tuple[str, ...]
    bands: tuple[str, ...]
    dots: tuple[Dot, ...]
    limit: float | None
    top: float


class Step(NamedTuple):
    """A stretch in which an alias pointed to one version, and the way down or up from the stretch before."""

    x: float
    width: float
    y: float
    before: float | None
    back: bool
    place: int


def curve(
    values: Sequence[tuple[float | None, float | None, float | None]],
    width: float,
    height: float,
    *,
    limit: float | None = None,
    least_top: float = 0.0,
    most_top: float | None = None,
    margin: float = 5.0,
) -> Curve:
    """Returns a line from 0 up; a value that is not known makes a gap.

    Args:
        values: Value, lower and upper bound of each; None for what is not known.
        width: Of the drawing.
        height: Of the drawing.
        limit: A value that is drawn as a line of its own.
        least_top: What the scale reaches at the least.
        most_top: What it reaches at the most; None for as far as values go.
        margin: Room around.
    """
    known = [item for triple in values for item in triple if item is not None]
    top = _top(known, least_top, most_top, limit)
    place_of = _Scale(values=values, width=width, height=height, margin=margin, top=top)
    stretches = tuple(_stretches([value for value, _, _ in values]))
    return Curve(
        lines=tuple(place_of.line(stretch, 0) for stretch in stretches if len(stretch) > 1),
        bands=tuple(band for stretch in stretches if (band := place_of.band(stretch))),
        dots=tuple(
            Dot(place_of.x(place), place_of.y(value), place)
            for place, (value, _, _) in enumerate(values)
            if value is not None
        ),
        limit=None if limit is None else place_of.y(limit),
        top=place_of.top,
    )


class _Scale(NamedTuple):
    """Where values stand in a drawing."""

    values: Sequence[tuple[float | None, float | None, float | None]]
    width: float
    height: float
    margin: float
    top: float

    def x(self, place: int) -> float:
        number = len(self.values)
        if number < 2:
            return self.width / 2
        return round(self.margin + place * (self.width - 2 * self.margin) / (number - 1), 1)

    def y(self, value: float) -> float:
        share = min(value, self.top) / self.top
        return round(self.height - self.margin - share * (self.height - 2 * self.margin), 1)

    def line(self, stretch: Sequence[int], part: int) -> str:
        """Returns points along the value (0), the lower (1) or the upper bound (2) of places that have it."""
        found = ((place, self.values[place][part]) for place in stretch)
        return " ".join(f"{self.x(place)},{self.y(value)}" for place, value in found if value is not None)

    def band(self, stretch: Sequence[int]) -> str:
        """Returns the outline of the area between bounds, along the top and back along the bottom; empty for none."""
        bound = [place for place in stretch if None not in self.values[place]]
        return f"{self.line(bound, 2)} {self.line(bound[::-1], 1)}" if len(bound) > 1 else ""


def _top(known: Sequence[float], least: float, most: float | None, limit: float | None) -> float:
    top = max([*known, least, limit or 0.0]) * 1.08 or 1.0
    return top if most is None else min(top, most)


def _stretches(values: Sequence[float | None]) -> Iterator[list[int]]:
    """Yields the places of values that stand side by side without a gap."""
    stretch: list[int] = []
    for place, value in enumerate(values):
        if value is not None:
            stretch.append(place)
        elif stretch:
            yield stretch
            stretch = []
    if stretch:
        yield stretch


def moved(cosine: float, height: float, margin: float = 6.0) -> float:
    """Returns how high a check stands whose worst canary has this cosine: by powers of ten of its distance from 1."""
    distance = min(max(1.0 - cosine, LEAST_MOVED), 1.0)
    share = 1.0 - math.log10(distance) / math.log10(LEAST_MOVED)
    return round(height - margin - share * (height - 2 * margin), 1)


def places(number: int, width: float, margin: float = 8.0, widest: float = 24.0) -> tuple[float, ...]:
    """Returns where so many marks stand side by side, from the right: the newest are where the eye ends."""
    step = min(widest, (width - 2 * margin) / max(1, number - 1))
    return tuple(round(width - margin - step * (number - 1 - place), 1) for place in range(number))


def journey(numbers: Sequence[int], width: float, height: float, margin: float = 8.0) -> tuple[Step, ...]:
    """Returns the way of an alias through versions, one stretch for each move, older versions lower."""
    if not numbers:
        return ()
    ranks = {number: place for place, number in enumerate(sorted(set(numbers)))}
    rise = (height - 2 * margin) / max(1, len(ranks) - 1)
    own = min((width - 2 * margin) / len(numbers), 64.0)

    def y(number: int) -> float:
        return round(height - margin - ranks[number] * rise, 1) if len(ranks) > 1 else round(height / 2, 1)

    return tuple(
        Step(
            x=round(margin + place * own, 1),
            width=round(own, 1),
            y=y(number),
            before=y(numbers[place - 1]) if place else None,
            back=bool(place) and number < numbers[place - 1],
            place=place,
        )
        for place, number in enumerate(numbers)
    )
