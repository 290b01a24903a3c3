"""Which answers there are and which of them may be read: what keeping vectors of their sentences needs to know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from corpus.catalog.tables import AnswerRow


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerText:
    """One answer, without its text.

    Attributes:
        number: Its number in the catalog; later answers have greater ones.
        answer_id: Its id.
        text_sha256: Digest of its text.
        readable: Whether the text itself is kept.
    """

    number: int
    answer_id: str
    text_sha256: str
    readable: bool


def listed(tx: Session, *, after: int = 0) -> Iterator[AnswerText]:
    """Yields the answers in the order in which they were registered, those after a number only."""
    statement = (
        select(AnswerRow.id, AnswerRow.answer_id, AnswerRow.text_sha256, AnswerRow.text.is_not(None))
        .where(AnswerRow.id > after)
        .order_by(AnswerRow.id)
    )
    with tx.execute(statement.execution_options(yield_per=10_000)) as result:
        for number, answer_id, text_sha256, readable in result:
            yield AnswerText(number=number, answer_id=answer_id, text_sha256=text_sha256, readable=bool(readable))


def newest(tx: Session) -> int:
    """Returns the greatest number of an answer; 0 where there is none."""
    return tx.execute(select(func.max(AnswerRow.id))).scalar_one() or 0
