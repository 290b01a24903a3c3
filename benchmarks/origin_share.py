"""The estimated share of AI-written texts against the truth, in simulated mixes of real texts.

Usage: origin_share.py DATA [--rounds N] [--only SECTION ...] [--json]
(DATA: a folder with l2r and glimpse)

A model is trained on l2r and its threshold set on human texts, as `stemma origin train` does. The texts that took part
in neither are divided again in each round: one half is the evaluation of the model card (sensitivity, false positives),
of the other a mix is drawn without putting back, with 0 to 90 % AI-written texts. Coverage is the share of rounds whose
95 % interval holds the share that was mixed. The shifted parts keep the card and mix other texts: of a generator or a
domain that neither training nor evaluation had, or of glimpse.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from known_origin import features, glimpse, l2r
from rich.console import Console
from rich.table import Table

from provenance.share import ShareEstimate, estimate
from provenance.statistics.conformal import Rate, threshold
from provenance.statistics.features import count_words
from provenance.statistics.fit import Known, fit, split

ALPHA = 0.05
SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
LEVEL = 0.95

Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]
Row = dict[str, Any]


@dataclass(frozen=True)
class Judged:
    """Whether each text was flagged, human ones and AI-written ones apart."""

    human: Flags
    ai: Flags


@dataclass(frozen=True)
class Model:
    """A fitted model with its threshold, and the texts that took part in neither."""

    linear: Any
    least: float
    unseen: list[Known]

    def judge(self, items: Sequence[Known]) -> Judged:
        flags = {
            kind: np.array([self.linear.score(features(i.text)) > self.least for i in items if i.human is kind], bool)
            for kind in (True, False)
        }
        return Judged(human=flags[True], ai=flags[False])


def model_of(items: Sequence[Known]) -> Model:
    parts = split(items, 0)
    linear = fit(parts.train, features)
    calibration = [linear.score(features(item.text)) for item in parts.calibrate]
    return Model(linear, threshold(calibration, ALPHA), list(parts.evaluate))


def coverage(card: Judged, pool: Judged | None, sizes: Sequence[int], rounds: int) -> list[Row]:
    """Counts how often the interval holds the truth.

    Args:
        card: Texts like those of training; halved in each round where there is no other pool.
        pool: What the mixes are drawn from; None for the other half of `card`.
        sizes: Texts in a mix.
        rounds: Divisions; each gives one mix of every size and share.
    """
    random = np.random.Generator(np.random.PCG64(7))
    tallies: dict[tuple[int, float], list[tuple[bool | None, float, float]]] = {}
    for _ in range(rounds):
        human, ai = random.permutation(card.human), random.permutation(card.ai)
        half = (len(human) // 2, len(ai) // 2) if pool is None else (len(human), len(ai))
        sensitivity = Rate(hits=int(ai[: half[1]].sum()), total=half[1])
        false = Rate(hits=int(human[: half[0]].sum()), total=half[0])
        source = Judged(human=human[half[0] :], ai=ai[half[1] :]) if pool is None else pool
        for size in sizes:
            for share in SHARES:
                drawn = _mix(random, source, size, share)
                if drawn is None:
                    continue
                flagged, truth = drawn
                found = estimate(Rate(hits=flagged, total=size), sensitivity, false)
                tallies.setdefault((size, share), []).append(_held(found, truth))
    return [_told(size, share, seen) for (size, share), seen in sorted(tallies.items())]


def _mix(random: np.random.Generator, source: Judged, size: int, share: float) -> tuple[int, float] | None:
    """Returns flagged texts and true share of one mix; None where there are not so many texts."""
    ai = round(size * share)
    if ai > len(source.ai) or size - ai > len(source.human):
        return None
    parts = (
        random.choice(flags, number, replace=False) for flags, number in ((source.ai, ai), (source.human, size - ai))
    )
    return sum(int(part.sum()) for part in parts), ai / size


def _held(found: ShareEstimate, truth: float) -> tuple[bool | None, float, float]:
    """Returns whether the interval holds the truth (None where nothing was estimated), the error, and the width."""
    if found.point is None or found.low is None or found.high is None:
        return None, 0.0, 0.0
    return found.low <= truth <= found.high, found.point - truth, found.high - found.low


def _told(size: int, share: float, every: Sequence[tuple[bool | None, float, float]]) -> Row:
    """Counts coverage over all rounds; one in which nothing was estimated does not cover."""
    seen = [item for item in every if item[0] is not None]
    inside = Rate(hits=sum(bool(item[0]) for item in seen), total=len(every))
    told: Row = {"n": size, "share": share, "coverage": inside.to_json(), "refused": len(every) - len(seen)}
    if not seen:
        return told | {"bias": None, "width": None}
    bias, width = (float(np.mean([item[place] for item in seen])) for place in (1, 2))
    return told | {"bias": round(bias, 4), "width": round(width, 4)}


def long_enough(items: Sequence[Known], least: int) -> list[Known]:
    return [item for item in items if count_words(item.text) >= least]


def sections(data: Path, rounds: int) -> dict[str, Callable[[], list[Row]]]:
    """Returns what is measured, by name."""
    english = l2r(data)
    real, lowered = (cache(partial(long_enough, english, least)) for least in (200, 50))
    made: dict[str, Callable[[], list[Row]]] = {
        "same-200": lambda: same(real(), (50,), rounds),
        "same-50": lambda: same(lowered(), (50, 100, 200), rounds),
    }
    for name in ("GPT-4o", "Gemini-1.5-Pro"):
        made[f"generator-{name}"] = partial(lambda kind: new_generator(real(), kind, rounds), name)
    for name in ("EducationMaterial", "LiteratureCreativeWriting", "NewsArticle"):
        made[f"domain-{name}"] = partial(lambda kind: new_domain(real(), kind, rounds), name)
    made["glimpse"] = lambda: new_set(lowered(), long_enough(glimpse(data, "main"), 50), rounds)
    return made


def same(items: Sequence[Known], sizes: Sequence[int], rounds: int) -> list[Row]:
    """Mixes of texts like those of the card."""
    model = model_of(items)
    return coverage(model.judge(model.unseen), None, sizes, rounds)


def new_generator(items: Sequence[Known], name: str, rounds: int) -> list[Row]:
    """Mixes whose AI-written texts are of a generator that the card never saw."""
    model = model_of([item for item in items if item.generator != name])
    held = {item.group for item in model.unseen}
    other = [item for item in items if item.group in held and (item.human or item.generator == name)]
    return coverage(model.judge(model.unseen), model.judge(other), (50, 100), rounds)


def new_domain(items: Sequence[Known], name: str, rounds: int) -> list[Row]:
    """Mixes of a domain that the card never saw."""
    model = model_of([item for item in items if item.domain != name])
    pool = model.judge([item for item in items if item.domain == name])
    return coverage(model.judge(model.unseen), pool, (100,), rounds)


def new_set(items: Sequence[Known], others: Sequence[Known], rounds: int) -> list[Row]:
    """Mixes of another collection: other subjects, other generators, other prompts."""
    model = model_of(items)
    return coverage(model.judge(model.unseen), model.judge(others), (100, 200), rounds)


def measured(data: Path, rounds: int, only: Sequence[str]) -> Row:
    """Measures each section; names each on stderr when it is done."""
    found: Row = {}
    for name, measure in sections(data, rounds).items():
        if not only or name in only:
            found[name] = measure()
            print(name, file=sys.stderr, flush=True)
    return found


def shown(found: Row, console: Console) -> None:
    for name, rows in found.items():
        made = Table("n", "AI share", "coverage", "95 %", "not estimated", "bias", "width", title=name)
        for item in rows:
            rate = item["coverage"]
            spread = f"{rate['low']:.1%}-{rate['high']:.1%}"
            means = ("-", "-") if item["bias"] is None else (f"{item['bias']:+.3f}", f"{item['width']:.3f}")
            figures = (f"{rate['share']:.1%}", spread, str(item["refused"]), *means)
            made.add_row(str(item["n"]), f"{item['share']:.0%}", *figures)
        console.print(made)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--only", nargs="*", default=[], metavar="SECTION")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measured(options.data, options.rounds, options.only)
    if options.json:
        json.dump(found, sys.stdout, indent=1)
    else:
        shown(found, Console(width=120))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
