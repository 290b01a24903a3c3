"""Answers that the RAG system served, made ready to be recognised when they come back as documents.

An answer quotes what it retrieved, so its own text proves nothing; what is kept is its words and which of them are
*novel*: in none of the retrieved texts, not in the question, and not in several other answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from corpus.ids import sha256_hex
from provenance.grams import Grams, Numbers, grams
from provenance.signature import Novelty, Signature, novelty_of

_LONGEST_KEY = 1_000
"""PostgreSQL's indexes take rows of 2,704 bytes."""
COMMON_ANSWERS = 3
"""A key that this many other answers hold is a stock phrase (design, measured 2026)."""
LEAST_NOVELTY = 4.0
"""Weight of novel pairs below which an answer cannot be told from a quotation of its sources: about four pairs of
neighbouring words that the sources do not hold (measured 2026)."""
LEAST_KEYS = 3
"""With fewer keys it would not be found again once a few words of it are edited."""


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
        answer_id: Unique in the RAG system. This, `index_version` and `mark` are shortened by `key_of`.
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
        given: Other texts that the model was given, such as earlier turns of the conversation. They are not kept:
            what an answer repeats of them is not its own.
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
    given: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Shortens what answers are found by: no index of a database takes names without end."""
        for name in ("answer_id", "index_version", "mark"):
            object.__setattr__(self, name, key_of(getattr(self, name)))


def key_of(text: str) -> str:
    """Returns a name as it is, or where it is over 1,000 bytes of UTF-8, its beginning and 128 bits of its digest."""
    whole = text.encode("utf-8", "replace")
    if len(whole) <= _LONGEST_KEY:
        return text
    return f"{whole[: _LONGEST_KEY - 33].decode('utf-8', 'ignore')}-{sha256_hex(whole)[:32]}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegisteredAnswer:
    """An answer with what will be looked for.

    Attributes:
        answer: The answer.
        signature: Its words, and what is novel in it.
        keys: The grams that it is found by, unsigned 64-bit, sorted.
        decidable: Whether there is enough novelty in it to recognise it at all.
        context_known: Whether the text of everything it retrieved or cited was at hand. Without that a
            match only suspects: 23 % of true sources were flagged (design, measured 2026).
    """

    answer: AnswerInput
    signature: Signature
    keys: Numbers
    decidable: bool
    context_known: bool


def document_grams(text: str) -> Grams:
    """Returns the grams of an incoming document; look up its `values` among the answers."""
    return grams(text)


def novelty(answer: AnswerInput) -> Novelty:
    """Compares an answer with what it retrieved and what was asked; look up how common its `keys` are."""
    texts = (*(item.text for item in answer.retrieved if item.text), answer.question or "", *answer.given)
    return novelty_of(grams(answer.text), [grams(text) for text in texts])


def register(answer: AnswerInput, found: Novelty, spread: Mapping[int, int] | None = None) -> RegisteredAnswer:
    """Makes an answer ready to be recognised.

    Args:
        answer: The answer.
        found: `novelty(answer)`.
        spread: Of `found.keys`, how many *other* answers hold each; what is absent counts 0. The same text served
            again is no other answer.

    Returns:
        The answer with its signature and keys. Less novelty than `LEAST_NOVELTY` leaves it not decidable.
    """
    signature, keys = found.signed({key for key, number in (spread or {}).items() if number >= COMMON_ANSWERS})
    return RegisteredAnswer(
        answer=answer,
        signature=signature,
        keys=keys,
        decidable=signature.novelty >= LEAST_NOVELTY and len(keys) >= LEAST_KEYS,
        context_known=_context_known(answer),
    )


def _context_known(answer: AnswerInput) -> bool:
    known = {item.chunk_id for item in answer.retrieved if item.text is not None}
    return bool(known) and len(known) == len({item.chunk_id for item in answer.retrieved}) and known >= {*answer.cited}
