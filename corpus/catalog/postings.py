"""Which answer holds which key: a table of pairs for what is new, packed buckets for the rest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import TextClause, delete, func, select, text
from sqlalchemy.orm import Session

from corpus.catalog import rows
from corpus.catalog.session import BINARY
from corpus.catalog.tables import AnswerGramRow, AnswerPostingsRow

PACK_AT = 20_000
"""Loose pairs that are worth packing. A look-up in PostgreSQL reads all loose pairs: 36,651 of them cost it 3 ms of 9
(measured, `benchmarks/registry.py`). Packing costs by the pair, some 55 us, however few are packed at once."""
# Any fixed number will do; PostgreSQL's advisory locks are named by number.
_LOCK = 0x57E3A003
_SIGN = 1 << 63
_RANGE = 1 << 64
_AT_ONCE = 20_000
_LOOSE = {
    "postgresql": text("SELECT gram, answer FROM answer_grams WHERE gram = ANY(CAST(:values AS bigint[]))"),
    "sqlite": text("SELECT gram, answer FROM answer_grams WHERE gram IN (SELECT value FROM json_each(:values))"),
}
_PACKED = {
    "postgresql": text("SELECT bucket, postings FROM answer_postings WHERE bucket = ANY(CAST(:values AS bigint[]))"),
    "sqlite": text(
        "SELECT bucket, postings FROM answer_postings WHERE bucket IN (SELECT value FROM json_each(:values))"
    ),
}


def hold(tx: Session) -> None:
    """Makes others who register or forget answers wait until this transaction ends.

    A bucket is read, changed and written: two at once would lose what the first one wrote. And an answer must not
    be registered while it is being erased. On SQLite the transaction holds the write lock already.
    """
    if tx.get_bind().dialect.name == "postgresql":
        tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def add(tx: Session, pairs: Iterable[tuple[int, int]]) -> None:
    """Keeps pairs of a key and the number of an answer; one that is there already is left.

    Raises:
        ValueError: A key is not an unsigned 64-bit number.
    """
    ordered = sorted((_signed(key), number) for key, number in pairs)
    rows.insert(tx, AnswerGramRow, ({"gram": key, "answer": number} for key, number in ordered), key=("gram", "answer"))


def find(tx: Session, keys: Iterable[int]) -> dict[int, set[int]]:
    """Returns, by key, the numbers of the answers that hold it; keys that none holds are left out."""
    import numpy as np  # noqa: PLC0415 - a catalog without answers does not need it

    from corpus.catalog import packing  # noqa: PLC0415 - as above

    wanted = np.unique(np.fromiter(keys, dtype=np.uint64))
    found: dict[int, set[int]] = {}
    if not len(wanted):
        return found
    for key, number in _among(tx, _LOOSE, wanted.view(np.int64).tolist()):
        found.setdefault(key % _RANGE, set()).add(number)
    for key, number in packing.find(wanted, _among(tx, _PACKED, packing.buckets_of(wanted))):
        found.setdefault(key, set()).add(number)
    return found


def _among(tx: Session, statements: Mapping[str, TextClause], values: Sequence[int]) -> Sequence[Any]:
    """Runs a query for rows of some values, given as one text: parameters or a list of them cost more than the query.

    With PostgreSQL, the text and rows in binary took half the processor time (`benchmarks/registry.py`).
    """
    dialect = tx.get_bind().dialect.name
    given = json.dumps(list(values))
    if dialect == "postgresql":
        given = f"{{{given[1:-1]}}}"
    statement = statements[dialect]
    # Row by row costs twice as much.
    return tx.connection().execute(statement, {"values": given}, execution_options=BINARY).all()


def loose(tx: Session) -> int:
    """Returns the number of pairs that are not packed."""
    return tx.execute(select(func.count()).select_from(AnswerGramRow)).scalar_one()


def pack(tx: Session) -> int:
    """Packs all loose pairs; returns how many. In bounded memory, by ranges of keys."""
    hold(tx)
    packed = 0
    statement = select(AnswerGramRow.gram, AnswerGramRow.answer).order_by(AnswerGramRow.gram, AnswerGramRow.answer)
    while ends := list(tx.execute(statement.limit(_AT_ONCE))):
        upto = AnswerGramRow.gram <= ends[-1].gram
        pairs = [(row.gram % _RANGE, row.answer) for row in tx.execute(statement.where(upto))]
        packed += put(tx, [key for key, _ in pairs], [number for _, number in pairs])
        tx.execute(delete(AnswerGramRow).where(upto))
    return packed


def put(tx: Session, keys: Any, numbers: Any) -> int:
    """Puts pairs into their packed buckets; returns how many.

    Args:
        tx: The transaction.
        keys: Unsigned 64-bit keys, or an array of them.
        numbers: Of each key, the number of the answer that holds it.
    """
    import numpy as np  # noqa: PLC0415 - as above

    from corpus.catalog import packing  # noqa: PLC0415 - as above

    hold(tx)
    names = np.asarray(keys, dtype=np.uint64)
    held = dict(map(tuple, _among(tx, _PACKED, packing.buckets_of(names))))
    _write(tx, packing.merged(names, np.asarray(numbers, dtype=np.uint64), held))
    return len(names)


def hand_over(tx: Session, heirs: Mapping[int, int | None]) -> None:
    """Takes the pairs of answers away, or gives them to another answer of the same text.

    It reads every packed bucket once: hand over many answers in one call.

    Args:
        tx: The transaction.
        heirs: Number of an answer to the number of the one that takes its pairs; None for nobody.
    """
    from corpus.catalog import packing  # noqa: PLC0415 - numpy, as above

    if not heirs:
        return
    hold(tx)
    _hand_over_loose(tx, heirs)
    after = -1
    statement = select(AnswerPostingsRow.bucket, AnswerPostingsRow.postings).order_by(AnswerPostingsRow.bucket)
    while held := list(tx.execute(statement.where(AnswerPostingsRow.bucket > after).limit(_AT_ONCE))):
        after = held[-1].bucket
        changed = packing.handed_over(((row.bucket, row.postings) for row in held), heirs)
        _write(tx, [(bucket, data) for bucket, data in changed if data])
        for batch in rows.chunks(bucket for bucket, data in changed if not data):
            tx.execute(delete(AnswerPostingsRow).where(AnswerPostingsRow.bucket.in_(batch)))


def _hand_over_loose(tx: Session, heirs: Mapping[int, int | None]) -> None:
    for batch in rows.chunks(sorted(heirs)):
        statement = select(AnswerGramRow.gram, AnswerGramRow.answer).where(AnswerGramRow.answer.in_(batch))
        kept = {(row.gram % _RANGE, heir) for row in tx.execute(statement) if (heir := heirs[row.answer]) is not None}
        tx.execute(delete(AnswerGramRow).where(AnswerGramRow.answer.in_(batch)))
        add(tx, kept)


def _write(tx: Session, buckets: Iterable[tuple[int, bytes]]) -> None:
    made = ({"bucket": bucket, "postings": data} for bucket, data in buckets)
    rows.insert(tx, AnswerPostingsRow, made, key=("bucket",), update=("postings",))


def _signed(key: int) -> int:
    if not 0 <= key < _RANGE:
        raise ValueError(f"a key is an unsigned 64-bit number, got {key}")
    return key - _RANGE if key >= _SIGN else key
