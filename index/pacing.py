"""How fast a re-embed may go: a token bucket as a pure decision over one number.

The state of a bucket is the time at which it is full again. Taking from it moves that time on; how long to
wait follows. Whoever keeps the number decides whether one process or many share the bucket.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from corpus.errors import ConfigurationError

T = TypeVar("T")
Unit = Literal["chunks", "tokens"]

PATTERN = r"^[0-9]+(\.[0-9]+)? ?((chunks|tokens)(/s)?)?$"
"""What `parse_rate` reads, as JSON Schema and `re` understand it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A limit.

    Attributes:
        per_second: Units a second, positive.
        unit: What is counted.
    """

    per_second: float
    unit: Unit

    @property
    def burst(self) -> float:
        """Units that may come at once: what a second allows, and one at the least."""
        return max(self.per_second, 1.0)

    def __str__(self) -> str:
        return f"{self.per_second:g} {self.unit}/s"


def parse_rate(text: str) -> Rate:
    """Reads a limit such as `50`, `50 chunks/s` or `20000 tokens/s`; a bare number counts chunks.

    Raises:
        ConfigurationError: It is of another form, or not positive.
    """
    said = text.strip()
    number = re.match(r"[0-9.]+", said)
    if re.match(PATTERN, said) is None or number is None or float(number[0]) <= 0:
        raise ConfigurationError(
            f"rate {text!r} cannot be read. Give a positive number of chunks or tokens a second, such as "
            "'50 chunks/s' or '20000 tokens/s'."
        )
    return Rate(per_second=float(number[0]), unit="tokens" if "tokens" in said else "chunks")


def take(full_at: float, rate: Rate, units: float, now: float) -> tuple[float, float]:
    """Takes units from a bucket, at the earliest time at which they are there.

    A batch that is larger than the bucket is let out of a full one and leaves a debt, which the next one waits
    for. So in any stretch of time no more comes out than `rate.burst`, what flowed in, and the part of one batch
    that is larger than the bucket.

    Args:
        full_at: When the bucket is full, in seconds of any clock.
        rate: How fast it fills, and how much it holds.
        units: What is taken.
        now: The time on the same clock.

    Returns:
        When the bucket is full then, and how many seconds to wait before the units may be used.
    """
    fills = rate.burst / rate.per_second
    needed = min(units, rate.burst) / rate.per_second
    start = max(now, full_at - fills + needed)
    return max(full_at, start) + units / rate.per_second, start - now


def slices(items: Sequence[T], weights: Sequence[float], *, most_items: int, most_weight: float) -> Iterator[list[T]]:
    """Yields runs of items, each as long as both limits allow and at least one item long.

    Args:
        items: What is cut, in order.
        weights: The weight of each.
        most_items: Items in one run.
        most_weight: Weight of one run, unless a single item is heavier.
    """
    run: list[T] = []
    weight = 0.0
    for item, heavy in zip(items, weights, strict=True):
        if run and (len(run) == most_items or weight + heavy > most_weight):
            yield run
            run, weight = [], 0.0
        run.append(item)
        weight += heavy
    if run:
        yield run
