"""Checks of engine `stemma`: the implementation block, read against the table of rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.build import HIDDEN_TECHNIQUES
from contracts.drift.profile import COLUMNS
from contracts.drift.rule import DEFAULT_STATISTIC, STATISTICS, problem_of
from contracts.model import GOVERNANCE_FIELDS, CheckSpec, FamilySpec, FreshnessSpec, GovernanceSpec, Threshold
from contracts.rules.table import RULE_ALIASES, RULES, THRESHOLD_KEYS, Rule
from contracts.text.node import Node, is_number
from contracts.text.problems import listed, nearest, shown
from contracts.text.thresholds import read_threshold
from contracts.text.timing import UNIT_DAYS


def rag_check(
    node: Node,
    field: str,
    freshness: FreshnessSpec | None,
    governance: GovernanceSpec,
    families: FamilySpec,
) -> CheckSpec | None:
    """Reads one check of engine `stemma`.

    Args:
        node: The check; what is wrong with it becomes problems.
        field: Column that it stands under, empty for the document.
        freshness: The SLA, default of the rule `freshness`.
        governance: Default of the rule `governance_fields`.
        families: From which similarity on the rule `near_duplicate` is given twins to judge.
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
    if name == "near_duplicate":
        _reachable(body, threshold, families)
    column = arguments["column"] if name == "drift" and arguments.get("column") in COLUMNS else ""
    return CheckSpec(
        name=(field and f"{field}.{name}") or (column and f"{column}.{name}") or name,
        rule=name,
        engine="stemma",
        scope=rule.scope,
        field=column or next(iter(rule.columns), ""),
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
    hint = nearest(name, (*RULES, *RULE_ALIASES)) if isinstance(name, str) else ""
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
    if name == "drift":
        _comparable(body)
    return {key: _argument(body.get(key), kind) for key, kind in rule.arguments.items() if body.has(key)}


def _comparable(body: Node) -> None:
    """Refuses a column that no profile is kept of, and a statistic that says nothing of its kind."""
    column = body.get("column")
    statistic = body.get("statistic").text(DEFAULT_STATISTIC)
    if not isinstance(column.value, str):
        return
    if column.value not in COLUMNS:
        column.choice(COLUMNS, "", "column")
    elif statistic in STATISTICS and problem_of(column.value, statistic):
        where = body.get("statistic") if body.has("statistic") else column
        where.problem(f"drift: {problem_of(column.value, statistic)}")


def _reachable(body: Node, threshold: Threshold | None, families: FamilySpec) -> None:
    """Refuses a limit below which no twins are looked for: nothing would be judged by it."""
    value = threshold.value if threshold is not None else None
    if isinstance(value, float) and value < families.similarity:
        key = THRESHOLD_KEYS["near_duplicate"] if body.has(THRESHOLD_KEYS["near_duplicate"]) else "threshold"
        body.get(key).problem(
            f"twins are looked for from a similarity of {families.similarity:g} on: {value:g} is never judged.",
            f"Write {families.similarity:g} or more, or lower `similarity` of ragFamilies.",
        )


def _argument(node: Node, kind: str | tuple[str, ...]) -> Any:
    if isinstance(kind, tuple):
        return node.choice(kind, kind[0])
    if kind == "days":
        return days_of(node)
    if kind == "text":
        return node.filled()
    found = node.texts()
    if kind == "techniques":
        for item in node.items():
            item.choice(HIDDEN_TECHNIQUES, "", "technique")
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
    if not is_number(value.value) or not 0 < value.value <= 36_500 / days:
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
    if name == "drift":
        arguments.setdefault("statistic", DEFAULT_STATISTIC)
    if name == "freshness" and "maxAge" not in arguments:
        if freshness is None:
            hint = "Add `maxAge: {value: 90, unit: d}`, or a freshness to slaProperties."
            body.problem("the rule freshness knows no age.", hint)
        arguments["maxAge"] = freshness.max_age_days if freshness else 0.0
