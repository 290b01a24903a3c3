"""The default scorer: cheap, deterministic signs of whether a text can be read and is worth reading.

Three sub-scores. `extraction`: was the text got out whole. `prose`: does it look like writing (Gopher's
rules, asked only of what claims to be prose). `repetition`: does it say the same again and again.
Gopher's rules are pre-training filters for web prose, so code, references, lists, FAQs and short texts are
excused from those that they break by nature, and nothing but unusable text is ever fatal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import ClassVar

from corpus.ids import fingerprint
from corpus.types import ParsedDocument, Score
from ingestion.scorers import checks
from ingestion.scorers.profile import Profile, TextFacts, facts_of

_Check = tuple[str, float]
"""Reason code and value in [0, 1]; a value below 1 is a reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeuristicScorer:
    """Scorer of text; every option is in its fingerprint.

    The composite is the weighted mean of the sub-scores. The weights are a choice, not a measurement: text
    that was not extracted whole is the worst a retriever can be given, so extraction weighs most.

    Attributes:
        extraction: Weight of the sub-score `extraction`.
        prose: Weight of `prose`.
        repetition: Weight of `repetition`.
    """

    name: ClassVar[str] = "heuristic/1"
    extraction: float = 0.4
    prose: float = 0.3
    repetition: float = 0.3

    @property
    def fingerprint(self) -> str:
        """Digest of version, weights and thresholds."""
        return fingerprint("scorer", {"name": self.name, "weights": asdict(self), "limits": asdict(checks.LIMITS)})

    def score(self, document: ParsedDocument) -> Score:
        """Returns the score of one text; never raises. Linear time."""
        facts = facts_of(document)
        if facts.blank:
            return Score(scorer=self.name, value=0.0, parts=self._parts(0.0, 0.0, 0.0), fatal=("empty",))
        extraction = list(checks.extraction(facts))
        prose = list(checks.prose(facts))
        repetition = list(checks.repetition(facts))
        parts = self._parts(_worst(extraction), _mean(prose), _worst(repetition))
        weights = asdict(self)
        value = sum(weights[name] * part for name, part in parts.items()) / sum(weights.values())
        reasons = tuple(code for code, part in (*extraction, *prose, *repetition) if part < 1)
        return Score(scorer=self.name, value=round(value, 4), parts=parts, reasons=reasons, fatal=tuple(_fatal(facts)))

    @staticmethod
    def _parts(extraction: float, prose: float, repetition: float) -> dict[str, float]:
        return {"extraction": round(extraction, 4), "prose": round(prose, 4), "repetition": round(repetition, 4)}


def _worst(values: list[_Check]) -> float:
    return min((value for _, value in values), default=1.0)


def _mean(values: list[_Check]) -> float:
    return sum(value for _, value in values) / len(values) if values else 1.0


def _fatal(facts: TextFacts) -> Iterator[str]:
    if checks.is_mojibake(facts):
        yield "mojibake"
    if facts.profile is Profile.PROSE and checks.is_ocr_garbage(facts):
        yield "ocr_garbage"
    if checks.is_boilerplate(facts):
        yield "boilerplate_only"
