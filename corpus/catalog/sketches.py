"""Signatures of documents, found again by their text, or by the bands that they share with another.

What a look-up touches is bounded by `MOST_IN_BAND` rows for each band, whatever the size of the corpus.
How a signature is made and compared is not known here: a band is a number.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from corpus.catalog import rows
from corpus.catalog.records import SketchRecord
from corpus.catalog.tables import SketchBandRow, SketchRow

MOST_IN_BAND = 32
"""Oldest documents that one band gives. Twins share most of their 32 bands, so a crowded one is not missed."""
MOST_CANDIDATES = 64
"""Documents with the most bands in common that one look-up gives."""

_SIGN = 1 << 63
_RANGE = 1 << 64
_AT_ONCE = 256
"""Bands per statement: SQLite joins at most 500 of them."""

Banded = tuple[SketchRecord, Sequence[int]]


def put(tx: Session, contract: str, sketches: Sequence[Banded]) -> None:
    """Keeps signatures and their bands in place of older ones of the same documents.

    Args:
        tx: The transaction.
        contract: The contract of all of them.
        sketches: Each with its bands, unsigned 64-bit numbers; none for a text without a signature.
    """
    standing = of(tx, contract, (record.doc_id for record, _ in sketches))
    changed = [(record, bands) for record, bands in sketches if standing.get(record.doc_id) != record]
    remove(tx, contract, (record.doc_id for record, _ in changed))
    rows.insert(tx, SketchRow, (rows.values(record) for record, _ in changed), key=("contract", "doc_id"))
    numbers = _numbers(tx, contract, (record.doc_id for record, _ in changed))
    salt = _salt(contract)
    pairs = sorted({(_signed(band ^ salt), numbers[record.doc_id]) for record, bands in changed for band in bands})
    rows.insert(tx, SketchBandRow, ({"band": band, "sketch": number} for band, number in pairs), key=("band", "sketch"))


def remove(tx: Session, contract: str, doc_ids: Iterable[str]) -> None:
    """Forgets the signatures of documents, and with them their bands."""
    for batch in rows.chunks(doc_ids):
        tx.execute(delete(SketchRow).where(SketchRow.contract == contract, SketchRow.doc_id.in_(batch)))


def of(tx: Session, contract: str, doc_ids: Iterable[str]) -> dict[str, SketchRecord]:
    """Returns the signatures of documents, by document id; unknown ids are left out."""
    statement = select(*rows.columns(SketchRow, SketchRecord)).where(SketchRow.contract == contract)
    return {
        record.doc_id: record
        for batch in rows.chunks(dict.fromkeys(doc_ids))
        for record in rows.read(tx, SketchRecord, statement.where(SketchRow.doc_id.in_(batch)))
    }


def count(tx: Session, contract: str) -> int:
    """Returns the number of signatures of a contract."""
    counted = select(func.count()).select_from(SketchRow).where(SketchRow.contract == contract)
    return tx.execute(counted).scalar_one()


def same_text(tx: Session, contract: str, digests: Iterable[str], limit: int = 8) -> dict[str, tuple[str, ...]]:
    """Returns, by digest, the ids of active documents with exactly this text, `limit` each at the most."""
    wanted = list(dict.fromkeys(digests))
    found: dict[str, list[str]] = {}
    one = (
        "SELECT * FROM (SELECT s.content_sha256, s.doc_id FROM sketches s JOIN documents d ON d.contract = s.contract "
        "AND d.doc_id = s.doc_id WHERE s.contract = :contract AND s.content_sha256 = :t{0} AND d.state = 'active' "
        "ORDER BY s.doc_id LIMIT :most) AS t{0}"
    )
    for batch in rows.chunks(wanted, _AT_ONCE):
        statement = text(" UNION ALL ".join(one.format(place) for place in range(len(batch))))
        given = {f"t{place}": digest for place, digest in enumerate(batch)}
        for digest, doc_id in tx.execute(statement, {**given, "contract": contract, "most": limit}):
            found.setdefault(digest, []).append(doc_id)
    return {digest: tuple(sorted(doc_ids)) for digest, doc_ids in found.items()}


def sharing(tx: Session, contract: str, wanted: Sequence[Sequence[int]]) -> list[tuple[str, ...]]:
    """Finds the documents that share bands with texts.

    Args:
        tx: The transaction.
        contract: The contract to look in.
        wanted: The bands of each text.

    Returns:
        For each text the ids of documents, those with most bands in common first.
    """
    salt = _salt(contract)
    signed = [[_signed(band ^ salt) for band in bands] for bands in wanted]
    holders = _holders(tx, sorted({band for bands in signed for band in bands}))
    shared = [Counter(number for band in bands for number in holders.get(band, ())) for bands in signed]
    best = [sorted(found, key=lambda number: (-found[number], number))[:MOST_CANDIDATES] for found in shared]
    names = _names(tx, sorted({number for numbers in best for number in numbers}))
    return [tuple(names[number] for number in numbers if number in names) for numbers in best]


def _holders(tx: Session, bands: Sequence[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for start in range(0, len(bands), _AT_ONCE):
        batch = bands[start : start + _AT_ONCE]
        one = (
            "SELECT * FROM (SELECT band, sketch FROM sketch_bands WHERE band = :b{0} ORDER BY sketch LIMIT {1}) AS t{0}"
        )
        statement = text(" UNION ALL ".join(one.format(place, MOST_IN_BAND) for place in range(len(batch))))
        for band, number in tx.execute(statement, {f"b{place}": band for place, band in enumerate(batch)}):
            found.setdefault(band, []).append(number)
    return found


def _names(tx: Session, numbers: Sequence[int]) -> dict[int, str]:
    statement = select(SketchRow.id, SketchRow.doc_id)
    return {
        row.id: row.doc_id
        for batch in rows.chunks(numbers)
        for row in tx.execute(statement.where(SketchRow.id.in_(batch)))
    }


def _numbers(tx: Session, contract: str, doc_ids: Iterable[str]) -> dict[str, int]:
    statement = select(SketchRow.doc_id, SketchRow.id).where(SketchRow.contract == contract)
    return {
        row.doc_id: row.id
        for batch in rows.chunks(doc_ids)
        for row in tx.execute(statement.where(SketchRow.doc_id.in_(batch)))
    }


def _salt(contract: str) -> int:
    """Returns what keeps the bands of one contract apart from those of another."""
    return int.from_bytes(hashlib.sha256(contract.encode("utf-8")).digest()[:8], "big")


def _signed(band: int) -> int:
    if not 0 <= band < _RANGE:
        raise ValueError(f"a band is an unsigned 64-bit number, got {band}")
    return band - _RANGE if band >= _SIGN else band
