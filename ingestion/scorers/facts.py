"""The counts of one text that the checks read, each taken once. Judges nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from corpus.types import ParsedDocument
from ingestion.scorers.filters import GARBLED, SINGLE, Text
from ingestion.scorers.profile import Profile, profile_of

SAMPLE = 400_000
"""Characters that are looked at: quality does not hide in the second half of a book."""
SHORT = 50
"""Words below which the rules for prose mean nothing (Gopher drops such documents; we excuse them)."""
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_LETTER = re.compile(r"[^\W_]")
# UTF-8 read as Windows-1252 or Latin-1: a lead byte and what a continuation byte looks like in either.
_TRAILS = bytes(range(0x80, 0xC0)).decode("cp1252", "ignore") + "\u0080-\u00bf"
_MOJIBAKE = re.compile(f"[ÃÂÐÑØÙ][{_TRAILS}]|â[€\u0080][{_TRAILS}]|ï»¿|ï¿½")
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f]")
# C4's policy lines, and what a crawler gets instead of a page.
_NOTICES = (
    "cookie", "javascript is", "javascript must", "javascript to", "enable javascript", "privacy policy",
    "terms of use", "terms of service", "terms and conditions", "all rights reserved", "lorem ipsum",
    "page not found", "404 not found", "access denied", "403 forbidden", "are you a robot", "sign in to continue",
    "login to continue", "log in to continue", "subscribe to", "intentionally left blank", "copyright ©", "© 19",
    "© 20", "©19", "©20",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Counts over the sample of one text.

    Attributes:
        document: The document.
        text: The sample, with its words and lines.
        lines: Its lines that are not blank, stripped.
        low: The sample in lower case.
        profile: What kind of document it is.
        noticed: Whether a notice of a web site is mentioned anywhere.
        blank: Whether there is no letter or digit at all.
        short: Whether it has too few words for rules on prose.
        unspaced: Whether it is mostly in a script without spaces, where word counts mean nothing.
        replacement: U+FFFD per character.
        control: Control characters per character.
        mojibake: Sequences of wrongly decoded UTF-8 per word.
        cid: `(cid:n)` per word, left by a font without a Unicode map.
        single: Words of one letter, per word.
        garbled: Words that no alphabet writes, per word.
    """

    document: ParsedDocument
    text: Text
    lines: tuple[str, ...]
    low: str
    profile: Profile
    noticed: bool
    blank: bool
    short: bool
    unspaced: bool
    replacement: float
    control: float
    mojibake: float
    cid: float
    single: float
    garbled: float


def facts_of(document: ParsedDocument, document_type: str = "") -> Facts:
    """Counts what the checks need, once.

    Args:
        document: The document.
        document_type: The kind that it is, empty to tell it from the document.
    """
    sample = document.text[:SAMPLE]
    text = Text(sample)
    size, chunks = max(1, len(sample)), max(1, len(text.words))
    lines = tuple(line for line in map(str.strip, text.lines) if line)
    ascii_only, low = sample.isascii(), sample.lower()
    return Facts(
        document=document,
        text=text,
        lines=lines,
        low=low,
        noticed=mentions_notice(low),
        profile=Profile(document_type) if document_type else profile_of(document, lines),
        blank=_LETTER.search(sample) is None,
        short=text.naming < SHORT,
        unspaced=not ascii_only and len(_UNSPACED.findall(sample)) > 0.2 * len(sample),
        replacement=sample.count("\ufffd") / size,
        control=len(_CONTROL.findall(sample)) / size,
        mojibake=0.0 if ascii_only else len(_MOJIBAKE.findall(sample)) / chunks,
        cid=sample.count("(cid:") / chunks,
        single=text.count(SINGLE) / chunks,
        garbled=text.count(GARBLED) / chunks,
    )


def mentions_notice(low: str) -> bool:
    """Whether a lower-case text holds a phrase of a web site's notices."""
    return any(notice in low for notice in _NOTICES)
