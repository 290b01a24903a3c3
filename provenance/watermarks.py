"""Watermarks: how a detector of one becomes evidence, under rules that hold for all of them. None is bundled.

A watermark is put in by whoever runs the model, so finding one is read as that party's declaration (E3), if chance
explains it with a probability of at most `decides`; up to `suspects` it makes the document suspected (E5), and a
reading without a p-value can do no more than that. Not finding one proves nothing: it gives no finding at all, and
nothing here can say that a human wrote a text.

No seventh seam: `WatermarkDetector` is a `Detector` around a `Watermark`, and registers as any other detector does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Any, Protocol

from corpus.ids import fingerprint
from corpus.types import Basis, Finding, OriginKind, ParsedDocument, RawBlob, Scope, Span

DECIDES = 1e-6
"""A corpus of a million human documents then holds one false declaration on average."""
SUSPECTS = 1e-3
PREFIX = "watermark."
_QUOTE = 200
_MOST_SPANS = 20


class Mark(StrEnum):
    """What a watermark's own detector found."""

    DETECTED = "detected"
    NOT_DETECTED = "not_detected"
    TOO_SHORT = "too_short"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkReading:
    """What a watermark's own detector says of one text.

    Attributes:
        mark: What it found.
        p: Chance that a text without the mark reads so, in [0, 1]; None where the scheme gives none.
        score: The scheme's own figure; None where there is none.
        words: Words (or tokens) that it rests on; None where it does not count.
        spans: Where the mark stands, in order; empty for the text as a whole.
    """

    mark: Mark
    p: float | None = None
    score: float | None = None
    words: int | None = None
    spans: tuple[Span, ...] = ()


class Watermark(Protocol):
    """Reads one watermarking scheme under one key. It gets a text and nothing else."""

    @property
    def scheme(self) -> str:
        """Name and version of the scheme, such as `green-list/1`."""
        ...

    @property
    def key_id(self) -> str:
        """Which key, and so whose model, it looks for; never the key itself."""
        ...

    @property
    def min_words(self) -> int:
        """Words under which it answers TOO_SHORT."""
        ...

    @property
    def fingerprint(self) -> str:
        """Digest of scheme, key and every option that changes a reading."""
        ...

    def read(self, text: str) -> MarkReading:
        """Returns what it found; the same for the same text, in every process."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WatermarkDetector:
    """The `Detector` around a watermark.

    Attributes:
        watermark: What reads the text.
        decides: Largest p-value that is taken as a declaration.
        suspects: Largest p-value that makes a document suspected.
    """

    watermark: Watermark
    decides: float = DECIDES
    suspects: float = SUSPECTS

    def __post_init__(self) -> None:
        if not 0 < self.decides <= self.suspects < 1:
            raise ValueError(f"0 < decides <= suspects < 1 does not hold: {self.decides!r}, {self.suspects!r}")

    @property
    def name(self) -> str:
        """`watermark/` and the scheme."""
        return f"watermark/{self.watermark.scheme}"

    @property
    def fingerprint(self) -> str:
        """Digest of the scheme with its key, and of the limits."""
        limits = {"decides": self.decides, "suspects": self.suspects}
        return fingerprint("detector", {"name": self.name, "scheme": self.watermark.fingerprint, **limits})

    def detect(self, blob: RawBlob, document: ParsedDocument) -> tuple[Finding, ...]:  # noqa: ARG002 - the seam's form
        """Returns the findings that a reading amounts to, in order of place."""
        try:
            reading = self.watermark.read(document.text)
        except Exception as error:  # noqa: BLE001 - foreign code; a detector never raises for any document
            return (self._silent(Mark.UNREADABLE, {"error": type(error).__name__}),)
        if reading.mark is Mark.NOT_DETECTED:
            return ()
        if reading.mark is not Mark.DETECTED:
            return (self._silent(reading.mark, self._detail(reading)),)
        level, basis = self._rung(reading)
        if not level:
            return ()
        spans = [span for span in reading.spans if 0 <= span.start < span.end <= len(document.text)]
        places: list[Span | None] = [*sorted(spans)[:_MOST_SPANS]] or [None]
        return tuple(self._found(reading, document.text, span, level, basis) for span in places)

    def _rung(self, reading: MarkReading) -> tuple[str, Basis]:
        """Returns rung and basis; no rung where chance explains the reading too well."""
        p = reading.p
        if p is None:
            return "E5", Basis.SUSPECTED
        if not (isfinite(p) and 0 <= p <= self.suspects):
            return "", Basis.NONE
        return ("E3", Basis.DECLARED) if p <= self.decides else ("E5", Basis.SUSPECTED)

    def _found(self, reading: MarkReading, text: str, span: Span | None, level: str, basis: Basis) -> Finding:
        return Finding(
            detector=self.name,
            code=f"{PREFIX}{Mark.DETECTED.value}",
            level=level,
            origin=OriginKind.AI_GENERATED,
            basis=basis,
            scope=Scope.DOCUMENT if span is None or level == "E5" else Scope.PASSAGE,
            span=span,
            quote=span.of(text)[:_QUOTE] if span else "",
            detail=self._detail(reading),
        )

    def _silent(self, mark: Mark, detail: dict[str, Any]) -> Finding:
        return Finding(detector=self.name, code=f"{PREFIX}{mark.value}", level="-", detail={**self._who(), **detail})

    def _detail(self, reading: MarkReading) -> dict[str, Any]:
        figures = {"p": reading.p, "score": reading.score, "words": reading.words}
        kept = {name: value for name, value in figures.items() if value is not None and isfinite(value)}
        return {**self._who(), **kept}

    def _who(self) -> dict[str, str]:
        return {"scheme": self.watermark.scheme, "key": self.watermark.key_id}
