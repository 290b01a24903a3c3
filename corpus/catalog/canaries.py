"""Canary checks: the history of asking whether a model still is the model it was."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from corpus.catalog import rows
from corpus.catalog.tables import CanaryRow

OCCASIONS = ("first", "open", "write", "audit")
"""Why canaries were embedded: a space was new, a model was opened, vectors were about to be written, an audit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryRecord:
    """One check.

    Attributes:
        check_id: Its name; sorts by time.
        fingerprint: The space.
        model: Name that the model was asked for by.
        checked_at: When.
        occasion: One of `OCCASIONS`.
        subject: What was about to be written, or what was audited; empty for an opening.
        passed: Whether every cosine reached the threshold.
        texts: Texts compared.
        min_cosine: Lowest cosine; 1 where nothing was stored yet.
        mean_cosine: Mean cosine.
        threshold: The least that passes, for these two runtimes.
        moved: JSON objects `canary` (its number), `text` (its beginning) and `cosine`, of each below the
            threshold, lowest first.
        runtime: What computed the fresh vectors.
        differs: Part of the runtime to `[then, now]`; empty where nothing differs or nothing is known.
    """

    check_id: str
    fingerprint: str
    model: str
    checked_at: datetime
    occasion: str
    subject: str
    passed: bool
    texts: int
    min_cosine: float
    mean_cosine: float
    threshold: float
    moved: tuple[Mapping[str, Any], ...]
    runtime: Mapping[str, str]
    differs: Mapping[str, Any]


def add(tx: Session, record: CanaryRecord) -> None:
    """Keeps a check."""
    rows.insert(tx, CanaryRow, [rows.values(record)], key=("check_id",))


def runtime_of_first(tx: Session, fingerprint: str) -> Mapping[str, str] | None:
    """Returns what computed the stored canary vectors of a space; None where nobody wrote it down."""
    first = _all().where(CanaryRow.fingerprint == fingerprint, CanaryRow.occasion == "first")
    found = rows.first(tx, CanaryRecord, first.order_by(CanaryRow.checked_at))
    return found.runtime if found else None


def newest(
    tx: Session, *, fingerprints: Collection[str] | None = None, failed: bool = False, limit: int = 20
) -> tuple[CanaryRecord, ...]:
    """Returns checks, newest first.

    Args:
        tx: The transaction.
        fingerprints: Of these spaces only; None for all.
        failed: Only those that did not pass.
        limit: How many.
    """
    statement = _all().order_by(CanaryRow.checked_at.desc(), CanaryRow.check_id.desc()).limit(limit)
    if failed:
        statement = statement.where(CanaryRow.passed.is_(False))
    if fingerprints is not None:
        statement = statement.where(CanaryRow.fingerprint.in_(sorted(fingerprints)))
    return tuple(rows.read(tx, CanaryRecord, statement))


def _all() -> Select[Any]:
    return select(*rows.columns(CanaryRow, CanaryRecord))
