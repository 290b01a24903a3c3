"""Texts without a mark, and a small language model of them that a watermark can steer."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import cache
from importlib.metadata import distributions
from itertools import pairwise

GERMAN = (
    "Die Pumpe fördert vierzig Liter Wasser in der Minute und braucht keine Schmierung. Vor dem ersten Start wird das "
    "Gehäuse gefüllt, denn sie saugt nicht selbst an. Wer den Filter einmal im Jahr reinigt und die Dichtung mit etwas "
    "Silikonfett bestreicht, hat lange Freude daran. Bei Frost muss der Kessel geleert werden; das Ventil am Boden "
    "bleibt dabei offen. Ersatzteile nennt die letzte Seite des Heftes, samt Nummern und Preisen. Fragen beantwortet "
    "der Händler, bei dem das Gerät gekauft wurde, oder die Werkstatt in Leipzig an Werktagen zwischen acht und vier."
)
_WORD = re.compile(r"[A-Za-z]{2,}")


@cache
def human_texts() -> tuple[str, ...]:
    """Descriptions of installed distributions, 300 to 3,000 words of prose each: nobody marked them."""
    found = {}
    for distribution in distributions():
        text = str(distribution.metadata.get_payload() or distribution.metadata.get("Description") or "")
        if 300 <= len(_WORD.findall(text)) <= 3_000:
            found[distribution.metadata["Name"].lower()] = text
    return tuple(found[name] for name in sorted(found)[:12])


@cache
def _language() -> tuple[dict[str, Counter[str]], list[str], list[int]]:
    after: dict[str, Counter[str]] = defaultdict(Counter)
    every: Counter[str] = Counter()
    for text in human_texts():
        words = [word.lower() for word in _WORD.findall(text)]
        every.update(words)
        for before, word in pairwise(words):
            after[before][word] += 1
    common = every.most_common(2_000)
    return after, [word for word, _ in common], [count for _, count in common]


def generated(count: int, weight: Callable[[str, str], float], seed: int = 0) -> str:
    """Samples words from a bigram model of the texts, each offered word weighed as a sampler with a mark would."""
    after, words, counts = _language()
    choices, written = random.Random(seed), ["the"]
    while len(written) < count:
        before = written[-1]
        offered = Counter(dict(after[before].most_common(20)))
        offered.update(choices.choices(words, counts, k=20))
        weights = [number * weight(before, word) for word, number in offered.items()]
        written.append(choices.choices(list(offered), weights)[0])
    return " ".join(written)
