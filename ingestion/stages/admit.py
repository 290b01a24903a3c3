"""Admit: judge the contract's batch rules on what the next version would hold, before anything counts.

A rule with `onFail: block` that fails stops the run here: the catalog is as it was, the old version
serves, and the report says which documents were the trouble.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from contracts.evaluate import batch_columns, batch_report
from contracts.facts import BatchFacts
from contracts.model import Contract, Verdict
from contracts.report import ContractReport
from corpus import batches
from corpus.catalog import versions
from corpus.errors import ContractBlocked
from corpus.ids import canonical_json
from corpus.types import Outcome, Receipt
from ingestion import staging
from ingestion.runtime import Runtime
from ingestion.standing import standing_rows

_COLUMNS = ("doc_id", "digital_source_type")
_MOST_REASONS = 5


def admit(runtime: Runtime, contract_name: str, run_id: str, shards: Sequence[str]) -> Receipt:
    """Judges a run as a whole.

    Args:
        runtime: The project.
        contract_name: Name of the contract.
        run_id: The run.
        shards: The assessed shards.

    Returns:
        A receipt whose output is where the contract report is.

    Raises:
        ContractBlocked: A blocking rule failed.
    """
    contract = runtime.contract(contract_name)
    note = staging.read_note(runtime.store, run_id, contract)
    if note.listed and not shards and not note.vanished:
        return _receipt(contract, run_id, "", Verdict.PASS)
    assessed = [row for shard in shards for row in _assessed(runtime, contract, run_id, shard)]
    report = batch_report(contract, _facts(runtime, contract, assessed, [doc_id for doc_id, _ in note.vanished]))
    path = f"reports/{contract.name}/{run_id}.json"
    runtime.store.replace(path, canonical_json(report.to_json()))
    if report.verdict is Verdict.BLOCK:
        raise ContractBlocked(
            f"contract {contract.name!r} blocks this run; nothing was published and nothing changed. The report is "
            f"in {runtime.store.path(path)}. Mend the documents, or the rule, and run again.",
            (*_blocking(report), *_held(assessed)),
        )
    return _receipt(contract, run_id, path, report.verdict)


def _receipt(contract: Contract, run_id: str, path: str, verdict: Verdict) -> Receipt:
    return Receipt(
        stage="admit",
        contract=contract.name,
        run_id=run_id,
        key=contract.name,
        outputs=(path,) if path else (),
        figures={"verdict": verdict.value},
    )


def _assessed(runtime: Runtime, contract: Contract, run_id: str, shard: str) -> list[dict[str, Any]]:
    columns = {*_COLUMNS, *batch_columns(contract), "outcome", "violations", "reasons"}
    return staging.read_assessed(runtime.store, run_id, shard, sorted(columns))


def _facts(
    runtime: Runtime, contract: Contract, assessed: Sequence[dict[str, Any]], vanished: Sequence[str]
) -> BatchFacts:
    columns = {*_COLUMNS, *batch_columns(contract)}
    leaving = {*vanished, *(row["doc_id"] for row in assessed if row["outcome"] != Outcome.FAIL)}
    rows = list(standing_rows(runtime, contract.name, columns, leaving))
    rows += [row for row in assessed if Outcome(row["outcome"]).admitted]
    with runtime.catalog.reading() as tx:
        live = versions.alias(tx, contract.name, "live")
        served = versions.get(tx, contract.name, live.number) if live else None
    return BatchFacts(
        documents=len(rows),
        violations={row["doc_id"]: staging.violations_of(row) for row in assessed},
        origins=Counter(row["digital_source_type"] for row in rows),
        previous_documents=served.documents if served else None,
        rows=rows,
    )


def _blocking(report: ContractReport) -> tuple[str, ...]:
    return tuple(f"{result.spec.name}: expected {result.expected}, found {result.actual}" for result in report.blocking)


def _held(assessed: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Says, commonest first, why documents of this run are held: mostly that is why a batch rule failed."""
    held = [row for row in assessed if not Outcome(row["outcome"]).admitted]
    said = Counter(f"{reason['code']}: {reason['message']}" for row in held for reason in batches.loads(row["reasons"]))
    return tuple(f"{count} held, {words}" for words, count in said.most_common(_MOST_REASONS))
