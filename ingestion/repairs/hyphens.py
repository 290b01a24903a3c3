"""Joins words that a line's end cut in two, where the document itself gives evidence of the word.

Only in running text that keeps its lines (plain text, PDF), never in code, lists of options or addresses.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from corpus.types import Edit, Span

CODE = "hyphenation"
MEDIA_TYPES = frozenset({"text/plain", "application/pdf"})
_CUT = re.compile(r"(?<![\w/.@_-])([^\W\d_]{2,})([-\u2010]\n)([^\W\d_]{2,})(?![\w/@_-])")
_WORDS = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
# What keeps its hyphen before many words.
_PREFIXES = frozenset(
    re.findall(
        r"\w+",
        "all anti co cross ex far first full half high ill in inter late long low mid multi near new non off on one"
        " open out over part post pre pro quasi re real second self semi short single so sub third three top two ultra"
        " under up well",
    )
)


def hyphen_edits(text: str, start: int, end: int) -> Iterator[Edit]:
    """Yields the joins in one paragraph, in order.

    Args:
        text: The whole text; its other words are the evidence.
        start: Where the paragraph begins.
        end: Where it ends.
    """
    found = list(_CUT.finditer(text, start, end))
    if not found:
        return
    known = _known(text)
    for match in found:
        if _is_one_word(match[1], match[3], known):
            yield Edit(span=Span(start=match.start(2), end=match.end(2)), before=match[2], after="", code=CODE)


@functools.lru_cache(maxsize=1)
def _known(text: str) -> frozenset[str]:
    """Returns the words of a text, those that a line's end cuts left out."""
    return frozenset(word.lower() for word in _WORDS.findall(_CUT.sub(" ", text)))


def _is_one_word(first: str, second: str, known: frozenset[str]) -> bool:
    """Whether two parts are one word: it occurs whole elsewhere, or nothing speaks for a compound."""
    if not second.islower():
        return False
    before, after = first.lower(), second.lower()
    if before + after in known:
        return True
    if f"{before}-{after}" in known or before in _PREFIXES:
        return False
    return not _stand_alone(before, after, known)


def _stand_alone(before: str, after: str, known: frozenset[str]) -> bool:
    """Whether both parts are words of this document by themselves."""
    return before in known and after in known
