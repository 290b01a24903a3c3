"""Two texts that say almost the same, and where they contradict each other: numbers, dates, negation, duty.

Sentences are aligned by what is left when these are taken out. A sentence that occurs more than once
on either side is a pattern and no statement, so it is left alone. Review only: no text is wrong because another
differs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from corpus.types import Span

SHORTEST = 6
"""Words that must be left of a sentence for it to be aligned; shorter ones are headings, cells and labels."""
LONGEST_TEXT = 200_000
"""Characters compared of each text."""

_SENTENCE = re.compile(r"[^\n.!?]+(?:[.!?](?![\s\"')\]]|$)[^\n.!?]*)*[.!?]?")
_TOKEN = re.compile(r"\d+(?:[.,:/-]\d+)*%?|[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_NEGATIONS = frozenset(
    {
        "not", "no", "never", "cannot", "without", "neither", "nor", "none", "nothing", "nicht", "kein", "keine",
        "keinen", "niemals", "nie",
    }
)  # fmt: skip
_DUTIES = frozenset(
    {
        "must", "may", "shall", "should", "can", "could", "might", "will", "would", "required", "optional",
        "forbidden", "prohibited", "allowed", "permitted", "mandatory", "always", "muss", "müssen", "darf", "dürfen",
        "soll", "sollen", "kann", "können",
    }
)  # fmt: skip
_NUMBERS = frozenset(
    {
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
        "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty",
        "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred", "thousand", "million", "january",
        "february", "march", "april", "june", "july", "august", "september", "october", "november", "december",
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
    }
)  # fmt: skip
_CONTRACTED = re.compile(r"n['\u2019]t$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """One sentence of ours and its counterpart, which says something else.

    Attributes:
        ours: Where it stands in our text.
        theirs: Where its counterpart stands in theirs.
        kind: `number`, `negation` or `duty`.
    """

    ours: Span
    theirs: Span
    kind: str


@dataclass(frozen=True, slots=True)
class _Statement:
    span: Span
    frame: tuple[str, ...]
    numbers: tuple[str, ...]
    negations: int
    duties: tuple[str, ...]


def contradictions(ours: str, theirs: str) -> tuple[Contradiction, ...]:
    """Returns the sentences that stand in both texts and differ in a number, date, negation or duty, in order."""
    mine, other = _unique(ours), _unique(theirs)
    found = []
    for frame, statement in mine.items():
        counterpart = other.get(frame)
        kind = _difference(statement, counterpart) if counterpart is not None else ""
        if counterpart is not None and kind:
            found.append(Contradiction(ours=statement.span, theirs=counterpart.span, kind=kind))
    return tuple(found)


def _difference(ours: _Statement, theirs: _Statement) -> str:
    if ours.numbers != theirs.numbers:
        return "number"
    if ours.negations != theirs.negations:
        return "negation"
    return "duty" if ours.duties != theirs.duties else ""


def _unique(text: str) -> dict[tuple[str, ...], _Statement]:
    statements = [item for item in _statements(text[:LONGEST_TEXT]) if len(item.frame) >= SHORTEST]
    often = Counter(item.frame for item in statements)
    return {item.frame: item for item in statements if often[item.frame] == 1}


def _statements(text: str) -> Iterator[_Statement]:
    for match in _SENTENCE.finditer(text):
        yield _statement(match[0], match.start())


def _statement(sentence: str, start: int) -> _Statement:
    frame: list[str] = []
    numbers: list[str] = []
    duties: list[str] = []
    negations = 0
    for token in _TOKEN.findall(sentence):
        word = token.casefold()
        bare = _CONTRACTED.sub("", word)
        negations += word in _NEGATIONS or bare != word
        if word[0].isdigit() or word in _NUMBERS:
            numbers.append(word)
        elif bare in _DUTIES or word == "cannot":
            duties.append("can" if word == "cannot" else bare)
        elif word not in _NEGATIONS:
            frame.append(bare)
    lead = len(sentence) - len(sentence.lstrip())
    span = Span(start=start + lead, end=start + len(sentence.rstrip()))
    return _Statement(span, tuple(frame), tuple(numbers), negations, tuple(duties))
