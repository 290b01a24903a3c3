"""Sentences of a text with their places, in any language that marks where a sentence ends.

By rules and without a model: a full stop ends a sentence unless it stands in a number, after an initial or an
abbreviation, or before a lower-case word. Lines of lists, tables and headings are sentences of their own; markup
at their head is left out of them. What is too short to say something is joined to nothing and may be left aside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from corpus.types import Span

LONGEST = 1_200
"""Characters of one sentence at most; what goes on without a mark is cut at a blank (our choice)."""

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_CLOSERS = "[\"'\u2019\u201d\u00bb)\\]\u300d\u300f\uff09*_]*"
_END = re.compile(
    f"[.!?\u2026\u203d\u037e]+{_CLOSERS}(?:\\[\\^?\\d{{1,4}}\\])*(?=\\s|$)"
    f"|[\u3002\uff01\uff1f\uff0e\u0964\u0965\u06d4\u061f\u1362\u17d4]+{_CLOSERS}"
)
_LINE = re.compile(r"[^\n]+")
_HEAD = re.compile(r"\s*(?:(?:[-*+\u2022\u2023\u25aa>|]|#{1,6}|\(?\d{1,3}[.)])\s+)*")
_PROSE_END = re.compile(r"[.!?\u2026:;,\u3002\uff01\uff1f\u0964]\s*$")
_WORD = re.compile(f"[^\\W_{_UNSPACED}]+|[{_UNSPACED}]")
_BEFORE = re.compile(r"(?:^|[\s(\[\"'\u201c\u2018\u00ab])([^\s(\[\"'\u201c\u2018\u00ab]*)$")
_ABBREVIATIONS = frozenset(
    {
        "mr", "mrs", "ms", "dr", "prof", "st", "sr", "jr", "gen", "col", "lt", "sgt", "rep", "sen", "gov", "hon",
        "rev", "vs", "etc", "cf", "al", "fig", "figs", "eq", "eqs", "no", "nos", "nr", "vol", "vols", "pp", "p", "ch",
        "sec", "approx", "est", "dept", "inc", "ltd", "co", "corp", "bros", "jan", "feb", "mar", "apr", "jun", "jul",
        "aug", "sep", "sept", "oct", "nov", "dec", "e.g", "i.e", "u.s", "u.k", "u.n", "a.m", "p.m", "ca", "bzw",
        "usw", "evtl", "ggf", "abs", "art", "bd", "hrsg", "z.b", "d.h", "u.a", "o.g", "s.o", "vgl", "mme", "mlle",
        "sra", "sras", "srta", "ud", "uds", "pag", "núm", "av", "ed", "eds",
    }
)  # fmt: skip


def sentences(text: str) -> tuple[Span, ...]:
    """Returns the sentences of a text, in order, not overlapping, blanks and list marks around them left out.

    Law: every letter and digit outside list marks is in exactly one sentence. Linear time.
    """
    return tuple(span for block in _blocks(text) for span in _cut(text, block))


def words(text: str) -> int:
    """Returns the number of words; in scripts without spaces two characters count as one."""
    found = _WORD.findall(text)
    single = sum(1 for word in found if len(word) == 1 and word >= "\u0e00")
    return len(found) - single + (single + 1) // 2


def _blocks(text: str) -> Iterator[Span]:
    """Joins lines that are one paragraph broken by width; a list item, a heading and a blank line stand alone."""
    start = end = -1
    for line in _LINE.finditer(text):
        body = line.group()
        if not body.strip():
            continue
        head = _head(body)
        fresh = bool(head.strip())
        close = (
            start >= 0 and text.count("\n", end, line.start()) == 1 and not fresh and _goes_on(text[start:end], body)
        )
        if close:
            end = line.end()
            continue
        if start >= 0:
            yield Span(start=start, end=end)
        start, end = line.start() + len(head), line.end()
    if start >= 0:
        yield Span(start=start, end=end)


def _head(line: str) -> str:
    """Returns the marks of a list or a heading that a line begins with, and the blanks around them."""
    found = _HEAD.match(line)
    return found.group() if found else ""


def _goes_on(before: str, line: str) -> bool:
    """Whether a line continues the one before it: that was long, or ends in the midst of a sentence."""
    last = before[before.rfind("\n") + 1 :]
    return len(last) >= 50 or (not _PROSE_END.search(last) and line.lstrip()[:1].islower())


def _cut(text: str, block: Span) -> Iterator[Span]:
    start = block.start
    for found in _END.finditer(text, block.start, block.end):
        if found.end() < block.end and not _is_end(text, start, found):
            continue
        yield from _fitted(text, start, found.end())
        start = found.end()
    yield from _fitted(text, start, block.end)


def _is_end(text: str, start: int, found: re.Match[str]) -> bool:
    if found.group()[0] != "." or found.group().startswith(".."):
        return True
    word = _BEFORE.search(text, max(start, found.start() - 40), found.start())
    last = word.group(1).casefold() if word else ""
    if last in _ABBREVIATIONS or (len(last) == 1 and last.isalpha()):
        return False
    following = text[found.end() : found.end() + 20].lstrip()
    if last.isdigit() and len(last) <= 2 and text[found.end() : found.end() + 1] == " ":
        return not following[:1].isalpha()  # "am 26. März", "the 3. of May"
    return not following[:1].islower()


def _fitted(text: str, start: int, end: int) -> Iterator[Span]:
    while start < end:
        stop = end
        if end - start > LONGEST:
            blank = text.rfind(" ", start + LONGEST // 2, start + LONGEST)
            stop = blank if blank > 0 else start + LONGEST
        left = start + len(text[start:stop]) - len(text[start:stop].lstrip())
        right = left + len(text[left:stop].rstrip())
        if any(character.isalnum() for character in text[left:right]):
            yield Span(start=left, end=right)
        start = stop
