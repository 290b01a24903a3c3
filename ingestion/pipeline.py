"""Whole runs in one process, for the command line: the same stages that Airflow maps over.

This module only orders the stages. What it skips it skips because a stage said there is nothing to
do; a run that is started again after a kill goes through the same order and finds what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Literal

from contracts.evaluate import prepare
from corpus.catalog import runs
from corpus.errors import CatalogError
from corpus.ids import new_run_id
from corpus.receipts import Receipt
from index.pacing import parse_rate
from ingestion.erasure.left import complete_left
from ingestion.isolation import Preparation
from ingestion.observing import begin, leave_figures
from ingestion.progress import NO_PROGRESS, Progress, Whole
from ingestion.runtime import Runtime
from ingestion.snapshot import Entry
from ingestion.stages import acquire, admit, assess, relate, settle, stage
from ingestion.stages import reembed as reembedding
from ingestion.stages import release as releasing

_SUMMED = ("segments", "embedded", "embed_seconds")
_CHUNKS_BETWEEN_CANARIES = 20_000
"""The model's canaries are looked at before each such lot: 64 texts, a third of a percent of the work."""


def ingest(
    runtime: Runtime,
    contract_name: str,
    *,
    allow_shrink: bool = False,
    reason: str = "",
    release: bool = True,
    progress: Progress = NO_PROGRESS,
) -> Receipt:
    """Ingests what changed in one contract's source and releases a new version.

    Args:
        runtime: The project.
        contract_name: Name of the contract.
        allow_shrink: Let the run remove more documents than the contract's guard allows.
        reason: Why, for the audit log; required with `allow_shrink`.
        release: Publish a new version afterwards, if anything changed.
        progress: Told how far the work is.

    Returns:
        The receipt of the run; with `release`, its figures say which version serves now.

    Raises:
        StemmaError: As the stages say. Whatever ends a run early, it is closed as failed and the old version serves.
    """
    complete_left(runtime, contract_name)
    run_id = new_run_id()
    with _closing(runtime, run_id):
        acquired = acquire.acquire(
            runtime,
            contract_name,
            run_id,
            allow_shrink=allow_shrink,
            reason=reason,
            progress=progress,
            on_due=ready_for(runtime, contract_name),
        )
        for shard in acquired.outputs:
            assess.assess(runtime, contract_name, run_id, shard, progress=progress)
        shards = relate.relate(runtime, contract_name, run_id, acquired.outputs).outputs
        admit.admit(runtime, contract_name, run_id, shards)
        staged = [stage.stage(runtime, contract_name, run_id, shard, progress=progress) for shard in shards]
        receipt = settle.settle(runtime, contract_name, run_id, staged)
    if not release:
        return receipt
    return _with_release(receipt, releasing.release(runtime, contract_name, run_id, progress=progress))


def ready_for(runtime: Runtime, contract_name: str) -> Callable[[Entry], None]:
    """Returns what makes this process ready to assess, told of each document that is due.

    Workers start, and the rules' engine is imported, while the rest of the source is hashed; an unchanged run starts
    and imports nothing.
    """
    contract = runtime.contract(contract_name)
    workers = Preparation(runtime.settings)

    def expect(entry: Entry) -> None:
        prepare(contract)
        workers.expect(entry.ref.size)

    return expect


def reembed(
    runtime: Runtime,
    contract_name: str,
    *,
    model: str | None = None,
    mode: Literal["cutover", "shadow"] = "cutover",
    rate: str | None = None,
    reason: str = "",
    progress: Progress = NO_PROGRESS,
) -> Receipt:
    """Re-embeds the stored segments of a contract and releases them as a new version.

    Args:
        runtime: The project.
        contract_name: Name of the contract.
        model: Target embedder; None takes the one that the contract declares.
        mode: `cutover` moves the alias `live`; `shadow` moves only the alias `shadow`.
        rate: Limit such as `50 chunks/s` or `20000 tokens/s`; None for none.
        reason: Why, for the audit log.
        progress: Told how far the whole work is.

    Returns:
        A receipt whose counts of segments and texts are in its figures.

    Raises:
        StemmaError: As the stages say. Whatever ends a run early, the next goes on from there and the old version
            serves.
    """
    if rate:
        parse_rate(rate)  # before anything is opened
    run_id = new_run_id()
    begin(runtime, "reembed", contract_name, run_id)
    with _closing(runtime, run_id):
        reembedding.begin(runtime, contract_name, run_id, model=model, mode=mode, reason=reason)
        ahead = int(reembedding.estimate(runtime, contract_name, model).figures["distinct_texts"])
        whole = Whole(progress, "embedding", ahead)
        receipts = [
            reembedding.embed_segments(runtime, contract_name, run_id, group, model=model, rate=rate, progress=whole)
            for group in reembedding.groups(runtime, contract_name, model, chunks_per_group=_CHUNKS_BETWEEN_CANARIES)
        ]
        progress.done()
        released = reembedding.cut_over(
            runtime, contract_name, run_id, model=model, mode=mode, rate=rate, reason=reason, progress=progress
        )
    summed = {name: sum(float(receipt.figures[name]) for receipt in receipts) for name in _SUMMED}
    figures = {name: round(value, 3) if name == "embed_seconds" else int(value) for name, value in summed.items()}
    return replace(released, stage="reembed", figures={**released.figures, **figures})


@contextmanager
def _closing(runtime: Runtime, run_id: str) -> Iterator[None]:
    try:
        yield
    except BaseException as error:  # a defect and an interrupt end a run too; they go on from here
        with suppress(CatalogError), runtime.catalog.transaction() as tx:
            found = runs.get(tx, run_id)
            if found is not None and found.state == "running":  # one whose last commit got no answer may have succeeded
                runs.finish(tx, run_id, state="failed", receipt={"error": str(error) or type(error).__name__})
        leave_figures(runtime)
        raise


def _with_release(receipt: Receipt, released: Receipt) -> Receipt:
    return replace(
        receipt,
        outputs=(*receipt.outputs, *released.outputs),
        figures={**receipt.figures, **released.figures},
        fingerprints={**receipt.fingerprints, **released.fingerprints},
    )
