"""How the columns of accepted runs were distributed: what the next run is compared with."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from corpus.catalog import rows
from corpus.catalog.records import ProfileRecord
from corpus.catalog.tables import ProfileRow


def add(tx: Session, record: ProfileRecord) -> None:
    """Keeps the profile of a run; one that is kept already stays as it is."""
    rows.insert(tx, ProfileRow, [rows.values(record)], key=("contract", "run_id"))


def latest(tx: Session, contract: str) -> ProfileRecord | None:
    """Returns the profile of the run that was accepted last; None before the first."""
    newest = ProfileRow.accepted_at.desc(), ProfileRow.run_id.desc()
    statement = select(*rows.columns(ProfileRow, ProfileRecord)).where(ProfileRow.contract == contract)
    return rows.first(tx, ProfileRecord, statement.order_by(*newest))
