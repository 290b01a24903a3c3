"""Decisions about many documents at once, without their findings, which are most of a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from corpus.catalog import rows
from corpus.catalog.tables import DecisionRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision; the attributes are those of `corpus.catalog.records.DecisionRecord`."""

    doc_id: str
    revision_id: str
    run_id: str
    outcome: str
    reasons: tuple[Mapping[str, Any], ...]
    actor: str
    decided_at: datetime


def of_documents(tx: Session, contract: str, doc_ids: Iterable[str]) -> dict[str, list[Decided]]:
    """Returns the decisions about documents by document id, oldest first; those without any are left out."""
    statement = select(*rows.columns(DecisionRow, Decided)).where(DecisionRow.contract == contract)
    ordered = statement.order_by(DecisionRow.decided_at, DecisionRow.id)
    found: dict[str, list[Decided]] = {}
    for batch in rows.chunks(dict.fromkeys(doc_ids)):
        for decided in rows.read(tx, Decided, ordered.where(DecisionRow.doc_id.in_(batch))):
            found.setdefault(decided.doc_id, []).append(decided)
    return found
