"""Re-embeds: which space a contract is on its way into, how fast it may go, and how fast models were.

While a row says `running`, whoever stages new documents of the contract embeds them in that space too.
The row also holds the one number of the token bucket that all tasks of a re-embed share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, case, func, select, update
from sqlalchemy.orm import Session

from corpus.catalog import rows
from corpus.catalog.tables import REEMBED_STATES, AliasRow, EmbedRateRow, ReembedRow, VersionRow
from corpus.types import utc_now

_KEY = ("contract", "embedder_fingerprint")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReembedRecord:
    """A contract's way into one space.

    Attributes:
        contract: The contract.
        embedder_fingerprint: The space.
        model: The model's name.
        revision: Its revision, empty where there is none.
        mode: `cutover` or `shadow`.
        state: `running`, `finished` or `abandoned`.
        run_id: The run that works on it, or did last.
        started_at: When it began; a run that resumes it does not change that.
        ended_at: When it was finished or given up; None while it runs.
    """

    contract: str
    embedder_fingerprint: str
    model: str
    revision: str
    mode: str
    state: str
    run_id: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRecord:
    """How fast a model read tokens on a machine.

    Attributes:
        embedder_fingerprint: The model.
        machine: The machine's name.
        tokens: Tokens, what is old counting less.
        seconds: Seconds of the model for them.
        measured_at: When it was last measured.
    """

    embedder_fingerprint: str
    machine: str
    tokens: float
    seconds: float
    measured_at: datetime


def begin(
    tx: Session, *, contract: str, embedder_fingerprint: str, model: str, revision: str, mode: str, run_id: str
) -> ReembedRecord:
    """Opens a re-embed, or goes on with one that is running: its start stays, mode and run are the new ones."""
    standing = get(tx, contract, embedder_fingerprint)
    resumed = standing is not None and standing.state == "running"
    record = ReembedRecord(
        contract=contract,
        embedder_fingerprint=embedder_fingerprint,
        model=model,
        revision=revision,
        mode=mode,
        state="running",
        run_id=run_id,
        started_at=standing.started_at if standing is not None and resumed else utc_now(),
        ended_at=None,
    )
    changed = ["model", "revision", "mode", "state", "run_id", "started_at", "ended_at"]
    rows.insert(tx, ReembedRow, [rows.values(record, full_at=0.0)], key=_KEY, update=changed)
    return record


def get(tx: Session, contract: str, embedder_fingerprint: str) -> ReembedRecord | None:
    """Returns a contract's way into a space; None where it never went there."""
    statement = select(*rows.columns(ReembedRow, ReembedRecord)).where(
        ReembedRow.contract == contract, ReembedRow.embedder_fingerprint == embedder_fingerprint
    )
    return rows.first(tx, ReembedRecord, statement)


def running(tx: Session, contract: str) -> tuple[ReembedRecord, ...]:
    """Returns the re-embeds of a contract that are under way, oldest first."""
    statement = select(*rows.columns(ReembedRow, ReembedRecord)).where(
        ReembedRow.contract == contract, ReembedRow.state == "running"
    )
    ordered = statement.order_by(ReembedRow.started_at, ReembedRow.embedder_fingerprint)
    return tuple(rows.read(tx, ReembedRecord, ordered))


def of_contract(tx: Session, contract: str) -> tuple[ReembedRecord, ...]:
    """Returns every re-embed of a contract: those under way first, then the newest first."""
    statement = select(*rows.columns(ReembedRow, ReembedRecord)).where(ReembedRow.contract == contract)
    over = case((ReembedRow.state == "running", 0), else_=1)
    ordered = statement.order_by(over, ReembedRow.started_at.desc(), ReembedRow.embedder_fingerprint)
    return tuple(rows.read(tx, ReembedRecord, ordered))


def under_way(tx: Session) -> dict[str, int]:
    """Returns how many re-embeds are under way, by contract."""
    statement = select(ReembedRow.contract, func.count()).where(ReembedRow.state == "running")
    return {row[0]: row[1] for row in tx.execute(statement.group_by(ReembedRow.contract))}


def served_models(tx: Session, alias: str = "live") -> dict[str, tuple[int, str]]:
    """Returns the version that an alias points to and the name of its model, by index."""
    model = VersionRow.manifest["fingerprints"]["embedder"]["parts"]["model"].label("model")
    statement = select(VersionRow.name, VersionRow.number, model).join(
        AliasRow, and_(AliasRow.name == VersionRow.name, AliasRow.number == VersionRow.number)
    )
    found = tx.execute(statement.where(AliasRow.alias == alias))
    return {name: (number, str(said or "")) for name, number, said in found}


def end(tx: Session, contract: str, embedder_fingerprint: str, *, state: str) -> bool:
    """Ends a re-embed that is running; returns whether one was.

    Raises:
        ValueError: Another state than `finished` or `abandoned`.
    """
    if state not in REEMBED_STATES[1:]:
        raise ValueError(f"a re-embed ends finished or abandoned, not {state!r}")
    ending = update(ReembedRow).where(
        ReembedRow.contract == contract,
        ReembedRow.embedder_fingerprint == embedder_fingerprint,
        ReembedRow.state == "running",
    )
    changed = tx.execute(ending.values(state=state, ended_at=utc_now()).returning(ReembedRow.contract))
    return changed.first() is not None


def take(
    tx: Session, contract: str, embedder_fingerprint: str, decide: Callable[[float], tuple[float, float]]
) -> float:
    """Takes from the bucket that all tasks of a re-embed share; those that come at once take turns.

    Args:
        tx: The transaction.
        contract: The contract.
        embedder_fingerprint: The space.
        decide: Given when the bucket is full (seconds since 1970), returns when it is then, and how long to wait.

    Returns:
        Seconds to wait. Without a row nothing is kept, and the bucket counts as full.
    """
    mine = (ReembedRow.contract == contract, ReembedRow.embedder_fingerprint == embedder_fingerprint)
    full_at = tx.execute(select(ReembedRow.full_at).where(*mine).with_for_update()).scalar()
    later, wait = decide(full_at or 0.0)
    tx.execute(update(ReembedRow).where(*mine).values(full_at=later))
    return wait


def set_rate(tx: Session, rate: RateRecord) -> None:
    """Keeps how fast a model is on a machine, in the place of what was known."""
    changed = ("tokens", "seconds", "measured_at")
    rows.insert(tx, EmbedRateRow, [rows.values(rate)], key=("embedder_fingerprint", "machine"), update=changed)


def rates(tx: Session, embedder_fingerprint: str) -> tuple[RateRecord, ...]:
    """Returns what was measured of a model, newest first."""
    statement = select(*rows.columns(EmbedRateRow, RateRecord)).where(
        EmbedRateRow.embedder_fingerprint == embedder_fingerprint
    )
    newest = statement.order_by(EmbedRateRow.measured_at.desc(), EmbedRateRow.machine)
    return tuple(rows.read(tx, RateRecord, newest))
