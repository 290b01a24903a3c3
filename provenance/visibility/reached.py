"""Where a stretch of text stands in the extracted text, whatever became of spaces, bullets and line breaks."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property

from corpus.types import Span

_WORD = re.compile(r"[^\W_]+")
MIN_KEY = 8
"""Letters and digits that a passage must have to be looked for: shorter ones occur anywhere."""


def key(text: str) -> str:
    """Returns the letters and digits of a text, nothing between them."""
    return "".join(_WORD.findall(text))


class Reading:
    """One text, searchable by letters and digits alone.

    Args:
        text: The text.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _key(self) -> str:
        return key(self._text)

    @cached_property
    def _starts(self) -> tuple[list[int], list[int]]:
        """Returns where each word starts, in the key and in the text."""
        in_key, in_text, at = [], [], 0
        for match in _WORD.finditer(self._text):
            in_key.append(at)
            in_text.append(match.start())
            at += match.end() - match.start()
        return in_key, in_text

    def count(self, passage: str) -> int:
        """Returns how often a passage occurs; 0 for one that is too short to tell."""
        wanted = key(passage)
        return self._key.count(wanted) if len(wanted) >= MIN_KEY else 0

    def find(self, passage: str, skip: int = 0) -> Span | None:
        """Returns where a passage stands.

        Args:
            passage: What to look for.
            skip: How many occurrences come before the one that is meant; the last one is taken where there are fewer.

        Returns:
            Its place in the text, None where it does not stand there or is too short to tell.
        """
        wanted = key(passage)
        if len(wanted) < MIN_KEY:
            return None
        at = self._key.find(wanted)
        for _ in range(skip):
            following = self._key.find(wanted, at + 1) if at >= 0 else -1
            if following < 0:
                break
            at = following
        return None if at < 0 else Span(start=self._place(at), end=self._place(at + len(wanted) - 1) + 1)

    def _place(self, at: int) -> int:
        in_key, in_text = self._starts
        word = bisect_right(in_key, at) - 1
        return in_text[word] + at - in_key[word]
