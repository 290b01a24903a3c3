"""Geometry of small drawings: numbers in, coordinates out. The templates draw them as SVG; no library, no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from console.drawings.lineage_svg import svg


class Spark(NamedTuple):
    """A line of values: points of a polyline, and where its last value stands."""

    points: str
    x: float
    y: float


class Interval(NamedTuple):
    """An estimate of one version with its interval, and where it stands."""

    number: int
    low: float
    high: float
    x: float
    y: float
    bottom: float
    top: float


class Part(NamedTuple):
    """A part of a stacked bar: its name, share in [0, 1], and place."""

    name: str
    share: float
    x: float
    width: float


class Column(NamedTuple):
    """A column of a stacked chart: its place, and its parts from the bottom (name, share, y, height)."""

    x: float
    parts: tuple[tuple[str, float, float, float], ...]


def spark(values: Sequence[float | None], width: float, height: float, margin: float = 2.5) -> Spark | None:
    """Returns a line through values from 0 or their least up; None where fewer than two are known."""
    known = [(place, value) for place, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return None
    low, high = min(value for _, value in known), max(value for _, value in known)
    step = (width - 2 * margin) / (len(values) - 1)
    rise = (height - 2 * margin) / (high - low) if high > low else 0.0
    middle = height / 2
    placed = [
        (round(margin + place * step, 1), round(height - margin - (value - low) * rise if rise else middle, 1))
        for place, value in known
    ]
    return Spark(" ".join(f"{x},{y}" for x, y in placed), *placed[-1])


def stack(parts: Sequence[tuple[str, float]], width: float, gap: float = 1.0) -> tuple[Part, ...]:
    """Returns the parts of a bar that have a share, side by side; a part too small to see is a hair wide."""
    seen = [(name, share) for name, share in parts if share > 0]
    if not seen:
        return ()
    room = width - gap * (len(seen) - 1)
    least = 2.0
    wide = [max(least, share * room) for _, share in seen]
    over = sum(wide) - room
    if over > 0:
        widest = wide.index(max(wide))
        wide[widest] -= over
    found, x = [], 0.0
    for (name, share), own in zip(seen, wide, strict=True):
        found.append(Part(name, share, round(x, 2), round(own, 2)))
        x += own + gap
    return tuple(found)


def columns(
    rows: Sequence[Sequence[tuple[str, float]]], width: float, height: float
) -> tuple[float, tuple[Column, ...]]:
    """Returns the width of a column, and the columns of a stacked chart, each 100 % high."""
    if not rows:
        return 0.0, ()
    step = min(width / len(rows), 36.0)
    own = max(2.0, step - 3.0)
    found = []
    for place, parts in enumerate(rows):
        y, drawn = height, []
        for name, share in parts:
            tall = share * height
            y -= tall
            if tall > 0:
                drawn.append((name, share, round(y, 2), round(tall, 2)))
        found.append(Column(round(place * step, 2), tuple(drawn)))
    return round(own, 2), tuple(found)


def intervals(estimates: Sequence[Any], width: float, height: float) -> tuple[Interval, ...]:
    """Returns where estimates stand between 0 and 1, in the order given; those without an interval have a gap."""
    step = min(width / max(len(estimates), 1), 36.0)
    found = []
    for place, item in enumerate(estimates):
        share = item.share
        if share.value is None or share.low is None or share.high is None:
            continue
        y, bottom, top = (round(height - 4 - value * (height - 8), 2) for value in (share.value, share.low, share.high))
        x = round((place + 0.5) * step, 2)
        found.append(Interval(number=item.number, low=share.low, high=share.high, x=x, y=y, bottom=bottom, top=top))
    return tuple(found)


def along(value: float, low: float, high: float, width: float) -> float:
    """Returns where a value stands on a line from `low` to `high`."""
    return 0.0 if high <= low else round(min(max((value - low) / (high - low), 0.0), 1.0) * width, 2)


def lineage(graph: Mapping[str, Any]) -> Markup:
    """Returns a lineage as SVG without a style of its own; `console.drawings.lineage_svg` escapes what it draws."""
    return Markup(svg(dict(graph), styled=False))  # noqa: S704 - escaped there
