"""Settle: balance the run, let vanished documents go, close it.

The law of conservation is checked here: what was received is indexed, unchanged, quarantined,
rejected or failed, and a run that does not balance is not closed. Where documents were lost after the run was
admitted, because they could not be cut or embedded, it is judged again without them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from corpus.catalog import contracts, documents, lineage, profiles, relations, runs
from corpus.catalog.records import DocumentState
from corpus.errors import IntegrityError
from corpus.receipts import Counts, Receipt
from ingestion import profiling, staging
from ingestion.erasure.left import adding
from ingestion.lineage.remember import refresh
from ingestion.observing import observed
from ingestion.relations.remember import COUNTED, forget
from ingestion.runtime import Runtime
from ingestion.shrinking import note_override
from ingestion.snapshot import mark_of
from ingestion.stages.admit import judge_without
from ingestion.suspects import Attempt

_SUMMED = ("chunks", "embedded", "embed_seconds")
_RARE = ("overtaken", "refused", "also_embedded", "left_to_reembed", *COUNTED)


@observed("ingest", ends=True)
@adding
def settle(runtime: Runtime, contract_name: str, run_id: str, receipts: Sequence[Receipt]) -> Receipt:
    """Closes an ingest run.

    Args:
        runtime: The project.
        contract_name: Name of the contract.
        run_id: The run.
        receipts: What `stage` returned, one per shard of the run.

    Returns:
        The receipt of the whole run.

    A second call for the same run gives the same receipt and changes nothing.

    Raises:
        ContractBlocked: Without documents that could not be cut or embedded, a blocking rule fails; the run stays open.
        IntegrityError: The counts do not balance; the run stays open and nothing is deleted.
    """
    contract = runtime.contract(contract_name)
    if staging.find_note(runtime.store, run_id) is None and (settled := _settled(runtime, run_id)) is not None:
        return settled
    note = staging.read_note(runtime.store, run_id, contract)
    # A run that is cleared in Airflow still hands over what mapped tasks of its last try returned.
    receipts = [receipt for receipt in receipts if receipt.key in note.shards]
    lacking = [receipt.key for receipt in receipts if receipt.figures.get("refused")]
    if lacking:
        judge_without(runtime, contract, run_id, note, staging.read_refused(runtime.store, run_id, lacking))
    profile = profiling.left(runtime.store, contract_name, run_id)
    whole = staging.read_relations(runtime.store, run_id).get(staging.WHOLE_RUN, {})
    resting = [name for shard in lacking for name in staging.read_reopened(runtime.store, run_id, shard)]
    with runtime.catalog.transaction() as tx:
        gone = still_as_seen(
            relations.states(tx, contract_name, (doc_id for doc_id, _ in note.vanished)), note.vanished, run_id
        )
        receipt = _receipt(contract_name, run_id, note, receipts, removed=len(gone))
        contracts.register(
            tx, name=contract.name, version=contract.version, digest=contract.digest, yaml=contract.raw_yaml
        )
        documents.mark_gone(tx, contract_name, run_id, gone)
        note_override(tx, note, contract=contract_name, run_id=run_id, removed=len(gone), actor=runtime.settings.actor)
        forget(tx, contract_name, gone)
        documents.look_again(tx, contract_name, doc_ids=(*whole.get("again", ()), *whole.get("reopened", ()), *resting))
        refresh(tx, lineage.written_by(tx, run_id))
        if profile is not None:
            profiles.add(tx, profile)
        runs.finish(tx, run_id, state="succeeded", receipt=receipt.to_json())
    for shard in lacking:
        Attempt(runtime.store, shard).done()
    staging.discard(runtime.store, run_id)
    return receipt


def _receipt(
    contract_name: str, run_id: str, note: staging.RunNote, receipts: Sequence[Receipt], *, removed: int
) -> Receipt:
    return Receipt(
        stage="ingest",
        contract=contract_name,
        run_id=run_id,
        key=contract_name,
        inputs=note.shards,
        outputs=tuple(output for receipt in receipts for output in receipt.outputs),
        counts=balance(note, receipts, removed=removed),
        figures=_figures(note, receipts),
    )


def _figures(note: staging.RunNote, receipts: Sequence[Receipt]) -> dict[str, int | float | str]:
    """Returns what the shards sum up to, and what is out of the ordinary only where it happened."""
    names = (*_SUMMED, *_RARE)
    summed = {name: sum(float(receipt.figures.get(name, 0)) for receipt in receipts) for name in names}
    rare = {name: int(summed.pop(name)) for name in _RARE} | {"allow_shrink": int(note.allow_shrink)}
    figures: dict[str, int | float | str] = {name: round(value, 3) for name, value in summed.items()}
    whole = {name: int(value) for name, value in figures.items() if name != "embed_seconds"}
    return figures | whole | {name: value for name, value in rare.items() if value}


def _settled(runtime: Runtime, run_id: str) -> Receipt | None:
    with runtime.catalog.reading() as tx:
        run = runs.get(tx, run_id)
    return Receipt.from_json(run.receipt) if run is not None and run.state == "succeeded" else None


def still_as_seen(
    states: Mapping[str, DocumentState], vanished: Sequence[tuple[str, str]], run_id: str
) -> tuple[str, ...]:
    """Returns the vanished documents about which no faster run has decided meanwhile."""
    found = ((doc_id, states.get(doc_id), mark) for doc_id, mark in vanished)
    return tuple(
        doc_id for doc_id, state, mark in found if state and (mark_of(state) == mark or state.run_id == run_id)
    )


def balance(note: staging.RunNote, receipts: Sequence[Receipt], *, removed: int) -> Counts:
    """Returns the counts of a whole run.

    Raises:
        IntegrityError: A shard is missing, or something was dropped in silence.
    """
    missing = set(note.shards) - {receipt.key for receipt in receipts}
    if missing:
        raise IntegrityError(f"the run has no receipt for shards {', '.join(sorted(missing))}: stage them first.")
    shards = sum((receipt.counts for receipt in receipts), Counts())
    total = replace(shards, received=note.listed, unchanged=note.unchanged, removed=removed)
    if not total.balanced or min(asdict(total).values()) < 0:
        raise IntegrityError(
            f"the run received {total.received} documents but accounts for others: {asdict(total)}. Nothing was "
            "deleted and the run stays open. Run `stemma ingest` again; if it persists, report it as a bug."
        )
    return total
