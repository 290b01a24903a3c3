"""Drift over runs as pages show it: models, and the drawing of a column. The figures come from `contracts.drift`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import Field

from console.web.page import View
from contracts.drift.course import Course, courses
from contracts.model import Contract


class DriftPoint(View):
    """One column in one run."""

    run_id: str
    judged_at: str
    value: float | None = Field(description="Distance from the baseline; null where it cannot be judged.")
    chance: float | None = Field(description="What chance alone may give; null where the figure is counted.")
    crossed: bool = Field(description="Whether it is over the limit, and over what chance may give.")
    words: str
    level: float | None = Field(description="The figure itself, such as the median length.")
    before: float | None = Field(description="The same of the baseline that the run was compared with.")


class Drift(View):
    """One column over runs."""

    column: str
    rule: str = Field(description="The rule that watches it; empty where none does.")
    statistic: str
    explains: str
    limit: str = Field(description="The threshold in words; without a rule, the convention for PSI.")
    lines: list[float] = Field(description="Where the limit is drawn: one number, or both ends of a range.")
    on_fail: str
    level: str = Field(description="What `level` of a point is.")
    unit: Literal["share", "number", "days"]
    crossings: int
    points: list[DriftPoint] = Field(description="Oldest run first.")


class Dot(NamedTuple):
    """A run in a drawing: its place, the places of its figures from above, and whether it crossed."""

    x: float
    value: float | None
    level: float | None
    before: float | None
    crossed: bool


class Drawn(NamedTuple):
    """A drawing of one column: the distance below, the figure itself above."""

    dots: tuple[Dot, ...]
    value_line: str
    level_line: str
    limits: tuple[float, ...]
    least: float
    most: float
    top: float


def drifts_of(contract: Contract | None, reports: Iterable[Mapping[str, Any]]) -> list[Drift]:
    """Returns the course of every column over reports, oldest first; empty where no run kept a profile."""
    return [_drift(course) for course in courses(contract, reports) if course.points]


def _drift(course: Course) -> Drift:
    value = course.threshold.value
    return Drift(
        column=course.column,
        rule=course.rule,
        statistic=course.statistic,
        explains=course.explains,
        limit=course.limit,
        lines=list(value) if isinstance(value, tuple) else [value],
        on_fail=course.on_fail,
        level=course.level,
        unit=course.unit,
        crossings=len(course.crossings),
        points=[
            DriftPoint(
                run_id=point.run_id,
                judged_at=point.judged_at,
                value=point.value,
                chance=point.chance,
                crossed=point.crossed,
                words=point.words,
                level=point.level,
                before=point.before,
            )
            for point in course.points
        ],
    )


def drawing(drift: Drift, width: float, height: float) -> Drawn:
    """Returns the drawing of a column: two lanes of equal height, runs side by side.

    Args:
        drift: The column.
        width: Width of the drawing.
        height: Height of one lane.
    """
    known = [point.value for point in drift.points if point.value is not None]
    top = max([*known, *drift.lines, 1e-9]) * 1.15
    levels = [number for point in drift.points for number in (point.level, point.before) if number is not None]
    least, most = (min(levels), max(levels)) if levels else (0.0, 0.0)
    left, right, room = 42.0, 7.0, 5.0  # numbers stand on the left
    step = (width - left - right) / max(len(drift.points) - 1, 1)

    def low(value: float | None) -> float | None:
        return None if value is None else round(height - room - min(value / top, 1.0) * (height - 2 * room), 1)

    def level(value: float | None) -> float | None:
        if value is None:
            return None
        share = (value - least) / (most - least) if most > least else 0.5
        return round(height - room - share * (height - 2 * room), 1)

    dots = tuple(
        Dot(
            x=round(left + place * step, 1),
            value=low(point.value),
            level=level(point.level),
            before=level(point.before),
            crossed=point.crossed,
        )
        for place, point in enumerate(drift.points)
    )
    return Drawn(
        dots=dots,
        value_line=_line((dot.x, dot.value) for dot in dots),
        level_line=_line((dot.x, dot.level) for dot in dots),
        limits=tuple(place for line in drift.lines if (place := low(line)) is not None),
        least=least,
        most=most,
        top=top,
    )


def _line(places: Iterable[tuple[float, float | None]]) -> str:
    known: Sequence[tuple[float, float]] = [(x, y) for x, y in places if y is not None]
    return " ".join(f"{x},{y}" for x, y in known) if len(known) > 1 else ""
