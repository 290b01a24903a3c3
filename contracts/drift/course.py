"""How far every column was from its baseline, run by run: out of reports that were kept, for charts and tables.

A report holds the profile of its run and the one that it was compared with, also where the run was stopped, so that
the run which crossed a threshold is there. Pure: reports in, figures out. Nothing is judged again: a rule that the
contract has today is laid to runs that were judged by another one, and the course says what it would have found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from contracts.drift import distance
from contracts.drift.profile import COLUMNS, KINDS, ColumnProfile, Profile, from_json
from contracts.drift.rule import TABLE, Measure, measured, statistic_of
from contracts.model import CheckSpec, Contract, Threshold
from contracts.text.thresholds import holds, words

Report = Mapping[str, Any]

_CONVENTION = Threshold(op="mustBeLessThan", value=distance.PSI_CHANGE)
"""From where a column without a rule is drawn as another population (Siddiqi 2006)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One column in one run.

    Attributes:
        run_id: The run.
        judged_at: When it was judged, as its report says.
        value: How far the column is from its baseline; None where that cannot be judged.
        chance: What chance alone may give; None where the figure is counted.
        crossed: Whether the value is over the limit, and more than chance gives.
        words: The figure in words, or why there is none.
        level: The figure itself that people look at, such as the median length; None where there is none.
        before: The same of the baseline.
    """

    run_id: str
    judged_at: str
    value: float | None
    chance: float | None
    crossed: bool
    words: str
    level: float | None
    before: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One column over runs.

    Attributes:
        column: The column.
        rule: Name of the rule that watches it; empty where none does.
        statistic: How the distance is measured.
        explains: What that is, for people.
        limit: The threshold in words.
        threshold: The threshold; where no rule watches the column, that of the convention for PSI.
        on_fail: What crossing it leads to; empty where no rule watches it.
        level: What `Point.level` is; empty where there is none.
        unit: `share`, `number` or `days`: how a level is written.
        points: Oldest run first.
    """

    column: str
    rule: str
    statistic: str
    explains: str
    limit: str
    threshold: Threshold
    on_fail: str
    level: str
    unit: Literal["share", "number", "days"]
    points: tuple[Point, ...]

    @property
    def crossings(self) -> tuple[Point, ...]:
        """Runs that crossed the limit."""
        return tuple(point for point in self.points if point.crossed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What a report says of one run."""

    run_id: str
    judged_at: str
    now: Profile
    before: Profile | None
    said: Mapping[str, Report]


def courses(contract: Contract | None, reports: Iterable[Report]) -> tuple[Course, ...]:
    """Returns the course of each column: those that a rule watches first, then those that crossed the convention.

    Args:
        contract: The contract as it is now; None where it cannot be read, then no rule watches.
        reports: Reports of runs as they are kept, oldest first; those without a profile are passed over.
    """
    runs = [_run(report) for report in reports if report.get("profile")]
    rules = [check for check in contract.checks if check.rule == "drift"] if contract else []
    watched = [_watched(check, runs) for check in rules]
    named = {course.column for course in watched}
    others = [_unwatched(column, runs) for column in COLUMNS if KINDS[column] != "fields" and column not in named]
    others.sort(key=lambda course: -len(course.crossings))
    return (*watched, *others)


def _run(report: Report) -> _Run:
    baseline = report.get("baseline")
    return _Run(
        run_id=str(report["run_id"]),
        judged_at=str(report.get("judged_at") or ""),
        now=from_json(report["profile"]),
        before=from_json(baseline["profile"]) if baseline else None,
        said={item["column"]: item for item in report.get("drift", ())},
    )


def _watched(check: CheckSpec, runs: Sequence[_Run]) -> Course:
    column, statistic = str(check.arguments["column"]), statistic_of(check)
    threshold = check.threshold or _CONVENTION
    return _course(column, statistic, threshold, runs, rule=check.name, on_fail=check.on_fail.value)


def _unwatched(column: str, runs: Sequence[_Run]) -> Course:
    return _course(column, "psi", _CONVENTION, runs)


def _course(
    column: str, statistic: str, threshold: Threshold, runs: Sequence[_Run], *, rule: str = "", on_fail: str = ""
) -> Course:
    level, unit, of = _level_of(column, statistic)
    points = []
    for run in runs:
        found = _measured(column, statistic, run)
        over = found.value is not None and not holds(threshold, found.value)
        by_chance = found.value is not None and found.chance is not None and found.value <= found.chance
        points.append(
            Point(
                run_id=run.run_id,
                judged_at=run.judged_at,
                value=found.value,
                chance=found.chance,
                crossed=over and not by_chance,
                words=found.words,
                level=_leveled(of, column, run.now),
                before=_leveled(of, column, run.before) if run.before else None,
            )
        )
    return Course(
        column=column,
        rule=rule,
        statistic=statistic,
        explains=TABLE[statistic].explains,
        limit=words(threshold),
        threshold=threshold,
        on_fail=on_fail,
        level=level,
        unit=unit,
        points=tuple(points),
    )


def _measured(column: str, statistic: str, run: _Run) -> Measure:
    """Returns how far a column is from its baseline; PSI was measured when the run was judged, and is read."""
    if run.before is None:
        return Measure(value=None, words="the first run: nothing to compare with")
    said = run.said.get(column)
    if statistic == "psi" and said is not None:
        return Measure(value=said["value"], chance=said["chance"], words=str(said["words"]))
    return measured(column, statistic, run.now, run.before)


def _median(column: ColumnProfile) -> float | None:
    return column.numbers.quantile(0.5)


def _share_of(count: int, column: ColumnProfile) -> float | None:
    return count / column.rows if column.rows else None


def _main_type(column: ColumnProfile) -> float | None:
    total = sum(column.types.values())
    return next(iter(column.types.values()), 0) / total if total else None


_Of = Callable[[ColumnProfile], float | None]
_Shown = tuple[str, Literal["share", "number", "days"], _Of | None]
_BY_STATISTIC: Mapping[str, _Shown] = {
    "null_rate": ("without a value", "share", lambda found: _share_of(found.nulls, found)),
    "empty_rate": ("empty", "share", lambda found: _share_of(found.empties, found)),
    "count": ("documents with a value", "number", lambda found: float(found.values)),
    "new_categories": ("different values", "number", lambda found: float(len(found.categories))),
    "type_mix": ("share of the commonest type", "share", _main_type),
}
_BY_KIND: Mapping[str, _Shown] = {
    "text": ("median length, characters", "number", _median),
    "number": ("median", "number", _median),
    "time": ("median age, days", "days", _median),
    "date": ("median age, days", "days", _median),
    "category": (
        "share of the commonest value",
        "share",
        lambda found: _share_of(next(iter(found.categories.values()), 0), found),
    ),
    "fields": ("fields that documents declare", "number", None),
}


def _level_of(column: str, statistic: str) -> _Shown:
    return _BY_STATISTIC.get(statistic) or _BY_KIND[KINDS[column]]


def _leveled(of: _Of | None, column: str, profile: Profile) -> float | None:
    if of is None:
        return float(len(profile.fields))
    found = profile.columns.get(column)
    return None if found is None else of(found)
