"""What a re-embed costs before it is started, and how its work is cut. Pure arithmetic over counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# Chunks of ~180 tokens a second on two cores (measured 2026): all-MiniLM-L6-v2 in autocast bf16 104,
# in fp32 45; static word vectors 4,500. A guess where nothing was measured here.
DEFAULT_RATES: Mapping[str, float] = {"bf16": 104.0, "fp32": 45.0, "static": 4500.0}
_TOKENS_PER_CHUNK = 180

# What was measured before counts for half once this many seconds of the model were measured since: a machine
# that gets slower shows within one segment, and a short segment does not overrule a long one.
_HALF_AFTER_S = 60.0

# Airflow maps over 1,024 values at the most unless it is told otherwise ([core] max_map_length).
MOST_GROUPS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a re-embed would cost.

    Attributes:
        segments: Segments without vectors of the new space.
        chunks: Chunks in them.
        tokens: Tokens in those.
        seconds: Estimated time of the model alone, or what a limit on the rate makes of it.
        price: Estimated price, in the currency of the rate; 0 for a local model.
    """

    segments: int
    chunks: int
    tokens: int
    seconds: float
    price: float


def estimate(
    *, segments: int, chunks: int, tokens: int, tokens_per_second: float, price_per_million_tokens: float = 0.0
) -> Estimate:
    """Estimates a re-embed. Give what the model has to read; texts that have a vector already cost nothing.

    Args:
        segments: Segments without vectors of the new space.
        chunks: Chunks in them.
        tokens: Tokens in those.
        tokens_per_second: What the model reads a second here (`tokens_per_second`).
        price_per_million_tokens: What a remote model costs.

    Raises:
        ValueError: The rate is not positive.
    """
    if tokens_per_second <= 0:
        raise ValueError(f"tokens_per_second is {tokens_per_second}; it has to be positive")
    return Estimate(
        segments=segments,
        chunks=chunks,
        tokens=tokens,
        seconds=round(tokens / tokens_per_second, 1),
        price=round(tokens / 1e6 * price_per_million_tokens, 4),
    )


def tokens_per_second(chunks_per_second: float, tokens_per_chunk: float = _TOKENS_PER_CHUNK) -> float:
    """Turns a rate in chunks into one in tokens, which does not depend on how texts are cut."""
    return chunks_per_second * tokens_per_chunk


def blend(known: tuple[float, float], measured: tuple[float, float]) -> tuple[float, float]:
    """Adds a measurement to what is known, which fades.

    Args:
        known: Tokens and seconds that were measured before; zeros for none.
        measured: Tokens and seconds of now.

    Returns:
        Tokens and seconds, whose quotient is the rate to reckon with.
    """
    keep = 0.5 ** (measured[1] / _HALF_AFTER_S)
    return known[0] * keep + measured[0], known[1] * keep + measured[1]


def group(segments: Iterable[tuple[str, int]], chunks_per_group: int) -> tuple[tuple[str, ...], ...]:
    """Puts small segments together, so that each group is worth starting a task for.

    Args:
        segments: Id and chunks of each, in the order in which they are to be embedded.
        chunks_per_group: Chunks at which a group is full. It is raised where there would be more groups than
            Airflow maps over.

    Returns:
        Groups in that order; every segment is in one, and one that is larger is a group of its own.
    """
    pairs = list(segments)
    full = max(chunks_per_group, -(-sum(chunks for _, chunks in pairs) // (MOST_GROUPS // 2)), 1)
    groups: list[tuple[str, ...]] = []
    open_group: list[str] = []
    weight = 0
    for segment, chunks in pairs:
        if open_group and weight + chunks > full:
            groups.append(tuple(open_group))
            open_group, weight = [], 0
        open_group.append(segment)
        weight += chunks
    if open_group:
        groups.append(tuple(open_group))
    return tuple(groups)
