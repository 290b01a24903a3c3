"""The sub-scores that need more than the text: freshness, completeness of metadata, authority.

A scorer sees bytes only, so these are added where governance is known. They are reported for every
document and count in the composite where the contract gives them weight: a score that sinks by itself
every night would have every document judged again. Knows no clock: the moment is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from corpus.types import Score
from ingestion.scorers.filters import Measure
from ingestion.scorers.heuristic import NAME, composite, parts_of
from ingestion.scorers.limits import LIMITS

TIERS: Mapping[str, float] = {"curated": 1.0, "reviewed": 0.8, "open": 0.4}
"""Trust in a source by its contract's tier (our choice: an open source falls below the bound of one half)."""
HALF_LIFE_DAYS = 730.0
"""Days in which content loses half its freshness where the contract does not say (our choice)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreContext:
    """What is known around a text.

    Attributes:
        fields: Metadata field to value, of the fields that are wanted; empty where it is missing.
        tier: Trust tier of the contract, empty for unknown.
        authors: Authors whom the contract knows, spelled as `author` is.
        author: Who the document says wrote it.
        updated_at: When its content last changed.
        as_of: The moment that freshness is told for; None leaves freshness out.
        half_life_days: Days in which freshness halves.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    tier: str = ""
    authors: tuple[str, ...] = ()
    author: str = ""
    updated_at: datetime | None = None
    as_of: datetime | None = None
    half_life_days: float = HALF_LIFE_DAYS


def with_context(score: Score, context: ScoreContext, weights: Mapping[str, float]) -> Score:
    """Adds what the surroundings say to a score of the text.

    Args:
        score: The scorer's.
        context: What is known around the text.
        weights: The contract's weights.

    Returns:
        The score with `freshness`, `metadata` and `authority` where they are known. A score of another scorer is
        left as it is.
    """
    if score.scorer != NAME or "empty" in score.fatal:
        return score
    measures = tuple(_measures(context))
    parts = {**score.parts, **parts_of(measures)}
    reasons = tuple(code for code, value in measures if LIMITS[code].broken(value))
    return replace(
        score,
        value=composite(parts, score.document_type, weights),
        parts=parts,
        reasons=(*score.reasons, *reasons),
    )


def freshness(updated_at: datetime, as_of: datetime, half_life_days: float) -> float:
    """Returns 1 for content of today, halved with each half-life."""
    days = max(0.0, (as_of - updated_at).total_seconds() / 86_400)
    return float(0.5 ** (days / half_life_days))


def _measures(context: ScoreContext) -> Iterator[Measure]:
    if context.as_of and context.updated_at:
        yield "old", round(freshness(context.updated_at, context.as_of, context.half_life_days), 6)
    if context.fields:
        yield "undeclared", sum(1 for value in context.fields.values() if value) / len(context.fields)
    if context.tier:
        known = bool(context.author) and context.author in context.authors
        yield "little_authority", 1.0 if known else TIERS.get(context.tier, 0.0)
