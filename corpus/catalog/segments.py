"""Segments, their vectors, and where each chunk's text already stands."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, delete, exists, func, select
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


def after_run(tx: Session, contract: str, run_id: str) -> frozenset[str]:
    """Returns the segments that the catalog took after the last one of a run; none where the run left none.

    By their numbers: the times are those of whoever wrote them, and clocks differ.
    """
    last = select(func.max(SegmentRow.id)).where(SegmentRow.contract == contract, SegmentRow.run_id == run_id)
    newer = select(SegmentRow.segment_id).where(SegmentRow.contract == contract)
    return frozenset(tx.execute(newer.where(SegmentRow.id > last.scalar_subquery())).scalars())


def without_vectors(tx: Session, contract: str, embedder_fingerprint: str) -> tuple[SegmentRecord, ...]:
    """Returns the live segments with chunks but no vectors in a space: what a re-embed has to do."""
    embedded = exists().where(
        VectorsRow.segment_id == SegmentRow.segment_id, VectorsRow.embedder_fingerprint == embedder_fingerprint
    )
    return _ordered(tx, _live(contract).where(~embedded, SegmentRow.chunks > 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How far the live segments of a contract are in one space, by segments that have all their vectors.

    Attributes:
        segments: Live segments with chunks.
        chunks: Chunks in them.
        chunks_done: Chunks of those that have vectors there.
        since: Chunks of those that got theirs since a time.
        last_at: When one last did; None where none has.
        pending: Ids of those that have none, oldest first.
    """

    segments: int
    chunks: int
    chunks_done: int
    since: int
    last_at: datetime | None
    pending: tuple[str, ...]


def extent(tx: Session, contract: str, embedder_fingerprint: str, *, since: datetime) -> Extent:
    """Returns how far a contract is in a space.

    Args:
        tx: The transaction.
        contract: The contract.
        embedder_fingerprint: The space.
        since: Of when on vectors count as new.
    """
    holding = select(DocumentRow.segment_id).where(DocumentRow.contract == contract, DocumentRow.state == "active")
    made = and_(VectorsRow.segment_id == SegmentRow.segment_id, VectorsRow.embedder_fingerprint == embedder_fingerprint)
    statement = (
        select(SegmentRow.segment_id, SegmentRow.chunks, VectorsRow.created_at)
        .outerjoin(VectorsRow, made)
        .where(SegmentRow.contract == contract, SegmentRow.chunks > 0, SegmentRow.segment_id.in_(holding))
        .order_by(SegmentRow.id)
    )
    found = list(tx.execute(statement))
    done = [(chunks, at) for _, chunks, at in found if at is not None]
    return Extent(
        segments=len(found),
        chunks=sum(chunks for _, chunks, _ in found),
        chunks_done=sum(chunks for chunks, _ in done),
        since=sum(chunks for chunks, at in done if at >= since),
        last_at=max((at for _, at in done), default=None),
        pending=tuple(segment for segment, _, at in found if at is None),
    )


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


def unused(tx: Session, contract: str, before: datetime) -> tuple[str, ...]:
    """Returns the segments of which nothing is active or held and that were last needed before a moment, oldest first.

    Documents that are gone do not need theirs: should one come back, it is read again.

    Args:
        tx: The transaction.
        contract: The contract.
        before: Segments made since then, and those of documents that left since then, are left out.
    """
    mine = select(DocumentRow.segment_id).where(DocumentRow.contract == contract, DocumentRow.segment_id.is_not(None))
    needed = mine.where((DocumentRow.state != "gone") | (DocumentRow.updated_at >= before))
    statement = select(SegmentRow.segment_id).where(SegmentRow.contract == contract, SegmentRow.created_at < before)
    return tuple(tx.execute(statement.where(SegmentRow.segment_id.not_in(needed)).order_by(SegmentRow.id)).scalars())


def remove(tx: Session, segment_ids: Iterable[str]) -> None:
    """Takes segments out, with what is known of their vectors and texts; documents forget where they stood."""
    for batch in rows.chunks(segment_ids):
        tx.execute(delete(SegmentRow).where(SegmentRow.segment_id.in_(batch)))


def vectors_outside(tx: Session, contract: str, kept: Collection[str], before: datetime) -> tuple[tuple[str, str], ...]:
    """Returns (space, segment) of the vectors of a contract in no kept space, sorted.

    A space into which anything was written since `before` is being built up, and is left out.
    """
    mine = select(VectorsRow.embedder_fingerprint, VectorsRow.segment_id, VectorsRow.created_at)
    found = tx.execute(
        mine.join(SegmentRow, SegmentRow.segment_id == VectorsRow.segment_id).where(SegmentRow.contract == contract)
    ).all()
    busy = {row.embedder_fingerprint for row in found if row.created_at >= before}
    outside = ((row.embedder_fingerprint, row.segment_id) for row in found)
    return tuple(sorted(pair for pair in outside if pair[0] not in busy and pair[0] not in kept))


def ids(tx: Session) -> frozenset[str]:
    """Returns the ids of all segments."""
    return frozenset(tx.execute(select(SegmentRow.segment_id)).scalars())


def embedded(tx: Session) -> frozenset[tuple[str, str]]:
    """Returns (segment, space) of all vectors."""
    found = tx.execute(select(VectorsRow.segment_id, VectorsRow.embedder_fingerprint))
    return frozenset((row.segment_id, row.embedder_fingerprint) for row in found)


def runtimes(tx: Session, contract: str, embedder_fingerprint: str) -> dict[str, dict[str, Any]]:
    """Returns what computed the vectors of a contract's segments in a space, by segment."""
    found = tx.execute(
        select(VectorsRow.segment_id, VectorsRow.runtime)
        .join(SegmentRow, SegmentRow.segment_id == VectorsRow.segment_id)
        .where(SegmentRow.contract == contract, VectorsRow.embedder_fingerprint == embedder_fingerprint)
    )
    return {row.segment_id: row.runtime for row in found}


def spaces(tx: Session, segment_id: str) -> tuple[str, ...]:
    """Returns the fingerprints of the spaces in which a segment has vectors, sorted."""
    statement = select(VectorsRow.embedder_fingerprint).where(VectorsRow.segment_id == segment_id)
    return tuple(sorted(tx.execute(statement).scalars()))
