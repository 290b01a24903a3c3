"""From which cosine on two sentences say the same: a number that holds in one embedder's space and nowhere else.

For the spaces that this build knows it was measured. In every space it is raised to what the corpus's own background
asks for: how near its sentences come to answers that were not made from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

QUANTILE = 0.99
"""Share of corpus sentences that must stay under the threshold (our choice: one chance sentence in a hundred)."""
LEAST_SAMPLE = 100
"""Corpus sentences from which on a background is measured; of fewer the quantile says nothing."""
UNKNOWN = 0.65
"""Where to start in a space that this build does not know: the value of the default model (docs/paraphrase.md)."""
GREATEST = 0.85
"""The threshold is never raised over this: paraphrases seldom come nearer (our choice)."""
SHIPPED: Mapping[str, float] = MappingProxyType(
    {
        "0c50bb8d5a44da8003d726dea28d3fe6724c601e06bb635ae503d4c3bb5cd58b": 0.65,  # all-MiniLM-L6-v2
        "f89773514a74cd3247316edf88afeffb0673f96408c494d0462b040a805c6b5b": 0.60,  # wordllama-256
    }
)
"""Fingerprint of a space to the threshold measured in it (benchmarks/paraphrase.py, docs/paraphrase.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """From which cosine on two sentences say the same, in one space.

    Attributes:
        value: The cosine.
        space: Fingerprint of the embedder that it holds for.
        basis: `shipped` for the value that came with this build, `background` where the corpus asked for more, and
            `assumed` in a space that nothing was measured in.
    """

    value: float
    space: str
    basis: str = "shipped"

    def __str__(self) -> str:
        """Returns `value@fingerprint`, the form in which it is stored and shown."""
        return f"{self.value:.3f}@{self.space}"


def threshold_of(space: str, background: npt.ArrayLike = ()) -> Threshold:
    """Returns the threshold of a space.

    Args:
        space: Fingerprint of the embedder.
        background: For each of a sample of the corpus's sentences, its greatest cosine to a sentence of an answer
            that was not made from it; fewer than `LEAST_SAMPLE` are not looked at.
    """
    known = SHIPPED.get(space)
    start = UNKNOWN if known is None else known
    sample = np.asarray(background, dtype=np.float64)
    found = float(np.quantile(sample, QUANTILE)) if sample.size >= LEAST_SAMPLE else 0.0
    if found > start:
        return Threshold(value=round(min(found, GREATEST), 3), space=space, basis="background")
    basis = "shipped" if known is not None else ("background" if sample.size >= LEAST_SAMPLE else "assumed")
    return Threshold(value=start, space=space, basis=basis)
