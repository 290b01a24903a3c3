"""The checks behind the heuristic score, each a reason code and a value in [0, 1].

Sources: Gopher is Rae et al. 2021 (arXiv:2112.11446), table A1; C4 is Raffel et al. 2020 (JMLR 21),
section 2.2. A value is 1 within its limit and falls to 0 at twice the limit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingestion.scorers.profile import Profile, TextFacts

Check = tuple[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every threshold, with its source."""

    replacement: float = 0.005  # U+FFFD per character; Stemma's design page on quality, 2026
    mojibake: float = 0.01  # broken sequences per word, ours: one in a hundred words is not a stray character
    control: float = 0.005  # control characters per character, ours, as for U+FFFD
    cid: float = 0.01  # `(cid:n)` per word, ours: a font without a Unicode map leaves them by the page
    words_most: int = 100_000  # Gopher
    word_length_least: float = 3.0  # Gopher
    word_length_most: float = 10.0  # Gopher
    symbols: float = 0.1  # `#` and ellipses per word, Gopher
    bullets: float = 0.9  # lines that open with a bullet, Gopher
    ellipses: float = 0.3  # lines that end with an ellipsis, Gopher
    alphabetic: float = 0.8  # words with a letter, Gopher
    stop_words: int = 2  # different stop words, Gopher
    duplicate_lines: float = 0.3  # Gopher
    duplicate_line_characters: float = 0.2  # Gopher
    duplicate_paragraphs: float = 0.3  # Gopher
    duplicate_paragraph_characters: float = 0.2  # Gopher
    top_grams: tuple[float, float, float] = (0.2, 0.18, 0.16)  # characters in the commonest 2, 3, 4-gram, Gopher
    single_letters: float = 0.15  # tokens of one letter in OCR garbage; design page on quality, 2026
    garbled: float = 0.3  # tokens without a vowel or with digits inside, ours, asked only beside the one above
    notice_words: int = 30  # words in a line of boilerplate, ours
    boilerplate_words: int = 20  # words that must remain beside boilerplate lines, ours


LIMITS = Limits()

# Gopher's eight, and the commonest words of other European languages, so that they are not failed as bad English.
_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "the be to of and that have with der die und das nicht mit ist de la le et les des que en el los para una il di"
        " che per non o os um uma não het een van och att det som i w nie się na to og på er ja on ei és a az se",
    )
)
_LATIN = re.compile("[a-z]")
_ELLIPSIS = re.compile(r"\.\.\.|…")
_BULLETS = ("-", "*", "•", "‣", "▪", "●", "◦")
_HAS_LETTER = re.compile(r"[^\W\d_]")
_GARBLED = re.compile(r"[bcdfghjklmnpqrstvwxz]{5}|[a-z]\d+[a-z]|[^\w\s]{3}")
# C4's policy lines, and what a crawler gets instead of a page.
_BOILERPLATE = re.compile(
    r"cookie|javascript (?:is|must|to)|enable javascript|privacy policy|terms (?:of (?:use|service)|and conditions)"
    r"|all rights reserved|lorem ipsum|page not found|404 not found|access denied|403 forbidden|are you a robot"
    r"|sign in to continue|log ?in to continue|subscribe to|this page (?:was )?intentionally left blank"
    r"|copyright ©|© ?\d{4}"
)


def extraction(facts: TextFacts) -> Iterator[Check]:
    """Yields how whole the text came out of its file."""
    yield "replacement_characters", _within(facts.replacement, LIMITS.replacement)
    yield "control_characters", _within(facts.control, LIMITS.control)
    yield "mojibake", _within(facts.mojibake, LIMITS.mojibake)
    yield "unmapped_glyphs", _within(facts.cid, LIMITS.cid)


def prose(facts: TextFacts) -> Iterator[Check]:
    """Yields how the text keeps Gopher's rules, those that its profile is not excused from."""
    if facts.profile in (Profile.SHORT, Profile.UNSPACED):
        return
    words, lines = max(1, len(facts.words)), max(1, len(facts.lines))
    yield "too_long", _within(words, LIMITS.words_most)
    ellipses = sum(line.endswith(("...", "…")) for line in facts.lines)
    yield "ellipsis_lines", _within(ellipses / lines, LIMITS.ellipses)
    if facts.profile in (Profile.CODE, Profile.TABLE):
        return
    letters = sum(map(str.isalpha, facts.words))
    if letters < LIMITS.alphabetic * words:
        letters += sum(1 for word in facts.words if not word.isalpha() and _HAS_LETTER.search(word))
    yield "few_alphabetic_words", _at_least(letters / words, LIMITS.alphabetic)
    if _LATIN.search(facts.text):
        yield "few_stop_words", _at_least(len(_STOP_WORDS.intersection(facts.words)), LIMITS.stop_words)
    if facts.profile is Profile.PROSE:
        yield from _strict(facts, words, lines)


def repetition(facts: TextFacts) -> Iterator[Check]:
    """Yields how much of the text is said again."""
    if facts.profile is Profile.SHORT:
        return
    limits = LIMITS.duplicate_paragraphs, LIMITS.duplicate_paragraph_characters
    yield from _duplicates("paragraphs", facts.paragraphs, *limits)
    if facts.profile in (Profile.CODE, Profile.TABLE):  # closing braces, `return`, empty cells
        return
    yield from _duplicates("lines", facts.lines, LIMITS.duplicate_lines, LIMITS.duplicate_line_characters)
    if facts.profile is not Profile.UNSPACED:
        yield from _top_grams(facts.words)


def is_mojibake(facts: TextFacts) -> bool:
    """Whether so much of the text is wrongly decoded that nobody can use it."""
    # Some times the limit: below that a reader, and an embedding, still make out the words.
    noise = facts.control > 4 * LIMITS.control or facts.mojibake > 10 * LIMITS.mojibake
    return noise or facts.replacement > LIMITS.replacement


def is_ocr_garbage(facts: TextFacts) -> bool:
    """Whether the text is what an OCR engine or a font without a Unicode map made of a page."""
    words = max(1, len(facts.words))
    if facts.cid > 10 * LIMITS.cid:
        return True
    single = sum(1 for word in facts.words if len(word) == 1 and word.isalpha()) / words
    if single <= LIMITS.single_letters:
        return False
    garbled = sum(1 for word in facts.words if _GARBLED.search(word)) / words
    return single > 0.5 or garbled + single > LIMITS.garbled


def is_boilerplate(facts: TextFacts) -> bool:
    """Whether nothing but notices of a web site is left of a page."""
    notices = rest = 0
    for line in facts.lines:
        if _is_notice(line):
            notices += 1
        else:
            rest += line.count(" ") + 1
            if rest >= LIMITS.boilerplate_words:
                return False
    return 2 * notices >= max(1, len(facts.lines))


def _is_notice(line: str) -> bool:
    """A notice is a line of its own; an article that mentions cookies is none."""
    return line.count(" ") < LIMITS.notice_words and _BOILERPLATE.search(line.lower()) is not None


def _strict(facts: TextFacts, words: int, lines: int) -> Iterator[Check]:
    """Gopher's rules that only running prose keeps."""
    mean = sum(map(len, facts.words)) / words
    yield "word_length", min(_at_least(mean, LIMITS.word_length_least), _within(mean, LIMITS.word_length_most))
    symbols = facts.text.count("#") + len(_ELLIPSIS.findall(facts.text))
    yield "symbols", _within(symbols / words, LIMITS.symbols)
    yield "bullet_lines", _within(sum(line.startswith(_BULLETS) for line in facts.lines) / lines, LIMITS.bullets)


def _duplicates(name: str, parts: Sequence[str], count: float, characters: float) -> Iterator[Check]:
    again = [part for part, times in Counter(parts).items() for _ in range(times - 1)]
    total = sum(map(len, parts))
    yield f"duplicate_{name}", _within(len(again) / max(1, len(parts)), count)
    yield f"duplicate_{name}_characters", _within(sum(map(len, again)) / max(1, total), characters)


def _top_grams(words: Sequence[str]) -> Iterator[Check]:
    """Yields the share of characters in the commonest 2, 3 and 4-gram.

    A longer gram occurs no oftener than the shorter ones in it, so most texts need no look at 3 and 4.
    """
    total, longest = sum(map(len, words)), max(map(len, words), default=0)
    times = len(words)
    for width, limit in enumerate(LIMITS.top_grams, start=2):
        if times * width * longest <= limit * total:
            yield f"top_{width}_gram", 1.0
            continue
        grams = Counter(zip(*(words[place:] for place in range(width)), strict=False))
        top, times = grams.most_common(1)[0] if grams else ((), 0)
        share = sum(map(len, top)) * times / max(1, total) if times > 1 else 0.0
        yield f"top_{width}_gram", _within(share, limit)


def _within(value: float, limit: float) -> float:
    return 1.0 if value <= limit else max(0.0, 2 - value / limit)


def _at_least(value: float, limit: float) -> float:
    return min(1.0, value / limit)
