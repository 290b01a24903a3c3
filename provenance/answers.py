"""Answers that the RAG system served, made ready to be recognised when they come back as documents.

An answer quotes what it retrieved, so its own text proves nothing; what is kept is what is *novel* in it:
its grams minus those of the retrieved texts, minus those that other answers use too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from provenance.grams import Grams, grams

COMMON_ANSWERS = 3
"""A gram that this many other answers hold is a stock phrase (design, measured 2026)."""
LEAST_NOVEL = 8
"""With fewer novel grams an answer cannot be told from a quotation of its sources (design, measured 2026)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievedText:
    """A chunk that was given to the model.

    Attributes:
        chunk_id: Its id, as the RAG system names it.
        text: Its text; None where the log does not hold it.
    """

    chunk_id: str
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerInput:
    """One served answer, as imported.

    Attributes:
        answer_id: Unique in the RAG system.
        text: What was served.
        system: Which RAG system served it.
        model: Which model wrote it; empty when not known.
        served_at: When, aware.
        retrieved: What the model was given.
        cited: Ids of the chunks that the answer cites.
        index_version: Index version that it was retrieved from; empty when not known.
        question: What was asked; None when it was not logged.
        trace_id: Trace of the request that it was served in, empty when not known.
        mark: The provenance mark that it was served with, empty for none.
    """

    answer_id: str
    text: str
    system: str
    model: str
    served_at: datetime
    retrieved: tuple[RetrievedText, ...] = ()
    cited: tuple[str, ...] = ()
    index_version: str = ""
    question: str | None = None
    trace_id: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredAnswer:
    """An answer with what will be looked for.

    Attributes:
        answer: The answer.
        novel: Its novel grams, unsigned 64-bit, sorted.
        gram_count: Number of them, the whole that containment is measured against.
        decidable: Whether there are enough of them to recognise it at all.
        context_known: Whether the text of everything it retrieved or cited was at hand. Without that a
            match only suspects: 23 % of true sources were flagged (design, measured 2026).
    """

    answer: AnswerInput
    novel: tuple[int, ...]
    gram_count: int
    decidable: bool
    context_known: bool


def document_grams(text: str) -> Grams:
    """Returns the grams of an incoming document; look up its `values` among the answers."""
    return grams(text)


def novel_grams(answer: AnswerInput) -> tuple[int, ...]:
    """Returns the grams of an answer that none of its retrieved texts holds, to look up their spread."""
    sources = (grams(item.text).hashes.tolist() for item in answer.retrieved if item.text)
    return tuple(sorted(set(grams(answer.text).hashes.tolist()).difference(*sources)))


def register(answer: AnswerInput, *, spread: Mapping[int, int] | None = None) -> RegisteredAnswer:
    """Makes an answer ready to be recognised.

    Args:
        answer: The answer.
        spread: Of `novel_grams(answer)`, how many *other* answers hold each; what is absent counts 0.

    Returns:
        The answer with its novel grams. Fewer than `LEAST_NOVEL` leave it not decidable.
    """
    held = spread or {}
    novel = tuple(gram for gram in novel_grams(answer) if held.get(gram, 0) < COMMON_ANSWERS)
    return RegisteredAnswer(
        answer=answer,
        novel=novel,
        gram_count=len(novel),
        decidable=len(novel) >= LEAST_NOVEL,
        context_known=_context_known(answer),
    )


def _context_known(answer: AnswerInput) -> bool:
    known = {item.chunk_id for item in answer.retrieved if item.text is not None}
    return bool(known) and len(known) == len({item.chunk_id for item in answer.retrieved}) and known >= {*answer.cited}
