"""Texts in two styles, with more or less of each, so that a detector has something real to tell apart."""

from __future__ import annotations

import random
from functools import cache

from provenance_parts.watermark_texts import human_texts

from provenance.statistics.fit import Known

_TICS = (
    "It is important to note that", "Furthermore,", "In conclusion,", "This ensures seamless", "Moreover,",
    "a robust and comprehensive", "delve into the", "plays a crucial role in", "a testament to", "leveraging",
)  # fmt: skip

_HUMAN, _AI = (0.0, 0.2), (0.4, 1.0)
"""Share of sentences that open with such a phrase, least and most."""


@cache
def _sentences() -> tuple[str, ...]:
    found = [part.strip() for text in human_texts() for part in text.replace("\n", " ").split(". ")]
    return tuple(part for part in found if 5 <= len(part.split()) <= 30)


def text(seed: int, *, tics: float, words: int = 230) -> str:
    """Real sentences in random order; before a share of them stands a phrase of the other style."""
    choices, parts, count = random.Random(seed), list[str](), 0
    while count < words:
        lead = f"{choices.choice(_TICS)} " if choices.random() < tics else ""
        parts.append(f"{lead}{choices.choice(_sentences())}.")
        count += len(parts[-1].split())
    return " ".join(parts)


def known(human: int, ai: int, *, start: int = 0, words: int = 230) -> list[Known]:
    """Returns human texts with few of the phrases, and AI-written ones with more; the two overlap."""
    choices = random.Random(start)
    return [
        Known(
            text=text(start + n, tics=choices.uniform(*(_HUMAN if n < human else _AI)), words=words),
            human=n < human,
            domain=("guide", "news")[n % 2],
            generator="" if n < human else ("a", "b")[n % 2],
            language="en",
        )
        for n in range(human + ai)
    ]
