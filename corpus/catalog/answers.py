"""Answers that RAG systems served, and the grams by which they are recognised when they come back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from corpus.catalog import rows
from corpus.catalog.records import AnswerRecord
from corpus.catalog.tables import AnswerGramRow, AnswerRow

_SIGN = 1 << 63
_RANGE = 1 << 64


def add(tx: Session, answers: Iterable[tuple[AnswerRecord, Sequence[int]]]) -> None:
    """Keeps answers and their grams; an answer that is there already stays as it is.

    Args:
        tx: The transaction.
        answers: Each with its grams, unsigned 64-bit numbers; a gram may occur twice.

    Raises:
        ValueError: A gram is not an unsigned 64-bit number.
    """
    for batch in rows.chunks(answers, rows.WRITE_BATCH):
        rows.insert(tx, AnswerRow, [rows.values(answer) for answer, _ in batch], key=("answer_id",))
        numbers = _numbers(tx, [answer.answer_id for answer, _ in batch])
        pairs = sorted({(_signed(gram), numbers[answer.answer_id]) for answer, grams in batch for gram in grams})
        written = ({"gram": gram, "answer": number} for gram, number in pairs)
        rows.insert(tx, AnswerGramRow, written, key=("gram", "answer"))


def _numbers(tx: Session, answer_ids: Sequence[str]) -> dict[str, int]:
    statement = select(AnswerRow.answer_id, AnswerRow.id).where(AnswerRow.answer_id.in_(answer_ids))
    return {row.answer_id: row.id for row in tx.execute(statement)}


def _signed(gram: int) -> int:
    if not 0 <= gram < _RANGE:
        raise ValueError(f"a gram is an unsigned 64-bit number, got {gram}")
    return gram - _RANGE if gram >= _SIGN else gram


def _unsigned(stored: int) -> int:
    return stored % _RANGE


def hits(tx: Session, grams: Iterable[int], before: datetime | None = None) -> dict[str, tuple[int, ...]]:
    """Finds the answers that share grams with a text.

    Args:
        tx: The transaction.
        grams: Unsigned 64-bit grams of the text.
        before: Only answers served before this time, since a text cannot come from a later answer.

    Returns:
        Answer id to the grams it shares, sorted; answers that share none are left out.
    """
    statement = select(AnswerRow.answer_id, AnswerGramRow.gram).join(AnswerRow, AnswerRow.id == AnswerGramRow.answer)
    if before is not None:
        statement = statement.where(AnswerRow.served_at < before)
    shared: dict[str, list[int]] = {}
    for batch in _batches(grams):
        for answer_id, gram in tx.execute(statement.where(AnswerGramRow.gram.in_(batch))):
            shared.setdefault(answer_id, []).append(_unsigned(gram))
    return {answer_id: tuple(sorted(shared[answer_id])) for answer_id in sorted(shared)}


def gram_spread(tx: Session, grams: Iterable[int]) -> dict[int, int]:
    """Returns, for each gram that any answer holds, the number of answers that do."""
    counted = select(AnswerGramRow.gram, func.count()).group_by(AnswerGramRow.gram)
    return {
        _unsigned(gram): number
        for batch in _batches(grams)
        for gram, number in tx.execute(counted.where(AnswerGramRow.gram.in_(batch)))
    }


def _batches(grams: Iterable[int]) -> Iterator[list[int]]:
    return rows.chunks(dict.fromkeys(_signed(gram) for gram in grams))


def get(tx: Session, answer_ids: Iterable[str]) -> dict[str, AnswerRecord]:
    """Returns the answers of these ids, by id; unknown ids are left out."""
    statement = select(*rows.columns(AnswerRow, AnswerRecord))
    return {
        answer.answer_id: answer
        for batch in rows.chunks(dict.fromkeys(answer_ids))
        for answer in rows.read(tx, AnswerRecord, statement.where(AnswerRow.answer_id.in_(batch)))
    }


def count(tx: Session) -> int:
    """Returns the number of answers."""
    return tx.execute(select(func.count()).select_from(AnswerRow)).scalar_one()
