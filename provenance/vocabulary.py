"""The different words of a text: a quick look that tells of most searches that they would find nothing.

A text repeats its words, so the words put together once are a fraction of it. What is not in them is not in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+")


def words_in(text: str) -> list[str]:
    """Returns the runs of letters and digits of a text, in order."""
    return _WORD.findall(text)


class Vocabulary:
    """The different words of one text.

    Args:
        text: The text, folded as it will be searched.
    """

    __slots__ = ("_joined", "_known", "text", "words")

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = frozenset(_WORD.findall(text))
        self._joined = " ".join(self.words)
        self._known: dict[str, bool] = {}

    def has_part(self, part: str) -> bool:
        """Whether some word of the text holds a run of letters and digits."""
        known = self._known.get(part)
        if known is None:
            known = self._known[part] = part in self._joined
        return known

    def holds(self, phrase: str, parts: Iterable[str]) -> bool:
        """Whether the text holds a phrase.

        Args:
            phrase: Any string.
            parts: Its runs of letters and digits.
        """
        return all(map(self.has_part, parts)) and phrase in self.text


@lru_cache(maxsize=2)
def vocabulary_of(text: str) -> Vocabulary:
    """Returns the vocabulary of a text; the last one is kept, since several detectors ask for it."""
    return Vocabulary(text)
