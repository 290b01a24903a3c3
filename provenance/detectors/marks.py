"""Finds the marks that answers are served with: signed footers, and C2PA marks of plain text.

It only says that one stands there. Whether it is ours needs the trusted keys and the registry of answers, which
a detector is not given: `ingestion.marking` judges each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from corpus.ids import fingerprint
from corpus.types import Finding, ParsedDocument, RawBlob, Span
from provenance import marks, textmark

CODE = "mark.found"
"""Code of the finding that says only that a mark stands there."""
_QUOTE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class MarksDetector:
    """Detector of marks; every option is in its fingerprint.

    Attributes:
        most: Findings made per document and kind of mark.
    """

    name: ClassVar[str] = "marks/1"
    most: int = 20

    @property
    def fingerprint(self) -> str:
        """Digest of version and options."""
        return fingerprint("detector", {"name": self.name, "most": self.most})

    def detect(self, blob: RawBlob, document: ParsedDocument) -> tuple[Finding, ...]:  # noqa: ARG002 - the seam's form
        """Returns the marks of one document, in order of place."""
        found = [*self._footers(document.text), *self._hidden(document.text)]
        return tuple(sorted(found, key=lambda item: item.span or _NOWHERE))

    def _footers(self, text: str) -> Iterator[Finding]:
        for mark in islice(marks.find(text), self.most):
            words = marks.words_changed(text, mark)
            detail = {"kind": "footer", "mark": mark.token, "words": _WORDS[words]}
            quote = mark.span.of(text)[:_QUOTE] if mark.span else ""
            yield Finding(detector=self.name, code=CODE, level="-", span=mark.span, quote=quote, detail=detail)

    def _hidden(self, text: str) -> Iterator[Finding]:
        for found in islice(textmark.find(text), self.most):
            detail = {"kind": "c2pa-text", "mark": found.mark}
            yield Finding(detector=self.name, code=CODE, level="-", span=found.span, detail=detail)


_NOWHERE = Span(start=0, end=0)
_WORDS = {True: "changed", False: "as signed", None: "missing"}
