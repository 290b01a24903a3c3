"""Assess: turn the due documents of one shard into assessments with a decision each.

One bad document never stops its shard; whatever happens to it becomes a Decision with a reason.
Nothing is written to the catalog here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from contracts.evaluate import row_violations
from contracts.model import Contract
from corpus import batches
from corpus.catalog import decisions
from corpus.catalog.records import OverrideRecord
from corpus.types import Assessment, Counts, Outcome, Receipt, Violation
from ingestion import staging
from ingestion.examine import UNDECIDED, examine
from ingestion.judge import judge
from ingestion.progress import NO_PROGRESS, Progress
from ingestion.reentry import matcher
from ingestion.runtime import Runtime
from ingestion.toolkit import tools_of

Overrides = Mapping[tuple[str, str], OverrideRecord]


def assess(
    runtime: Runtime, contract_name: str, run_id: str, shard: str, *, progress: Progress = NO_PROGRESS
) -> Receipt:
    """Assesses one shard, unless an earlier attempt of this run did, and could read every document.

    Args:
        runtime: The project.
        contract_name: Name of the contract.
        run_id: The run.
        shard: One of the outputs of `acquire`.
        progress: Told about each document.

    Returns:
        A receipt whose counts are the outcomes of the shard's documents.
    """
    contract = runtime.contract(contract_name)
    staging.read_note(runtime.store, run_id, contract)
    if not staging.is_assessed(runtime.store, run_id, shard):
        _assess(runtime, contract, run_id, shard, progress)
    outcomes = Counter(row["outcome"] for row in staging.read_assessed(runtime.store, run_id, shard, ["outcome"]))
    return Receipt(
        stage="assess",
        contract=contract_name,
        run_id=run_id,
        key=shard,
        inputs=(shard,),
        outputs=(shard,),
        counts=counts_of(outcomes),
    )


def counts_of(outcomes: Mapping[str, int]) -> Counts:
    """Returns outcomes as the terms of the conservation law."""
    return Counts(
        received=sum(outcomes.values()),
        indexed=sum(number for outcome, number in outcomes.items() if Outcome(outcome).admitted),
        quarantined=outcomes.get(Outcome.QUARANTINE, 0),
        rejected=outcomes.get(Outcome.REJECT, 0),
        failed=outcomes.get(Outcome.FAIL, 0),
    )


def _assess(runtime: Runtime, contract: Contract, run_id: str, shard: str, progress: Progress) -> None:
    tools = tools_of(contract, runtime.settings)
    match = matcher(runtime)
    entries = staging.read_shard(runtime.store, run_id, shard)
    progress.start("assessing", len(entries))
    drafts = []
    for entry in entries:
        drafts.append(examine(contract, tools, entry, match))
        progress.advance()
    progress.done()
    with runtime.catalog.reading() as tx:
        overrides = decisions.overrides(tx, contract.name)
    staging.write_assessed(runtime.store, run_id, shard, decide(contract, drafts, overrides))


def decide(contract: Contract, drafts: list[Assessment], overrides: Overrides) -> list[Assessment]:
    """Applies the contract's row rules and settles every decision that is still open."""
    readable = [draft for draft in drafts if draft.decision is UNDECIDED]
    violations = row_violations(contract, [batches.document_row(draft) for draft in readable])
    return [
        _decided(contract, draft, violations.get(draft.ref.doc_id, ()), overrides)
        if draft.decision is UNDECIDED
        else draft
        for draft in drafts
    ]


def _decided(
    contract: Contract, draft: Assessment, violations: tuple[Violation, ...], overrides: Overrides
) -> Assessment:
    decision = judge(
        violations=violations,
        score=draft.score,
        findings=draft.findings,
        enforcement=contract.enforcement,
        override=overrides.get((draft.ref.doc_id, draft.raw_sha256)),
    )
    return replace(draft, violations=violations, decision=decision)
