"""The lists `quality` of a contract to neutral `CheckSpec`s.

Lint, explain, dry-run and execution share this list. A check that is valid by the standard but that
this build does not run becomes a problem: it is never skipped. Checks of type text become statements.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from contracts.build import DOCUMENT_COLUMNS, NEVER_NULL
from contracts.model import CheckSpec, FamilySpec, FreshnessSpec, GovernanceSpec, Scope, Statement, Threshold
from contracts.reading.gxchecks import expectation_check
from contracts.reading.ragchecks import rag_check
from contracts.reading.standard import OPERATORS
from contracts.rules.sql import read_query
from contracts.text.node import Node
from contracts.text.patterns import is_pattern
from contracts.text.problems import listed, nearest, shown
from contracts.text.thresholds import read_operator
from contracts.text.yamltext import read_block
from corpus.types import OnFail, Severity

ENGINES = ("stemma", "greatExpectations")
ENGINE_ALIASES: Mapping[str, str] = {"great-expectations": "greatExpectations"}
"""The name that the standard gives as its example, to the one that its other texts use."""

_ON_FAIL: Mapping[Scope, tuple[str, ...]] = {
    "row": ("block", "quarantine", "repair", "warn"),
    "batch": ("block", "warn"),
}
# Rules about a whole run that can be laid to the documents that cause it: those are held.
_LAID_TO_DOCUMENTS = ("drift",)
# What a repair of the text can change; the rest of a row it leaves as it was.
_REPAIRABLE = ("text", "title", "quality_score", "quality_parts", "quality_reasons", "findings", "language")
_UNITS = ("rows", "percent")
_NOT_RUN = "Checks run on every run: remove it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a check takes over from the contract around it."""

    owner: str
    freshness: FreshnessSpec | None
    governance: GovernanceSpec
    families: FamilySpec


def quality_checks(checks: Node, field: str, context: Context) -> Iterator[CheckSpec]:
    """Yields the checks of one `quality` list.

    Args:
        checks: The list; what is wrong with it becomes problems.
        field: Column that the list stands under, empty for the object `document`.
        context: What the checks take over.
    """
    for item in checks.items():
        if item.get("type").value == "text":
            continue
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


def statements(checks: Node, field: str) -> Iterator[Statement]:
    """Yields what one `quality` list says in words and nobody runs: its checks of type text."""
    for item in checks.items():
        if item.get("type").value != "text":
            continue
        text = item.get("description")
        if not text.text().strip():
            item.problem("a check of type `text` says nothing.", "Add a `description`.")
        for entry in item.get("customProperties").items():
            if entry.get("property").value == "onFail":
                entry.get("property").problem("nobody runs a check of type `text`: it cannot fail.", "Remove it.")
        yield Statement(kind="quality", text=text.text(), name=item.get("name").text(), field=field)


def chunk_checks(checks: Node, field: str) -> None:
    """Judges one `quality` list of chunks: what their file keeps by construction, and words, may stand there.

    Args:
        checks: The list; a check that would have to run is a problem.
        field: Column that it stands under, empty for the object `chunk`.
    """
    for item in checks.items():
        kind = item.get("type").text("library")
        if kind == "text" or (kind == "library" and _held_by_chunks(item, field)):
            continue
        hint = "Move it to the object document, or make it a check of type text."
        held = "nullValues mustBe 0, and duplicateValues mustBe 0 of chunk_id"
        item.problem(f"this build runs no checks on chunks; they keep by construction: {held}.", hint)


def _held_by_chunks(item: Node, field: str) -> bool:
    if _operator(item) != Threshold(op="mustBe", value=0.0):
        return False
    metric = item.get("metric").value
    return (metric == "nullValues" and field in NEVER_NULL) or (metric == "duplicateValues" and field == "chunk_id")


def _one_check(node: Node, field: str, context: Context) -> CheckSpec | None:
    kind = node.get("type").text("library")
    if kind == "custom":
        return _custom_check(node, field, context)
    if kind == "library":
        return _library_check(node, field)
    return _sql_check(node, field) if kind == "sql" else None


def _sql_check(node: Node, field: str) -> CheckSpec | None:
    threshold = _operator(node)
    query = read_query(node, field)
    node.get("unit").choice(_UNITS, "rows")
    if threshold is None or query is None:
        return None
    return CheckSpec(
        name=f"{field or 'document'}.sql",
        rule="sql",
        engine="sql",
        scope="batch",
        field=field,
        threshold=threshold,
        arguments={"query": query},
    )


def _custom_check(node: Node, field: str, context: Context) -> CheckSpec | None:
    engine = node.get("engine")
    if not isinstance(engine.value, str):
        return None
    name = ENGINE_ALIASES.get(engine.value, engine.value)
    if name not in ENGINES:
        hint = f"{nearest(name, ENGINES)} Valid: {listed(ENGINES)}.".strip()
        engine.problem(f"unknown engine {engine.value!r}: this build cannot run it.", hint)
        return None
    if name == "stemma":
        return rag_check(node, field, context.freshness, context.governance, context.families)
    return expectation_check(node, field)


def _library_check(node: Node, field: str) -> CheckSpec | None:
    metric = node.get("metric").text()
    if node.has("rule"):
        node.get("rule").problem("`rule` of a library check is an older name.", "Write `metric`.", key=True)
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


def _with_common(node: Node, spec: CheckSpec, context: Context) -> CheckSpec:
    severity = Severity(node.get("severity").choice(tuple(Severity), Severity.ERROR))
    return replace(
        spec,
        name=node.get("name").text() or spec.name,
        severity=severity,
        on_fail=_on_fail(node, spec, severity),
        owner=context.owner,
        dimension=node.get("dimension").text(),
    )


def _on_fail(node: Node, spec: CheckSpec, severity: Severity) -> OnFail:
    """Reads `onFail`, from the implementation of a custom check or from a custom property of any other."""
    held = "quarantine" if spec.scope == "row" else "block"
    default = held if severity is Severity.ERROR else "warn"
    given = node.get("implementation").get("onFail")
    for item in node.get("customProperties").items():
        name = item.get("property")
        if name.value == "onFail":
            given = item.get("value")
        elif item.get("vendor").value == "stemma" or name.text().lower() == "onfail":
            name.problem(f"unknown property {shown(name.value)} of a check.", "Did you mean 'onFail'?")
    if spec.rule in _LAID_TO_DOCUMENTS:
        return OnFail(given.choice(_ON_FAIL["row"], default, "onFail"))
    valid = _ON_FAIL[spec.scope]
    if given.value in ("quarantine", "repair") and spec.scope == "batch":
        message = f"this check judges the whole run: it cannot {given.value} one document."
        given.problem(message, f"Use {' or '.join(valid)}.")
        return OnFail(default)
    if given.value == "repair" and spec.field not in _REPAIRABLE:
        what = f"`{spec.field}`" if spec.field else "what this check reads"
        others = listed(word for word in valid if word != "repair")
        given.problem(f"no repair changes {what}: repairs mend the text.", f"Valid here: {others}.")
        return OnFail(default)
    return OnFail(given.choice(valid, default, "onFail"))
