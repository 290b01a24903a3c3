"""The gates that a contract asks a release to pass; those that are always run are not here."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from contracts import lifecycle
from contracts.evaluation import GoldenGate


@dataclass(frozen=True, slots=True, kw_only=True)
class ContaminationGate:
    """How much of what searches find may be AI text, over verified and logged questions; None for no limit.

    Attributes:
        max_exposure: Largest share of the first k hits, in [0, 1].
        max_amplification: Largest ratio of that share to the pool's; the lower bound of the interval counts.
        max_exposure_rise: How much the share may rise over that of the version that serves, in [0, 1].
        max_all_ai_share: Largest share of questions whose first k hits are all AI text, in [0, 1].
        k: How many hits of each question are looked at.
    """

    max_exposure: float | None = None
    max_amplification: float | None = None
    max_exposure_rise: float | None = None
    max_all_ai_share: float | None = None
    k: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSpec:
    """Gates that a release passes only where the contract asks for them; None for one that is not run."""

    contamination: ContaminationGate | None = None
    golden: GoldenGate | None = None
    recall: lifecycle.RecallGate = dataclasses.field(default_factory=lifecycle.RecallGate)
    overlap: lifecycle.OverlapGate | None = None
    quality: lifecycle.QualityGate | None = None
    freshness: lifecycle.FreshnessGate | None = None
    change: lifecycle.ChangeGate | None = None
