"""Gopher's, C4's and FineWeb's filters, each as its measurements in the order in which it judges.

They were made to choose web pages for pre-training. Here they are evidence for a score of running prose
and gate nothing. `verdict` gives what the filter itself would say: the first bound that is broken, the same
that datatrove's filters name, as the tests show on real documents. They know no document and no profile.
"""

# ruff: noqa: RUF001 - the marks that look alike are what is told apart here

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from ingestion.scorers.grams import Grams, grams_of
from ingestion.scorers.limits import LIMITS
from ingestion.scorers.words import words_of, words_of_chunk

Measure = tuple[str, float]
"""Reason code and value; `LIMITS` says whether the value is good."""

STOP_WORDS = frozenset({"the", "be", "to", "of", "and", "that", "have", "with"})
"""Gopher's."""

# Unicode's Sentence_Terminal characters, less the two that only look like a full stop, plus Khmer's.
_TERMINAL = (
    "21 2e 3f 589 61d-61f 6d4 700-702 7f9 837 839 83d-83e 964-965 104a-104b 1362 1367-1368 166e 1735-1736 17d4-17d6"
    " 17d9-17da 1803 1809 1944-1945 1aa8-1aab 1b5a-1b5b 1b5e-1b5f 1b7d-1b7e 1c3b-1c3c 1c7e-1c7f 203c-203d 2047-2049"
    " 2e2e 2e3c 2e53-2e54 3002 a4ff a60e-a60f a6f3 a6f7 a876-a877 a8ce-a8cf a92f a9c8-a9c9 aa5d-aa5f aaf0-aaf1 abeb"
    " fe52 fe56-fe57 ff01 ff0e ff1f ff61 10a56-10a57 10f55-10f59 10f86-10f89 11047-11048 110be-110c1 11141-11143"
    " 111c5-111c6 111cd 111de-111df 11238-11239 1123b-1123c 112a9 1144b-1144c 115c2-115c3 115c9-115d7 11641-11642"
    " 1173c-1173e 11944 11946 11a42-11a43 11a9b-11a9c 11c41-11c42 11ef7-11ef8 11f43-11f44 16a6e-16a6f 16af5 16b37-16b38"
    " 16b44 16e98 1bc9f 1da88"
)


def _chars(ranges: str) -> frozenset[str]:
    spans = ([int(end, 16) for end in part.split("-")] for part in ranges.split())
    return frozenset(chr(code) for span in spans for code in range(span[0], span[-1] + 1))


TERMINAL = _chars(_TERMINAL)
"""What ends a sentence."""
_SYMBOLS = (
    TERMINAL | frozenset(string.punctuation + "«´»–—’“”„…∶━►、。〈〉《》「」【】！％（），．１：；？～")
    | _chars("0-8 b-c d-1f 7f-9f")
)  # fmt: skip
"""Characters that make no word by themselves, datatrove's set."""
_CITATION = re.compile(r"\[(?:\d*|edit|citation needed)\]")
_POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
_PARAGRAPHS = re.compile(r"\n{2,}")
_LINES = re.compile(r"\n+")
_BLANKS = re.compile(r"(\s+)")
_WIDE = re.compile(r"\s\s|[^\S ]")
_ENDINGS = (".", "?", "!", '"', "'")
_WORD_LONGEST = 1_000
_SENTENCES = 5
_SHORT_LINE = 30
ALPHABETIC, NAMING, SINGLE, GARBLED = 1, 2, 4, 8
"""Flags of a word: holds a letter; more than punctuation; one letter; nothing that an alphabet writes."""
_LENGTH = 4
# What stands for a vowel in a word of the Latin alphabet, Welsh and Czech included.
_VOWEL = re.compile("[aeiouyw]", re.IGNORECASE)
_DIGIT_INSIDE = re.compile(r"[a-z]\d+[a-z]")


class _Kinds(dict[str, int]):
    """Flags and length of a word in one number, worked out once."""

    def __missing__(self, word: str) -> int:
        if len(self) >= 200_000:
            self.clear()
        kind = ALPHABETIC * any(map(str.isalpha, word)) + NAMING * (not _SYMBOLS.issuperset(word)) + _shape(word)
        kind += len(word) << _LENGTH
        if len(word) <= 40:
            self[word] = kind
        return kind


def _shape(word: str) -> int:
    if not word.isascii() or not word[0].isalpha():
        return 0
    if len(word) == 1:
        return SINGLE
    if word.isalpha():
        return 0 if word.isupper() or len(word) < 3 or _VOWEL.search(word) else GARBLED
    return GARBLED if _DIGIT_INSIDE.search(word) else 0


_kinds = _Kinds()


@dataclass(frozen=True)
class Text:
    """One text, and what more than one filter counts in it, counted on first use.

    Attributes:
        text: The text.
    """

    text: str

    @cached_property
    def words(self) -> list[str]:
        """Words in order, punctuation included."""
        return words_of(self.text)

    @cached_property
    def kinds(self) -> npt.NDArray[np.int64]:
        """Flags of each word, and its length above them."""
        return np.fromiter(map(_kinds.__getitem__, self.words), np.int64, len(self.words))

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Characters of each word."""
        return self.kinds >> _LENGTH

    @cached_property
    def naming(self) -> int:
        """Words that are more than punctuation."""
        return self.count(NAMING)

    def count(self, flag: int) -> int:
        """Returns how many words have a flag."""
        return int(np.count_nonzero(self.kinds & flag))

    @cached_property
    def lines(self) -> list[str]:
        """Lines as Unicode ends them."""
        return self.text.splitlines()

    @cached_property
    def grams(self) -> Grams:
        """Words, ready for runs to be counted."""
        return grams_of(self.words, self.lengths)


def verdict(measures: Iterator[Measure]) -> str:
    """Returns the first reason of a filter to drop a text, empty where it keeps it."""
    return next((code for code, value in measures if code == "empty" or LIMITS[code].broken(value)), "")


def gopher_quality(text: Text, stop_words: Collection[str] = STOP_WORDS) -> Iterator[Measure]:
    """Yields what Gopher's quality filter measures.

    Args:
        text: The text.
        stop_words: The function words of which two must occur.
    """
    yield "too_short", text.naming
    yield "too_long", text.naming
    mean = float(text.lengths[(text.kinds & NAMING) > 0].mean()) if text.naming else 0.0
    yield "short_words", mean
    yield "long_words", mean
    words, lines = max(1, len(text.words)), max(1, len(text.lines))
    yield "hashes", text.text.count("#") / words
    yield "ellipses", (text.text.count("...") + text.text.count("…")) / words
    yield "bullet_lines", sum(line.lstrip().startswith(("•", "-")) for line in text.lines) / lines
    yield "ellipsis_lines", sum(line.rstrip().endswith(("...", "…")) for line in text.lines) / lines
    yield "few_alphabetic_words", text.count(ALPHABETIC) / words
    yield "few_stop_words", len(set(stop_words).intersection(text.words))


def gopher_repetition(text: Text) -> Iterator[Measure]:
    """Yields what Gopher's repetition filter measures; a value within its bound may be an upper estimate."""
    size = len(text.text)
    if not size:
        yield "empty", 1
        return
    paragraphs = _PARAGRAPHS.split(text.text.strip())
    again, characters = _seen_before(paragraphs)
    yield "duplicate_paragraphs", again / len(paragraphs)
    yield "duplicate_paragraph_characters", characters / size
    lines = _LINES.split(text.text)
    again, characters = _seen_before(lines)
    yield "duplicate_lines", again / len(lines)
    yield "duplicate_line_characters", characters / size
    yield from _top_grams(text.grams, size)
    yield from _repeated_grams(text.grams, size)


def c4(text: Text) -> Iterator[Measure]:
    """Yields what C4's filter measures: a dropping phrase where there is one, else the number of sentences."""
    sentences = 0
    hunted = "{" in text.text or "lorem ipsum" in text.text.lower()
    for line in text.lines:
        kept = _c4_line(line.strip())
        if not kept:
            continue
        low = kept.lower()
        if "lorem ipsum" in low:
            yield "lorem_ipsum", 1
        if "javascript" in low:
            continue
        if "{" in kept:
            yield "curly_bracket", 1
        if any(phrase in low for phrase in _POLICY):
            continue
        if sentences < _SENTENCES:
            sentences += _sentences(kept)
        elif not hunted:
            break
    yield "few_sentences", min(sentences, _SENTENCES)


def fineweb(text: Text) -> Iterator[Measure]:
    """Yields what FineWeb's own filter measures."""
    lines = [line for line in text.text.split("\n") if line and not line.isspace()]
    if not lines:
        yield "empty", 1
        return
    yield "few_punctuated_lines", sum(line[-1] in TERMINAL for line in lines) / len(lines)
    yield "short_lines", sum(len(line) <= _SHORT_LINE for line in lines) / len(lines)
    ends = text.text.count("\n")
    yield "repeated_line_characters", _seen_before(lines)[1] / (len(text.text) - ends)
    yield "many_newlines", ends / max(1, len(text.words))


def _seen_before(parts: Sequence[str]) -> tuple[int, int]:
    """Returns how many parts occurred before, and their characters."""
    different = set(parts)
    again = len(parts) - len(different)
    return again, sum(map(len, parts)) - sum(map(len, different)) if again else 0


def _top_grams(grams: Grams, size: int) -> Iterator[Measure]:
    """A longer run occurs no oftener than the shorter ones in it, so most texts need no count of 3 and 4."""
    most = 0
    for width in (2, 3, 4):
        code = f"top_{width}_gram"
        if most and most * grams.longest(width) <= LIMITS[code].bound * size:
            yield code, most * grams.longest(width) / size
            continue
        most, characters = grams.top(width)
        yield code, most * characters / size


def _repeated_grams(grams: Grams, size: int) -> Iterator[Measure]:
    """A long run that occurs again holds shorter ones that do, so the bound for the shorter holds for it."""
    bound = size
    for width in range(5, 11):
        code = f"repeated_{width}_grams"
        if bound > LIMITS[code].bound * size:
            bound = grams.repeated_bound(width)
        within = bound <= LIMITS[code].bound * size
        yield code, (bound if within else grams.repeated(width)) / size


def _c4_line(line: str) -> str:
    """Returns a line as C4 keeps it, empty where it is dropped."""
    words = line.split()
    if len(line) > _WORD_LONGEST and any(len(word) > _WORD_LONGEST for word in words):
        return ""
    if "[" in line:
        line = _CITATION.sub("", line)
    if not line.endswith(_ENDINGS) or line.endswith("..."):
        return ""
    return line if len(words) >= 3 else ""


def _sentences(line: str) -> int:
    """Counts the sentences of a line: one more for each word that follows a full stop and is no punctuation."""
    found, ended = 1, False
    for chunk in _BLANKS.split(line) if _WIDE.search(line) else line.split():
        if not chunk or chunk == " ":
            continue
        for word in (" ",) if chunk.isspace() else words_of_chunk(chunk):  # a wide gap is a word to the splitter
            if word in TERMINAL:
                ended = True
            elif ended and not _is_punctuation(word):
                found, ended = found + 1, False
    return found


@lru_cache(maxsize=100_000)
def _is_punctuation(word: str) -> bool:
    return all(unicodedata.category(char).startswith("P") for char in word)
