"""Was the contract kept? Row rules on the documents of a shard, batch rules on a whole run.

Pure: the caller brings the rows, the figures and the time, and acts on what comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.drift.rule import completed
from contracts.facts import BatchFacts
from contracts.model import CheckSpec, Contract
from contracts.reading.keys import broken_references
from contracts.reading.promises import is_end, passed
from contracts.report import ContractReport, RuleResult, report_of, verdict_of
from contracts.rules import engine
from contracts.rules.shapes import Rows, ShapeResult, columns_of, run_shape
from contracts.rules.sql import query_columns, run_queries
from contracts.rules.table import RULES
from contracts.rules.values import VALUE_RULES, judged
from contracts.text.thresholds import holds
from contracts.wording import expected_of
from corpus.types import Violation, utc_now


def row_violations(
    contract: Contract, rows: Rows, *, now: datetime | None = None, relations: bool = False
) -> dict[str, tuple[Violation, ...]]:
    """Judges documents by the row rules.

    Args:
        contract: The contract.
        rows: Rows with the columns of `corpus.batches.DOCUMENTS`.
        relations: Judge by the rules on how documents relate to the corpus, and by no others;
            without it by all the others.
        now: Moment that ages are counted from, aware; the current one where none is given.

    Returns:
        Document id to its violations in the order of the contract; documents without any are not in it.

    Raises:
        ContractError: A rule cannot be run.
    """
    if not rows:
        return {}
    moment = now or utc_now()
    checks = [check for check in contract.checks if check.scope == "row" and _on_relations(check) == relations]
    shapes = run_shape([check for check in checks if _is_shape(check)], rows)
    found: dict[str, list[Violation]] = {}
    for check in checks:
        if check.name in shapes:
            actual = dict(shapes[check.name].failing)
        else:
            actual = judged(check, rows) if check.engine == "library" else _by_rule(check, rows, moment)
        for doc_id, words in actual.items():
            found.setdefault(doc_id, []).append(_violation(check, words))
    return {doc_id: tuple(violations) for doc_id, violations in found.items()}


def prepare(contract: Contract) -> None:
    """Imports in a thread what `row_violations` will need: call it where documents are about to be read."""
    if any(check.scope == "row" and _is_shape(check) for check in contract.checks):
        engine.prepare()


def batch_columns(contract: Contract) -> tuple[str, ...]:
    """Returns the columns that `BatchFacts.rows` must have; empty when no rule reads rows.

    Use it to read no more of documents.parquet than the batch rules need.
    """
    checks = _on_rows(contract)
    if not checks:
        return ()
    found = list(columns_of([check for check in checks if _is_shape(check)]))
    for check in checks:
        if check.engine == "sql":
            found.extend(query_columns(check.arguments["query"]))
        elif check.rule == "foreignKey":
            found.extend(name.partition(".")[0] for name in (*check.arguments["from"], *check.arguments["to"]))
    return tuple(dict.fromkeys(found))


def batch_report(contract: Contract, facts: BatchFacts, *, now: datetime | None = None) -> ContractReport:
    """Judges a run by every rule of its contract.

    Args:
        contract: The contract.
        facts: The run.
        now: Moment that ends of life are compared with, aware; the current one where none is given.

    Returns:
        One result per rule; `report.blocking` holds the rules that must stop the run.

    Raises:
        ContractError: A rule cannot be run.
        ValueError: Rules need rows and none were given: nothing is judged on rows that are not there.
    """
    needed = batch_columns(contract)
    if needed and facts.documents and not facts.rows:
        raise ValueError(f"the contract {contract.name} has rules on rows: give the columns {', '.join(needed)}")
    batch = _Batch(facts=facts, now=now or utc_now(), **_on_all_rows(contract, facts))
    failing = _by_check(facts.violations)
    results = []
    for check in contract.checks:
        if check.scope == "row":
            results.append(_row_result(contract, check, failing.get(_key(check), {})))
        else:
            results.append(_batch_result(contract, check, batch))
    return completed(report_of(contract, facts.documents, results), facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """A run, and what the engines that read rows found in it."""

    facts: BatchFacts
    now: datetime
    shapes: Mapping[str, ShapeResult]
    answers: Mapping[str, float | None]


def _on_all_rows(contract: Contract, facts: BatchFacts) -> dict[str, Any]:
    checks = _on_rows(contract)
    shapes = run_shape([check for check in checks if _is_shape(check)], facts.rows) if facts.rows else {}
    return {"shapes": shapes, "answers": run_queries([item for item in checks if item.engine == "sql"], facts.rows)}


def _is_shape(check: CheckSpec) -> bool:
    """Returns whether a rule is run by Great Expectations."""
    if check.engine == "library":
        return check.rule not in VALUE_RULES and check.rule not in _OWN and not is_end(check.rule)
    return check.engine == "greatExpectations"


_OWN = ("rowCount", "foreignKey")


def _on_relations(check: CheckSpec) -> bool:
    return check.engine == "stemma" and RULES[check.rule].relations


def _on_rows(contract: Contract) -> list[CheckSpec]:
    return [check for check in contract.checks if check.scope == "batch" and _reads_rows(check)]


def _reads_rows(check: CheckSpec) -> bool:
    return check.engine != "stemma" and check.rule != "rowCount" and not is_end(check.rule)


def _by_rule(check: CheckSpec, rows: Rows, now: datetime) -> dict[str, str]:
    judge = RULES[check.rule].row
    if judge is None:
        return {}
    judged = ((str(row["doc_id"]), judge(check, row, now)) for row in rows)
    return {doc_id: words for doc_id, words in judged if words is not None}


def _violation(check: CheckSpec, actual: str) -> Violation:
    return Violation(
        rule=check.rule,
        field=check.field,
        severity=check.severity,
        on_fail=check.on_fail,
        expected=expected_of(check),
        actual=actual,
    )


def _key(check: CheckSpec) -> tuple[str, ...]:
    return (check.rule, check.field, expected_of(check), check.on_fail, check.severity)


def _by_check(violations: Mapping[str, Sequence[Violation]]) -> dict[tuple[str, ...], dict[str, str]]:
    """Groups what documents broke by the rule that they broke: document id to what was found."""
    grouped: dict[tuple[str, ...], dict[str, str]] = {}
    for doc_id, broken in violations.items():
        for item in broken:
            key = (item.rule, item.field, item.expected, item.on_fail, item.severity)
            grouped.setdefault(key, {})[doc_id] = item.actual
    return grouped


def _row_result(contract: Contract, check: CheckSpec, failing: Mapping[str, str]) -> RuleResult:
    return RuleResult(
        spec=check,
        expected=expected_of(check),
        actual=_summary(failing),
        failing=tuple(sorted(failing)),
        verdict=verdict_of(check, failed=bool(failing), enforcement=contract.enforcement),
    )


def _summary(failing: Mapping[str, str]) -> str:
    if not failing:
        return "kept by every document"
    first = min(failing)
    many = f"{len(failing)} documents, the first" if len(failing) > 1 else "1 document,"
    return f"{many} {first}: {failing[first]}"


def _batch_result(contract: Contract, check: CheckSpec, batch: _Batch) -> RuleResult:
    failing: tuple[str, ...] = ()
    if check.name in batch.shapes:
        shape = batch.shapes[check.name]
        failed, actual = _shape_outcome(check, batch.facts, shape)
        failing = tuple(sorted(shape.failing)) if failed else ()
    elif check.rule == "foreignKey":
        broken = broken_references(check, batch.facts.rows)
        failed, actual, failing = bool(broken), _summary(broken), tuple(sorted(broken))
    elif check.engine == "sql":
        failed, actual = _query_outcome(check, batch.answers[check.name])
    elif _is_shape(check):
        failed, actual = _nothing_outcome(check)
    else:
        failed, actual = _figure_outcome(check, batch)
    verdict = verdict_of(check, failed=failed, enforcement=contract.enforcement)
    return RuleResult(spec=check, expected=expected_of(check), actual=actual, failing=failing, verdict=verdict)


def _query_outcome(check: CheckSpec, number: float | None) -> tuple[bool, str]:
    """Compares what a query found; an answer of null keeps nothing."""
    if number is None:
        return True, "no number (null)"
    return check.threshold is not None and not holds(check.threshold, number), f"{number:g}"


def _nothing_outcome(check: CheckSpec) -> tuple[bool, str]:
    """Judges a rule on rows in a run without rows: none of them breaks it."""
    return check.threshold is not None and not holds(check.threshold, 0.0), "no documents"


def _shape_outcome(check: CheckSpec, facts: BatchFacts, shape: ShapeResult) -> tuple[bool, str]:
    """Compares how many rows break a shape rule with the rule's threshold, if it has one."""
    count = len(shape.failing)
    total = len(facts.rows)
    share = 100.0 * count / total if total else 0.0
    number = share if check.arguments.get("unit") == "percent" else float(count)
    words = shape.observed or f"{count} of {total} documents ({share:.1f} %)"
    passed = holds(check.threshold, number) if check.threshold is not None else shape.passed
    return not passed, words


def _figure_outcome(check: CheckSpec, batch: _Batch) -> tuple[bool, str]:
    facts = batch.facts
    if check.rule == "rowCount":
        kept = check.threshold is None or holds(check.threshold, facts.documents)
        return not kept, f"{facts.documents} documents"
    words: Any = None
    if is_end(check.rule):
        words = passed(check, batch.now)
    else:
        judge = RULES[check.rule].batch
        words = judge(check, facts) if judge is not None else None
    return words is not None, words or "kept"
