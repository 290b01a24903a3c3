"""Embedders: the vector spaces in use, and which one a model's name was accepted to mean."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from corpus.catalog import rows
from corpus.catalog.records import EmbedderRecord
from corpus.catalog.tables import EmbedderNameRow, EmbedderRow

_NAME = ("model", "revision")


def register(tx: Session, embedder: EmbedderRecord) -> None:
    """Keeps a space. It becomes the meaning of its name only where the name has none yet."""
    rows.insert(tx, EmbedderRow, [rows.values(embedder)], key=("fingerprint",))
    rows.insert(tx, EmbedderNameRow, [_name(embedder)], key=_NAME)


def accept(tx: Session, embedder: EmbedderRecord) -> None:
    """Keeps a space and makes it the meaning of its model and revision from now on."""
    rows.insert(tx, EmbedderRow, [rows.values(embedder)], key=("fingerprint",))
    rows.insert(tx, EmbedderNameRow, [_name(embedder)], key=_NAME, update=("fingerprint",))


def _name(embedder: EmbedderRecord) -> dict[str, str]:
    return {"model": embedder.model, "revision": embedder.revision, "fingerprint": embedder.fingerprint}


def by_model(tx: Session, model: str, revision: str) -> EmbedderRecord | None:
    """Returns the space that a name means now, under that name; None for a name never accepted."""
    statement = (
        select(
            EmbedderRow.fingerprint,
            EmbedderNameRow.model,
            EmbedderNameRow.revision,
            EmbedderRow.dimension,
            EmbedderRow.parts,
            EmbedderRow.first_seen_at,
        )
        .join(EmbedderRow, EmbedderRow.fingerprint == EmbedderNameRow.fingerprint)
        .where(EmbedderNameRow.model == model, EmbedderNameRow.revision == revision)
    )
    return rows.first(tx, EmbedderRecord, statement)


def named(tx: Session, fingerprint: str) -> tuple[EmbedderRecord, ...]:
    """Returns a space under every name that was accepted for it, the one it was first seen by first; empty if unknown.

    A model that was renamed or moved has several, of which some stand for nothing any more.
    """
    first = get(tx, fingerprint)
    if first is None:
        return ()
    names = (EmbedderNameRow.model, EmbedderNameRow.revision)
    statement = select(*names).where(EmbedderNameRow.fingerprint == fingerprint).order_by(*names)
    others = (replace(first, model=name.model, revision=name.revision) for name in tx.execute(statement))
    return (first, *(record for record in others if record != first))


def get(tx: Session, fingerprint: str) -> EmbedderRecord | None:
    """Returns a space under the name it was first seen by; None for an unknown fingerprint."""
    statement = select(*rows.columns(EmbedderRow, EmbedderRecord))
    return rows.first(tx, EmbedderRecord, statement.where(EmbedderRow.fingerprint == fingerprint))
