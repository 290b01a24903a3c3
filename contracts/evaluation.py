"""What a contract says about evaluation: the golden set, how it is asked, and the gate that it feeds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenEvidence:
    """Where a verified answer stands: a document, and the exact words in it; empty for the document as a whole."""

    document: str
    quote: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSpec:
    """How versions are evaluated.

    Attributes:
        golden: File of golden items, relative to the project; empty where the contract's statements are all.
        k: How many hits of each question are looked at.
        min_score: Score below which a hit is not worth showing; None where nothing is said.
        min_valid: Least share of items whose evidence has to hold in what is served; None where nothing is said.
    """

    golden: str = ""
    k: int = 10
    min_score: float | None = None
    min_valid: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenGate:
    """How much worse than the served version a candidate may answer the golden items; None for no limit.

    Attributes:
        max_recall_drop: How far mean recall over the first k hits may fall.
        max_mrr_drop: The same for the mean reciprocal rank.
        max_interval_drop: How far below 0 the lower end of the 95 % interval of either difference may reach.
        max_slice_drop: How far recall of a slice may fall.
        min_recall: Least mean recall.
        min_mrr: Least mean reciprocal rank.
        max_invalid: Largest share of items whose evidence may not hold in the candidate.
    """

    max_recall_drop: float | None = 0.01
    max_mrr_drop: float | None = 0.01
    max_interval_drop: float = 0.03
    max_slice_drop: float | None = 0.05
    min_recall: float | None = None
    min_mrr: float | None = None
    max_invalid: float | None = None
