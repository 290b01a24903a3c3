"""The checks behind the heuristic score: for each sub-score, reason codes and measured values.

Bounds and their sources stand in `limits`; which of them are asked of which kind of document, in `profile`.
Hard failures are here as well: what no threshold of a contract can make usable.
"""

# ruff: noqa: RUF001 - bread crumbs and dashes are told from what they look like

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from corpus.types import Block, BlockKind
from ingestion.language import UNDETERMINED, language_of
from ingestion.scorers import filters
from ingestion.scorers.facts import Facts, mentions_notice
from ingestion.scorers.filters import Measure
from ingestion.scorers.limits import LIMITS

# Gopher's eight, and the commonest words of other European languages, so that they are not failed as bad English.
_COMMON = (
    "the be to of and that have with der die und das nicht mit ist de la le et les des que en el los para una il di che"
    " per non o os um uma não het een van and att det som i w nie się na to og på er ja on ei és a az se"
)
_STOP_WORDS = frozenset(_COMMON.split()) | filters.STOP_WORDS
_LATIN = re.compile("[a-z]")
_BULLETS = ("-", "*", "•", "‣", "▪", "●", "◦")
_CUT = re.compile(r"(?:\[(?:\.\.\.|…|truncated|cut|more)\]|\(truncated\)|\bread more|\bcontinue reading)\W*$")
_LIST_ITEM = re.compile(r"^(?:[-*+•‣▪●]|\d{1,3}[.)]|[.:|#`>])")
_ADDRESS = re.compile(r"https?://\S+|www\.\S+")
_NOTICE_WORDS = 30
"""Words in a notice; an article that mentions cookies is none (ours)."""
_REMAINING = 20
"""Words that must remain beside notices (ours)."""
_CRUMBS = re.compile(r"\S\s*[|›»·]\s+\S.*[|›»·]\s+\S")
_MENU_WORDS = 16
_WINDOW = 200
_WINDOWS = 4
_PACKED = 8_000
_FIRST = 1_000
_ENOUGH = 300
"""Words or characters below which density means nothing (ours)."""


def extraction(facts: Facts) -> Iterator[Measure]:
    """Yields how whole the text came out of its file."""
    yield "replacement_characters", facts.replacement
    yield "control_characters", facts.control
    yield "mojibake", facts.mojibake
    yield "unmapped_glyphs", facts.cid
    yield "decoding_loss", sum(note.startswith("decoded_with_loss") for note in facts.document.notes)
    if not (facts.short or facts.unspaced):
        if facts.profile.value not in ("reference", "table"):  # lists of answers, of parts, of marks
            yield "single_letters", facts.single
        yield "garbled_words", facts.garbled
        yield "truncated", _truncated(facts)


def structure(facts: Facts) -> Iterator[Measure]:
    """Yields how the document is ordered; nothing where the parser saw no structure at all."""
    blocks = facts.document.blocks
    if facts.short or facts.unspaced or len(blocks) < 2:
        return
    headings = [(place, block) for place, block in enumerate(blocks) if block.kind is BlockKind.HEADING]
    ends = [block.span.start for _, block in headings] + [len(facts.document.text)]
    per_word = max(1.0, len(facts.text.text) / max(1, facts.text.naming))
    yield "long_section", max(after - before for before, after in zip([0, *ends], ends, strict=False)) / per_word
    widest = max((len(block.span) for block in blocks if block.kind is BlockKind.PARAGRAPH), default=0)
    yield "long_paragraph", widest / per_word
    if len(headings) > 1:
        levels = [block.level for _, block in headings]
        jumps = sum(after > before + 1 for before, after in pairwise(levels))
        yield "heading_jumps", jumps / len(levels)
        yield "empty_sections", sum(_is_empty(blocks, place) for place, _ in headings) / len(headings)
    tables = [block.span.of(facts.document.text) for block in blocks if block.kind is BlockKind.TABLE]
    if tables:
        yield "ragged_tables", sum(map(_is_ragged, tables)) / len(tables)


def prose(facts: Facts) -> Iterator[Measure]:
    """Yields how the text keeps the rules of Gopher, C4 and FineWeb."""
    if facts.short or facts.unspaced:
        return
    for code, value in filters.gopher_quality(facts.text, _STOP_WORDS):
        if code == "few_stop_words" and not _LATIN.search(facts.low):
            continue
        yield code, _alphabetic(facts) if code == "few_alphabetic_words" else value
    found = dict(filters.c4(facts.text))
    for code in ("lorem_ipsum", "curly_bracket"):
        yield code, found.get(code, 0)
    yield "few_sentences", found["few_sentences"]
    for code, value in filters.fineweb(facts.text):
        if LIMITS[code].part == "prose":
            yield code, value


def repetition(facts: Facts) -> Iterator[Measure]:
    """Yields how much of the text is said again."""
    if facts.short:
        return
    for code, value in filters.gopher_repetition(facts.text):
        if not (facts.unspaced and code.endswith(("_gram", "_grams"))):
            yield code, value


def boilerplate(facts: Facts) -> Iterator[Measure]:
    """Yields how much of the page is not its content."""
    if facts.short:
        return
    number = max(1, len(facts.lines))
    yield "boilerplate_lines", sum(map(_is_notice, facts.lines)) / number if facts.noticed else 0.0
    if facts.profile.value != "table":
        barred = any(mark in facts.low for mark in "|›»·")
        yield "navigation_lines", sum(1 for line in facts.lines if _is_menu(line)) / number if barred else 0.0


def language(facts: Facts) -> Iterator[Measure]:
    """Yields whether the text keeps to one language."""
    text = facts.text.text
    if facts.short or len(text) < 6 * _WINDOW:
        return
    step = max(_WINDOW, (len(text) - _WINDOW) // (_WINDOWS - 1))
    windows = [language_of(text[start : start + _WINDOW]) for start in range(0, len(text) - _WINDOW + 1, step)]
    told = [name for name in windows if name != UNDETERMINED]
    if len(told) > 1:
        yield "mixed_languages", 1 - Counter(told).most_common(1)[0][1] / len(told)


def density(facts: Facts) -> Iterator[Measure]:
    """Yields how much the text says for its length."""
    text, words = facts.text.text, facts.text.words
    if len(words) >= _ENOUGH and not facts.unspaced:
        first = words[:_FIRST]
        yield "few_distinct_words", len(set(first)) / len(first)
    if len(text) >= _ENOUGH:
        packed = text[:_PACKED].encode("utf-8", "surrogatepass")
        yield "compressible", len(zlib.compress(packed, 1)) / len(packed)
    if "://" in text or "www." in text:
        yield "addresses", sum(map(len, _ADDRESS.findall(text))) / len(text)


def fatal(facts: Facts) -> Iterator[str]:
    """Yields why nobody can use the text, whatever its score."""
    if _is_mojibake(facts):
        yield "mojibake"
    if not facts.unspaced and facts.profile.value in ("prose", "faq", "slides") and _is_ocr_garbage(facts):
        yield "ocr_garbage"
    if _is_boilerplate(facts):
        yield "boilerplate_only"


def _is_mojibake(facts: Facts) -> bool:
    # Some times the limit: below that a reader, and an embedding, still make out the words.
    noise = facts.control > 4 * LIMITS["control_characters"].bound or facts.mojibake > 10 * LIMITS["mojibake"].bound
    return noise or facts.replacement > LIMITS["replacement_characters"].bound


def _is_ocr_garbage(facts: Facts) -> bool:
    """Whether the text is what an OCR engine or a font without a Unicode map made of a page."""
    if facts.cid > 10 * LIMITS["unmapped_glyphs"].bound:
        return True
    if facts.short:  # "Plan B", an article's number, a formula: too few words to tell
        return False
    if facts.single <= LIMITS["single_letters"].bound:
        return False
    return facts.single > 0.5 or facts.garbled + facts.single > 0.3


def _is_boilerplate(facts: Facts) -> bool:
    """Whether nothing but notices of a web site is left of a page."""
    if not facts.noticed:
        return False
    notices = rest = 0
    for line in facts.lines:
        if _is_notice(line):
            notices += 1
        else:
            rest += line.count(" ") + 1
            if rest >= _REMAINING:
                return False
    return 2 * notices >= max(1, len(facts.lines))


def _is_notice(line: str) -> bool:
    """A notice is a line of its own; an article that mentions cookies is none."""
    return line.count(" ") < _NOTICE_WORDS and mentions_notice(line.lower())


def _is_menu(line: str) -> bool:
    return line.count(" ") < _MENU_WORDS and not line.startswith("|") and _CRUMBS.search(line) is not None


def _alphabetic(facts: Facts) -> float:
    """Returns the share of words with a letter; punctuation, which datatrove counts as words, is none here."""
    return facts.text.count(filters.ALPHABETIC) / max(1, facts.text.naming)


def _truncated(facts: Facts) -> int:
    """Whether the text says that it goes on elsewhere, or its last long paragraph ends inside a sentence."""
    last = facts.lines[-1] if facts.lines else ""
    if _CUT.search(last[-40:].lower()):
        return 1
    kinds = [block.kind for block in facts.document.blocks[-1:]]
    if len(facts.document.text) > len(facts.text.text) or (kinds and kinds[0] is not BlockKind.PARAGRAPH):
        return 0
    running = last.count(" ") >= 20 and not _LIST_ITEM.match(last)
    return int(running and (last[-1] in ",-(" or (last[-1].isascii() and last[-1].islower())))


def _is_empty(blocks: tuple[Block, ...], place: int) -> bool:
    """Whether a heading has nothing below it: neither text nor a deeper heading."""
    following = blocks[place + 1] if place + 1 < len(blocks) else None
    if following is None:
        return True
    return following.kind is BlockKind.HEADING and following.level <= blocks[place].level


def _is_ragged(table: str) -> bool:
    """Whether the rows of a table drawn with bars or tabs differ in cells."""
    rows = [line.strip() for line in table.splitlines() if line.strip()]
    mark = "|" if all("|" in row for row in rows) else "\t"
    return len({row.strip("|").count(mark) for row in rows}) > 1 if any(mark in row for row in rows) else False
