"""The share of AI-written texts in a set, estimated from how many a detector flags, with an interval.

Rogan and Gladen (1978): a detector with sensitivity s and specificity t flags a share a = p s + (1 - p)(1 - t) of a
set whose AI-written share is p, so p = (a + t - 1) / (s + t - 1). The interval is a parametric bootstrap: each of the
three shares is drawn from the Beta distribution of its counts (Jeffreys: one half added to each count, so that zero
false positives are not taken for none ever). It holds only for texts like those of the detector's evaluation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from provenance.statistics.conformal import LEVEL, Rate

DRAWS = 4_000
LEAST_SCORED = 30
"""Scored texts, and evaluation texts of each kind, below which nothing is estimated."""
_UNLIKE = {False: "fewer than it flags of human texts alone", True: "more than it flags of AI-written texts alone"}
CAVEAT = (
    "Holds only where the texts are like those that the model was evaluated on; other subjects, writers or generators "
    "move it. It is an estimate over texts of unknown origin, and no part of the declared or matched shares."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareEstimate:
    """An estimated share, or why there is none.

    Attributes:
        point: The estimate in [0, 1]; None where none can be given.
        low: Lower end of the 95 % interval; None as above.
        high: Upper end; None as above.
        scored: Texts that the detector scored.
        flagged: Those of them that it flagged.
        why_not: Why there is no estimate, empty where there is one.
    """

    point: float | None
    low: float | None
    high: float | None
    scored: int
    flagged: int
    why_not: str = ""


def estimate(flagged: Rate, sensitivity: Rate, false_positives: Rate, *, seed: int = 0) -> ShareEstimate:
    """Estimates the share of AI-written texts among those that were scored.

    Args:
        flagged: Flagged texts of the scored ones.
        sensitivity: Flagged texts of AI-written ones, as evaluated.
        false_positives: Flagged texts of human ones, as evaluated.
        seed: Of the draws; the same counts give the same interval.

    Returns:
        Point and interval, cut to [0, 1]; or why it cannot be told.
    """
    why = _why_not(flagged, sensitivity, false_positives)
    if why:
        return ShareEstimate(point=None, low=None, high=None, scored=flagged.total, flagged=flagged.hits, why_not=why)
    random = np.random.Generator(np.random.PCG64(seed))
    apparent, caught, false = (_draws(random, rate) for rate in (flagged, sensitivity, false_positives))
    youden = caught - false
    tail = (1 - LEVEL) / 2
    if (youden <= 0).mean() > tail:
        why = "on its evaluation the detector is not reliably better than chance (sensitivity + specificity <= 1)"
        return ShareEstimate(point=None, low=None, high=None, scored=flagged.total, flagged=flagged.hits, why_not=why)
    better = youden > 0
    shares = np.clip((apparent[better] - false[better]) / youden[better], 0.0, 1.0)
    low, high = np.quantile(shares, (tail, 1 - tail))
    if low == high:
        why = f"{flagged.hits} of {flagged.total} flagged is {_UNLIKE[bool(low)]}: these texts are of another kind"
        return ShareEstimate(point=None, low=None, high=None, scored=flagged.total, flagged=flagged.hits, why_not=why)
    point = rogan_gladen(flagged, sensitivity, false_positives)
    return ShareEstimate(
        point=round(point, 6),
        low=round(min(float(low), point), 6),
        high=round(max(float(high), point), 6),
        scored=flagged.total,
        flagged=flagged.hits,
    )


def rogan_gladen(flagged: Rate, sensitivity: Rate, false_positives: Rate) -> float:
    """Returns the point estimate, cut to [0, 1].

    Raises:
        ZeroDivisionError: Nothing was counted, or sensitivity + specificity = 1.
    """
    false = false_positives.hits / false_positives.total
    found = (flagged.hits / flagged.total - false) / (sensitivity.hits / sensitivity.total - false)
    return min(max(found, 0.0), 1.0)


def _why_not(flagged: Rate, sensitivity: Rate, false_positives: Rate) -> str:
    for rate, what in (
        (flagged, "texts of unknown origin were scored"),
        (sensitivity, "AI-written texts were in the model's evaluation"),
        (false_positives, "human texts were in the model's evaluation"),
    ):
        if rate.total < LEAST_SCORED:
            return f"only {rate.total} {what}, at least {LEAST_SCORED} are needed"
    if sensitivity.hits * false_positives.total <= false_positives.hits * sensitivity.total:
        return "on its evaluation the detector is no better than chance (sensitivity + specificity <= 1)"
    return ""


def _draws(random: np.random.Generator, rate: Rate) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return random.beta(rate.hits + 0.5, rate.total - rate.hits + 0.5, DRAWS)
