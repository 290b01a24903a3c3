"""Durations and cron expressions, as contracts write them."""

from __future__ import annotations

import re

# Days per unit. Months and years are nominal (30 and 365 days): a freshness limit is not a calendar.
UNIT_DAYS = {
    "h": 1 / 24,
    "hr": 1 / 24,
    "hour": 1 / 24,
    "hours": 1 / 24,
    "d": 1.0,
    "day": 1.0,
    "days": 1.0,
    "w": 7.0,
    "wk": 7.0,
    "week": 7.0,
    "weeks": 7.0,
    "m": 30.0,
    "mo": 30.0,
    "month": 30.0,
    "months": 30.0,
    "y": 365.0,
    "yr": 365.0,
    "year": 365.0,
    "years": 365.0,
}

CRON_PRESETS = ("@hourly", "@daily", "@weekly", "@monthly", "@yearly")

# Name, lowest and highest value, and names of values from the lowest on (crontab(5)).
_CRON_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    ("day of week", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)
_CRON_PART = re.compile(r"^(\*|[0-9a-z]{1,3}(?:-[0-9a-z]{1,3})?)(?:/([0-9]{1,2}))?$")


def cron_problem(expression: str) -> str:
    """Returns what is wrong with a cron expression, or an empty text.

    Five fields (lists, ranges, steps, English names) and the usual presets are valid.
    """
    if expression in CRON_PRESETS:
        return ""
    parts = expression.lower().split()
    if len(parts) != len(_CRON_FIELDS):
        return f"it has {len(parts)} fields; a cron expression has 5 (minute hour day month weekday)"
    for part, (name, low, high, names) in zip(parts, _CRON_FIELDS, strict=True):
        for item in part.split(","):
            if not _cron_item(item, low, high, names):
                return f"{item!r} is not a valid {name} ({low}-{high})"
    return ""


def _cron_item(item: str, low: int, high: int, names: tuple[str, ...]) -> bool:
    match = _CRON_PART.match(item)
    if match is None or (match[2] is not None and int(match[2]) < 1):
        return False
    if match[1] == "*":
        return True
    values = [_cron_value(word, low, names) for word in match[1].split("-")]
    return all(value is not None and low <= value <= high for value in values) and sorted(values) == values  # type: ignore[type-var]


def _cron_value(word: str, low: int, names: tuple[str, ...]) -> int | None:
    if word.isdecimal():
        return int(word)
    return names.index(word) + low if word in names else None


def days_words(days: float) -> str:
    """Returns a number of days as a person says it."""
    return f"{days * 24:g} hours" if days < 1 else f"{days:g} days"
