"""A release that a person orders, noted when it begins and when it ends: one that was broken off is seen afterwards.

The release itself writes nothing half: what is built lies in scratch until it is whole, and an alias moves last. But a
server that was killed says nothing to who waited for its page, so the order stands in the catalog, with the process
that carries it out.
"""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from sqlalchemy.orm import Session

from corpus.catalog import audit, runs
from corpus.catalog.records import RunRecord
from corpus.errors import ConfigurationError, StemmaError
from corpus.ids import new_run_id
from corpus.receipts import Receipt
from corpus.types import utc_now
from ingestion.runtime import Runtime

KIND = "release"
"""Kind of the run in the catalog; a release that an ingest or a DAG makes belongs to the run of that."""
State = Literal["working", "broken-off", "elsewhere"]
_NEWEST = 20
_at_work: set[str] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A release that was ordered and has not ended.

    Attributes:
        run_id: Its run.
        by: Who ordered it.
        reason: Why.
        at: When it began.
        state: `working`; `broken-off` where its process is gone; `elsewhere` where that is on a machine of which
            nobody here can tell.
        place: The machine.
    """

    run_id: str
    by: str
    reason: str
    at: datetime
    state: State
    place: str


def order_release(runtime: Runtime, contract: str, *, reason: str, force: bool = False) -> Receipt:
    """Releases what is in force, as `ingestion.stages.release.release` does, and notes that it was ordered.

    One that was broken off before is closed, and what it left is used or overwritten.

    Args:
        runtime: The project; its `actor` is who orders it.
        contract: Name of the contract.
        reason: Why; not empty.
        force: Waive the gates that may be waived.

    Raises:
        ConfigurationError: No reason, or another order of this contract is at work on this machine.
        StemmaError: As the release does.
    """
    from ingestion.stages import release as stage  # noqa: PLC0415 - brings the engines

    if not reason.strip():
        raise ConfigurationError("a release needs a reason: it goes into the audit log. Nothing was released.")
    run_id = _begin(runtime, contract, reason.strip(), force=force)
    try:
        receipt = stage.release(runtime, contract, run_id, force=force, reason=reason.strip())
    except BaseException as error:
        with contextlib.suppress(StemmaError):  # what stopped it is what has to be said
            _end(runtime, run_id, "failed", {"error": str(error) or type(error).__name__})
        raise
    finally:
        _at_work.discard(run_id)
    told = {name: value for name, value in receipt.to_json().items() if name != "counts"}  # of a run that took in
    _end(runtime, run_id, "succeeded", told)
    return receipt


def unfinished_order(runtime: Runtime, contract: str) -> Order | None:
    """Returns the newest order of a contract that has not ended; None where all have, or a later one has."""
    with runtime.catalog.reading() as tx:
        newest = next((run for run in runs.recent(tx, contract, _NEWEST) if run.kind == KIND), None)
    return _order(newest) if newest is not None and newest.state == "running" else None


def _begin(runtime: Runtime, contract: str, reason: str, *, force: bool) -> str:
    run_id, actor = new_run_id(), runtime.settings.actor
    _at_work.add(run_id)
    try:
        with runtime.catalog.transaction() as tx:
            audit.lock(tx)
            for before in _running(tx, contract):
                _give_way(tx, contract, _order(before))
            detail = {"reason": reason, "run_id": run_id, "forced": force}
            audit.append(tx, actor=actor, action="release.order", subject=contract, detail=detail)
            note = {"reason": reason, "process": _here()}
            runs.start(tx, run_id=run_id, contract=contract, kind=KIND, actor=actor, receipt=note)
    except BaseException:
        _at_work.discard(run_id)
        raise
    return run_id


def _running(tx: Session, contract: str) -> list[RunRecord]:
    # Whenever it began: SQLite waits for its lock only now, and clocks of machines differ.
    return [run for run in runs.unfinished(tx, contract, utc_now() + timedelta(days=1)) if run.kind == KIND]


def _give_way(tx: Session, contract: str, before: Order) -> None:
    """Closes an order that was broken off; one elsewhere stays: of two releases one moves the alias in any case."""
    if before.state == "working":
        raise ConfigurationError(
            f"a release of {contract!r} that {before.by} ordered is at work since {before.at:%H:%M} UTC. Wait for it. "
            "Nothing was begun."
        )
    if before.state == "broken-off":
        runs.finish(tx, before.run_id, state="failed", receipt={"error": "broken off: its process is gone"})


def _end(runtime: Runtime, run_id: str, state: str, receipt: Mapping[str, Any]) -> None:
    with runtime.catalog.transaction() as tx:
        runs.finish(tx, run_id, state=state, receipt=receipt)


def _order(run: RunRecord) -> Order:
    process = run.receipt.get("process")
    process = process if isinstance(process, Mapping) else {}
    return Order(
        run_id=run.run_id,
        by=run.actor,
        reason=str(run.receipt.get("reason", "")),
        at=run.started_at,
        state=_state(run.run_id, process),
        place=str(process.get("host", "")),
    )


def _state(run_id: str, process: Mapping[str, Any]) -> State:
    here = _here()
    if process == here:
        return "working" if run_id in _at_work else "broken-off"
    if process.get("host") != here["host"]:
        return "elsewhere"
    return "working" if _born(int(process.get("pid", 0))) == process.get("born") else "broken-off"


def _here() -> dict[str, Any]:
    return {"host": platform.node(), "pid": os.getpid(), "born": _born(os.getpid())}


def _born(pid: int) -> str:
    """Returns what tells a process from another that had its number before; empty where it is gone.

    Linux says when it began, in ticks since the machine did, and names each start of the machine. Elsewhere only
    whether there is one of that number can be told.
    """
    with contextlib.suppress(OSError, IndexError):
        ticks = Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return "" if ticks[0] == "Z" else f"{boot}:{ticks[19]}"
    if Path("/proc/self/stat").exists():
        return ""
    with contextlib.suppress(OSError):
        os.kill(pid, 0)
        return "there"
    return ""
