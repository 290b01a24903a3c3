"""Assess: turn the due documents of one shard into assessments with a decision each.

One bad document never stops its shard; whatever happens to it becomes a Decision with a reason.
Nothing is written to the catalog here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from contracts.evaluate import prepare, row_violations
from contracts.expiry import expires_at
from contracts.model import Contract
from corpus import batches
from corpus.catalog import decisions
from corpus.catalog.records import OverrideRecord
from corpus.ids import judged_digest
from corpus.receipts import Counts, Receipt
from corpus.types import Assessment, OnFail, Outcome, Violation, utc_now
from ingestion import staging
from ingestion.erasure.left import adding
from ingestion.erasure.refusal import refusal
from ingestion.examine import UNDECIDED, Examined, examine
from ingestion.isolation import workers_for
from ingestion.judge import judge
from ingestion.marking import with_marks
from ingestion.observing import observed
from ingestion.progress import NO_PROGRESS, Progress
from ingestion.reentry import matcher
from ingestion.runtime import Runtime
from ingestion.snapshot import Entry
from ingestion.splitting.cut import Cuts, cut_in
from ingestion.splitting.narrow import lean
from ingestion.suspects import Attempt, refuse
from ingestion.toolkit import asks_paraphrase, tools_of
from ingestion.trying import Trial

Overrides = Mapping[tuple[str, str], OverrideRecord]


@observed("ingest")
@adding
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
    entries = staging.read_shard(runtime.store, run_id, shard)
    progress.start("assessing", len(entries))
    prepare(contract)
    attempt = Attempt(runtime.store, shard)
    with attempt.alive():
        drafts = _examined(runtime, contract, run_id, attempt, entries, progress)
    with runtime.catalog.reading() as tx:
        overrides = decisions.overrides(tx, contract.name)
    staging.write_assessed(runtime.store, run_id, shard, decide(contract, drafts, overrides))
    attempt.done()


def _examined(
    runtime: Runtime, contract: Contract, run_id: str, attempt: Attempt, entries: Sequence[Entry], progress: Progress
) -> list[Examined]:
    """Reads the documents of a shard, those that ended an earlier attempt at it left out."""
    tools = tools_of(contract, runtime.settings)
    match = with_marks(runtime, matcher(runtime))
    refused = refusal(runtime, contract.name)
    cuts = _cuts(runtime, contract.name)
    tried = Trial(settings=runtime.settings, contract=contract.name, run_id=run_id, shard=attempt.shard)
    deadly = attempt.deadly([entry.ref.doc_id for entry in entries], tried)
    drafts = []
    with workers_for(runtime.settings) as workers:

        def work(entry: Entry) -> Examined:
            attempt.reading(entry.ref.doc_id)
            inspect = refuse if entry.ref.doc_id in deadly else workers.inspect
            return refused.examined(examine(contract, tools, entry, match, inspect, cuts))

        for draft in workers.map(work, entries, size=lambda entry: entry.ref.size):
            drafts.append(draft)
            progress.advance()
    progress.done()
    if asks_paraphrase(contract):
        from ingestion.paraphrases import with_suspicions  # noqa: PLC0415 - brings the reader, which others do without

        drafts = with_suspicions(runtime, contract, run_id, attempt, drafts, progress)
    return drafts


def _cuts(runtime: Runtime, contract: str) -> Cuts:
    with runtime.catalog.reading() as tx:
        return cuts_of(decisions.overrides(tx, contract))


def cuts_of(overrides: Overrides) -> Cuts:
    """Returns the cuts among what people decided."""
    cuts = ((key, cut_in(override.parts)) for key, override in overrides.items())
    return {key: cut for key, cut in cuts if cut is not None}


def decide(contract: Contract, drafts: Sequence[Examined], overrides: Overrides) -> list[Assessment]:
    """Applies the contract's row rules and settles every decision that is still open.

    A document that breaks a rule with `onFail: repair` is judged again with more repairs, where there
    are any; what then keeps the rules is admitted as repaired.
    """
    now = utc_now()
    first = _judged(contract, [draft.assessment for draft in drafts], overrides, now)
    again = [
        draft.mended
        for draft, judged in zip(drafts, first, strict=True)
        if draft.mended is not None and any(broken.on_fail is OnFail.REPAIR for broken in judged.violations)
    ]
    mended = {item.ref.doc_id: item for item in _judged(contract, again, overrides, now)}
    return [_better(judged, mended.get(judged.ref.doc_id)) for judged in first]


def _better(first: Assessment, mended: Assessment | None) -> Assessment:
    helped = mended is not None and mended.decision.outcome.admitted and not first.decision.outcome.admitted
    return mended if mended is not None and helped else first


def _judged(contract: Contract, drafts: Sequence[Assessment], overrides: Overrides, now: datetime) -> list[Assessment]:
    rows = {draft.ref.doc_id: _judged_row(draft) for draft in drafts if draft.decision is UNDECIDED}
    violations = row_violations(contract, list(rows.values()), now=now)
    return [
        _decided(contract, draft, violations.get(draft.ref.doc_id, ()), overrides, expires_at(contract, row, now))
        if (row := rows.get(draft.ref.doc_id)) is not None
        else draft
        for draft in drafts
    ]


def _judged_row(draft: Assessment) -> dict[str, Any]:
    """Returns the row that rules are laid to: of a document with dropped parts, what is kept and no blanks."""
    row = batches.document_row(draft)
    return row if draft.whole is None or draft.document is None else row | {"text": lean(draft.document).text}


def _decided(
    contract: Contract,
    draft: Assessment,
    violations: tuple[Violation, ...],
    overrides: Overrides,
    due_at: datetime | None,
) -> Assessment:
    decision = judge(
        violations=violations,
        score=draft.score,
        findings=draft.findings,
        enforcement=contract.enforcement,
        override=overrides.get((draft.ref.doc_id, judged_digest(draft.raw_sha256, draft.sidecar_sha256))),
        repairs=draft.repairs,
    )
    return replace(draft, violations=violations, decision=decision, due_at=due_at)
