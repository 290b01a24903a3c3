"""Figures about the whole catalog, for monitoring and for lineage events: counts, ages and sizes, never content."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select, text
from sqlalchemy.orm import Session

from corpus.catalog.tables import AliasRow, AnswerRow, ContaminationRow, DecisionRow, DocumentRow, RunRow, VersionRow

STEPS = tuple(number / 10 for number in range(1, 11))
"""Upper bounds of the classes that quality scores are counted in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFigures:
    """Documents of one contract in one state.

    Attributes:
        contract: The contract.
        state: A document state.
        documents: How many.
        size: Bytes at their source.
        since: When the one that is longest in this state came into it, or was last judged in it.
    """

    contract: str
    state: str
    documents: int
    size: int
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFigures:
    """Runs of one contract and kind that ended, or are, in one state.

    Attributes:
        contract: The contract.
        kind: `ingest`, `reembed` and so on.
        state: `running`, `succeeded` or `failed`.
        runs: How many.
        latest: When the newest ended; of those running, when it started.
    """

    contract: str
    kind: str
    state: str
    runs: int
    latest: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedFigures:
    """What one alias points to.

    Attributes:
        name: The index.
        alias: The alias.
        number: The version.
        moved_at: When the alias came to point there.
        manifest: Its manifest, as JSON.
        manifest_sha256: Digest of the manifest's bytes.
    """

    name: str
    alias: str
    number: int
    moved_at: datetime
    manifest: dict[str, Any]
    manifest_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityFigures:
    """How the quality scores of the documents of a contract that are in force are distributed.

    Attributes:
        scored: Documents with a score, which is in [0, 1].
        missing: Documents without one.
        lowest: The lowest score; None where nothing is scored, as for the next two.
        mean: Their mean.
        highest: The highest.
        below: Upper bound (`STEPS`) to the documents whose score is at most that.
    """

    scored: int
    missing: int
    lowest: float | None
    mean: float | None
    highest: float | None
    below: tuple[tuple[float, int], ...]


def by_state(tx: Session, contract: str | None = None) -> tuple[StateFigures, ...]:
    """Returns the documents in each state that occurs, by contract and state; of one contract, or of all for None."""
    statement = select(
        DocumentRow.contract,
        DocumentRow.state,
        func.count().label("documents"),
        func.coalesce(func.sum(DocumentRow.size), 0).label("size"),
        func.min(DocumentRow.updated_at).label("since"),
    ).group_by(DocumentRow.contract, DocumentRow.state)
    if contract is not None:
        statement = statement.where(DocumentRow.contract == contract)
    found = tx.execute(statement.order_by(DocumentRow.contract, DocumentRow.state))
    return tuple(
        StateFigures(
            contract=row.contract, state=row.state, documents=row.documents, size=int(row.size), since=row.since
        )
        for row in found
    )


def by_run(tx: Session) -> tuple[RunFigures, ...]:
    """Returns the runs of each contract, kind and state that occurs, in that order."""
    moment = func.max(func.coalesce(RunRow.finished_at, RunRow.started_at, type_=RunRow.started_at.type))
    statement = select(
        RunRow.contract, RunRow.kind, RunRow.state, func.count().label("number"), moment.label("latest")
    ).group_by(RunRow.contract, RunRow.kind, RunRow.state)
    found = tx.execute(statement.order_by(RunRow.contract, RunRow.kind, RunRow.state))
    return tuple(
        RunFigures(contract=row.contract, kind=row.kind, state=row.state, runs=row.number, latest=row.latest)
        for row in found
    )


def newest_receipts(tx: Session) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields each contract with the receipt of its newest ingest that succeeded, by contract."""
    newest = (
        select(RunRow.contract, func.max(RunRow.finished_at).label("at"))
        .where(RunRow.kind == "ingest", RunRow.state == "succeeded")
        .group_by(RunRow.contract)
        .subquery()
    )
    statement = (
        select(RunRow.contract, RunRow.receipt)
        .join(newest, (newest.c.contract == RunRow.contract) & (newest.c.at == RunRow.finished_at))
        .where(RunRow.kind == "ingest", RunRow.state == "succeeded")
    )
    seen: set[str] = set()
    for row in tx.execute(statement.order_by(RunRow.contract, RunRow.run_id.desc())):
        if row.contract not in seen:
            seen.add(row.contract)
            yield row.contract, dict(row.receipt)


def version_counts(tx: Session) -> dict[str, dict[str, int]]:
    """Returns the number of versions of each index, by state."""
    statement = select(VersionRow.name, VersionRow.state, func.count().label("number"))
    found: dict[str, dict[str, int]] = {}
    for row in tx.execute(statement.group_by(VersionRow.name, VersionRow.state).order_by(VersionRow.name)):
        found.setdefault(row.name, {})[row.state] = row.number
    return found


def served(tx: Session, name: str | None = None) -> tuple[ServedFigures, ...]:
    """Returns what each alias points to, by index and alias; of one index, or of all for None."""
    statement = select(
        AliasRow.name, AliasRow.alias, AliasRow.number, AliasRow.moved_at, VersionRow.manifest,
        VersionRow.manifest_sha256,
    ).join(VersionRow, (VersionRow.name == AliasRow.name) & (VersionRow.number == AliasRow.number))  # fmt: skip
    if name is not None:
        statement = statement.where(AliasRow.name == name)
    found = tx.execute(statement.order_by(AliasRow.name, AliasRow.alias))
    return tuple(ServedFigures(**row._asdict()) for row in found)


def alarms(tx: Session) -> dict[str, int]:
    """Returns, of each index that was measured, how many alarms of contamination its newest measurement raised."""
    newest = (
        select(ContaminationRow.name, func.max(ContaminationRow.measured_at).label("at"))
        .group_by(ContaminationRow.name)
        .subquery()
    )
    statement = select(ContaminationRow.name, ContaminationRow.alarms).join(
        newest, (newest.c.name == ContaminationRow.name) & (newest.c.at == ContaminationRow.measured_at)
    )
    return {row.name: len(row.alarms) for row in tx.execute(statement.order_by(ContaminationRow.name))}


def answers(tx: Session) -> int:
    """Returns the number of registered answers."""
    return int(tx.execute(select(func.count()).select_from(AnswerRow)).scalar_one())


def origins(tx: Session, contract: str) -> tuple[tuple[str, str, int], ...]:
    """Returns (digital source type, basis, documents) over the documents in force, each by its newest decision."""
    statement = (
        select(DecisionRow.digital_source_type, DecisionRow.origin_basis, func.count().label("number"))
        .where(DecisionRow.id.in_(_deciding(contract)))
        .group_by(DecisionRow.digital_source_type, DecisionRow.origin_basis)
        .order_by(DecisionRow.digital_source_type, DecisionRow.origin_basis)
    )
    return tuple((row.digital_source_type, row.origin_basis, row.number) for row in tx.execute(statement))


def quality(tx: Session, contract: str) -> QualityFigures:
    """Returns how the quality scores of the documents in force are distributed."""
    score = DecisionRow.quality_score
    classes = [func.coalesce(func.sum(case((score <= step, 1), else_=0)), 0) for step in STEPS]
    statement = select(
        func.count(score), func.count() - func.count(score), func.min(score), func.avg(score), func.max(score), *classes
    ).where(DecisionRow.id.in_(_deciding(contract)))
    scored, missing, lowest, mean, highest, *counted = tx.execute(statement).one()
    return QualityFigures(
        scored=scored,
        missing=missing,
        lowest=lowest,
        mean=None if mean is None else round(float(mean), 6),
        highest=highest,
        below=tuple(zip(STEPS, map(int, counted), strict=True)),
    )


def catalog_bytes(tx: Session) -> int:
    """Returns how much the database takes: the file of SQLite without its log, or the database of PostgreSQL."""
    if tx.get_bind().dialect.name == "sqlite":
        pages = tx.execute(text("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"))
        return int(pages.scalar_one())
    return int(tx.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


def _deciding(contract: str) -> Any:
    """The newest decision about each document in force, about the revision that is."""
    return (
        select(func.max(DecisionRow.id))
        .join(
            DocumentRow,
            (DocumentRow.contract == DecisionRow.contract)
            & (DocumentRow.doc_id == DecisionRow.doc_id)
            & (DocumentRow.revision_id == DecisionRow.revision_id),
        )
        .where(DocumentRow.contract == contract, DocumentRow.state == "active")
        .group_by(DecisionRow.doc_id)
    )
