"""A stretch of text that a person does not see, and how usual it is where it stands.

The readers of one format each (HTML, Markdown, PDF, DOCX, characters) yield passages; they judge what is seen,
not what it means, and know neither contracts nor decisions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from corpus.types import Span

# Five words are the shortest statement that stands alone; labels for screen readers ("opens in a new window")
# are seldom longer and end without a full stop (measured on the pages of Mozilla Readability).
MIN_WORDS = 5
_MIN_IDEOGRAPHS = 8
MAX_TEXT = 20_000
"""Characters of one passage that are looked at."""

_WORDS = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")  # noqa: RUF001 - the apostrophe that people type
_SENTENCE = re.compile(r"[^.!?。！？]{3,}[.!?。！？]")  # noqa: RUF001 - full-width marks are meant
_IDEOGRAPHS = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0eff\u1780-\u17ff]")
_CODE = re.compile(r"[{}<>=;$\\|]|\b(?:var|function|return|https?)\b|::|//")


class Habit(StrEnum):
    """How usual hidden text of this kind is in honest documents; it decides what is worth a finding."""

    NEVER = "never"
    """Honest documents do not hold it (tag characters that spell words): always worth a finding."""
    SELDOM = "seldom"
    """Seldom: worth a finding where it reached the extracted text and is a sentence, or sounds like an instruction."""
    USUAL = "usual"
    """Every second page has it (alternative text, comments, metadata): only where it sounds like an instruction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Text that a person does not see.

    Attributes:
        technique: How it is hidden, such as `font_size`; stable.
        place: Where in the source: a path of elements, a page with its box, a paragraph, an offset.
        text: What is hidden, decoded where it was coded.
        habit: How usual this is.
        before: How often the same words are seen before it; tells which of several places in the text is meant.
        span: Where it stands in the extracted text, where the reader knows it.
    """

    technique: str
    place: str
    text: str
    habit: Habit = Habit.SELDOM
    before: int = 0
    span: Span | None = None


def clean(text: str) -> str:
    """Returns a passage on one line, cut to what is looked at."""
    return " ".join(text[:MAX_TEXT].split())


def is_prose(text: str, least: int = MIN_WORDS) -> bool:
    """Whether a text says something, as against a label, a number or a piece of code.

    Args:
        text: Any text; its first characters are judged.
        least: Words that it must have.
    """
    head = text[:2_000]
    if len(_IDEOGRAPHS.findall(head)) >= _MIN_IDEOGRAPHS:
        return True
    words = _WORDS.findall(head)
    if len(words) < least:
        return False
    letters = sum(len(word) for word in words)
    solid = len("".join(head.split()))
    return letters >= 0.7 * solid and len(_CODE.findall(head)) * 8 <= len(words)


def is_statement(text: str) -> bool:
    """Whether a text holds a whole sentence of some length, as labels and short notices of an interface do not."""
    return any(
        len(_WORDS.findall(sentence)) >= 3 * MIN_WORDS or len(_IDEOGRAPHS.findall(sentence)) >= 3 * _MIN_IDEOGRAPHS
        for sentence in _SENTENCE.findall(text[:2_000] + ".")
    ) and is_prose(text)
