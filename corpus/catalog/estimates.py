"""Estimates of the share of AI-written text in index versions, as they were made. Counts and figures, no text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from corpus.catalog import rows
from corpus.catalog.tables import OriginEstimateRow


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateRecord:
    """What was estimated of one version.

    Attributes:
        name: The index.
        number: The version.
        measured_at: When.
        report: `estimated` of `ingestion.shares.shares`: point, interval, or why there is none.
    """

    name: str
    number: int
    measured_at: datetime
    report: Mapping[str, Any]


def add(tx: Session, record: EstimateRecord) -> None:
    """Keeps an estimate; another of the same version at the same moment stays as it is."""
    rows.insert(tx, OriginEstimateRow, [rows.values(record)], key=("name", "number", "measured_at"))


def latest(tx: Session, name: str) -> dict[int, EstimateRecord]:
    """Returns the newest estimate of each version of an index that has one."""
    newest = (
        select(OriginEstimateRow.number, func.max(OriginEstimateRow.measured_at).label("at"))
        .where(OriginEstimateRow.name == name)
        .group_by(OriginEstimateRow.number)
        .subquery()
    )
    statement = select(*rows.columns(OriginEstimateRow, EstimateRecord)).join(
        newest, (newest.c.number == OriginEstimateRow.number) & (newest.c.at == OriginEstimateRow.measured_at)
    )
    found = rows.read(tx, EstimateRecord, statement.where(OriginEstimateRow.name == name))
    return {record.number: record for record in found}
