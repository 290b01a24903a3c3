"""Checks of engine `stemma`: the implementation block, read against the table of rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.model import GOVERNANCE_FIELDS, CheckSpec, FreshnessSpec, GovernanceSpec, Threshold
from contracts.node import Node, is_number
from contracts.problems import listed, nearest, shown
from contracts.rules import LATER_RULES, RULE_ALIASES, RULES, THRESHOLD_KEYS, Rule
from contracts.thresholds import read_threshold
from contracts.timing import UNIT_DAYS

_LATER = "known rule of a later release, not run by this build: remove it"


def rag_check(node: Node, field: str, freshness: FreshnessSpec | None, governance: GovernanceSpec) -> CheckSpec | None:
    """Reads one check of engine `stemma`.

    Args:
        node: The check; what is wrong with it becomes problems.
        field: Column that it stands under, empty for the document.
        freshness: The SLA, default of the rule `freshness`.
        governance: Default of the rule `governance_fields`.
    """
    body = node.get("implementation")
    if not isinstance(body.value, Mapping):
        body.problem("the implementation of a stemma check is a mapping.", "Write {rule: ..., onFail: ...}.")
        return None
    name = _rule_name(body)
    if name is None:
        return None
    rule = RULES[name]
    threshold = _threshold(body, name, rule)
    arguments = _arguments(body, name, rule)
    _defaults(body, name, arguments, freshness, governance)
    return CheckSpec(
        name=(field and f"{field}.{name}") or name,
        rule=name,
        engine="stemma",
        scope=rule.scope,
        field=next(iter(rule.columns), ""),
        threshold=threshold,
        arguments=arguments,
    )


def governance_check(governance: GovernanceSpec, owner: str) -> CheckSpec:
    """Returns the check that every contract has: nothing enters without its governance fields."""
    arguments: dict[str, Any] = {"fields": list(governance.required)}
    if governance.max_validation_age_days is not None:
        arguments["maxAge"] = float(governance.max_validation_age_days)
    return CheckSpec(
        name="governance_fields",
        rule="governance_fields",
        engine="stemma",
        scope="row",
        arguments=arguments,
        owner=owner,
        dimension="completeness",
    )


def _rule_name(body: Node) -> str | None:
    node = body.get("rule")
    if not body.has("rule"):
        body.problem("the check names no rule.", f"Add `rule:`, one of: {listed(RULES)}.")
        return None
    name = RULE_ALIASES.get(node.value, node.value) if isinstance(node.value, str) else node.value
    if isinstance(name, str) and name in RULES:
        return name
    if isinstance(name, str) and name in LATER_RULES:
        node.problem(f"{name!r}: {_LATER}.")
        return None
    hint = nearest(name, (*RULES, *RULE_ALIASES, *LATER_RULES)) if isinstance(name, str) else ""
    node.problem(f"unknown rule {shown(name)}.", f"{hint} Known: {listed(RULES)}.".strip())
    return None


def _threshold(body: Node, name: str, rule: Rule) -> Threshold | None:
    key = next((other for other in (THRESHOLD_KEYS.get(name, ""), "threshold") if body.has(other)), "threshold")
    if not body.has(key):
        if rule.threshold == "required":
            wanted = THRESHOLD_KEYS.get(name, "threshold")
            body.problem(f"the rule {name} needs a threshold.", f"Add `{wanted}: {{mustBe...: number}}`.")
        return None
    if rule.threshold == "none":
        body.get(key).problem(f"the rule {name} compares no number.", "Remove the threshold.", key=True)
        return None
    low, high = rule.range
    return read_threshold(body.get(key), low=low, high=high if high is not None else 1e12)


def _arguments(body: Node, name: str, rule: Rule) -> dict[str, Any]:
    valid = ("rule", "onFail", "threshold", *filter(None, (THRESHOLD_KEYS.get(name),)), *rule.arguments)
    body.only(valid)
    for key in rule.required:
        if not body.has(key):
            body.problem(f"the rule {name} needs `{key}`.", f"Add `{key}:` to the implementation.")
    return {key: _argument(body.get(key), kind) for key, kind in rule.arguments.items() if body.has(key)}


def _argument(node: Node, kind: str | tuple[str, ...]) -> Any:
    if isinstance(kind, tuple):
        return node.choice(kind, kind[0])
    if kind == "days":
        return days_of(node)
    found = node.texts()
    if kind == "fields":
        for item in node.items():
            item.choice(GOVERNANCE_FIELDS, "", "governance field")
    return list(found)


def days_of(node: Node) -> float:
    """Reads a duration: a number of days, or `{value: 90, unit: d}`; anything else is a problem."""
    value, unit = (node.get("value"), node.get("unit")) if isinstance(node.value, Mapping) else (node, None)
    if isinstance(node.value, Mapping):
        node.only(("value", "unit"))
    return duration_days(value, unit)


def duration_days(value: Node, unit: Node | None) -> float:
    """Reads a duration from its number and its unit (days where there is none)."""
    days = 1.0
    if unit is not None and unit.value is not None:
        word = unit.text().lower()
        if word not in UNIT_DAYS:
            unit.problem(f"unknown unit {shown(unit.value)}.", f"Valid: {listed(UNIT_DAYS)}.")
        days = UNIT_DAYS.get(word, 1.0)
    if not is_number(value.value) or not 0 < value.value * days <= 36_500:
        value.problem(f"{shown(value.value)} is not a duration.", "Write a number above 0, at most 100 years.")
        return 0.0
    return float(value.value * days)


def _defaults(
    body: Node, name: str, arguments: dict[str, Any], freshness: FreshnessSpec | None, governance: GovernanceSpec
) -> None:
    if name == "governance_fields":
        arguments.setdefault("fields", list(governance.required))
        if governance.max_validation_age_days is not None:
            arguments.setdefault("maxAge", float(governance.max_validation_age_days))
    if name == "freshness" and "maxAge" not in arguments:
        if freshness is None:
            hint = "Add `maxAge: {value: 90, unit: d}`, or a freshness to slaProperties."
            body.problem("the rule freshness knows no age.", hint)
        arguments["maxAge"] = freshness.max_age_days if freshness else 0.0
