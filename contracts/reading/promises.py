"""What a contract promises beside its data: the service, from freshness to end of life.

Freshness, retention and frequency change what a run does. The others of the standard's table are read and
judged for sense, and shown; of them an end of life that has passed is reported by every run.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, time
from types import MappingProxyType
from typing import Any

from contracts.model import CheckSpec, FreshnessSpec, SlaSpec
from contracts.reading.ragchecks import duration_days
from contracts.rules.values import instant
from contracts.text.node import Node, is_number
from contracts.text.problems import listed, nearest, shown
from contracts.text.timing import CRON_PRESETS, UNIT_DAYS, cron_problem
from corpus.types import OnFail, Severity

_FRESH = "document.updated_at"
_OBJECTS = ("document", "chunk")
_DRIVERS = ("regulatory", "analytics", "operational")
_DATES = ("generalAvailability", "endOfSupport", "endOfLife")
"""In the order in which they must follow each other."""
_SHORT_UNITS: Mapping[str, float] = MappingProxyType(
    {"s": 1 / 86_400, "sec": 1 / 86_400, "second": 1 / 86_400, "seconds": 1 / 86_400, "min": 1 / 1440}
    | {"minute": 1 / 1440, "minutes": 1 / 1440}
)
_ENDS = {"endOfSupport": "support of this contract has ended", "endOfLife": "this contract's life has ended"}


def read_sla(root: Node) -> tuple[SlaSpec, ...]:
    """Reads every promise about the service; a wrong one is a problem."""
    found: list[SlaSpec] = []
    for item in root.get("slaProperties").items():
        name = item.get("property")
        if name.text() not in PROMISES:
            if isinstance(name.value, str):
                hint = f"{nearest(name.text(), PROMISES)} Promises of the standard: {listed(PROMISES)}.".strip()
                name.problem(f"unknown promise {name.value!r}.", hint)
            continue
        _common(item)
        PROMISES[name.text()](item)
        found.append(_sla(item))
    _once(root)
    _in_order(root)
    return tuple(found)


def _sla(item: Node) -> SlaSpec:
    value = item.get("value").value
    text = str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
    return SlaSpec(
        property=item.get("property").text(),
        value="" if value is None else text,
        unit=item.get("unit").text(),
        element=item.get("element").text(),
        driver=item.get("driver").text(),
        description=item.get("description").text(),
    )


def _common(item: Node) -> None:
    driver = item.get("driver")
    if driver.text() and driver.value not in _DRIVERS and nearest(driver.text(), _DRIVERS):
        driver.problem(f"unknown driver {shown(driver.value)}.", nearest(driver.text(), _DRIVERS))
    for part in item.get("element").text().split(","):
        name = part.strip().partition(".")[0]
        if name and name not in _OBJECTS:
            hint = f"{nearest(name, _OBJECTS)} Valid: {listed(_OBJECTS)}, or a property such as {_FRESH}.".strip()
            item.get("element").problem(f"unknown element {part.strip()!r}.", hint)
    if item.get("property").value != "frequency":
        for key in ("scheduler", "schedule"):
            if item.has(key):
                message = f"`{key}` has no meaning beside {item.get('property').value}."
                item.get(key).problem(message, "It belongs to the promise `frequency`.", key=True)


def _once(root: Node) -> None:
    """Reports a second promise of the same thing; of two elements there may be two."""
    seen: set[tuple[str, str]] = set()
    for item in root.get("slaProperties").items():
        name = item.get("property")
        key = (name.text(), "" if name.text() in _SINGLE else _place(item))
        if key[0] and key in seen:
            name.problem(f"`{name.value}` is promised twice.", "Keep one.")
        seen.add(key)


_SINGLE = ("freshness", "retention", "frequency", *_DATES)


def _place(item: Node) -> str:
    return f"{item.get('element').text()} {item.get('driver').text()}"


def _in_order(root: Node) -> None:
    dated = [(name, node) for name in _DATES if (node := _promise(root, name)) is not None]
    moments = [(name, node.get("value"), _instant(node.get("value").value)) for name, node in dated]
    known = [(name, node, moment) for name, node, moment in moments if moment is not None]
    for (name, _, before), (later, node, after) in itertools.pairwise(known):
        if after < before:
            node.problem(f"{later} {shown(node.value)} comes before {name}.", "Mend one of the dates.")


def _duration(item: Node) -> None:
    duration_days(item.get("value"), item.get("unit"))


def _short_duration(item: Node) -> None:
    value, unit = item.get("value"), item.get("unit")
    units = {**UNIT_DAYS, **_SHORT_UNITS, "ms": 1 / 86_400_000}
    if unit.value is not None and unit.text().lower() not in units:
        unit.problem(f"unknown unit {shown(unit.value)}.", f"Valid: {listed(units)}.")
    if not is_number(value.value) or value.value <= 0:
        value.problem(f"{shown(value.value)} is not a duration.", "Write a number above 0.")


def _share(item: Node) -> None:
    value = item.get("value")
    number: Any = value.value
    if isinstance(number, str) and number.strip().endswith("%"):
        number = number.strip().rstrip("%").strip()
        number = float(number) if number.replace(".", "", 1).isdigit() else None
    if not is_number(number) or not 0 <= number <= 100:
        value.problem(f"{shown(value.value)} is not a share.", "Write a number from 0 to 100, in percent.")


def _positive(item: Node) -> None:
    value = item.get("value")
    if not is_number(value.value) or value.value <= 0:
        value.problem(f"{shown(value.value)} is not a throughput.", "Write a number above 0.")


def _moment(item: Node) -> None:
    value = item.get("value")
    if _instant(value.value) is None:
        value.problem(f"{shown(value.value)} is not a date.", "Write it like 2032-05-12 or 2032-05-12T09:30:00Z.")


def _time_of_day(item: Node) -> None:
    value = item.get("value")
    try:
        time.fromisoformat(value.text())
    except ValueError:
        value.problem(f"{shown(value.value)} is not a time of day.", 'Write it like "09:00+01:00", with quotes.')


def _frequency(item: Node) -> None:
    duration_days(item.get("value"), item.get("unit"))


# The standard's table of service levels (Data QoS), as its page on SLAs names them, and freshness.
PROMISES: Mapping[str, Callable[[Node], None]] = MappingProxyType(
    {
        "freshness": _duration,
        "retention": _duration,
        "frequency": _frequency,
        "latency": _short_duration,
        "availability": _share,
        "errorRate": _share,
        "throughput": _positive,
        "generalAvailability": _moment,
        "endOfSupport": _moment,
        "endOfLife": _moment,
        "timeOfAvailability": _time_of_day,
        "timeToDetect": _short_duration,
        "timeToNotify": _short_duration,
        "timeToRepair": _short_duration,
    }
)
"""Every promise that a contract may make, with what judges it."""


def read_freshness(root: Node) -> FreshnessSpec | None:
    """Reads how old a document may be."""
    node = _promise(root, "freshness")
    if node is None:
        return None
    element = node.get("element")
    if element.text(_FRESH) not in (_FRESH, "document"):
        element.problem(f"freshness of {shown(element.value)} is not run by this build.", f"Write `element: {_FRESH}`.")
    return FreshnessSpec(max_age_days=duration_days(node.get("value"), node.get("unit")))


def read_retention(root: Node) -> float | None:
    """Reads for how many days documents are kept."""
    node = _promise(root, "retention")
    return None if node is None else duration_days(node.get("value"), node.get("unit"))


def read_schedule(root: Node) -> str | None:
    """Reads when the contract runs, a cron expression; None for on demand."""
    node = _promise(root, "frequency")
    if node is None:
        return None
    scheduler, schedule = node.get("scheduler"), node.get("schedule")
    if scheduler.text("cron") != "cron":
        scheduler.problem(f"scheduler {shown(scheduler.value)} is not run by this build.", "Write `scheduler: cron`.")
        return None
    if schedule.value is None:
        return None
    wrong = cron_problem(schedule.text())
    if wrong:
        schedule.problem(
            f"{shown(schedule.value)} is not a schedule: {wrong}.", f"Or one of {', '.join(CRON_PRESETS)}."
        )
    return schedule.text()


def end_checks(sla: tuple[SlaSpec, ...]) -> Iterator[CheckSpec]:
    """Yields a check for each end that the contract names; one that has passed is a warning, never a block.

    A contract does not turn invalid overnight: runs go on, and say that its owner must decide.
    """
    for item in sla:
        if item.property in _ENDS and _instant(item.value) is not None:
            yield CheckSpec(
                name=item.property,
                rule=item.property,
                engine="library",
                scope="batch",
                severity=Severity.WARNING,
                on_fail=OnFail.WARN,
                arguments={"date": item.value},
                dimension="timeliness",
            )


def is_end(rule: str) -> bool:
    """Returns whether a rule is an end of support or of life."""
    return rule in _ENDS


def passed(spec: CheckSpec, now: datetime) -> str | None:
    """Returns in words that an end has passed; None while it has not.

    Args:
        spec: A check of `end_checks`.
        now: The moment of judgement, aware.
    """
    end = _instant(spec.arguments["date"])
    if end is None or now < end:
        return None
    return f"{_ENDS[spec.rule]} on {end:%Y-%m-%d}"


def _instant(value: Any) -> datetime | None:
    try:
        return instant(value).astimezone(UTC) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


def _promise(root: Node, name: str) -> Node | None:
    """Returns the first SLA property of a name."""
    return next((item for item in root.get("slaProperties").items() if item.get("property").value == name), None)
