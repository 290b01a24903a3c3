"""Whether a text is crammed with questions or key words, so that it is retrieved for many queries.

A list of questions and answers is no stuffing: what counts are questions that nothing answers, and lists whose
entries turn round one word. It is a sign to be counted with others, never a verdict, and knows no document.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from corpus.types import Span

LEAST_QUESTIONS = 12
"""Different unanswered questions: an introduction that asks, or an exercise, has fewer (design, 2026)."""
LEAST_SHARE = 0.3
"""Share of the text's characters that the unanswered questions fill."""
LEAST_ANSWER = 5
"""Words after a question that answer it."""
LEAST_KEYWORDS = 25
"""Entries of a list of key words that turns round one word."""
KEYWORD_SHARE = 0.6
"""Share of the entries that hold that word."""
KEYWORD_VARIETY = 0.4
"""Different words for each word of the entries: variants of one query repeat themselves, names do not (measured:
lists of villages, of files and of articles lie at 0.5)."""
SIGNS = {
    "version": 1,
    "questions": [LEAST_QUESTIONS, LEAST_SHARE, LEAST_ANSWER],
    "keywords": [LEAST_KEYWORDS, KEYWORD_SHARE, KEYWORD_VARIETY],
}
"""What is looked for; part of the detector's fingerprint."""

_MARKS = "?？؟"  # noqa: RUF001 - Chinese and Arabic question marks are meant
_LONGEST_SENTENCE = 400
_LEAST_WORDS = 3
_MARK = re.compile(f"[{_MARKS}]")
_ENDS = f".!{_MARKS}。\n"
_SENTENCE = re.compile(rf"[^.!{_MARKS}。\n]{{1,{_LONGEST_SENTENCE}}}(?:[{_MARKS}]|[.!。](?=\s|$)|\n|$|.)")
_WORD = re.compile(r"[^\W\d_]{2,}")
_SIGNS_OF_CODE = re.compile(r"[=<>{}()\\|`$]|->|::")
_MOST_SENTENCES = 20_000
_LONGEST_ENTRY = 60
_BETWEEN = ",;\n|•·"
_ENTRY = re.compile(f"[{_BETWEEN}]+")
_LEAST_LIST = LEAST_KEYWORDS * len("ab cd,") - 1
"""Characters of a list of so many different phrases of two words."""
_STOP_WORDS = "the a an of and or for to in on with by at from as is are be your our this that how what"
_STOP = frozenset(_STOP_WORDS.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuffing:
    """What fills a text.

    Attributes:
        sign: `questions` or `keywords`.
        items: How many.
        share: Share of the text that the questions fill, or of the entries that hold the same word.
        span: From the first to the last of them.
    """

    sign: str
    items: int
    share: float
    span: Span


@dataclass(frozen=True, slots=True)
class _Sentence:
    span: Span
    asks: bool
    words: tuple[str, ...]


def stuffing_of(text: str) -> Stuffing | None:
    """Returns what a text is crammed with; None for an ordinary text."""
    return _questions(text) or _keywords(text)


def _questions(text: str) -> Stuffing | None:
    if sum(text.count(mark) for mark in _MARKS) < LEAST_QUESTIONS or not _may_be_questions(text):
        return None
    open_ones = _unanswered(list(_sentences(text)))
    if len({sentence.words for sentence in open_ones}) < LEAST_QUESTIONS:
        return None
    share = sum(len(sentence.span) for sentence in open_ones) / len(text)
    if share < LEAST_SHARE:
        return None
    span = Span(start=open_ones[0].span.start, end=open_ones[-1].span.end)
    return Stuffing(sign="questions", items=len(open_ones), share=round(share, 2), span=span)


def _may_be_questions(text: str) -> bool:
    """Whether what stands before the question marks could be enough: a bound from above, at a fraction of the time."""
    count = size = 0
    for mark in _MARK.finditer(text):
        low = max(0, mark.start() - _LONGEST_SENTENCE)
        start = max(low, *(text.rfind(end, low, mark.start()) + 1 for end in _ENDS))
        asked = text[start : mark.end()]
        if start > low and (_SIGNS_OF_CODE.search(asked) or len(_WORD.findall(asked.lower())) < _LEAST_WORDS):
            continue
        count, size = count + 1, size + len(asked)
    return count >= LEAST_QUESTIONS and size / len(text) >= LEAST_SHARE


def _sentences(text: str) -> Iterator[_Sentence]:
    for number, match in enumerate(_SENTENCE.finditer(text)):
        if number >= _MOST_SENTENCES:
            return
        said = match[0].rstrip()
        words = tuple(_WORD.findall(said.lower()))
        if words:
            asks = said[-1:] in _MARKS and len(words) >= _LEAST_WORDS and not _SIGNS_OF_CODE.search(said)
            yield _Sentence(Span(start=match.start(), end=match.end()), asks, words)


def _unanswered(sentences: Sequence[_Sentence]) -> list[_Sentence]:
    """Returns the questions that no statement follows; one that is asked again and answered is answered."""
    answered = {sentence.words for place, sentence in enumerate(sentences) if _is_answered(sentences, place)}
    return [sentence for sentence in sentences if sentence.asks and sentence.words not in answered]


def _is_answered(sentences: Sequence[_Sentence], place: int) -> bool:
    said = 0
    for after in sentences[place + 1 : place + 4]:
        if after.asks or said >= LEAST_ANSWER:
            break
        said += len(after.words)
    return said >= LEAST_ANSWER


def _keywords(text: str) -> Stuffing | None:
    """Returns the longest list of short entries that turns round one word and repeats its words."""
    best: Stuffing | None = None
    for start, paragraph in _paragraphs(text):
        if len(paragraph) < _LEAST_LIST or sum(paragraph.count(mark) for mark in _BETWEEN) < LEAST_KEYWORDS - 1:
            continue
        found = _turning(paragraph, start)
        if found is not None and (best is None or found.items > best.items):
            best = found
    return best


def _paragraphs(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    while start < len(text):
        end = text.find("\n\n", start)
        end = len(text) if end < 0 else end
        yield start, text[start:end]
        start = end + 2


def _turning(paragraph: str, offset: int) -> Stuffing | None:
    entries = [entry.strip().lower() for entry in _ENTRY.split(paragraph)]
    entries = [entry for entry in entries if entry]
    if len(entries) < LEAST_KEYWORDS or _SIGNS_OF_CODE.search(paragraph):
        return None
    phrases = [tuple(_WORD.findall(entry)) for entry in entries if len(entry) <= _LONGEST_ENTRY]
    phrases = [phrase for phrase in phrases if 2 <= len(phrase) <= 6]
    if len(set(phrases)) < LEAST_KEYWORDS or len(phrases) < 0.9 * len(entries):
        return None
    said = [word for phrase in phrases for word in phrase if word not in _STOP]
    if len(set(said)) > KEYWORD_VARIETY * len(said):
        return None
    counts = Counter(word for phrase in set(phrases) for word in set(phrase) - _STOP)
    word, number = max(counts.items(), key=lambda item: (item[1], item[0]), default=("", 0))
    share = number / len(phrases)
    if not word or number < LEAST_KEYWORDS or share < KEYWORD_SHARE:
        return None
    span = Span(start=offset, end=offset + len(paragraph))
    return Stuffing(sign="keywords", items=len(phrases), share=round(share, 2), span=span)
