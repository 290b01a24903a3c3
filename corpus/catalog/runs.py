"""Runs: who started what, when, and the receipt it ended with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from corpus.catalog import rows
from corpus.catalog.records import RunRecord
from corpus.catalog.tables import RUN_STATES, RunRow
from corpus.errors import CatalogError
from corpus.types import EMPTY, utc_now


def start(
    tx: Session, *, run_id: str, contract: str, kind: str, actor: str, receipt: Mapping[str, Any] = EMPTY
) -> None:
    """Opens a run. Opening it again changes nothing, except that a failed run is running again.

    Args:
        tx: The transaction.
        run_id: The run.
        contract: The contract.
        kind: `ingest`, `release`, `reembed` and so on.
        actor: Who started it.
        receipt: What is known of it while it runs; `finish` replaces it.
    """
    record = RunRecord(
        run_id=run_id,
        contract=contract,
        kind=kind,
        actor=actor,
        state="running",
        started_at=utc_now(),
        finished_at=None,
        receipt=receipt,
    )
    if not rows.insert_new(tx, RunRow, rows.values(record), key=("run_id",)):
        again = update(RunRow).where(RunRow.run_id == run_id, RunRow.state == "failed")
        tx.execute(again.values(state="running", finished_at=None))


def finish(tx: Session, run_id: str, *, state: str, receipt: Mapping[str, Any]) -> None:
    """Closes a run; a second call replaces what the first said.

    Args:
        tx: The transaction.
        run_id: The run.
        state: `succeeded` or `failed`.
        receipt: The JSON receipt to keep.

    Raises:
        ValueError: Another state.
        CatalogError: The run was never started.
    """
    if state not in RUN_STATES[1:]:
        raise ValueError(f"a run ends succeeded or failed, not {state!r}")
    closing = update(RunRow).where(RunRow.run_id == run_id)
    changed = tx.execute(closing.values(state=state, finished_at=utc_now(), receipt=receipt).returning(RunRow.run_id))
    if changed.first() is None:
        raise CatalogError(f"run {run_id} was never started, so it cannot be finished. Start it first.")


def get(tx: Session, run_id: str) -> RunRecord | None:
    """Returns a run; None for an unknown id."""
    return rows.first(tx, RunRecord, select(*rows.columns(RunRow, RunRecord)).where(RunRow.run_id == run_id))


def those(tx: Session, run_ids: Collection[str]) -> dict[str, RunRecord]:
    """Returns the runs of some ids, by id; those that are unknown are left out."""
    found: dict[str, RunRecord] = {}
    for batch in rows.chunks(dict.fromkeys(run_ids)):
        statement = select(*rows.columns(RunRow, RunRecord)).where(RunRow.run_id.in_(batch))
        found |= {record.run_id: record for record in rows.read(tx, RunRecord, statement)}
    return found


def recent(tx: Session, contract: str | None = None, limit: int = 20) -> tuple[RunRecord, ...]:
    """Returns the newest runs, newest first; of one contract, or of all for None."""
    statement = select(*rows.columns(RunRow, RunRecord))
    if contract is not None:
        statement = statement.where(RunRow.contract == contract)
    newest = statement.order_by(RunRow.started_at.desc(), RunRow.run_id.desc()).limit(limit)
    return tuple(rows.read(tx, RunRecord, newest))


def unfinished(tx: Session, contract: str, before: datetime) -> tuple[RunRecord, ...]:
    """Returns the runs of a contract that started before a time and were never closed, oldest first."""
    statement = select(*rows.columns(RunRow, RunRecord)).where(
        RunRow.contract == contract, RunRow.state == "running", RunRow.started_at < before
    )
    return tuple(rows.read(tx, RunRecord, statement.order_by(RunRow.started_at)))
