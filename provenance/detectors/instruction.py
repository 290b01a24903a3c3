"""Finds visible text that gives orders to a language model, and texts crammed with questions to be retrieved.

It reads the extracted text only; whether a passage is hidden from people is another detector's evidence, and
`provenance.crossing` brings the two together. It decides nothing: a security handbook quotes attacks too.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar

from corpus.ids import fingerprint
from corpus.types import Finding, ParsedDocument, RawBlob, Span
from provenance.detectors.quoting import Shown
from provenance.instructions import THRESHOLD, cues, instructions_in
from provenance.stuffing import SIGNS, Stuffing, stuffing_of

_QUOTE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionDetector:
    """Detector of orders to a model; every option is in its fingerprint.

    Attributes:
        most: Passages kept per document; `detail.count` holds the true number.
    """

    name: ClassVar[str] = "instruction/1"
    most: int = 20

    @property
    def fingerprint(self) -> str:
        """Digest of version, cues and options."""
        rows = [[cue.name, cue.weight, cue.order, cue.source] for cue in cues()]
        parts = {"name": self.name, "options": asdict(self), "threshold": THRESHOLD, "cues": rows, "stuffing": SIGNS}
        return fingerprint("detector", parts)

    def detect(self, blob: RawBlob, document: ParsedDocument) -> tuple[Finding, ...]:  # noqa: ARG002 - the seam's form
        """Returns the passages that give orders and the sign of stuffing, in order of place."""
        found = [*self._orders(document)]
        stuffing = stuffing_of(document.text)
        if stuffing is not None:
            found.append(self._stuffed(document.text, stuffing))
        return tuple(sorted(found, key=lambda finding: finding.span or Span(start=0, end=0)))

    def _orders(self, document: ParsedDocument) -> tuple[Finding, ...]:
        passages = instructions_in(document.text, _Lazily(document))
        return tuple(
            Finding(
                detector=self.name,
                code=f"instruction.{passage.kind}",
                level="-",
                span=passage.span,
                quote=passage.span.of(document.text)[:_QUOTE],
                detail={"hidden": False, "score": passage.score, "cues": list(passage.cues), "count": len(passages)},
            )
            for passage in passages[: self.most]
        )

    def _stuffed(self, text: str, stuffing: Stuffing) -> Finding:
        return Finding(
            detector=self.name,
            code="poison.question_stuffing",
            level="-",
            span=stuffing.span,
            quote=stuffing.span.of(text)[:_QUOTE],
            detail={"sign": stuffing.sign, "items": stuffing.items, "share": stuffing.share},
        )


class _Lazily:
    """Whether a place of a document shows instead of says; worked out when it is first asked."""

    __slots__ = ("_document", "_shown")

    def __init__(self, document: ParsedDocument) -> None:
        self._document = document
        self._shown: Shown | None = None

    def __call__(self, span: Span) -> bool:
        if self._shown is None:
            self._shown = Shown(self._document.text, self._document.blocks)
        return self._shown.covers(span)
