"""Quality checks and field promises to neutral `CheckSpec`s.

Lint, explain, dry-run and execution share this list. A check that is valid by the standard but that
this build does not run becomes a problem: it is never skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from contracts.build import BATCH_EXPECTATIONS, DOCUMENT_COLUMNS, ROW_EXPECTATIONS
from contracts.model import CheckSpec, FieldSpec, FreshnessSpec, GovernanceSpec, Scope, Threshold
from contracts.node import Node
from contracts.problems import listed, nearest, shown
from contracts.ragchecks import rag_check
from contracts.standard import OPERATORS
from contracts.thresholds import read_operator
from contracts.yamltext import read_block
from corpus.types import OnFail, Severity

ENGINES = ("stemma", "greatExpectations")
_ON_FAIL: Mapping[Scope, tuple[str, ...]] = {"row": ("block", "quarantine", "warn"), "batch": ("block", "warn")}
_UNITS = ("rows", "percent")
_NOT_RUN = "Checks run on every run: remove it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a check takes over from the contract around it."""

    owner: str
    freshness: FreshnessSpec | None
    governance: GovernanceSpec


def field_checks(field: FieldSpec, extent: Mapping[str, Any]) -> Iterator[CheckSpec]:
    """Yields the checks that a field's own promises amount to.

    Args:
        field: The field.
        extent: `min_value`, `max_value`, `strict_min`, `strict_max` of a number, where given.
    """
    if field.required:
        yield _shape(field.name, "required", {})
    # doc_id is the key that documents are stored under: two of them cannot share it.
    if field.unique and field.name != "doc_id":
        unique = _shape(field.name, "unique", {})
        yield replace(unique, scope="batch", on_fail=OnFail.BLOCK)
    if field.pattern is not None:
        yield _shape(field.name, "pattern", {"regex": field.pattern})
    if field.min_length is not None or field.max_length is not None:
        limits = {"min_value": field.min_length, "max_value": field.max_length}
        yield _shape(field.name, "length", {key: value for key, value in limits.items() if value is not None})
    if extent:
        yield _shape(field.name, "range", extent)
    if field.enum:
        yield _shape(field.name, "enum", {"value_set": list(field.enum)})


def _shape(name: str, rule: str, arguments: Mapping[str, Any]) -> CheckSpec:
    spec = CheckSpec(
        name=f"{name}.{rule}", rule=rule, engine="library", scope="row", field=name, arguments=dict(arguments)
    )
    return replace(
        spec, dimension="uniqueness" if rule == "unique" else "completeness" if rule == "required" else "conformity"
    )


def quality_checks(checks: Node, field: str, context: Context) -> Iterator[CheckSpec]:
    """Yields the checks of one `quality` list.

    Args:
        checks: The list; what is wrong with it becomes problems.
        field: Column that the list stands under, empty for the object `document`.
        context: What the checks take over.
    """
    for item in checks.items():
        node = _expanded(item)
        for key in ("schedule", "scheduler"):
            if node.has(key):
                node.get(key).problem(f"this build does not run a `{key}` of one check.", _NOT_RUN, key=True)
        spec = _one_check(node, field, context)
        if spec is not None:
            yield _with_common(node, spec, context)


def _expanded(node: Node) -> Node:
    """Returns the check with its implementation parsed, where the contract gives it as YAML text."""
    body = node.get("implementation")
    if not isinstance(body.value, str):
        return node
    parsed = read_block(node.sink, body.value, body.path)
    return Node({**node.value, "implementation": parsed}, node.path, node.sink)


def _one_check(node: Node, field: str, context: Context) -> CheckSpec | None:
    kind = node.get("type").text("library")
    if kind == "custom":
        return _custom_check(node, field, context)
    if kind == "library":
        return _library_check(node, field)
    if kind == "sql":
        hint = "Use a library metric (nullValues, invalidValues, ...) or engine greatExpectations."
        node.get("type").problem("this build does not run checks of type `sql`.", hint)
    elif kind == "text":
        hint = "Move the sentence to `description`, or make it a check that runs."
        node.get("type").problem("a check of type `text` is never run.", hint)
    return None


def _custom_check(node: Node, field: str, context: Context) -> CheckSpec | None:
    engine = node.get("engine")
    if not isinstance(engine.value, str):
        return None
    if engine.value not in ENGINES:
        hint = f"{nearest(engine.value, ENGINES)} Valid: {listed(ENGINES)}.".strip()
        engine.problem(f"unknown engine {engine.value!r}: this build cannot run it.", hint)
        return None
    if engine.value == "stemma":
        return rag_check(node, field, context.freshness, context.governance)
    return _expectation(node, field)


def _library_check(node: Node, field: str) -> CheckSpec | None:
    metric = node.get("metric").text()
    if metric not in _METRICS:
        if not metric and not node.sink.at(node.path):
            node.problem(
                "the check says nothing that can be run.", "Add a `metric`, or `type: custom` with an `engine`."
            )
        return None
    threshold = _operator(node)
    arguments = _arguments(node, metric, field)
    unit = node.get("unit").choice(_UNITS, "rows")
    if threshold is None or arguments is None:
        return None
    if unit == "percent":
        arguments["unit"] = unit
    by_row = metric in _ROW_METRICS and threshold == Threshold(op="mustBe", value=0.0)
    scope: Scope = "row" if by_row else "batch"
    name = f"{field or 'document'}.{metric}"
    return CheckSpec(
        name=name, rule=metric, engine="library", scope=scope, field=field, threshold=threshold, arguments=arguments
    )


_ROW_METRICS = ("nullValues", "missingValues", "invalidValues")
_METRICS: Mapping[str, tuple[str, ...]] = {
    "nullValues": (),
    "missingValues": ("missingValues",),
    "invalidValues": ("validValues", "pattern"),
    "duplicateValues": ("properties",),
    "rowCount": (),
}


def _operator(node: Node) -> Threshold | None:
    used = [operator for operator in OPERATORS if node.has(operator)]
    return read_operator(node.get(used[0]), used[0]) if len(used) == 1 else None


def _arguments(node: Node, metric: str, field: str) -> dict[str, Any] | None:
    given = node.get("arguments")
    valid = _METRICS[metric]
    for key, entry in given.entries():
        if key not in valid:
            hint = nearest(key, valid) or (f"Valid: {listed(valid)}." if valid else f"{metric} takes none.")
            entry.problem(f"unknown argument `{key}` of {metric}.", hint, key=True)
    return _place_of_metric(node, metric, field) and _read_arguments(node, given, metric, field)


def _place_of_metric(node: Node, metric: str, field: str) -> dict[str, Any] | None:
    here = node.get("metric")
    if metric == "rowCount" and field:
        here.problem("rowCount counts documents: it has no meaning under a property.", "Move it to `document.quality`.")
        return None
    if metric not in ("rowCount", "duplicateValues") and not field:
        here.problem(f"{metric} needs a property.", "Move it under the property that it speaks of.")
        return None
    return {"placed": True}


def _read_arguments(node: Node, given: Node, metric: str, field: str) -> dict[str, Any] | None:
    if metric == "missingValues":
        return _scalars(given.get("missingValues"), node, "missingValues: ['', 'N/A']", null=True)
    if metric == "duplicateValues" and not field:
        columns = _scalars(given.get("properties"), node, "properties: [content_sha256]")
        for item in given.get("properties").items():
            item.choice(tuple(DOCUMENT_COLUMNS), "", "column")
        return columns
    if metric == "invalidValues":
        return _invalid_arguments(node, given)
    return {}


def _invalid_arguments(node: Node, given: Node) -> dict[str, Any] | None:
    if not given.has("validValues") and not given.has("pattern"):
        node.get("metric").problem(
            "invalidValues needs to know what is valid.", "Add `arguments: {validValues: [...]}` or a `pattern`."
        )
        return None
    found: dict[str, Any] = {}
    if given.has("validValues"):
        found.update(_scalars(given.get("validValues"), node, "validValues: [en, de]") or {})
    if given.has("pattern") and is_pattern(given.get("pattern")):
        found["pattern"] = given.get("pattern").value
    return found


def _scalars(given: Node, node: Node, example: str, *, null: bool = False) -> dict[str, Any] | None:
    name = str(given.path[-1])
    if not isinstance(given.value, list) or not given.value:
        target = given if given.value is not None else node.get("metric")
        target.problem(f"`{name}` must be a list of values.", f"Add `arguments: {{{example}}}`.")
        return None
    for item in given.items():
        if isinstance(item.value, bool | Mapping | list) or (item.value is None and not null):
            item.problem(
                f"{shown(item.value)} is not a value of {name}.",
                "Quote it: YAML reads no, yes and on as true or false.",
            )
    return {name: list(given.value)}


def is_pattern(node: Node) -> bool:
    """Returns whether a node holds a regular expression that compiles; else it becomes a problem."""
    if not isinstance(node.value, str):
        node.problem(f"`{node.path[-1]}` must be a regular expression, not {shown(node.value)}.")
        return False
    try:
        re.compile(node.value)
    except (re.error, OverflowError, RecursionError) as error:
        node.problem(f"{shown(node.value)} is not a valid regular expression: {error}.")
        return False
    return True


def _expectation(node: Node, field: str) -> CheckSpec | None:
    body = node.get("implementation")
    if not isinstance(body.value, Mapping):
        body.problem(
            "the implementation of a Great Expectations check is a mapping.", "Write {type: expect_..., kwargs: {...}}."
        )
        return None
    body.only(("type", "kwargs", "onFail"))
    known = {**ROW_EXPECTATIONS, **BATCH_EXPECTATIONS}
    name = body.get("type").filled()
    if name not in known:
        if name:
            hint = f"{nearest(name, known)} Run by this build: {listed(known)}.".strip()
            body.get("type").problem(f"unknown expectation {name!r}.", hint)
        return None
    arguments = _kwargs(body.get("kwargs"), name, known[name], field)
    column = str(arguments.pop("column", field))
    scope: Scope = "row" if name in ROW_EXPECTATIONS and arguments.get("mostly", 1) == 1 else "batch"
    return CheckSpec(
        name=f"{column or 'document'}.{name}",
        rule=name,
        engine="greatExpectations",
        scope=scope,
        field=column,
        arguments=arguments,
    )


def _kwargs(given: Node, name: str, options: tuple[str, ...], field: str) -> dict[str, Any]:
    plain = tuple(option.rstrip("!") for option in options)
    table = name.startswith("expect_table")
    given.only(plain if table else (*plain, "column", "mostly"))
    for option in options:
        if option.endswith("!") and not given.has(option.rstrip("!")):
            given.problem(f"{name} needs `{option.rstrip('!')}`.", "Add it to `kwargs`.")
    _check_kwargs(given)
    if not table:
        column = given.get("column") if given.has("column") else Node(field or None, given.path, given.sink)
        if column.value is None:
            given.problem(f"{name} needs `column`.", "Add it to `kwargs`, or move the check under a property.")
        else:
            column.choice(tuple(DOCUMENT_COLUMNS), "", "column")
    return dict(given.value) if isinstance(given.value, Mapping) else {}


def _check_kwargs(given: Node) -> None:
    given.get("mostly").number(1.0, 0.0, 1.0)
    for key in ("value_set", "regex_list"):
        if given.has(key) and (not isinstance(given.get(key).value, list) or not given.get(key).value):
            given.get(key).problem(f"`{key}` must be a list of values, not {shown(given.get(key).value)}.")
    if given.has("regex"):
        is_pattern(given.get("regex"))
    for item in given.get("regex_list").items():
        is_pattern(item)
    given.get("match_on").choice(("any", "all"), "any")
    for key in ("strict_min", "strict_max"):
        if given.has(key) and not isinstance(given.get(key).value, bool):
            given.get(key).problem(f"`{key}` must be true or false, not {shown(given.get(key).value)}.")
    for key in ("min_value", "max_value", "value"):
        _bound(given.get(key))


def _bound(node: Node) -> None:
    if isinstance(node.value, bool | Mapping | list | str):
        node.problem(f"`{node.path[-1]}` must be a number, not {shown(node.value)}.")


def _with_common(node: Node, spec: CheckSpec, context: Context) -> CheckSpec:
    severity = Severity(node.get("severity").choice(tuple(Severity), Severity.ERROR))
    return replace(
        spec,
        name=node.get("name").text() or spec.name,
        severity=severity,
        on_fail=_on_fail(node, spec.scope, severity),
        owner=context.owner,
        dimension=node.get("dimension").text(),
    )


def _on_fail(node: Node, scope: Scope, severity: Severity) -> OnFail:
    """Reads `onFail`, from the implementation of a custom check or from a custom property of any other."""
    held = "quarantine" if scope == "row" else "block"
    default = held if severity is Severity.ERROR else "warn"
    given = node.get("implementation").get("onFail")
    for item in node.get("customProperties").items():
        if item.get("property").value == "onFail":
            given = item.get("value")
    if given.value == "repair":
        given.problem(
            "no check of this build can be repaired.", f"Valid for a {scope} check: {listed(_ON_FAIL[scope])}."
        )
        return OnFail(default)
    if given.value == "quarantine" and scope == "batch":
        given.problem("this check judges the whole run: it cannot quarantine one document.", "Use block or warn.")
        return OnFail(default)
    return OnFail(given.choice(_ON_FAIL[scope], default, "onFail"))
