"""Recognising what an erased document said, where it is quoted by something that stays.

A text speaks of the document when it names its id, or repeats a run of its words: eight of them, or all of a shorter
quote of four and more. That is enough to find findings, reasons and reports that quote it. It does not find what was
said in other words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from corpus import batches

RUN = 8
"""Words in a row that are taken for a quote."""
LEAST = 4
"""Words of a shorter text that are taken for a quote if all of them stand in the document in a row."""
ANSWER_RUN = 12
"""Words in a row by which an answer is taken for one that quotes the document, where nothing else says so."""
GONE = "[erased]"
"""What stands in the place of a text that spoke of an erased document."""

_WORD = re.compile(r"\w+")
SPOKEN = ("findings", "reasons", "quality_reasons")
"""Columns of a document's row that may speak of another document, as JSON."""


class Words:
    """What an erased document is called and what it said.

    Args:
        doc_id: Its id.
        alias: What takes the place of the id.
    """

    def __init__(self, doc_id: str, alias: str) -> None:
        self.doc_id = doc_id
        self.alias = alias
        self._named = re.compile(rf"(?<![\w./-]){re.escape(doc_id)}(?![\w/-])(?!\.\w)")
        self._runs: dict[int, set[int]] = {size: set() for size in (LEAST, RUN, ANSWER_RUN)}
        self._short: set[str] = set()

    def learn(self, texts: Iterable[str]) -> None:
        """Adds what the document said, at one more revision."""
        for text in texts:
            words = _words(text)
            for size, runs in self._runs.items():
                runs.update(_runs(words, size))
            self._short.add(f" {' '.join(words)} ")

    def names(self, text: str) -> bool:
        """Returns whether a text names the document."""
        return self.doc_id in text and self._named.search(text) is not None

    def quotes(self, text: str) -> bool:
        """Returns whether a text repeats what the document said."""
        words = _words(text)
        if len(words) >= RUN:
            return self._repeats(words, RUN)
        if len(words) < LEAST or not self._repeats(words, LEAST):
            return False
        return any(f" {' '.join(words)} " in said for said in self._short)

    def runs_in(self, text: str) -> bool:
        """Returns whether a text repeats so much of the document that it was made from it (`ANSWER_RUN` words)."""
        return self._repeats(_words(text), ANSWER_RUN)

    def _repeats(self, words: list[str], size: int) -> bool:
        runs = self._runs[size]
        return bool(runs) and any(run in runs for run in _runs(words, size))

    def clean(self, value: Any) -> Any:
        """Returns a JSON value or text without what it says of the document; the value itself where it says nothing."""
        if isinstance(value, str):
            return self._clean_text(value)
        if isinstance(value, Mapping):
            fresh = {self._clean_text(key): self.clean(item) for key, item in value.items()}
            return value if fresh == value else fresh
        if isinstance(value, list | tuple):
            items = type(value)(self.clean(item) for item in value)
            return value if items == value else items
        return value

    def _clean_text(self, text: str) -> str:
        if text == self.doc_id:
            return self.alias
        return GONE if self.names(text) or self.quotes(text) else text

    def redact(self, text: str) -> str:
        """Returns a text of people, such as a contract, with `(erased)` in the place of each quote; its form stays.

        In round brackets, because square ones would be a list in YAML.
        """
        words = list(_WORD.finditer(text))
        runs, kept, end = self._runs[RUN], [], 0
        for place, run in enumerate(_runs([word.group().casefold() for word in words], RUN)):
            if run not in runs:
                continue
            first, last = words[place].start(), words[place + RUN - 1].end()
            if first >= end:
                kept += [text[end:first], "(erased)"]
            end = last
        return "".join((*kept, text[end:]))

    def clean_row(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Returns the row of another document without what its findings and reasons say of this one.

        Its own text, title and metadata stay as they are.
        """
        changed = {}
        for name in SPOKEN:
            said = row.get(name)
            if said and said != "[]":
                value = batches.loads(said)
                fresh = self.clean(value)
                if fresh != value:
                    changed[name] = batches.dumps(fresh)
        return {**row, **changed} if changed else row


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _runs(words: list[str], size: int) -> Iterator[int]:
    return (hash(tuple(words[start : start + size])) for start in range(len(words) - size + 1))
