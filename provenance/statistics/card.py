"""The model card: what a statistical detector was made from, what it was seen to do, and until when it holds.

Canonical JSON, with the law `ModelCard.from_json(card.to_json()) == card`. The card names the digest of the weights,
so whoever trusts the card's digest trusts both.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Self

from corpus.errors import IntegrityError
from corpus.ids import canonical_json, sha256_hex
from provenance.statistics.conformal import LEAST_CALIBRATION, Rate

FORMAT = 1
LEAST_PER_LANGUAGE = 60
"""Calibration texts from which a language counts as covered: by the rule of three, 60 support a rate under 5 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One class of the training data.

    Attributes:
        sha256: Digest over the digests of its texts, sorted: which texts, in any order.
        documents: Texts that were given.
        duplicates: Left out: a text of the same words was there, in this class or (then both go) the other.
        too_short: Left out: under the least number of words.
        trained: Used to fit the weights.
        calibrated: Used to set the threshold; 0 for AI-written texts.
        evaluated: Used for neither, so the figures of the card are theirs.
    """

    sha256: str
    documents: int
    duplicates: int
    too_short: int
    trained: int
    calibrated: int
    evaluated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a detector did on texts whose origin is known.

    Attributes:
        false_positives: Human texts that were flagged.
        false_positives_by_domain: The same by domain.
        detected: AI-written texts that were flagged.
        detected_by_domain: The same by domain.
        detected_by_generator: The same by generator.
        auroc: Chance that an AI-written text scores above a human one; None where one of them is missing.
        skipped: Texts on which it says nothing, by why: `too_short`, `language`.
    """

    false_positives: Rate
    false_positives_by_domain: Mapping[str, Rate]
    detected: Rate
    detected_by_domain: Mapping[str, Rate]
    detected_by_generator: Mapping[str, Rate]
    auroc: float | None
    skipped: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """Returns it as a JSON object."""
        return {
            "false_positives": self.false_positives.to_json(),
            "false_positives_by_domain": _rates_json(self.false_positives_by_domain),
            "detected": self.detected.to_json(),
            "detected_by_domain": _rates_json(self.detected_by_domain),
            "detected_by_generator": _rates_json(self.detected_by_generator),
            "auroc": self.auroc,
            "skipped": dict(self.skipped),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Reads what `to_json` wrote."""
        return cls(
            false_positives=Rate.from_json(value["false_positives"]),
            false_positives_by_domain=_rates(value["false_positives_by_domain"]),
            detected=Rate.from_json(value["detected"]),
            detected_by_domain=_rates(value["detected_by_domain"]),
            detected_by_generator=_rates(value["detected_by_generator"]),
            auroc=value["auroc"],
            skipped=dict(value["skipped"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """Everything that is claimed of one trained detector.

    Attributes:
        name: Its name in the project.
        created_on: When it was trained.
        expires_on: From this day it says nothing but that it is expired.
        alpha: Share of human texts like those of calibration that may be flagged.
        minimum_words: A shorter text is not scored.
        calibration: Known-human texts behind the threshold.
        threshold: Score that a text must exceed to be flagged; None where it is not calibrated.
        languages: Language to calibration texts in it.
        words: `min p10 p50 p90 max` of the words of the calibration texts.
        human: The human texts.
        ai: The AI-written texts.
        evaluation: What it did on the texts that were held out.
        seed: Of the split.
        features: What texts are turned into.
        versions: Of everything that took part in training.
        weights_sha256: Digest of the weights file.
    """

    name: str
    created_on: date
    expires_on: date
    alpha: float
    minimum_words: int
    calibration: int
    threshold: float | None
    languages: Mapping[str, int]
    words: Mapping[str, int]
    human: Sample
    ai: Sample
    evaluation: Evaluation
    seed: int
    features: Mapping[str, Any]
    versions: Mapping[str, str]
    weights_sha256: str

    @property
    def calibrated(self) -> bool:
        """Whether there are enough known-human texts behind it to claim anything."""
        return self.calibration >= LEAST_CALIBRATION and self.threshold is not None

    @property
    def digest(self) -> str:
        """SHA-256 of the card's bytes: the identity of the model."""
        return sha256_hex(self.to_bytes())

    def covers(self, language: str) -> bool:
        """Whether enough calibration texts were in this language."""
        return self.languages.get(language, 0) >= LEAST_PER_LANGUAGE

    def expired(self, on: date) -> bool:
        """Whether it no longer holds on that day."""
        return on >= self.expires_on

    def to_json(self) -> dict[str, Any]:
        """Returns the card as a JSON object."""
        plain = {name: getattr(self, name) for name in ("name", "alpha", "minimum_words", "calibration", "threshold")}
        return {
            "format": FORMAT,
            **plain,
            "created_on": self.created_on.isoformat(),
            "expires_on": self.expires_on.isoformat(),
            "languages": dict(self.languages),
            "words": dict(self.words),
            "human": asdict(self.human),
            "ai": asdict(self.ai),
            "evaluation": self.evaluation.to_json(),
            "seed": self.seed,
            "features": dict(self.features),
            "versions": dict(self.versions),
            "weights_sha256": self.weights_sha256,
        }

    def to_bytes(self) -> bytes:
        """Returns the canonical bytes of card.json."""
        return canonical_json(self.to_json())

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            IntegrityError: The format is unknown, or a field is missing, superfluous or impossible.
        """
        if value.get("format") != FORMAT:
            raise IntegrityError(
                f"model card of format {value.get('format')!r}; this build reads format {FORMAT}. Train it again."
            )
        try:
            fields = {key: item for key, item in value.items() if key != "format"}
            card = cls(
                **{
                    **fields,
                    "created_on": date.fromisoformat(value["created_on"]),
                    "expires_on": date.fromisoformat(value["expires_on"]),
                    "human": Sample(**value["human"]),
                    "ai": Sample(**value["ai"]),
                    "evaluation": Evaluation.from_json(value["evaluation"]),
                }
            )
            _require(card)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise IntegrityError(f"not a model card of format {FORMAT}: {error!r}. Train the model again.") from error
        return card

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Reads the bytes of card.json.

        Raises:
            IntegrityError: They are no model card.
        """
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise IntegrityError(f"the model card is not JSON: {error}. Train the model again.") from error
        if not isinstance(value, dict):
            raise IntegrityError(f"the model card is a JSON {type(value).__name__}, not an object.")
        return cls.from_json(value)


def _require(card: ModelCard) -> None:
    numbers = (card.alpha, *(() if card.threshold is None else (card.threshold,)))
    if not all(isinstance(number, float) and math.isfinite(number) for number in numbers):
        raise ValueError(f"alpha {card.alpha!r} or threshold {card.threshold!r} is no number")
    counts = (card.minimum_words, card.calibration, *card.languages.values(), *card.words.values())
    if not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError("a count is no count")


def _rates_json(rates: Mapping[str, Rate]) -> dict[str, Any]:
    return {name: rates[name].to_json() for name in sorted(rates)}


def _rates(value: Mapping[str, Any]) -> dict[str, Rate]:
    return {name: Rate.from_json(item) for name, item in value.items()}
