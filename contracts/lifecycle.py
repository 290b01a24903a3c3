"""What a contract says about the life of its index's versions: gates, how long they are kept, who must approve.

Values only. `contracts.reading.lifecycle` reads them, `index.gates` and `ingestion` act on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["documents", "chunks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallGate:
    """How much of what exact search finds the index must find, in [0, 1].

    Attributes:
        minimum: Smallest recall@10.
    """

    # Every family that is offered measured .95 or more at 100k and 1M vectors (2026).
    minimum: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapGate:
    """How many of a chunk's nearest neighbours must be those that it has in the version that serves.

    Attributes:
        minimum: Smallest mean share where the vector space stays, in [0, 1].
        minimum_model_change: The same where another model made the vectors.
        k: Neighbours looked at; None for ten, and five after a change of the model.
        sample: Chunks looked at, at the most.
    """

    # Between two versions in one space 85-95 % of ten neighbours stay; under 70 % is an alarm. A new model commonly
    # keeps 60-80 % of five (design of this system, 2026). Under 30 % the new space calls other things alike.
    minimum: float = 0.70
    minimum_model_change: float = 0.30
    k: int | None = None
    sample: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityGate:
    """How good the texts of a version must be; None for no limit.

    Attributes:
        minimum: A quality score below this counts as low, in [0, 1].
        max_share_below: Largest share with a low score, or with none.
        max_drop: How much the mean may fall below that of the version that serves.
        of: What the shares and means are taken over.
    """

    minimum: float | None = None
    max_share_below: float = 0.0
    max_drop: float | None = None
    of: Unit = "chunks"


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshnessGate:
    """How long ago a person must have validated the documents of a version.

    Attributes:
        max_age_days: A validation that is older counts as old.
        max_share_older: Largest share of documents with an old date, or with none.
    """

    max_age_days: int
    max_share_older: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeGate:
    """How much of the version that serves may change in one release, as shares of its documents; None for no limit.

    Attributes:
        max_added_share: Documents that were not there; may be larger than 1.
        max_removed_share: Documents that are no longer there.
        max_changed_share: Documents whose text is another.
    """

    max_added_share: float | None = None
    max_removed_share: float | None = None
    max_changed_share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRetention:
    """Which versions are kept that no alias points to; one that either limit protects is kept.

    Attributes:
        declared: Whether the contract says so; without it no version is ever removed.
        versions: How many of the newest.
        days: How long after an alias last pointed to them.
        candidates: How many of the newest candidates that failed a gate.
        candidate_days: How long these are kept.
    """

    declared: bool = False
    versions: int = 5
    days: int = 30
    candidates: int = 3
    candidate_days: int = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalSpec:
    """Who must approve a version before an alias first points to it.

    Attributes:
        persons: How many persons, the one who built the version not counted; 0 for none.
        approvers: Who may; empty for anybody but the builder.
        aliases: Aliases that this is asked for.
    """

    persons: int = 0
    approvers: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ("live",)
