"""Admit: judge the contract's batch rules on what the next version would hold, before anything counts.

What it would hold is profiled and compared with the last accepted run; `settle` makes it the next baseline.

A rule with `onFail: block` that fails stops the run here: the catalog is as it was, the old version
serves, and the report says which documents were the trouble.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from contracts.drift.measure import profile_of
from contracts.drift.profile import Baseline, Profile
from contracts.drift.rule import MINIMUM
from contracts.evaluate import batch_columns, batch_report
from contracts.facts import BatchFacts, known_origins
from contracts.model import Contract, Verdict
from contracts.report import ContractReport, RuleResult
from corpus import batches
from corpus.catalog import documents, versions
from corpus.errors import ContractBlocked
from corpus.ids import canonical_json
from corpus.receipts import Receipt
from corpus.types import EMPTY, Outcome, utc_now
from ingestion import drifting, profiling, reports, staging
from ingestion.erasure.left import adding
from ingestion.observing import observed
from ingestion.runtime import Runtime
from ingestion.standing import standing_rows

_COLUMNS = ("doc_id", "digital_source_type", "origin_basis")
_MOST_REASONS = 5


@observed("ingest")
@adding
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
    drifting.release_held(runtime.store, run_id)
    run = _Run(runtime, contract, run_id, tuple(shards), frozenset(doc_id for doc_id, _ in note.vanished), utc_now())
    report, assessed = _judged(run)
    report = reports.with_decisions(report, contract, assessed)
    path = reports.path_of(contract.name, run_id)
    runtime.store.replace(path, canonical_json(reports.document(report, run_id, run.now)))
    if report.verdict is Verdict.BLOCK:
        raise ContractBlocked(
            f"contract {contract.name!r} blocks this run; nothing was published and nothing changed. The report is "
            f"in {runtime.store.path(path)}; `stemma report {contract.name} --run {run_id}` shows it. Mend the "
            "documents, or the rule, and run again.",
            (*_blocking(report.blocking), *_held(assessed)),
        )
    _leave_baseline(run, report)
    return _receipt(contract, run_id, path, report.verdict)


def judge_without(
    runtime: Runtime, contract: Contract, run_id: str, note: staging.RunNote, refused: Mapping[str, Mapping[str, Any]]
) -> None:
    """Judges a run again without documents that were admitted and then could not be cut or embedded.

    Its report and its profile are written anew. Rules about drift stay as they came out: they may have held documents,
    and those are staged by now.

    Args:
        runtime: The project.
        contract: The contract.
        run_id: The run; all its shards are staged.
        note: What `acquire` left of it.
        refused: Id of each such document to the columns of its row that are different since.

    Raises:
        ContractBlocked: A blocking rule fails now. The next run takes these documents up again.
    """
    kept = reports.read(runtime, contract.name, run_id)
    now, vanished = datetime.fromisoformat(kept["judged_at"]), frozenset(doc_id for doc_id, _ in note.vanished)
    run = _Run(runtime, contract, run_id, note.shards, vanished, now, refused)
    assessed = run.assessed()
    report = batch_report(contract, _facts(run, assessed), now=now)
    report = reports.with_decisions(report, contract, assessed)
    report = replace(report, notices=(_lost(refused), *report.notices))
    path = reports.path_of(contract.name, run_id)
    runtime.store.replace(path, canonical_json(reports.with_rules_of(reports.document(report, run_id, now), kept)))
    if blocking := tuple(item for item in report.blocking if item.spec.rule != "drift"):
        with runtime.catalog.transaction() as tx:
            documents.look_again(tx, contract.name, doc_ids=refused)
        raise ContractBlocked(
            f"contract {contract.name!r} blocks run {run_id}: {_lost(refused)} Nothing was published. The report is in "
            f"{runtime.store.path(path)}. Mend these documents, or the rule, and run again.",
            (*_blocking(blocking), *_held(assessed)),
        )
    _leave_baseline(run, report)


def _lost(refused: Collection[str]) -> str:
    first = ", ".join(sorted(refused)[:3])
    return (
        f"{len(refused)} documents could not be cut or embedded after the run had been admitted ({first}"
        f"{', ...' if len(refused) > 3 else ''}); all rules but those about drift were judged again without them."
    )


def _leave_baseline(run: _Run, report: ContractReport) -> None:
    profile = report.profile
    if profile is not None and _is_baseline(profile, profiling.baseline_of(run.runtime, run.contract.name)):
        profiling.leave(run.runtime.store, run.run_id, profile)


def _is_baseline(profile: Profile, before: Baseline | None) -> bool:
    """Returns whether a run is kept to compare the next with.

    One of too few documents to be judged by is not, where more than half of those before are gone: when an
    emptied corpus is filled again, it is compared with what it was.
    """
    return profile.documents >= MINIMUM or before is None or 2 * profile.documents >= before.profile.documents


@dataclass(frozen=True, slots=True)
class _Run:
    """What is judged: a run, and the moment it is judged at; `refused` are rows that changed since it was assessed."""

    runtime: Runtime
    contract: Contract
    run_id: str
    shards: tuple[str, ...]
    vanished: frozenset[str]
    now: datetime
    refused: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: EMPTY)

    def assessed(self) -> list[dict[str, Any]]:
        """Reads the run's documents, or what is needed of them."""
        columns = sorted({*_COLUMNS, *batch_columns(self.contract), "outcome", "violations", "reasons"})
        store = self.runtime.store
        rows = (row for shard in self.shards for row in staging.read_assessed(store, self.run_id, shard, columns))
        return [{**row, **self._since(row)} for row in rows]

    def _since(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in self.refused.get(row["doc_id"], EMPTY).items() if name in row}

    def measured(self, leaving: Collection[str], released: Collection[str] = ()) -> Profile:
        """Profiles what the next version would hold, some documents of this run left out."""
        documents = profiling.documents_of(self.runtime, self.contract.name, self.run_id, self.shards, leaving)
        without = {*released, *self.refused}
        return profile_of((profiling.without(batch, without) for batch in documents), now=self.now)


def _judged(run: _Run) -> tuple[ContractReport, list[dict[str, Any]]]:
    """Returns the report of a run and its documents, those held to which a drift rule was laid."""
    assessed = run.assessed()
    facts = _facts(run, assessed)
    report = batch_report(run.contract, facts, now=run.now)
    broken = drifting.to_settle(report)
    if not broken:
        return report, assessed
    store = run.runtime.store
    blame, released = drifting.blamed(store, run.run_id, run.shards, broken, facts)
    drifting.hold(store, run.run_id, assessed, blame)
    assessed = run.assessed()
    facts = _facts(run, assessed)
    report = batch_report(run.contract, facts, now=run.now)
    judged = replace(facts, profile=run.measured(_leaving(run.vanished, assessed), released)) if released else facts
    return drifting.laid(report, broken, blame, judged), assessed


def _receipt(contract: Contract, run_id: str, path: str, verdict: Verdict) -> Receipt:
    return Receipt(
        stage="admit",
        contract=contract.name,
        run_id=run_id,
        key=contract.name,
        outputs=(path,) if path else (),
        figures={"verdict": verdict.value},
    )


def _leaving(vanished: Collection[str], assessed: Sequence[dict[str, Any]]) -> frozenset[str]:
    """Returns the standing documents that this run replaces or lets go."""
    return frozenset((*vanished, *(row["doc_id"] for row in assessed if row["outcome"] != Outcome.FAIL)))


def _facts(run: _Run, assessed: Sequence[dict[str, Any]]) -> BatchFacts:
    name, leaving = run.contract.name, _leaving(run.vanished, assessed)
    rows = list(standing_rows(run.runtime, name, {*_COLUMNS, *batch_columns(run.contract)}, leaving))
    rows += [row for row in assessed if Outcome(row["outcome"]).admitted]
    with run.runtime.catalog.reading() as tx:
        live = versions.alias(tx, name, "live")
        served = versions.get(tx, name, live.number) if live else None
    return BatchFacts(
        documents=len(rows),
        violations={row["doc_id"]: staging.violations_of(row) for row in assessed},
        origins=known_origins((row["digital_source_type"], row["origin_basis"]) for row in rows),
        previous_documents=served.documents if served else None,
        rows=rows,
        profile=run.measured(leaving),
        baseline=profiling.baseline_of(run.runtime, name),
    )


def _blocking(results: Iterable[RuleResult]) -> tuple[str, ...]:
    return tuple(f"{result.spec.name}: expected {result.expected}, found {result.actual}" for result in results)


def _held(assessed: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Says, commonest first, why documents of this run are held: mostly that is why a batch rule failed."""
    held = [row for row in assessed if not Outcome(row["outcome"]).admitted]
    said = Counter(f"{reason['code']}: {reason['message']}" for row in held for reason in batches.loads(row["reasons"]))
    return tuple(f"{count} held, {words}" for words, count in said.most_common(_MOST_REASONS))
