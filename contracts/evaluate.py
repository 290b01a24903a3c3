"""Was the contract kept? Row rules on the documents of a shard, batch rules on a whole run.

Pure: the caller brings the rows, the figures and the time, and acts on what comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from contracts.expectations import Rows, ShapeResult, columns_of, run_shape
from contracts.facts import BatchFacts
from contracts.model import CheckSpec, Contract
from contracts.report import ContractReport, RuleResult, report_of, verdict_of
from contracts.rules import RULES
from contracts.thresholds import holds
from contracts.wording import expected_of
from corpus.types import Violation, utc_now


def row_violations(contract: Contract, rows: Rows, *, now: datetime | None = None) -> dict[str, tuple[Violation, ...]]:
    """Judges documents by the row rules.

    Args:
        contract: The contract.
        rows: Rows with the columns of `corpus.batches.DOCUMENTS`.
        now: Moment that ages are counted from, aware; the current one where none is given.

    Returns:
        Document id to its violations in the order of the contract; documents without any are not in it.

    Raises:
        ContractError: A rule cannot be run.
    """
    if not rows:
        return {}
    moment = now or utc_now()
    checks = [check for check in contract.checks if check.scope == "row"]
    shapes = run_shape([check for check in checks if check.engine != "stemma"], rows)
    found: dict[str, list[Violation]] = {}
    for check in checks:
        actual = shapes[check.name].failing if check.name in shapes else _by_rule(check, rows, moment)
        for doc_id, words in actual.items():
            found.setdefault(doc_id, []).append(_violation(check, words))
    return {doc_id: tuple(violations) for doc_id, violations in found.items()}


def batch_columns(contract: Contract) -> tuple[str, ...]:
    """Returns the columns that `BatchFacts.rows` must have; empty when no rule reads rows.

    Use it to read no more of documents.parquet than the batch rules need.
    """
    checks = _on_rows(contract)
    return columns_of(checks) if checks else ()


def batch_report(contract: Contract, facts: BatchFacts) -> ContractReport:
    """Judges a run by every rule of its contract.

    Args:
        contract: The contract.
        facts: The run.

    Returns:
        One result per rule; `report.blocking` holds the rules that must stop the run.

    Raises:
        ContractError: A rule cannot be run.
        ValueError: Rules need rows and none were given: nothing is judged on rows that are not there.
    """
    needed = batch_columns(contract)
    if needed and facts.documents and not facts.rows:
        raise ValueError(f"the contract {contract.name} has rules on rows: give the columns {', '.join(needed)}")
    shapes = run_shape(_on_rows(contract), facts.rows) if facts.rows else {}
    failing = _by_check(facts.violations)
    results = []
    for check in contract.checks:
        if check.scope == "row":
            results.append(_row_result(contract, check, failing.get(_key(check), {})))
        else:
            results.append(_batch_result(contract, check, facts, shapes.get(check.name)))
    return report_of(contract, facts.documents, results)


def _on_rows(contract: Contract) -> list[CheckSpec]:
    return [check for check in contract.checks if check.scope == "batch" and _reads_rows(check)]


def _reads_rows(check: CheckSpec) -> bool:
    return check.engine != "stemma" and check.rule != "rowCount"


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


def _batch_result(contract: Contract, check: CheckSpec, facts: BatchFacts, shape: ShapeResult | None) -> RuleResult:
    failing: tuple[str, ...] = ()
    if shape is not None:
        failed, actual = _shape_outcome(check, facts, shape)
        failing = tuple(sorted(shape.failing)) if failed else ()
    else:
        failed, actual = _figure_outcome(check, facts)
    verdict = verdict_of(check, failed=failed, enforcement=contract.enforcement)
    return RuleResult(spec=check, expected=expected_of(check), actual=actual, failing=failing, verdict=verdict)


def _shape_outcome(check: CheckSpec, facts: BatchFacts, shape: ShapeResult) -> tuple[bool, str]:
    """Compares how many rows break a shape rule with the rule's threshold, if it has one."""
    count = len(shape.failing)
    total = len(facts.rows)
    share = 100.0 * count / total if total else 0.0
    number = share if check.arguments.get("unit") == "percent" else float(count)
    words = shape.observed or f"{count} of {total} documents ({share:.1f} %)"
    passed = holds(check.threshold, number) if check.threshold is not None else shape.passed
    return not passed, words


def _figure_outcome(check: CheckSpec, facts: BatchFacts) -> tuple[bool, str]:
    if check.rule == "rowCount":
        kept = check.threshold is None or holds(check.threshold, facts.documents)
        return not kept, f"{facts.documents} documents"
    judge = RULES[check.rule].batch
    words: Any = judge(check, facts) if judge is not None else None
    return words is not None, words or "kept"
