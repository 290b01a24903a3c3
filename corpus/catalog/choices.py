"""Versions that a person may choose from: what each is and whose vectors it holds, without its manifest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from corpus.catalog import rows
from corpus.catalog.tables import EmbedderRow, VersionRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One version of an index.

    Attributes:
        number: The version.
        state: `candidate`, `released` or `retired`.
        created_at: When it was built.
        documents: Documents in it.
        chunks: Chunks in it.
        manifest_sha256: Digest of its manifest.
        embedder_fingerprint: Its vector space.
        model: The name that the space was first asked for by; empty where the catalog does not know it.
    """

    number: int
    state: str
    created_at: datetime
    documents: int
    chunks: int
    manifest_sha256: str
    embedder_fingerprint: str
    model: str


def newest(tx: Session, name: str, most: int) -> tuple[Choice, ...]:
    """Returns the newest versions of an index that are kept, newest first; one statement."""
    statement = _of(name).where(VersionRow.state != "retired").order_by(VersionRow.number.desc()).limit(most)
    return tuple(_read(tx, statement))


def of_number(tx: Session, name: str, number: int) -> Choice | None:
    """Returns one version, retired ones too; None where there is none of that number."""
    return next(iter(_read(tx, _of(name).where(VersionRow.number == number))), None)


def _of(name: str) -> Select[Any]:
    columns = rows.columns(VersionRow, Choice, without=("model",))
    known = VersionRow.embedder_fingerprint == EmbedderRow.fingerprint
    return select(*columns, EmbedderRow.model).outerjoin(EmbedderRow, known).where(VersionRow.name == name)


def _read(tx: Session, statement: Select[Any]) -> list[Choice]:
    return [Choice(**{**row._mapping, "model": row.model or ""}) for row in tx.execute(statement)]
