"""What kind of document it is, told from its blocks and lines, and which checks may be asked of that kind.

Filters made to choose web prose fail API references, FAQs, tables and policies by their nature, so each
kind is excused from the checks that it breaks by being what it is. Judges nothing.
"""

# ruff: noqa: RUF001 - bread crumbs and dashes are told from what they look like

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from corpus.types import BlockKind, ParsedDocument

_CODE_LINE = re.compile(
    r"(?:def|class|import|return|elif|public|private|func|const|var|let|#include|\$|>>>|@\w+)\s+\S|from [\w.]+ import "
    r"|[\w.\[\]'\"]+ ?[-+*/:]?= ?[^=\s]|[\w.]+\(.*\)$"
)
_LISTED = re.compile(r"(?:[-*+•‣▪●]|\d{1,3}[.)])\s")
_DEFINED = re.compile(r"(?:\.\. [\w:-]+::|:[\w ]+:|--?[a-zA-Z][\w-]*\b|`[^`]+`\s*[:–—-]|[\w.]+\(.*\)\s*$)")
_ROW = re.compile(r"\|.*\||[^\t]*\t.*\t")
_CUE = re.compile(r"\[?\(?\d{1,2}:\d\d(?::\d\d)?\)?\]?(?:\s|$)")
_SPEAKER = re.compile(r"(?:\*\*)?([A-Z][\w.'-]*(?: [A-Z][\w.'-]*){0,2})(?:\*\*)?:(?:\*\*)?\s+\S")
_LINE_READ = 200
"""Characters of a line that are looked at."""
_LINES_READ = 400
"""Lines that are looked at: what a document is shows on its first pages."""
_SHARE = 0.4
"""Share of lines or characters that makes a text code, a list or a table (our choice, checked on Python's docs)."""
_DEFINITIONS = 0.15
"""Share of lines that open with a directive, an option or a signature in a reference (our choice)."""
_SPOKEN = 0.3
"""Share of lines that open with a speaker or a time (our choice)."""
_SLIDE_HEADINGS, _SLIDE_WORDS = 5, 40
"""Headings from which a text can be slides, and words below each that no slide exceeds on average (our choice)."""


class Profile(StrEnum):
    """The kinds of documents that are told apart."""

    PROSE = "prose"
    REFERENCE = "reference"
    FAQ = "faq"
    TABLE = "table"
    CODE = "code"
    SLIDES = "slides"
    TRANSCRIPT = "transcript"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of one kind.

    Attributes:
        excused: Checks that this kind breaks by nature.
        without: Sub-scores that mean nothing for it.
        weights: Sub-score to weight, where it differs from `WEIGHTS`.
    """

    excused: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    weights: Mapping[str, float] = field(default_factory=dict)


WEIGHTS: Mapping[str, float] = {
    "extraction": 0.35,
    "structure": 0.05,
    "prose": 0.2,
    "repetition": 0.2,
    "boilerplate": 0.1,
    "language": 0.03,
    "density": 0.07,
    "freshness": 0.0,
    "metadata": 0.0,
    "authority": 0.0,
}
"""A choice, not a measurement: text that was not extracted whole is the worst a retriever can be given.

The last three speak of the surroundings of a text. They are told, and count where a contract gives them weight."""

_WEB = frozenset({"few_punctuated_lines", "short_lines", "many_newlines", "few_sentences", "repeated_line_characters"})
_LISTS = _WEB | {"bullet_lines", "curly_bracket", "hashes", "short_words", "long_words"}
_LINES = frozenset({"duplicate_lines", "duplicate_line_characters"})
_GRAMS = frozenset({f"top_{n}_gram" for n in (2, 3, 4)} | {f"repeated_{n}_grams" for n in range(5, 11)})

PROFILES: Mapping[Profile, Asked] = {
    Profile.PROSE: Asked(),
    Profile.FAQ: Asked(excused=_WEB | {"long_section"}),
    Profile.REFERENCE: Asked(
        excused=_LISTS | _GRAMS | {"long_section", "few_alphabetic_words"}, weights={"prose": 0.1, "repetition": 0.1}
    ),
    Profile.TABLE: Asked(
        excused=_LINES | _GRAMS | {"repeated_line_characters", "long_paragraph", "compressible", "few_distinct_words"},
        without=frozenset({"prose", "language"}),
    ),
    Profile.CODE: Asked(
        excused=_LINES | _GRAMS | {"repeated_line_characters", "long_paragraph", "compressible", "single_letters",
                                   "garbled_words", "long_section", "few_distinct_words", "truncated"},
        without=frozenset({"prose", "language"}),
    ),
    Profile.SLIDES: Asked(excused=_LISTS | {"empty_sections", "truncated"}, weights={"prose": 0.1}),
    Profile.TRANSCRIPT: Asked(
        excused=_WEB | _GRAMS | {"long_section", "compressible", "truncated", "ellipsis_lines", "ellipses"},
        weights={"repetition": 0.1},
    ),
}  # fmt: skip
"""Which checks are asked of which kind, and how much each sub-score counts."""


def profile_of(document: ParsedDocument, lines: Sequence[str]) -> Profile:
    """Tells what kind of document a text is.

    Args:
        document: The document; its blocks and media type speak first.
        lines: The text's lines that are not blank, stripped.
    """
    lines = [line[:_LINE_READ] for line in lines[:_LINES_READ]]
    total, number = max(1, len(document.text)), max(1, len(lines))
    sizes = dict.fromkeys(BlockKind, 0)
    for block in document.blocks:
        sizes[block.kind] += len(block.span)
    asked = sum(1 for line in lines if line[-1] == "?")
    signs: tuple[tuple[Profile, Callable[[], bool]], ...] = (
        (Profile.TRANSCRIPT, lambda: document.media_type == "text/vtt" or _is_spoken(lines)),
        (
            Profile.TABLE,
            lambda: sizes[BlockKind.TABLE] > _SHARE * total or _rows(document.text, lines) > _SHARE * number,
        ),
        (Profile.SLIDES, lambda: _is_slides(document)),
        (Profile.FAQ, lambda: asked >= 3 and asked > 0.1 * number),
        (Profile.REFERENCE, lambda: sizes[BlockKind.LIST] > _SHARE * total or _like(_LISTED, lines) > _SHARE * number),
        (Profile.CODE, lambda: sizes[BlockKind.CODE] > _SHARE * total or _code_lines(lines) > _SHARE * number),
        (Profile.REFERENCE, lambda: _like(_DEFINED, lines) > _DEFINITIONS * number),
    )
    return next((profile for profile, holds in signs if holds()), Profile.PROSE)


def _like(pattern: re.Pattern[str], lines: Sequence[str]) -> int:
    match = pattern.match
    return sum(1 for line in lines if match(line))


def _rows(text: str, lines: Sequence[str]) -> int:
    return _like(_ROW, lines) if "|" in text or "\t" in text else 0


def _code_lines(lines: Sequence[str]) -> int:
    return _like(_CODE_LINE, lines) + sum(1 for line in lines if line[-1] in ";{}")


def _is_spoken(lines: Sequence[str]) -> bool:
    """Whether lines open with times, or with at least two names that come back."""
    if len(lines) < 6:
        return False
    if sum(1 for line in lines if "-->" in line) + _like(_CUE, lines) >= _SPOKEN * len(lines):
        return True
    names = [found[1] for line in lines if ":" in line[:60] and (found := _SPEAKER.match(line))]
    return len(names) >= _SPOKEN * len(lines) and 2 <= len(set(names)) <= len(names) / 2


def _is_slides(document: ParsedDocument) -> bool:
    if "presentation" in document.media_type or "powerpoint" in document.media_type:
        return True
    if document.media_type != "application/pdf":
        return False
    headings = sum(1 for block in document.blocks if block.kind is BlockKind.HEADING)
    return headings >= _SLIDE_HEADINGS and document.text.count(" ") <= _SLIDE_WORDS * headings
