"""Settle: balance the run, let vanished documents go, close it.

The law of conservation is checked here: what was received is indexed, unchanged, quarantined,
rejected or failed, and a run that does not balance is not closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from corpus.catalog import contracts, documents, runs
from corpus.errors import IntegrityError
from corpus.types import Counts, Receipt
from ingestion import staging
from ingestion.runtime import Runtime

_SUMMED = ("chunks", "embedded", "embed_seconds")


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
        IntegrityError: The counts do not balance; the run stays open and nothing is deleted.
    """
    with runtime.catalog.reading() as tx:
        run = runs.get(tx, run_id)
    if run is not None and run.state == "succeeded":
        return Receipt.from_json(run.receipt)
    contract = runtime.contract(contract_name)
    note = staging.read_note(runtime.store, run_id)
    counts = balance(note, receipts)
    receipt = Receipt(
        stage="ingest",
        contract=contract_name,
        run_id=run_id,
        key=contract_name,
        inputs=note.shards,
        outputs=tuple(output for receipt in receipts for output in receipt.outputs),
        counts=counts,
        figures={name: sum(float(receipt.figures[name]) for receipt in receipts) for name in _SUMMED},
    )
    with runtime.catalog.transaction() as tx:
        contracts.register(
            tx, name=contract.name, version=contract.version, digest=contract.digest, yaml=contract.raw_yaml
        )
        documents.mark_gone(tx, contract_name, run_id, note.vanished)
        runs.finish(tx, run_id, state="succeeded", receipt=receipt.to_json())
    staging.discard(runtime.store, run_id, note.shards)
    return receipt


def balance(note: staging.RunNote, receipts: Sequence[Receipt]) -> Counts:
    """Returns the counts of a whole run.

    Raises:
        IntegrityError: A shard is missing, or something was dropped in silence.
    """
    missing = set(note.shards) - {receipt.key for receipt in receipts}
    if missing:
        raise IntegrityError(f"the run has no receipt for shards {', '.join(sorted(missing))}: stage them first.")
    shards = sum((receipt.counts for receipt in receipts), Counts())
    total = replace(shards, received=note.listed, unchanged=note.unchanged, removed=len(note.vanished))
    if not total.balanced:
        raise IntegrityError(
            f"the run received {total.received} documents but accounts for others: {asdict(total)}. Nothing was "
            "deleted and the run stays open. Run `stemma ingest` again; if it persists, report it as a bug."
        )
    return total
