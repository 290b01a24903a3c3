"""Answers that RAG systems served, and the keys by which they are recognised when they come back.

A key is a 64-bit number. New ones go into a table of pairs, where each costs some forty bytes; once there are many
they are packed: eight bytes a pair, in buckets by their uppermost bits (`corpus.catalog.postings`). Both are looked
up by index, so that what a document costs grows with the document and not with the number of answers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from corpus.catalog import postings, rows
from corpus.catalog.records import AnswerRecord
from corpus.catalog.tables import AnswerRow

SURE_KEYS = 16
"""An answer of so many keys of which every third word was edited still shares two: by chance once in 80 it does not."""

_MOST_LOOKED_AT = 1024
"""Answers that share several keys with a text and are looked at, so that a hostile text costs no more."""

Answers = Iterable[tuple[AnswerRecord, Sequence[int]]]


def add(tx: Session, answers: Answers) -> None:
    """Keeps answers and their keys; an answer that is there already stays as it is.

    Args:
        tx: The transaction.
        answers: Each with its keys, unsigned 64-bit numbers; a key may occur twice.

    Raises:
        ValueError: A key is not an unsigned 64-bit number.
    """
    for batch in rows.chunks(answers, rows.WRITE_BATCH):
        rows.insert(tx, AnswerRow, [rows.values(answer) for answer, _ in batch], key=("answer_id",))
        numbers = _numbers(tx, [answer.answer_id for answer, _ in batch])
        postings.add(tx, {(key, numbers[answer.answer_id]) for answer, keys in batch for key in keys})


_LEARNT = ("retrieved", "cited", "index_version", "gram_count", "decidable", "context_known", "signature")


def learn(tx: Session, answer: AnswerRecord, keys: Sequence[int]) -> None:
    """Keeps what an answer was made from, where it was registered before that was known.

    Args:
        tx: The transaction.
        answer: The answer as it is known now; what stands of its text, time and term stays.
        keys: Keys to add; those that it has stay.
    """
    learnt = {name: getattr(answer, name) for name in _LEARNT}
    tx.execute(update(AnswerRow).where(AnswerRow.answer_id == answer.answer_id).values(learnt))
    number = _numbers(tx, [answer.answer_id])[answer.answer_id]
    postings.add(tx, {(key, number) for key in keys})


def _numbers(tx: Session, answer_ids: Sequence[str]) -> dict[str, int]:
    statement = select(AnswerRow.answer_id, AnswerRow.id).where(AnswerRow.answer_id.in_(answer_ids))
    return {row.answer_id: row.id for row in tx.execute(statement)}


def holders(tx: Session, keys: Iterable[int], before: datetime | None = None) -> dict[str, tuple[int, ...]]:
    """Finds the answers that share keys with a text.

    Args:
        tx: The transaction.
        keys: Unsigned 64-bit keys of the text.
        before: Only answers served before this time, since a text cannot come from a later answer.

    Returns:
        Answer id to the keys it shares, sorted; answers that share none are left out.
    """
    shared = _by_answer(postings.find(tx, keys))
    found = _named(tx, shared, before)
    return {name: tuple(sorted(shared[number])) for number, name in sorted(found.items(), key=lambda item: item[1])}


def candidates(
    tx: Session, keys: Iterable[int], *, before: datetime | None = None, most: int = 32
) -> tuple[AnswerRecord, ...]:
    """Returns the answers that are most likely in a text, those that share most with it first.

    A key that few answers hold counts for more than one that many hold. An answer that shares a single key is
    given only where it has so few that edits may have left no more of it.

    Args:
        tx: The transaction.
        keys: Unsigned 64-bit keys of the text.
        before: Only answers served before this time.
        most: Answers returned at the most.
    """
    weights: dict[int, float] = defaultdict(float)
    shared: Counter[int] = Counter()
    for numbers in postings.find(tx, keys).values():
        shared.update(numbers)
        for number in numbers:
            weights[number] += 1.0 / len(numbers)
    order = sorted(weights, key=lambda number: (-weights[number], number))
    several = [number for number in order if shared[number] > 1]
    single = [number for number in order if shared[number] == 1]
    taken: list[AnswerRecord] = []
    # Those served too late are left out, and a text that everybody quotes may have many: look further, but not at all.
    for batch in rows.chunks(several[:_MOST_LOOKED_AT], 2 * most):
        taken += _records(tx, batch, before)
        if len(taken) >= most:
            break
    if len(taken) < most:
        taken += _records(tx, single[: 4 * most], before, AnswerRow.gram_count < SURE_KEYS)
    return tuple(taken[:most])


def _records(
    tx: Session, numbers: Sequence[int], before: datetime | None, *where: ColumnElement[bool]
) -> list[AnswerRecord]:
    """Returns answers by number, in the order of the numbers; those that a condition leaves out are left out.

    One answer holds the keys of all of its text: of one that was served too late another stands in that was not.
    """
    found = _numbered(tx, numbers, *where)
    if before is None:
        return [found[number] for number in numbers if number in found]
    late = {item.text_sha256 for item in found.values() if item.served_at >= before}
    sooner = _sooner(tx, late, before)
    ordered = (found[number] for number in numbers if number in found)
    kept = (item if item.served_at < before else sooner.get(item.text_sha256) for item in ordered)
    return [item for item in kept if item is not None]


_RECORDS = select(AnswerRow.id, *rows.columns(AnswerRow, AnswerRecord))
"""Made once: putting its columns together costs more than reading a few rows."""


def _numbered(tx: Session, numbers: Iterable[int], *where: ColumnElement[bool]) -> dict[int, AnswerRecord]:
    statement = _RECORDS.where(*where)
    found: dict[int, AnswerRecord] = {}
    for batch in rows.chunks(numbers):
        for row in tx.execute(statement.where(AnswerRow.id.in_(batch))).mappings():
            values = dict(row)
            number = values.pop("id")
            found[number] = AnswerRecord(**values)
    return found


def _sooner(tx: Session, digests: Iterable[str], before: datetime) -> dict[str, AnswerRecord]:
    """Returns, by digest of the text, the first registered answer that was served before a time."""
    statement = select(func.min(AnswerRow.id)).where(AnswerRow.served_at < before).group_by(AnswerRow.text_sha256)
    first = [
        number
        for batch in rows.chunks(digests)
        for number in tx.execute(statement.where(AnswerRow.text_sha256.in_(batch))).scalars()
    ]
    return {item.text_sha256: item for item in _numbered(tx, first).values()}


def spread(tx: Session, keys: Iterable[int], text_sha256: str, *, same: int) -> dict[int, int]:
    """Returns, for each key that any other answer holds, how many do.

    Args:
        tx: The transaction.
        keys: Unsigned 64-bit keys of one answer.
        text_sha256: Digest of its text; the same text served again is no other answer.
        same: Nor is one that holds so many of the keys.
    """
    found = postings.find(tx, keys)
    shared = _by_answer(found)
    own = _of_text(tx, shared, text_sha256) | {number for number, held in shared.items() if len(held) >= same}
    return {key: len(held - own) for key, held in found.items() if held - own}


def _of_text(tx: Session, numbers: Iterable[int], text_sha256: str) -> set[int]:
    own = select(AnswerRow.id).where(AnswerRow.text_sha256 == text_sha256)
    return {
        number for batch in rows.chunks(numbers) for number in tx.execute(own.where(AnswerRow.id.in_(batch))).scalars()
    }


def known_text(tx: Session, text_sha256: str, *, decidable: bool = False, context_known: bool = False) -> bool:
    """Returns whether an answer of this text is kept, so that its keys serve for every time that it was served.

    Args:
        tx: The transaction.
        text_sha256: Digest of the text.
        decidable: Only one that can be recognised: what is novel depends on what each was made from.
        context_known: Only one of which is known what it was made from.
    """
    kept = select(AnswerRow.id).where(AnswerRow.text_sha256 == text_sha256)
    kept = kept.where(AnswerRow.decidable) if decidable else kept
    kept = kept.where(AnswerRow.context_known) if context_known else kept
    return tx.execute(kept.limit(1)).first() is not None


def pack(tx: Session, *, least: int = postings.PACK_AT) -> int:
    """Packs the keys that are not packed yet, if they are many; returns how many pairs were packed."""
    return postings.pack(tx) if postings.loose(tx) >= least else 0


def _by_answer(found: Mapping[int, set[int]]) -> dict[int, set[int]]:
    shared: dict[int, set[int]] = defaultdict(set)
    for key, numbers in found.items():
        for number in numbers:
            shared[number].add(key)
    return shared


def _named(tx: Session, numbers: Iterable[int], before: datetime | None) -> dict[int, str]:
    statement = select(AnswerRow.id, AnswerRow.answer_id)
    if before is not None:
        statement = statement.where(AnswerRow.served_at < before)
    return {
        row.id: row.answer_id
        for batch in rows.chunks(numbers)
        for row in tx.execute(statement.where(AnswerRow.id.in_(batch)))
    }


def get(tx: Session, answer_ids: Iterable[str]) -> dict[str, AnswerRecord]:
    """Returns the answers of these ids, by id; unknown ids are left out."""
    statement = select(*rows.columns(AnswerRow, AnswerRecord))
    return {
        answer.answer_id: answer
        for batch in rows.chunks(dict.fromkeys(answer_ids))
        for answer in rows.read(tx, AnswerRecord, statement.where(AnswerRow.answer_id.in_(batch)))
    }


def has_any(tx: Session) -> bool:
    """Returns whether an answer is registered, at the price of looking at one."""
    return tx.execute(select(AnswerRow.id).limit(1)).first() is not None


def count(tx: Session) -> int:
    """Returns the number of answers."""
    return tx.execute(select(func.count()).select_from(AnswerRow)).scalar_one()
