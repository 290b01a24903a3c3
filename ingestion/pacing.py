"""Keeps a re-embed to its rate: the thin effect around `index.pacing`.

The bucket's one number is in the catalog, so that all tasks of a re-embed, on however many machines, share one
limit. The clocks of the machines have to agree to a fraction of a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from corpus.catalog import reembeds
from corpus.catalog.session import Catalog
from index.pacing import Rate, slices, take

BATCH = 512
"""Texts per call of the embedder: enough to sort by length, few enough to show progress (measured: the gain of
sorting is within 2 % of its limit from about 500 texts on)."""


class Pace(Protocol):
    """Cuts texts into batches and says when the next may start."""

    def batches(self, digests: Sequence[str], tokens: Sequence[int]) -> Iterator[list[str]]:
        """Yields batches in order, each when it may be embedded.

        Args:
            digests: The texts.
            tokens: Tokens of each.
        """
        ...


class Unpaced:
    """As fast as the model is."""

    def batches(self, digests: Sequence[str], tokens: Sequence[int]) -> Iterator[list[str]]:
        """Yields batches of `BATCH` texts."""
        yield from slices(digests, tokens, most_items=BATCH, most_weight=float("inf"))


UNPACED: Pace = Unpaced()


@dataclass(frozen=True, slots=True, kw_only=True)
class Paced:
    """No faster than a rate, over all processes that work on one re-embed.

    Attributes:
        catalog: Where the bucket is.
        contract: The contract.
        space: Fingerprint of the target.
        rate: The limit.
        now: The clock, seconds since 1970.
        sleep: Waits so many seconds.
    """

    catalog: Catalog
    contract: str
    space: str
    rate: Rate
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def batches(self, digests: Sequence[str], tokens: Sequence[int]) -> Iterator[list[str]]:
        """Yields batches that the bucket holds, each when the bucket has let it out."""
        weights = list(tokens) if self.rate.unit == "tokens" else [1] * len(digests)
        weight_of = dict(zip(digests, weights, strict=True))
        for batch in slices(digests, weights, most_items=BATCH, most_weight=self.rate.burst):
            self._wait(sum(weight_of[digest] for digest in batch))
            yield batch

    def _wait(self, units: float) -> None:
        with self.catalog.transaction() as tx:
            wait = reembeds.take(
                tx, self.contract, self.space, lambda full_at: take(full_at, self.rate, units, self.now())
            )
        if wait > 0:
            self.sleep(wait)
