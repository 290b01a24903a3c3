"""A trained detector: weights and a card. It scores a text; what a score may say is for the card to tell.

TF-IDF over hashed grams and a linear model. Only operations that IEEE 754 rounds exactly are used, and sums are
`math.fsum`, which rounds once: the same text has the same score, to the bit, on every machine. No pickle: the weights
are safetensors, and their digest stands in the card.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Self

import numpy as np
import numpy.typing as npt

from corpus.errors import DigestMismatch, IntegrityError
from corpus.ids import sha256_hex
from provenance.statistics.card import ModelCard
from provenance.statistics.conformal import p_value
from provenance.statistics.features import DIMENSION, WORD_BUCKETS, Features, count_words, features_of, parameters

Weights = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]


class Verdict(StrEnum):
    """What a detector says of one text. None of them says that a human wrote it."""

    ABOVE = "above_threshold"
    BELOW = "below_threshold"
    TOO_SHORT = "too_short"
    LANGUAGE = "language_not_calibrated"
    NOT_CALIBRATED = "not_calibrated"
    EXPIRED = "expired"

    @property
    def scored(self) -> bool:
        """Whether it rests on a score."""
        return self in (Verdict.ABOVE, Verdict.BELOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a detector says of one text.

    Attributes:
        verdict: What it says.
        words: Words of the text; None where it was not looked at.
        score: The score; None where it says nothing.
        p: How rare the score is among the known-human texts; None where it says nothing.
    """

    verdict: Verdict
    words: int | None = None
    score: float | None = None
    p: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Linear:
    """The numbers of a model.

    Attributes:
        idf: Weight of each bucket by how rare it is, shape `(DIMENSION,)`, float32.
        coef: Weight of each bucket in the decision, shape `(DIMENSION,)`, float32.
        intercept: What is added.
        calibration: Scores of the calibration texts, ascending, float64.
    """

    idf: Weights
    coef: Weights
    intercept: float
    calibration: Scores

    def score(self, features: Features) -> float:
        """Returns the score of a text; higher is more like the AI-written texts of training."""
        idf = self.idf[features.buckets].astype(np.float64)
        weighted = np.sqrt(features.counts) * idf
        parts = weighted * self.coef[features.buckets].astype(np.float64)
        squares = weighted * weighted
        split = int(np.searchsorted(features.buckets, WORD_BUCKETS))
        families = (slice(0, split), slice(split, None))
        shares = [_ratio(parts[family].tolist(), squares[family].tolist()) for family in families]
        return math.fsum((*shares, self.intercept))

    def to_bytes(self) -> bytes:
        """Returns the bytes of weights.safetensors."""
        from safetensors.numpy import save  # noqa: PLC0415 - an unchanged run has no use for weights

        return save(
            {
                "idf": self.idf,
                "coef": self.coef,
                "intercept": np.array([self.intercept], dtype=np.float64),
                "calibration": self.calibration,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Reads what `to_bytes` wrote.

        Raises:
            IntegrityError: It is no weights file, or not of the shape that this build has.
        """
        from safetensors import SafetensorError  # noqa: PLC0415
        from safetensors.numpy import load  # noqa: PLC0415

        try:
            found = load(data)
            linear = cls(
                idf=found["idf"],
                coef=found["coef"],
                intercept=float(found["intercept"][0]),
                calibration=found["calibration"],
            )
        except (SafetensorError, KeyError, IndexError, ValueError, TypeError) as error:
            raise IntegrityError(f"not a weights file: {error!r}. Train the model again.") from error
        shapes = linear.idf.shape == linear.coef.shape == (DIMENSION,) and linear.calibration.ndim == 1
        if not shapes or not all(np.isfinite(part).all() for part in (linear.idf, linear.coef, linear.calibration)):
            raise IntegrityError("the weights are not those of this build's features. Train the model again.")
        return linear


def _ratio(parts: list[float], squares: list[float]) -> float:
    length = math.sqrt(math.fsum(squares))
    return math.fsum(parts) / length if length else 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StatisticalModel:
    """A trained detector.

    Attributes:
        card: What is claimed of it.
        linear: Its numbers.
    """

    card: ModelCard
    linear: Linear
    _calibration: tuple[float, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_calibration", tuple(self.linear.calibration.tolist()))

    def read(self, text: str, language: str, on: date) -> Reading:
        """Says what the model may say of one text.

        Args:
            text: Any text.
            language: Its ISO 639-1 code.
            on: The day.
        """
        card = self.card
        if card.expired(on):
            return Reading(verdict=Verdict.EXPIRED)
        if card.threshold is None or not card.calibrated:
            return Reading(verdict=Verdict.NOT_CALIBRATED)
        words = count_words(text)
        if words < card.minimum_words:
            return Reading(verdict=Verdict.TOO_SHORT, words=words)
        if not card.covers(language):
            return Reading(verdict=Verdict.LANGUAGE, words=words)
        score = self.linear.score(features_of(text))
        verdict = Verdict.ABOVE if score > card.threshold else Verdict.BELOW
        return Reading(verdict=verdict, words=words, score=score, p=p_value(self._calibration, score))

    def files(self) -> dict[str, bytes]:
        """Returns the two files of the model by name."""
        return {"card.json": self.card.to_bytes(), "weights.safetensors": self.linear.to_bytes()}

    @classmethod
    def from_files(cls, card: bytes, weights: bytes) -> Self:
        """Reads the two files of a model.

        Raises:
            DigestMismatch: The weights are not those that the card names.
            IntegrityError: One of them cannot be read, or its features are not those of this build.
        """
        found = ModelCard.from_bytes(card)
        digest = sha256_hex(weights)
        if digest != found.weights_sha256:
            raise DigestMismatch(
                f"the weights of model {found.name!r} have sha256 {digest[:12]}..., its card names "
                f"{found.weights_sha256[:12]}.... Restore the file, or train the model again."
            )
        if dict(found.features) != parameters():
            raise IntegrityError(
                f"model {found.name!r} was trained on other features than this build computes. Train it again."
            )
        return cls(card=found, linear=Linear.from_bytes(weights))
