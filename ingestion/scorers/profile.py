"""What kind of text it is, and the counts that every check reads. Judges nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from corpus.types import BlockKind, ParsedDocument

_SAMPLE = 400_000
"""Characters that are looked at: quality does not hide in the second half of a book."""
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_LETTER = re.compile(r"[^\W_]")
_CODE_LINE = re.compile(
    r"[;{}]$|^(?:def|class|import|from|return|if|for|while|#include|public|\$|>>>|\.\. )\b|\w\(.*\)$|="
)
_LISTED = re.compile(r"^(?:[-*+•‣▪●]|\d{1,3}[.)])\s")
_ROW = re.compile(r"^\|.*\||\t.*\t")
# UTF-8 read as Windows-1252 or Latin-1: a lead byte and what a continuation byte looks like in either.
_TRAILS = bytes(range(0x80, 0xC0)).decode("cp1252", "ignore") + "\u0080-\u00bf"
_MOJIBAKE = re.compile(f"[ÃÂÐÑØÙ][{_TRAILS}]|â[€\u0080][{_TRAILS}]|ï»¿|ï¿½")
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f]")
_SHORT = 50
"""Words below which the rules for prose mean nothing (Gopher drops such documents; we excuse them)."""
_SHARE = 0.4
"""Share of lines or characters that makes a text code, a list or a table (our choice, checked on Python's docs)."""


class Profile(StrEnum):
    """Which rules may be asked of a text."""

    PROSE = "prose"
    FAQ = "faq"
    REFERENCE = "reference"
    TABLE = "table"
    CODE = "code"
    SHORT = "short"
    UNSPACED = "unspaced"
    """Mostly in a script without spaces: word counts mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFacts:
    """Counts over the sample of one text.

    Attributes:
        text: The sample.
        lines: Its lines that are not blank, stripped.
        paragraphs: Its paragraphs, stripped.
        words: What stands between white space, lower case.
        blank: Whether there is no letter or digit at all.
        replacement: U+FFFD per character.
        control: Control characters per character.
        mojibake: Sequences of wrongly decoded UTF-8 per word.
        cid: `(cid:n)` per word, left by a font without a Unicode map.
        profile: Which rules may be asked.
    """

    text: str
    lines: tuple[str, ...]
    paragraphs: tuple[str, ...]
    words: tuple[str, ...]
    blank: bool
    replacement: float
    control: float
    mojibake: float
    cid: float
    profile: Profile


def facts_of(document: ParsedDocument) -> TextFacts:
    """Counts what the checks need, once."""
    text = document.text[:_SAMPLE]
    lines = tuple(line for line in map(str.strip, text.splitlines()) if line)
    words = tuple(text.lower().split())
    return TextFacts(
        text=text,
        lines=lines,
        paragraphs=tuple(part for part in map(str.strip, text.split("\n\n")) if part),
        words=words,
        replacement=text.count("\ufffd") / max(1, len(text)),
        control=len(_CONTROL.findall(text)) / max(1, len(text)),
        mojibake=0.0 if text.isascii() else len(_MOJIBAKE.findall(text)) / max(1, len(words)),
        cid=text.count("(cid:") / max(1, len(words)),
        blank=_LETTER.search(text) is None,
        profile=_profile(document, text, lines, len(words)),
    )


def _profile(document: ParsedDocument, text: str, lines: tuple[str, ...], words: int) -> Profile:
    if not text.isascii() and len(_UNSPACED.findall(text)) > 0.2 * len(text):
        return Profile.UNSPACED
    if words < _SHORT:
        return Profile.SHORT
    total = max(1, len(document.text))
    sizes = {kind: sum(len(b.span) for b in document.blocks if b.kind is kind) / total for kind in BlockKind}
    if sizes[BlockKind.TABLE] > _SHARE or _lines_like(_ROW, lines) > _SHARE:
        return Profile.TABLE
    if sizes[BlockKind.LIST] > _SHARE or _lines_like(_LISTED, lines) > _SHARE:
        return Profile.REFERENCE
    if sizes[BlockKind.CODE] > _SHARE or _lines_like(_CODE_LINE, lines) > _SHARE:
        return Profile.CODE
    asked = sum(line.endswith("?") for line in lines)
    return Profile.FAQ if asked >= 3 and asked > 0.1 * len(lines) else Profile.PROSE


def _lines_like(pattern: re.Pattern[str], lines: tuple[str, ...]) -> float:
    return sum(1 for line in lines if pattern.search(line[:200])) / max(1, len(lines))
