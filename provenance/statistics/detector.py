"""The statistical detector as a `Detector`: one E6 finding a document, which decides nothing.

What it says is a reason to look at a document sooner. It never says that a human wrote something, and where its card
does not support a statement (too short, another language, expired, not calibrated) it says that instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from corpus.ids import fingerprint
from corpus.types import Basis, Finding, OriginKind, ParsedDocument, RawBlob
from provenance.statistics.card import ModelCard
from provenance.statistics.model import Reading, StatisticalModel, Verdict

LEVEL = "E6"
PREFIX = "statistics."
ABOVE = f"{PREFIX}{Verdict.ABOVE.value}"
NAME = "statistics/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticalDetector:
    """Detector of style that is like that of AI-written texts which the user trained on.

    Attributes:
        model: The trained model.
        language_of: Tells the language of a text; the model speaks only of languages that it was calibrated on.
        on: The day; only whether the model is expired then is in the fingerprint.
    """

    name: ClassVar[str] = NAME
    model: StatisticalModel
    language_of: Callable[[str], str]
    on: date

    @property
    def fingerprint(self) -> str:
        """Digest of version, model card (and through it the weights), and whether the model is expired."""
        return fingerprint_of(self.model.card, self.on)

    def detect(self, blob: RawBlob, document: ParsedDocument) -> tuple[Finding, ...]:  # noqa: ARG002 - the seam's form
        """Returns exactly one finding, about the whole text."""
        language = "und" if self.model.card.expired(self.on) else self.language_of(document.text)
        return (self._finding(self.model.read(document.text, language, self.on), language),)

    def _finding(self, reading: Reading, language: str) -> Finding:
        above = reading.verdict is Verdict.ABOVE
        return Finding(
            detector=self.name,
            code=f"{PREFIX}{reading.verdict.value}",
            level=LEVEL,
            origin=OriginKind.AI_GENERATED if above else OriginKind.UNKNOWN,
            basis=Basis.SUSPECTED if above else Basis.NONE,
            detail=self._detail(reading, language),
        )

    def _detail(self, reading: Reading, language: str) -> dict[str, Any]:
        card = self.model.card
        base: dict[str, Any] = {"model": card.name, "card": card.digest}
        if reading.verdict is Verdict.EXPIRED:
            return base | {"expired_on": card.expires_on.isoformat()}
        if reading.words is not None:
            base |= {"words": reading.words, "language": language}
        if reading.score is None or reading.p is None:
            return base
        return base | {"score": round(reading.score, 6), "p": round(reading.p, 6), "alpha": card.alpha}


def fingerprint_of(card: ModelCard, on: date) -> str:
    """Returns the detector's fingerprint from the card alone, so that an unchanged run reads no weights."""
    return fingerprint("detector", {"name": NAME, "card": card.digest, "expired": card.expired(on)})
