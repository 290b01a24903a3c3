"""How two rankings of one question become one: reciprocal rank fusion.

A row gets `weight / (k + rank)` from each ranking that it is in, with ranks from 1 (Cormack, Clarke and Buettcher,
"Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", SIGIR 2009, which has k = 60).
Only ranks count, so cosines and BM25 scores need no common scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from corpus.errors import ConfigurationError

_MOST = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Hybrid:
    """How a search by vector and one by words are joined.

    Attributes:
        dense: Weight of the ranking by vector, at least 0.
        lexical: Weight of the ranking by words, at least 0.
        k: Constant of the fusion: the larger, the less the first ranks stand out.
        depth: Rows that are taken of each ranking; at least as many as hits are asked for.

    Raises:
        ConfigurationError: A weight is negative or both are 0, or a number is out of range.
    """

    dense: float = 1.0
    lexical: float = 1.0
    k: int = 60
    depth: int = 100

    def __post_init__(self) -> None:
        if not (0 <= self.dense < float("inf") and 0 <= self.lexical < float("inf") and self.dense + self.lexical > 0):
            raise ConfigurationError(
                f"weights are dense {self.dense} and lexical {self.lexical}; give numbers from 0, not both 0."
            )
        if self.k < 1 or not 1 <= self.depth <= _MOST:
            raise ConfigurationError(
                f"hybrid has k {self.k} and depth {self.depth}; k is at least 1, depth 1 to {_MOST}."
            )


def fuse(rankings: Sequence[tuple[float, Sequence[int]]], k: int) -> list[tuple[int, float]]:
    """Joins rankings.

    Args:
        rankings: Weight and rows, best first, of each ranking.
        k: Constant of the fusion.

    Returns:
        Row and fused score, best first; of equal scores the smaller row is first.
    """
    scores: dict[int, float] = {}
    for weight, rows in rankings:
        if weight:
            for rank, row in enumerate(rows, start=1):
                scores[row] = scores.get(row, 0.0) + weight / (k + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
