"""Mends text that was decoded wrongly: UTF-8 read as a legacy encoding, and entities escaped twice.

ftfy says what a line was meant to be (its rules were measured to be wrong less than once in a million
words of ordinary text). We only take a line's answer where the line does not speak of encodings itself, and only
the characters that differ. It never looks into code.
"""

from __future__ import annotations

import difflib
import functools
import html
import re
from collections.abc import Iterator
from itertools import accumulate

from corpus.types import Edit, Span

CODE = "encoding"
# What mojibake of any single-byte encoding looks like at the least: a character beyond ASCII beside another, or
# one of the few lead bytes before a space.
_SUSPECT = re.compile("[\x80-\x9f]|[^\x00-\x7f][^\x00-\x7f]|[ÃÂ√] ")
_ABOUT = re.compile(
    r"mojibake|utf-?8|utf-?16|encod|charset|windows-125|latin-?1|iso-?8859|cp125|\\x[0-9a-f]{2}", re.IGNORECASE
)
_QUOTED = re.compile("[`\"'\u201c\u2018\u00ab]([^\\x00-\\x7f]{1,12})[`\"'\u201d\u2019\u00bb]")
_RUNS = re.compile("[\x00-\x7f]+|[^\x00-\x7f]+")
_RUNS_MOST = 2_000
"""Runs of two lines that are compared one by one; a longer line is put in whole (comparing takes their product)."""
_TWICE = re.compile(r"&(?:amp;)+(?=(?:amp|lt|gt|quot|apos|nbsp|[a-z]{2,8}|#\d{2,6}|#x[0-9a-f]{2,5});)")
_IN_WORD = re.compile(
    r"(?<=\w )&amp;(?= \w)"
    r"|(?<=[A-Za-z])&(?:rsquo|lsquo|apos|#0?39|#8217|#x2019|[A-Za-z](?:acute|grave|circ|uml|tilde|cedil|ring));"
)
_ABOUT_MARKUP = re.compile(r"entit|escap|html|xml|markup|&lt;", re.IGNORECASE)


def encoding_edits(text: str, start: int, end: int) -> Iterator[Edit]:
    """Yields the mends of one stretch without code, in order.

    Args:
        text: The whole text.
        start: Where the stretch begins.
        end: Where it ends.
    """
    for line in re.finditer("[^\n]+", text[start:end]):
        place, content = start + line.start(), line[0]
        if not content.isascii() and _SUSPECT.search(content) and not _ABOUT.search(content):
            yield from _decoded(content, place)
        elif "&" in content and "<" not in content and not _ABOUT_MARKUP.search(content):
            yield from _unescaped(content, place)


@functools.lru_cache(maxsize=4_096)
def fixed(line: str) -> str:
    """Returns what a line was meant to be; the line itself where that is not certain."""
    import ftfy  # noqa: PLC0415 - only text that looks wrong needs it
    from ftfy import badness  # noqa: PLC0415

    if not badness.is_bad(line):
        return line
    mended = ftfy.fix_encoding(line)
    worse = "\n" in mended or "\x00" in mended or badness.badness(mended) >= badness.badness(line)
    return line if worse else mended


def _decoded(line: str, place: int) -> Iterator[Edit]:
    mended = fixed(line)
    if mended == line:
        return
    shown = [match.span(1) for match in _QUOTED.finditer(line) if fixed(match[1]) != match[1]]
    changes = [change for change in _differences(line, mended) if _is_certain(line, *change)]
    if all(any(start <= first and last <= end for start, end in shown) for first, last, _ in changes):
        return  # shown as an example: nothing else of the line is broken
    for first, last, after in changes:
        span = Span(start=place + first, end=place + last)
        yield Edit(span=span, before=line[first:last], after=after, code=CODE)


def _is_certain(line: str, first: int, last: int, after: str) -> bool:
    """Whether a change is more than a guess: a lone C1 control between blanks is some font's bullet."""
    if last - first != 1 or len(after) != 1 or not "\x80" <= line[first] <= "\x9f":
        return True
    return line[max(0, first - 1) : first].isalnum() or line[last : last + 1].isalnum()


def _unescaped(line: str, place: int) -> Iterator[Edit]:
    for match in _TWICE.finditer(line):
        yield _edit(match, place, "&")
    for match in _IN_WORD.finditer(line):
        if not _TWICE.match(line, match.start()):
            yield _edit(match, place, html.unescape(match[0]))


def _edit(match: re.Match[str], place: int, after: str) -> Edit:
    return Edit(
        span=Span(start=place + match.start(), end=place + match.end()), before=match[0], after=after, code=CODE
    )


def _differences(before: str, after: str) -> Iterator[tuple[int, int, str]]:
    """Yields the least stretches that differ, with what stands there afterwards.

    A decoding changes what is not ASCII, so the ASCII between is what both have in common.
    """
    mine, theirs = _RUNS.findall(before), _RUNS.findall(after)
    pairs: Iterator[tuple[int, int, int, int]]
    if [run for run in mine if run.isascii()] == [run for run in theirs if run.isascii()] and len(mine) == len(theirs):
        pairs = ((place, place + 1, place, place + 1) for place in range(len(mine)) if mine[place] != theirs[place])
    elif len(mine) + len(theirs) <= _RUNS_MOST:
        opcodes = difflib.SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes()
        pairs = ((i, j, k, m) for tag, i, j, k, m in opcodes if tag != "equal")
    else:
        pairs = iter([(0, len(mine), 0, len(theirs))])
    places = [0, *accumulate(map(len, mine))]
    for i, j, k, m in pairs:
        yield _trimmed("".join(mine[i:j]), "".join(theirs[k:m]), places[i])


def _trimmed(before: str, after: str, place: int) -> tuple[int, int, str]:
    """Takes what both share at either end away."""
    head = 0
    while head < min(len(before), len(after)) and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < min(len(before), len(after)) - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    return place + head, place + len(before) - tail, after[head : len(after) - tail]
