"""Drift that is laid to documents: holds those of a run whose own values a rule stumbles over.

A drift rule judges a whole run. With `onFail: quarantine` (or `repair`, since nothing can be repaired
here) the documents of this run that cause it are held, where they can be told by their value: no
value, an empty text, a value or a type that the baseline has not. If the rule holds without them the
run goes on. Otherwise, and for figures about all documents together, the rule blocks like any other.
Documents that a person released are neither held again nor counted against the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from contracts.drift import rule as drift
from contracts.facts import BatchFacts
from contracts.model import CheckSpec, Verdict
from contracts.report import ContractReport, RuleResult
from corpus import batches
from corpus.storage import Store
from corpus.types import Outcome, Reason, Violation
from ingestion import staging

STANDING = "standing"
"""What a standing document was that leaves for a newcomer: it stays where drift holds the newcomer."""
_BEFORE = "before_drift"
_MACHINE = "stemma"


def to_settle(report: ContractReport) -> tuple[RuleResult, ...]:
    """Returns the drift rules that ask for documents to be held."""
    return tuple(item for item in report.results if item.spec.rule == "drift" and item.verdict is Verdict.FAIL)


def release_held(store: Store, run_id: str) -> None:
    """Takes back what an earlier attempt of this run held: it is judged afresh."""
    patches = staging.read_relations(store, run_id)
    if any(_BEFORE in patch for patch in patches.values()):
        before = {doc_id: patch.get(_BEFORE, patch) for doc_id, patch in patches.items()}
        staging.write_relations(store, run_id, {doc_id: patch for doc_id, patch in before.items() if patch})


def blamed(
    store: Store, run_id: str, shards: Iterable[str], broken: Sequence[RuleResult], facts: BatchFacts
) -> tuple[dict[str, list[RuleResult]], frozenset[str]]:
    """Finds the documents of this run that broken drift rules are laid to.

    Returns:
        Document id to the rules it breaks, for those to be held; and the ids of those that a person
        released, which are left out when the rules are judged again.
    """
    if facts.baseline is None:
        return {}, frozenset()
    columns = sorted({"doc_id", "outcome", "actor", *(str(item.spec.arguments["column"]) for item in broken)})
    held: dict[str, list[RuleResult]] = {}
    released: set[str] = set()
    for shard in shards:
        rows = [row for row in staging.read_assessed(store, run_id, shard, columns) if Outcome(row["outcome"]).admitted]
        actors = {row["doc_id"]: row["actor"] for row in rows}
        for item in broken:
            for doc_id in drift.blamed(item.spec, rows, facts.baseline.profile):
                if actors[doc_id] == _MACHINE:
                    held.setdefault(doc_id, []).append(item)
                else:
                    released.add(doc_id)
    return held, frozenset(released)


def hold(
    store: Store, run_id: str, assessed: Iterable[Mapping[str, Any]], blame: Mapping[str, Sequence[RuleResult]]
) -> None:
    """Holds documents of this run, each with the rules that it breaks as reasons.

    Args:
        store: The home.
        run_id: The run.
        assessed: Rows of the run with `doc_id`, `reasons` and `violations`.
        blame: Document id to the drift rules that are laid to it.
    """
    patches = staging.read_relations(store, run_id)
    for row in (row for row in assessed if row["doc_id"] in blame):
        before = patches.get(row["doc_id"], {})
        broken = [_violation(item) for item in blame[row["doc_id"]]]
        patches[row["doc_id"]] = {
            **before,
            "outcome": Outcome.QUARANTINE.value,
            "reasons": batches.dumps([*batches.loads(row["reasons"]), *map(_reason, broken)]),
            "violations": batches.dumps([*batches.loads(row["violations"]), *map(asdict, broken)]),
            "sound": False,
            "displaces": [],
            _BEFORE: before,
        }
        _keep(patches, before.get("displaces", ()))
    staging.write_relations(store, run_id, patches)


def _keep(patches: dict[str, dict[str, Any]], doc_ids: Iterable[str]) -> None:
    """Lets documents stay that were to leave for one that is held now; those of this run are looked at again."""
    for doc_id in doc_ids:
        before = patches.get(doc_id, {})
        if STANDING in before:
            patches[doc_id] = {**before[STANDING], "sound": True, "family": before.get("family", ""), _BEFORE: before}
        else:
            whole = patches.get(staging.WHOLE_RUN, {})
            reopened = [*whole.get("reopened", ()), doc_id]
            first = whole.get(_BEFORE, whole)
            patches[staging.WHOLE_RUN] = {**whole, "reopened": reopened, _BEFORE: first}


def laid(
    report: ContractReport, broken: Sequence[RuleResult], blame: Mapping[str, Sequence[RuleResult]], facts: BatchFacts
) -> ContractReport:
    """Returns a report in which broken drift rules say what became of them.

    Args:
        report: The report of the run as it is now, without what was held.
        broken: The rules as they were broken.
        blame: Document id to the rules that were laid to it.
        facts: The run without what was held and without what a person released.
    """
    return replace(
        report,
        results=tuple(
            _outcome(first, _ids(blame, item.spec), facts) if (first := _first(broken, item)) is not None else item
            for item in report.results
        ),
    )


def _first(broken: Sequence[RuleResult], now: RuleResult) -> RuleResult | None:
    """Returns how a drift rule was broken: before documents were held, or since; None for any other."""
    before = next((item for item in broken if item.spec == now.spec), None)
    return before or (now if now.spec.rule == "drift" and now.verdict is Verdict.FAIL else None)


def _outcome(item: RuleResult, culprits: tuple[str, ...], facts: BatchFacts) -> RuleResult:
    after = drift.judge(item.spec, facts)
    if not after.kept:
        why = "it is so without them too" if culprits else "it cannot be laid to single documents of this run"
        return replace(item, failing=culprits, verdict=Verdict.BLOCK, actual=f"{item.actual}; {why}")
    if not culprits:
        return replace(item, verdict=Verdict.WARN, actual=f"{item.actual}; by documents that a person released")
    return replace(item, failing=culprits, actual=f"{item.actual}; held {len(culprits)} documents of this run")


def _ids(blame: Mapping[str, Sequence[RuleResult]], spec: CheckSpec) -> tuple[str, ...]:
    return tuple(sorted(doc_id for doc_id, items in blame.items() if any(item.spec == spec for item in items)))


def _violation(item: RuleResult) -> Violation:
    return Violation(
        rule="drift",
        field=str(item.spec.arguments["column"]),
        severity=item.spec.severity,
        on_fail=item.spec.on_fail,
        expected=item.expected,
        actual=item.actual,
    )


def _reason(violation: Violation) -> dict[str, Any]:
    message = f"{violation.field}: expected {violation.expected}, found {violation.actual}"
    return batches.reason_json(Reason(code="rule.drift", message=message, rule="drift"))
