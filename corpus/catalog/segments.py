"""Segments, their vectors, and where each chunk's text already stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Select, delete, exists, select
from sqlalchemy.orm import Session

from corpus.catalog import rows
from corpus.catalog.records import SegmentRecord, VectorsRecord
from corpus.catalog.tables import ChunkDigestRow, DocumentRow, SegmentRow, VectorsRow
from corpus.errors import CatalogError


def add(tx: Session, segment: SegmentRecord) -> None:
    """Keeps a segment; one that is there already stays as it is."""
    rows.insert(tx, SegmentRow, [rows.values(segment)], key=("segment_id",))


def get(tx: Session, segment_id: str) -> SegmentRecord | None:
    """Returns a segment; None for an unknown id."""
    return rows.first(tx, SegmentRecord, _all().where(SegmentRow.segment_id == segment_id))


def of_contract(tx: Session, contract: str) -> tuple[SegmentRecord, ...]:
    """Returns every segment of a contract, oldest first."""
    return _ordered(tx, _all().where(SegmentRow.contract == contract))


def live(tx: Session, contract: str) -> tuple[SegmentRecord, ...]:
    """Returns the segments that hold at least one active revision, oldest first."""
    return _ordered(tx, _live(contract))


def without_vectors(tx: Session, contract: str, embedder_fingerprint: str) -> tuple[SegmentRecord, ...]:
    """Returns the live segments with chunks but no vectors in a space: what a re-embed has to do."""
    embedded = exists().where(
        VectorsRow.segment_id == SegmentRow.segment_id, VectorsRow.embedder_fingerprint == embedder_fingerprint
    )
    return _ordered(tx, _live(contract).where(~embedded, SegmentRow.chunks > 0))


def _all() -> Select[Any]:
    return select(*rows.columns(SegmentRow, SegmentRecord))


def _live(contract: str) -> Select[Any]:
    holding = select(DocumentRow.segment_id).where(DocumentRow.contract == contract, DocumentRow.state == "active")
    return _all().where(SegmentRow.contract == contract, SegmentRow.segment_id.in_(holding))


def _ordered(tx: Session, statement: Select[Any]) -> tuple[SegmentRecord, ...]:
    return tuple(rows.read(tx, SegmentRecord, statement.order_by(SegmentRow.id)))


def add_vectors(tx: Session, vectors: VectorsRecord) -> None:
    """Notes that a segment has vectors in a space; a note that is there already stays as it is.

    Raises:
        CatalogError: (from the transaction) Segment or embedder are not in the catalog.
    """
    rows.insert(tx, VectorsRow, [rows.values(vectors)], key=("segment_id", "embedder_fingerprint"))


def vectors(tx: Session, segment_id: str, embedder_fingerprint: str) -> VectorsRecord | None:
    """Returns the vectors of a segment in a space; None where there are none."""
    statement = select(*rows.columns(VectorsRow, VectorsRecord)).where(
        VectorsRow.segment_id == segment_id, VectorsRow.embedder_fingerprint == embedder_fingerprint
    )
    return rows.first(tx, VectorsRecord, statement)


def add_chunk_digests(tx: Session, segment_id: str, digests: Sequence[str]) -> None:
    """Notes where the texts of a segment's chunks stand, so that none is embedded twice.

    Args:
        tx: The transaction.
        segment_id: A segment that is in the catalog.
        digests: Hexadecimal SHA-256 of each chunk's text; the place in the sequence is the row. Of
            a text that occurs twice the first place is kept.

    Raises:
        CatalogError: The segment is not in the catalog.
    """
    number = tx.execute(select(SegmentRow.id).where(SegmentRow.segment_id == segment_id)).scalar()
    if number is None:
        raise CatalogError(f"segment {segment_id} is not in the catalog. Add it before its chunks.")
    first_rows: dict[str, int] = {}
    for row, digest in enumerate(digests):
        first_rows.setdefault(digest, row)
    # In key order the table's tree grows at one place; random order is several times slower once it is large.
    written = (
        {"digest": bytes.fromhex(digest), "segment": number, "row": first_rows[digest]} for digest in sorted(first_rows)
    )
    rows.insert(tx, ChunkDigestRow, written, key=("digest", "segment"))


def locate(tx: Session, digests: Iterable[str], embedder_fingerprint: str) -> dict[str, tuple[str, int]]:
    """Finds chunk texts that already have a vector in a space.

    Args:
        tx: The transaction.
        digests: Hexadecimal SHA-256 of chunk texts.
        embedder_fingerprint: The space.

    Returns:
        Digest to (segment id, row), for those that are there. Of several places the oldest segment's
        is given, so that the answer does not depend on the database.
    """
    found: dict[str, tuple[str, int]] = {}
    statement = (
        select(ChunkDigestRow.digest, SegmentRow.segment_id, ChunkDigestRow.row)
        .join(SegmentRow, SegmentRow.id == ChunkDigestRow.segment)
        .join(VectorsRow, VectorsRow.segment_id == SegmentRow.segment_id)
        .where(VectorsRow.embedder_fingerprint == embedder_fingerprint)
        .order_by(SegmentRow.id)
    )
    for batch in rows.chunks(dict.fromkeys(digests)):
        wanted = statement.where(ChunkDigestRow.digest.in_([bytes.fromhex(digest) for digest in batch]))
        for digest, segment_id, row in tx.execute(wanted):
            found.setdefault(digest.hex(), (segment_id, row))
    return found


def holding(tx: Session, digests: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Returns, for chunk texts that stand in a segment, the id and the contract of the oldest one.

    Args:
        tx: The transaction.
        digests: Hexadecimal SHA-256 of chunk texts; those that stand nowhere are left out.
    """
    found: dict[str, tuple[str, str]] = {}
    statement = (
        select(ChunkDigestRow.digest, SegmentRow.segment_id, SegmentRow.contract)
        .join(SegmentRow, SegmentRow.id == ChunkDigestRow.segment)
        .order_by(SegmentRow.id)
    )
    for batch in rows.chunks(dict.fromkeys(digests)):
        wanted = statement.where(ChunkDigestRow.digest.in_([bytes.fromhex(digest) for digest in batch]))
        for digest, segment_id, contract in tx.execute(wanted):
            found.setdefault(digest.hex(), (segment_id, contract))
    return found


def forget_vectors(tx: Session, segment_id: str, embedder_fingerprint: str) -> None:
    """Takes back that a segment has vectors in a space, because their file is lost."""
    tx.execute(
        delete(VectorsRow).where(
            VectorsRow.segment_id == segment_id, VectorsRow.embedder_fingerprint == embedder_fingerprint
        )
    )


def spaces(tx: Session, segment_id: str) -> tuple[str, ...]:
    """Returns the fingerprints of the spaces in which a segment has vectors, sorted."""
    statement = select(VectorsRow.embedder_fingerprint).where(VectorsRow.segment_id == segment_id)
    return tuple(sorted(tx.execute(statement).scalars()))
