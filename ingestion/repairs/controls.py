"""Takes out characters that nobody sees and that break words: controls, soft hyphens, marks of byte order.

What a script or an emoji needs stays: joiners in Persian and the Indic scripts, in emoji, word breaks in Thai
and Khmer. Tag characters, bidirectional controls and variation selectors stay as well: they are evidence of hidden
text, and a rule of the contract decides about them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from corpus.types import Edit, Span

CODE = "control_characters"
_CONTROLS = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b-\u200d\u2060\ufeff]+")
_AS_LINE = frozenset("\x0b\x0c\x1c\x1d\x1e")
"""Controls that part lines; Unicode has them as white space."""
_JOINERS = frozenset("\u200b\u200c\u200d\u2060")
_LATIN_END = 0x250
"""Where the scripts begin whose letters may need a joiner (Latin Extended-B is the last that never does)."""
_GREEK_CYRILLIC = range(0x370, 0x530)


def control_edits(text: str, start: int, end: int) -> Iterator[Edit]:
    """Yields the removals in one stretch without code, in order.

    Args:
        text: The whole text.
        start: Where the stretch begins.
        end: Where it ends.
    """
    for match in _CONTROLS.finditer(text, start, end):
        kept = "".join(_kept(char, text, match) for char in match[0])
        if kept and set(match[0]) & _AS_LINE and not (_JOINERS & set(kept)):
            kept = "" if any(map(str.isspace, _sides(text, match))) else "\n"
        if kept != match[0]:
            span = Span(start=match.start(), end=match.end())
            yield Edit(span=span, before=match[0], after=kept, code=CODE)


def _kept(char: str, text: str, match: re.Match[str]) -> str:
    if char in _AS_LINE:
        return "\n"
    if char == "\x1f":
        return " "
    if char in _JOINERS and not all(_needs_no_joiner(side) for side in _sides(text, match)):
        return char
    return ""


def _needs_no_joiner(char: str) -> bool:
    return char.isalpha() and (ord(char) < _LATIN_END or ord(char) in _GREEK_CYRILLIC)


def _sides(text: str, match: re.Match[str]) -> tuple[str, str]:
    before = text[match.start() - 1] if match.start() else " "
    after = text[match.end()] if match.end() < len(text) else " "
    return before, after
