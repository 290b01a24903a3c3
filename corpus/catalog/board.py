"""What pages for people show of the whole catalog: a fixed number of statements, whatever there is in it.

Manifests and receipts are large; only the parts that are shown are taken out of them, by the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, distinct, exists, func, select
from sqlalchemy.orm import Session

from corpus.catalog.tables import (
    AliasRow,
    DocumentRow,
    ErasureRow,
    EvaluationRow,
    RunRow,
    VersionRow,
    VoteRow,
)
from corpus.catalog.votes import REVIEWED


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRun:
    """A run, without its receipt but for the counts.

    Attributes:
        contract: The contract.
        run_id: Its id.
        kind: `ingest`, `reembed` and so on.
        actor: Who started it.
        state: `running`, `succeeded` or `failed`.
        started_at: When it was first started.
        finished_at: When it ended; None while it runs.
        counts: Documents by outcome (`corpus.receipts.Counts`); empty where it left none.
    """

    contract: str
    run_id: str
    kind: str
    actor: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardVersion:
    """An index version, with the parts of its manifest that say what is in it.

    Attributes:
        name: The index.
        number: The version.
        state: `candidate`, `released` or `retired`.
        created_at: When it was built.
        documents: Documents in it.
        chunks: Chunks in it.
        origin: `origin` of the manifest.
        quality: `quality` of the manifest.
        freshness: `freshness` of the manifest.
        gates: `gates` of the manifest.
    """

    name: str
    number: int
    state: str
    created_at: datetime
    documents: int
    chunks: int
    origin: Mapping[str, Any]
    quality: Mapping[str, Any]
    freshness: Mapping[str, Any]
    gates: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits for people in one contract.

    Attributes:
        oldest: When the longest held document was last judged; None where none is held.
        votes: Held documents on which somebody voted and others are missing, or that wait to be carried out.
        erasures: Erasures that were asked for and not finished.
    """

    oldest: datetime | None = None
    votes: int = 0
    erasures: int = 0


def states(tx: Session, contract: str | None = None) -> dict[str, dict[str, int]]:
    """Returns contract to state to documents, out of an index that holds both; of one contract, or of all for None."""
    statement = _only(
        select(DocumentRow.contract, DocumentRow.state, func.count().label("n")), DocumentRow.contract, contract
    )
    found: dict[str, dict[str, int]] = {}
    for row in tx.execute(statement.group_by(DocumentRow.contract, DocumentRow.state)):
        found.setdefault(row.contract, {})[row.state] = row.n
    return found


def runs(tx: Session, per_contract: int, contract: str | None = None) -> dict[str, tuple[BoardRun, ...]]:
    """Returns the newest runs of each contract, newest first; of one contract, or of all for None."""
    place = func.row_number().over(
        partition_by=RunRow.contract, order_by=(RunRow.started_at.desc(), RunRow.run_id.desc())
    )
    ranked = _only(select(RunRow.run_id, place.label("place")), RunRow.contract, contract).subquery()
    statement = (
        select(
            RunRow.contract,
            RunRow.run_id,
            RunRow.kind,
            RunRow.actor,
            RunRow.state,
            RunRow.started_at,
            RunRow.finished_at,
            RunRow.receipt["counts"].label("counts"),
        )
        .join(ranked, ranked.c.run_id == RunRow.run_id)
        .where(ranked.c.place <= per_contract)
        .order_by(RunRow.contract, ranked.c.place)
    )
    found: dict[str, tuple[BoardRun, ...]] = {}
    for row in tx.execute(statement):
        run = BoardRun(**{**row._mapping, "counts": row.counts or {}})
        found[run.contract] = (*found.get(run.contract, ()), run)
    return found


def versions(tx: Session, per_index: int, name: str | None = None) -> dict[str, tuple[BoardVersion, ...]]:
    """Returns the newest versions of each index, oldest first; of one index, or of all for None."""
    place = func.row_number().over(partition_by=VersionRow.name, order_by=VersionRow.number.desc())
    ranked = _only(select(VersionRow.name, VersionRow.number, place.label("place")), VersionRow.name, name).subquery()
    statement = (
        select(*_version_columns())
        .join(ranked, (ranked.c.name == VersionRow.name) & (ranked.c.number == VersionRow.number))
        .where(ranked.c.place <= per_index)
        .order_by(VersionRow.name, VersionRow.number)
    )
    found: dict[str, tuple[BoardVersion, ...]] = {}
    for row in tx.execute(statement):
        version = _version(dict(row._mapping))
        found[version.name] = (*found.get(version.name, ()), version)
    return found


def live(tx: Session, alias: str = "live", name: str | None = None) -> dict[str, tuple[BoardVersion, datetime]]:
    """Returns what an alias of each index points to, and since when; of one index, or of all for None."""
    statement = (
        select(*_version_columns(), AliasRow.moved_at)
        .join(AliasRow, (VersionRow.name == AliasRow.name) & (VersionRow.number == AliasRow.number))
        .where(AliasRow.alias == alias)
    )
    found = {}
    for row in tx.execute(_only(statement, VersionRow.name, name)):
        values = dict(row._mapping)
        moved_at = values.pop("moved_at")
        found[row.name] = (_version(values), moved_at)
    return found


def waiting(tx: Session, contract: str | None = None) -> dict[str, Waiting]:
    """Returns what waits for people, by contract; of one contract, or of all for None. Three statements."""
    held = DocumentRow.state == "quarantined"
    oldest = select(DocumentRow.contract, func.min(DocumentRow.updated_at).label("n")).where(held)
    voted = (
        select(VoteRow.contract, func.count(distinct(VoteRow.doc_id)).label("n"))
        .where(VoteRow.outcome != REVIEWED)
        # Votes are few: each looks its document up, where a join would begin with the documents.
        .where(exists().where(DocumentRow.contract == VoteRow.contract, DocumentRow.doc_id == VoteRow.doc_id, held))
    )
    erasing = select(ErasureRow.contract, func.count().label("n")).where(ErasureRow.state == "pending")
    since = _by_contract(tx, oldest, DocumentRow.contract, contract)
    votes = _by_contract(tx, voted, VoteRow.contract, contract)
    erasures = _by_contract(tx, erasing, ErasureRow.contract, contract)
    return {
        name: Waiting(oldest=since.get(name), votes=votes.get(name, 0), erasures=erasures.get(name, 0))
        for name in {*since, *votes, *erasures}
    }


def golden(tx: Session, name: str | None = None) -> dict[str, tuple[int, int]]:
    """Returns (items that hold, items) of the newest evaluation of each index; of one index, or of all for None."""
    newest = select(EvaluationRow.name, func.max(EvaluationRow.measured_at).label("at")).group_by(EvaluationRow.name)
    latest = _only(newest, EvaluationRow.name, name).subquery()
    statement = select(EvaluationRow.name, EvaluationRow.holding, EvaluationRow.items).join(
        latest, (latest.c.name == EvaluationRow.name) & (latest.c.at == EvaluationRow.measured_at)
    )
    return {row.name: (row.holding, row.items) for row in tx.execute(statement)}


def _by_contract(tx: Session, statement: Any, column: Any, contract: str | None) -> dict[str, Any]:
    return {row[0]: row[1] for row in tx.execute(_only(statement, column, contract).group_by(column))}


def _only(statement: Any, column: Any, value: str | None) -> Any:
    # A select's type names its columns, which differ here from call to call.
    return statement if value is None else statement.where(column == value)


def _version_columns() -> list[ColumnElement[Any]]:
    plain = [getattr(VersionRow, name) for name in ("name", "number", "state", "created_at", "documents", "chunks")]
    parts = [VersionRow.manifest[part].label(part) for part in ("origin", "quality", "freshness", "gates")]
    return [*plain, *parts]


def _version(values: Mapping[str, Any]) -> BoardVersion:
    return BoardVersion(**{**values, "gates": tuple(values["gates"] or ())})
