"""What is told about a stage while it works: a log record, an OpenLineage event, and the figures a run leaves.

A stage is wrapped once, where it is defined; so the command line and the DAGs tell the same. Nothing here changes what
a stage does or returns, and no trouble with telling reaches it.
"""

from __future__ import annotations

import functools
import inspect
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from typing import ParamSpec

from corpus import logs
from corpus.ids import new_run_id
from corpus.receipts import Receipt
from ingestion.events import emit
from ingestion.runtime import Runtime

P = ParamSpec("P")

_log = logging.getLogger(__name__)
_inside: ContextVar[emit.Inside | None] = ContextVar("stemma_inside", default=None)


@dataclass(slots=True)
class _Work:
    """One call of a stage."""

    runtime: Runtime
    job: emit.JobName
    stage: str
    contract: str
    run_id: str
    begins: bool
    ends: bool
    quiet: bool
    inside: emit.Inside | None
    started: float = field(default_factory=time.monotonic)
    receipt: Receipt | None = None


def observed(
    job: emit.JobName, *, begins: bool = False, ends: bool = False
) -> Callable[[Callable[P, Receipt]], Callable[P, Receipt]]:
    """Makes a stage tell what it does.

    Args:
        job: The kind of work that the stage belongs to.
        begins: The stage is the first of a run: it emits START.
        ends: The stage is the last of a run: it emits COMPLETE, and leaves the figures. Any that raises emits FAIL.

    Returns:
        A decorator. The stage's first argument is the runtime; `contract_name`, `run_id` and `dry_run` are taken
        from its arguments where it has them.
    """

    def decorate(stage: Callable[P, Receipt]) -> Callable[P, Receipt]:
        signature = inspect.signature(stage)

        @functools.wraps(stage)
        def call(*args: P.args, **kwargs: P.kwargs) -> Receipt:
            given = signature.bind(*args, **kwargs).arguments
            work = _Work(
                runtime=given["runtime"],
                job=job,
                stage=stage.__name__,
                contract=str(given.get("contract_name", "")),
                run_id=str(given.get("run_id") or new_run_id()),
                begins=begins,
                ends=ends,
                quiet=bool(given.get("dry_run", False)),
                inside=_inside.get(),
            )
            with _told(work):
                work.receipt = stage(*args, **kwargs)
            return work.receipt

        return call

    return decorate


def begin(runtime: Runtime, job: emit.JobName, contract_name: str, run_id: str) -> None:
    """Emits START of a run whose first stage does not know the run: the stages of a re-embed are mapped."""
    emit.send(runtime, "START", job=job, stage="begin", contract=contract_name, run_id=run_id)


@contextmanager
def _told(work: _Work) -> Iterator[None]:
    within = (work.job, work.contract, work.run_id)
    same = work.inside == within
    token = _inside.set(within)
    try:
        with logs.about(run_id=work.run_id, contract=work.contract, stage=work.stage):
            yield from _around(work, nested=same)
    finally:
        _inside.reset(token)


def _around(work: _Work, *, nested: bool) -> Iterator[None]:
    if work.begins:
        _send(work, "START")
    logs.note(_log, logging.INFO, "stage started", job=work.job)
    try:
        yield
    except BaseException as error:
        seconds = round(time.monotonic() - work.started, 3)
        logs.note(
            _log, logging.ERROR, "stage failed", job=work.job, seconds=seconds,
            error=type(error).__name__, error_message=logs.told(error),
        )  # fmt: skip
        if not nested:
            _send(work, "FAIL", error=error)
        leave_figures(work.runtime)
        raise
    _note_end(work)
    if work.ends:
        _send(work, "COMPLETE")
        if not work.quiet:
            leave_figures(work.runtime)


def _note_end(work: _Work) -> None:
    seconds = round(time.monotonic() - work.started, 3)
    receipt = work.receipt
    figures = {name: value for name, value in receipt.figures.items() if not isinstance(value, str)} if receipt else {}
    counts = {name: number for name, number in asdict(receipt.counts).items() if number} if receipt else {}
    logs.note(_log, logging.INFO, "stage ended", job=work.job, seconds=seconds, counts=counts, figures=figures)


def _send(work: _Work, state: emit.State, error: BaseException | None = None) -> None:
    if work.quiet:
        return
    emit.send(
        work.runtime, state, job=work.job, stage=work.stage, contract=work.contract, run_id=work.run_id,
        inside=work.inside, receipt=work.receipt, error=error,
    )  # fmt: skip


def leave_figures(runtime: Runtime) -> None:
    """Writes the metrics file where the settings name one; never raises."""
    if runtime.settings.metrics_file:
        from ingestion.metrics import leave  # noqa: PLC0415 - only where figures are wanted

        leave(runtime)
