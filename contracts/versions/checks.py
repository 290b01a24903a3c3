"""Changes of the rules of a contract: which are new, gone, stricter or looser."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from contracts.model import GOVERNANCE_FIELDS, CheckSpec, Contract, Threshold
from contracts.rules.table import RULES
from contracts.text.thresholds import words
from contracts.versions.changes import Change, Kind, added, edited, removed
from contracts.wording import expected_of
from corpus.types import OnFail

FIELD_RULES = ("required", "unique", "pattern", "length", "enum")
"""Rules that a column's own promises amount to; `contracts.versions.columns` compares these."""

_STRICT = (OnFail.WARN, OnFail.REPAIR, OnFail.QUARANTINE, OnFail.BLOCK)
_HELD = "documents that were fine may be held"
_STOPPED = "runs that went through may be stopped"
_FEWER = ("allowed", "validValues", "value_set")
_MORE = ("fields", "missingValues", "regex_list", "properties")
_EMPTY_IS_ALL = ("techniques",)
_UPPER = ("maxAge", "max_value")
_LOWER = ("min_value",)
_WIDER = {"where": ("anywhere",)}

Differ = Callable[[Contract, Contract], Iterator[Change]]
Extent = tuple[float, bool, float, bool]


def on_hold(contract: Contract, rule: str) -> bool:
    """Returns whether the contract has a rule of this kind whose failure holds documents back."""
    return contract.enforcement == "block" and any(
        check.rule == rule and check.on_fail is not OnFail.WARN for check in contract.checks
    )


def fields_of(check: CheckSpec) -> frozenset[str]:
    """Returns the governance fields whose values a rule judges; that one is known at all is no value."""
    if check.rule == "governance_fields":
        return frozenset({"last_validated_date"} if "maxAge" in check.arguments else ())
    known = RULES[check.rule].columns if check.engine == "stemma" and check.rule in RULES else ()
    named = check.arguments.get("query", "") if check.engine == "sql" else ""
    return frozenset({check.field, *known, *re.findall(r"\w+", str(named))}) & frozenset(GOVERNANCE_FIELDS)


def unheld(differ: Differ) -> Differ:
    """Returns a differ for which nothing breaks those who write, where failures are only reported."""

    def lenient(old: Contract, new: Contract) -> Iterator[Change]:
        for change in differ(old, new):
            if new.enforcement == "block" or change.kind != "breaking" or not change.producers:
                yield change
            else:
                yield replace(change, kind="compatible", why="stricter, and failures are only reported.")

    return lenient


def check_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Yields what changed in the rules, each found again by its name, else by what it judges."""
    was, now = _own(old), _own(new)
    pairs = _pairs(was, now)
    matched = {after.name for after in pairs.values()}
    for name, check in was.items():
        if name in pairs:
            yield from _one(check, pairs[name])
        else:
            why = "the rule is gone: documents that it held may enter; readers can rely on less."
            yield removed(_place(check), _said(check), "compatible", why, consumers=True)
    for name, check in now.items():
        if name not in matched:
            yield _new(check)


def _own(contract: Contract) -> dict[str, CheckSpec]:
    return {check.name: check for check in contract.checks if not _of_field(check)}


def _of_field(check: CheckSpec) -> bool:
    return check.engine == "library" and check.rule in FIELD_RULES


def _pairs(was: Mapping[str, CheckSpec], now: Mapping[str, CheckSpec]) -> dict[str, CheckSpec]:
    """Returns old name to new rule: the same name, else the only rule left that judges the same thing."""
    pairs = {name: now[name] for name in was if name in now}
    left = [check for name, check in was.items() if name not in now]
    free = [check for name, check in now.items() if name not in was]
    for check in left:
        alike = [other for other in free if _subject(other) == _subject(check)]
        if len(alike) == 1 and sum(_subject(other) == _subject(check) for other in left) == 1:
            pairs[check.name] = alike[0]
    return pairs


def _subject(check: CheckSpec) -> tuple[str, ...]:
    return (check.engine, check.rule, check.field)


def _new(check: CheckSpec) -> Change:
    if check.on_fail is OnFail.WARN:
        return added(_place(check), _said(check), "compatible", "a new rule that only reports.", producers=True)
    return added(_place(check), _said(check), "breaking", f"a new rule: {_harm(check)}.", producers=True)


def _one(was: CheckSpec, now: CheckSpec) -> Iterator[Change]:
    place = _place(was)
    if was.name != now.name:
        yield edited(f"{place}.name", was.name, now.name, "notice", "the rule has another name in reports.")
    if _subject(was) != _subject(now):
        kind: Kind = "compatible" if now.on_fail is OnFail.WARN else "breaking"
        why = f"another rule under the same name: {_harm(now)}."
        yield edited(place, _said(was), _said(now), kind, why, producers=True)
        return
    if was.on_fail is not now.on_fail:
        stricter = _STRICT.index(now.on_fail) > _STRICT.index(was.on_fail)
        yield _step(f"{place}.onFail", was.on_fail.value, now.on_fail.value, now, stricter=stricter)
    if was.threshold != now.threshold:
        before, after = (words(item) if item else None for item in (was.threshold, now.threshold))
        low, high = RULES[now.rule].range if now.rule in RULES else (-math.inf, None)
        stricter = not _covers(now.threshold, was.threshold, low, math.inf if high is None else high)
        yield _step(f"{place}.threshold", before, after, now, stricter=stricter)
    yield from _arguments(place, was, now)
    for name in ("severity", "dimension"):
        before, after = (str(getattr(check, name)) for check in (was, now))
        if before != after:
            yield edited(f"{place}.{name}", before, after, "notice", "how the rule is reported; what it does stays.")


def _arguments(place: str, was: CheckSpec, now: CheckSpec) -> Iterator[Change]:
    for name in sorted({*was.arguments, *now.arguments}):
        before, after = was.arguments.get(name), now.arguments.get(name)
        if before != after:
            yield _step(f"{place}.{name}", before, after, now, stricter=_is_stricter(name, before, after))


def _is_stricter(name: str, before: Any, after: Any) -> bool:
    """Returns whether an option leaves less room; one of which that cannot be told counts as stricter."""
    if name in (*_FEWER, *_MORE, *_EMPTY_IS_ALL):
        return _list_is_stricter(name, before or (), after or ())
    if name in _UPPER:
        return after is not None and (before is None or after < before)
    if name in _LOWER:
        return after is not None and (before is None or after > before)
    if name in _WIDER:
        return after in (None, *_WIDER[name]) or before not in (None, *_WIDER[name])
    return True


def _list_is_stricter(name: str, before: Sequence[Any], after: Sequence[Any]) -> bool:
    if name in _EMPTY_IS_ALL and (not before or not after):
        return not after
    more, fewer = [x for x in after if x not in before], [x for x in before if x not in after]
    if name in _FEWER:
        return bool(fewer) or not before
    return bool(more)


def _step(place: str, before: Any, after: Any, check: CheckSpec, *, stricter: bool) -> Change:
    if not stricter:
        why = "looser: documents that were held may enter; readers can rely on less."
        return edited(place, before, after, "compatible", why, consumers=True)
    if check.on_fail is OnFail.WARN:
        return edited(place, before, after, "compatible", "stricter, and it only reports.", producers=True)
    return edited(place, before, after, "breaking", f"stricter: {_harm(check)}.", producers=True)


def _covers(wide: Threshold | None, narrow: Threshold | None, low: float = -math.inf, high: float = math.inf) -> bool:
    """Returns whether every number from `low` to `high` that keeps to `narrow` keeps to `wide` as well."""
    if wide is None or narrow is None:
        return wide is None
    room = [_widened(extent, low, high) for extent in _extents(wide)]
    return all(any(_inside(part, other) for other in room) for part in _extents(narrow))


def _widened(extent: Extent, low: float, high: float) -> Extent:
    """Returns an interval without the ends beyond which there is no number."""
    least, least_in, most, most_in = extent
    starts = (-math.inf, False) if least < low or (least == low and least_in) else (least, least_in)
    ends = (math.inf, False) if most > high or (most == high and most_in) else (most, most_in)
    return *starts, *ends


def _inside(part: Extent, whole: Extent) -> bool:
    low, low_in, high, high_in = part
    least, least_in, most, most_in = whole
    starts = low > least or (low == least and (least_in or not low_in))
    ends = high < most or (high == most and (most_in or not high_in))
    return starts and ends


def _extents(threshold: Threshold) -> list[Extent]:
    """Returns the numbers that keep to a threshold, as intervals: low, whether it belongs, high, whether it belongs."""
    low, high = threshold.value if isinstance(threshold.value, tuple) else (threshold.value, threshold.value)
    below: Extent = (-math.inf, False, low, False)
    above: Extent = (high, False, math.inf, False)
    table: dict[str, list[Extent]] = {
        "mustBe": [(low, True, high, True)],
        "mustBeBetween": [(low, True, high, True)],
        "mustNotBe": [below, above],
        "mustNotBeBetween": [below, above],
        "mustBeGreaterThan": [above],
        "mustBeGreaterOrEqualTo": [(low, True, math.inf, False)],
        "mustBeLessThan": [below],
        "mustBeLessOrEqualTo": [(-math.inf, False, high, True)],
    }
    return table[threshold.op]


def _harm(check: CheckSpec) -> str:
    return _STOPPED if check.scope == "batch" else _HELD


def _place(check: CheckSpec) -> str:
    return f"rule {check.name}"


def _said(check: CheckSpec) -> str:
    return f"{check.rule}: {expected_of(check)}, onFail {check.on_fail.value}"
