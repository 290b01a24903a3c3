"""The default scorer: cheap, deterministic signs of whether a text can be read and is worth reading.

Up to seven sub-scores, each the mean or the worst of checks with a bound that somebody published or that is
ours (`limits`). The kind of document decides what is asked and what counts (`profile`): filters made to
choose web prose must not fail an API reference for being one. Nothing but unusable text is ever fatal.
Freshness, metadata and authority need more than the text; `context` adds them.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from corpus.errors import ConfigurationError
from corpus.ids import fingerprint
from corpus.types import ParsedDocument, Score
from ingestion.scorers import checks
from ingestion.scorers.facts import facts_of
from ingestion.scorers.filters import Measure
from ingestion.scorers.limits import LIMITS, PARTS
from ingestion.scorers.profile import PROFILES, WEIGHTS, Profile

NAME = "heuristic/2"
_CHECKS = {
    "extraction": checks.extraction,
    "structure": checks.structure,
    "prose": checks.prose,
    "repetition": checks.repetition,
    "boilerplate": checks.boilerplate,
    "language": checks.language,
    "density": checks.density,
}
_WORST = frozenset({"extraction", "repetition"})
"""Sub-scores that one bad value spoils: half a text in mojibake is not mended by having no control characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured in one text.

    Attributes:
        document_type: The kind that it was judged as.
        measures: Reason code and value of every check that was asked, in order.
        fatal: Reason codes that make it unusable.
    """

    document_type: str
    measures: tuple[Measure, ...]
    fatal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeuristicScorer:
    """Scorer of text; every option is in its fingerprint.

    Attributes:
        document_type: The kind that every document is judged as; empty to tell each document's own.
        weights: Sub-score to weight, where the kind's own is not wanted; 0 leaves a sub-score out.
    """

    name: ClassVar[str] = NAME
    document_type: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuses kinds and sub-scores that do not exist.

        Raises:
            ConfigurationError: The message holds the nearest name and the valid ones.
        """
        if self.document_type:
            _require("document type", self.document_type, [profile.value for profile in Profile])
        for name, weight in self.weights.items():
            _require("sub-score", name, list(PARTS))
            if not 0 <= weight < float("inf"):
                raise ConfigurationError(f"the weight of {name!r} is {weight}; it must be a number from 0 up")

    @property
    def fingerprint(self) -> str:
        """Digest of version, options, weights and thresholds."""
        bounds = {code: limit.bound for code, limit in LIMITS.items()}
        options = {"document_type": self.document_type, "weights": dict(self.weights)}
        defaults = {profile.value: weights_of(profile.value, {}) for profile in Profile}
        return fingerprint("scorer", {"name": self.name, "options": options, "limits": bounds, "weights": defaults})

    def score(self, document: ParsedDocument) -> Score:
        """Returns the score of one text; never raises. Linear time."""
        measured = self.measure(document)
        if measured.fatal == ("empty",):
            return Score(scorer=NAME, value=0.0, parts={"extraction": 0.0}, fatal=("empty",))
        parts = parts_of(measured.measures)
        value = composite(parts, measured.document_type, self.weights)
        reasons = tuple(code for code, value in measured.measures if LIMITS[code].broken(value))
        return Score(
            scorer=NAME,
            value=value,
            parts=parts,
            reasons=reasons,
            fatal=measured.fatal,
            document_type=measured.document_type,
        )

    def measure(self, document: ParsedDocument) -> Measured:
        """Returns every value behind the score of one text; never raises. Linear time."""
        facts = facts_of(document, self.document_type)
        if facts.blank:
            return Measured(document_type=facts.profile.value, measures=(), fatal=("empty",))
        asked = PROFILES[facts.profile]
        found = (
            (code, round(float(value), 6))
            for part, check in _CHECKS.items()
            if part not in asked.without
            for code, value in check(facts)
            if code not in asked.excused
        )
        fatal = tuple(checks.fatal(facts))
        return Measured(document_type=facts.profile.value, measures=tuple(found), fatal=fatal)


def parts_of(measures: tuple[Measure, ...]) -> dict[str, float]:
    """Returns the sub-scores of measured values, those that had a check asked."""
    points: dict[str, list[float]] = {}
    for code, value in measures:
        points.setdefault(LIMITS[code].part, []).append(LIMITS[code].points(value))
    return {part: round(min(found) if part in _WORST else sum(found) / len(found), 4) for part, found in points.items()}


def weights_of(document_type: str, given: Mapping[str, float]) -> dict[str, float]:
    """Returns how much each sub-score counts.

    Args:
        document_type: The kind, empty for prose.
        given: What a contract says instead.
    """
    return {**WEIGHTS, **PROFILES[Profile(document_type or "prose")].weights, **given}


def composite(parts: Mapping[str, float], document_type: str, given: Mapping[str, float]) -> float:
    """Returns the weighted mean of sub-scores; those that were not asked do not count."""
    weights = weights_of(document_type, given)
    total = sum(weights[part] for part in parts)
    if not total:
        return 1.0
    return round(sum(weights[part] * value for part, value in parts.items()) / total, 4)


def _require(what: str, name: str, known: list[str]) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigurationError(f"no {what} is called {name!r}.{hint} There are: {', '.join(known)}")
