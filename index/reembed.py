"""What a re-embed costs, before it is started. Pure arithmetic over counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Chunks of ~180 tokens a second on two cores (measured 2026): all-MiniLM-L6-v2 in autocast bf16 104,
# in fp32 45; static word vectors 4,500. A guess where nothing was measured here.
DEFAULT_RATES: Mapping[str, float] = {"bf16": 104.0, "fp32": 45.0, "static": 4500.0}
_TOKENS_PER_CHUNK = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a re-embed would cost.

    Attributes:
        segments: Segments without vectors of the new space.
        chunks: Chunks in them.
        tokens: Tokens in those.
        seconds: Estimated time of the model alone.
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
    """Estimates a re-embed. Texts that occur twice are counted twice, so it is an upper bound.

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
