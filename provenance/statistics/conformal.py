"""What a threshold on known-human texts supports, and what it does not: split conformal, exact intervals.

Of n texts that are human for sure, held out from training, the k-th highest score is a threshold that one more human
text of the same kind passes with a probability of at most k / (n + 1) (Vovk, Gammerman, Shafer 2005, split form by
Papadopoulos 2002). Nothing is claimed of texts of another kind.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from corpus.errors import ConfigurationError

LEAST_CALIBRATION = 300
"""Zero false positives in n texts support only a rate under 3 / n (the rule of three): 1 % at 300."""
LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share that was counted: `hits` of `total`, with its exact 95 % interval."""

    hits: int
    total: int

    @property
    def share(self) -> float | None:
        """The share; None where nothing was counted."""
        return self.hits / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float]:
        """The exact binomial interval (Clopper and Pearson 1934); all of [0, 1] where nothing was counted."""
        return binomial_interval(self.hits, self.total)

    def to_json(self) -> dict[str, Any]:
        """Returns counts, share and interval as a JSON object."""
        low, high = self.interval
        share = None if self.share is None else round(self.share, 6)
        return {"hits": self.hits, "total": self.total, "share": share, "low": round(low, 6), "high": round(high, 6)}

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Reads the counts of what `to_json` wrote; share and interval follow from them.

        Raises:
            ValueError: The counts are no counts.
        """
        hits, total = value["hits"], value["total"]
        if not (type(hits) is int and type(total) is int and 0 <= hits <= total):
            raise ValueError(f"{hits!r} of {total!r} is no rate")
        return cls(hits=hits, total=total)


def binomial_interval(hits: int, total: int, level: float = LEVEL) -> tuple[float, float]:
    """Returns the exact interval of a share (Clopper and Pearson 1934).

    Args:
        hits: Times that it was so.
        total: Times that were looked at; 0 gives all of [0, 1].
        level: Confidence, between 0 and 1.
    """
    from scipy.special import betaincinv  # noqa: PLC0415 - an unchanged run counts nothing

    tail = (1 - level) / 2
    low = float(betaincinv(hits, total - hits + 1, tail)) if hits else 0.0
    high = float(betaincinv(hits + 1, total - hits, 1 - tail)) if hits < total else 1.0
    return low, high


def rank(calibration: int, alpha: float) -> int:
    """Returns k: how many calibration scores lie at or above the threshold.

    Args:
        calibration: Known-human texts that were scored.
        alpha: Share of human texts that may be flagged.

    Raises:
        ConfigurationError: `alpha` is no share, or asks for more than that many texts can support.
    """
    if not 0 < alpha < 0.5:
        raise ConfigurationError(f"alpha {alpha:g} is no false-positive rate to aim at. Choose between 0 and 0.5.")
    found = math.floor(alpha * (calibration + 1) + 1e-9)
    if found < 1:
        raise ConfigurationError(
            f"alpha {alpha:g} cannot be supported by {calibration} calibration documents: it needs at least "
            f"{needed(alpha)} known-human documents for calibration. Add documents, or choose alpha of at least "
            f"{1 / (calibration + 1):.2g}."
        )
    return found


def needed(alpha: float) -> int:
    """Returns the fewest calibration documents that support `alpha`."""
    return math.ceil(1 / alpha - 1e-9) - 1


def threshold(scores: Sequence[float], alpha: float) -> float:
    """Returns the score that a text must exceed to be flagged.

    Args:
        scores: Of known-human texts that were not trained on, in any order.
        alpha: Share of human texts that may be flagged.

    Raises:
        ConfigurationError: There are too few scores for `alpha`.
    """
    return sorted(scores, reverse=True)[rank(len(scores), alpha) - 1]


def p_value(ascending: Sequence[float], score: float) -> float:
    """Returns how rare a score is among known-human texts: (1 + those at or above it) / (n + 1).

    Args:
        ascending: Scores of the calibration texts, ascending.
        score: That of the text.
    """
    above = len(ascending) - bisect_left(ascending, score)
    return (1 + above) / (len(ascending) + 1)


def likely_rate(calibration: int, alpha: float) -> float:
    """Returns the false-positive rate that this one calibration keeps to with 95 % confidence.

    `alpha` holds on average over calibrations; the rate of one of them follows Beta(k, n + 1 - k) where scores are
    distinct (Vovk 2012), and this is its 95 % quantile.
    """
    from scipy.special import betaincinv  # noqa: PLC0415 - an unchanged run counts nothing

    place = rank(calibration, alpha)
    return float(betaincinv(place, calibration + 1 - place, LEVEL))
