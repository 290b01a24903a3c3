"""The statistical detector on real texts: in its domain, across generators, domains and languages, as it is.

Usage: origin_statistics.py DATA [--json] [--seeds N] [--only SECTION ...]
(DATA: a folder with l2r and glimpse)

Human texts are split in three by group (training, threshold, test), rewrites go with their original. The threshold is
split conformal at alpha on human texts of the training domains. Every share has its exact 95 % interval. Sections that
say "what-if" lower the least number of words, which the detector itself does not do. One split (seed 0), except where
a line says over how many.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from known_origin import features, glimpse, l2r, twins_are_identical
from rich.console import Console
from rich.table import Table

from provenance.statistics.conformal import LEAST_CALIBRATION, Rate, threshold
from provenance.statistics.features import count_words, features_of
from provenance.statistics.fit import Known, auroc, fit, split
from provenance.statistics.model import Linear

ALPHA = 0.05
WHAT_IF = 50
LEAST_HUMAN = 20
"""Human texts of a domain below which its row says too little to be printed."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Trained:
    """A fitted model and the scores of its calibration texts."""

    linear: Linear
    calibration: list[float]

    def at(self, alpha: float) -> float:
        return threshold(self.calibration, alpha)


def score(linear: Linear, items: Iterable[Known]) -> list[float]:
    return [linear.score(features(item.text)) for item in items]


def trained(train: Sequence[Known], calibrate: Sequence[Known]) -> Trained:
    linear = fit(train, features)
    return Trained(linear, score(linear, calibrate))


def row(name: str, model: Trained, tested: Sequence[Known], alpha: float = ALPHA) -> Row:
    """Counts what a model does on texts of known origin at its conformal threshold."""
    least = model.at(alpha)
    human = score(model.linear, (item for item in tested if item.human))
    ai = score(model.linear, (item for item in tested if not item.human))
    false = Rate(hits=sum(value > least for value in human), total=len(human))
    caught = Rate(hits=sum(value > least for value in ai), total=len(ai))
    return {"name": name, "false_positives": false.to_json(), "recall": caught.to_json(), "auroc": auroc(human, ai)}


def by(items: Iterable[Known], key: Callable[[Known], str]) -> dict[str, list[Known]]:
    found: dict[str, list[Known]] = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return {name: found[name] for name in sorted(found)}


def long_enough(items: Iterable[Known], least: int) -> list[Known]:
    return [item for item in items if count_words(item.text) >= least]


def in_domain(items: Sequence[Known], alphas: Sequence[float]) -> list[Row]:
    """Trains on every domain and generator; tests on held-out groups of the same."""
    parts = split(items, 0)
    model = trained(parts.train, parts.calibrate)
    rows = [row(f"all, alpha {alpha:g}", model, parts.evaluate, alpha) for alpha in alphas]
    for name, tested in by(parts.evaluate, lambda item: item.domain).items():
        if sum(item.human for item in tested) >= LEAST_HUMAN // 2:
            rows.append(row(name, model, tested))
    human = [item for item in parts.evaluate if item.human]
    for name, tested in by((i for i in parts.evaluate if not i.human), lambda item: item.generator).items():
        rows.append(row(f"{name} (all domains)", model, [*human, *tested]))
    return rows


def realized(items: Sequence[Known], seeds: int) -> Row:
    """Returns the false-positive rates over several splits: what the threshold keeps on average, and the spread."""
    rates = []
    for seed in range(seeds):
        parts = split(items, seed)
        found = row("", trained(parts.train, parts.calibrate), parts.evaluate)
        rates.append(found["false_positives"]["share"])
    return {"splits": seeds, "mean": statistics.mean(rates), "least": min(rates), "most": max(rates)}


def across_generators(items: Sequence[Known]) -> list[Row]:
    """Trains on one generator and tests on each."""
    parts = split(items, 0)
    rows = []
    for seen in sorted({item.generator for item in items if not item.human}):
        model = trained([item for item in parts.train if item.human or item.generator == seen], parts.calibrate)
        human = [item for item in parts.evaluate if item.human]
        for name, tested in by((i for i in parts.evaluate if not i.human), lambda item: item.generator).items():
            rows.append(row(f"{seen} -> {name}", model, [*human, *tested]))
    return rows


def across_domains(items: Sequence[Known]) -> list[Row]:
    """Leaves one domain out of training and threshold, and tests on all of it."""
    rows = []
    for name, tested in by(items, lambda item: item.domain).items():
        if sum(item.human for item in tested) < LEAST_HUMAN:
            continue
        parts = split([item for item in items if item.domain != name], 0)
        rows.append(row(name, trained(parts.train, parts.calibrate), tested))
    return rows


def english_on_languages(english: Sequence[Known], others: Sequence[Known]) -> list[Row]:
    """Trains on English alone and tests by language; the detector itself would refuse to speak of them."""
    parts = split(english, 0)
    model = trained(parts.train, parts.calibrate)
    return [row(name, model, tested) for name, tested in by(others, lambda item: item.domain).items()]


def languages(others: Sequence[Known]) -> list[Row]:
    """Trains on the other languages together; tests by language on held-out groups."""
    parts = split(others, 0)
    model = trained(parts.train, parts.calibrate)
    own = [row(name, model, tested) for name, tested in by(parts.evaluate, lambda item: item.domain).items()]
    return [row("all", model, parts.evaluate), *own]


def across_sets(train: Sequence[Known], tested: Sequence[Known]) -> list[Row]:
    """Trains on l2r and tests on glimpse: other subjects, other generators, other prompts."""
    parts = split(train, 0)
    model = trained(parts.train, parts.calibrate)
    rows = [row(name, model, found) for name, found in by(tested, lambda item: item.domain).items()]
    human = [item for item in tested if item.human]
    for name, found in by((item for item in tested if not item.human), lambda item: item.generator).items():
        rows.append(row(name, model, [*human, *found]))
    return rows


def lengths(items: Sequence[Known], least: int) -> list[Row]:
    """Returns, by domain, how many texts are too short to be scored."""
    rows = []
    for name, found in [("all", list(items)), *by(items, lambda item: item.domain).items()]:
        short = Counter(item.human for item in found if count_words(item.text) < least)
        total = Counter(item.human for item in found)
        counts = {"human": total[True], "human_short": short[True], "ai": total[False], "ai_short": short[False]}
        rows.append({"name": name, **counts})
    return rows


def speed(items: Sequence[Known]) -> Row:
    """Returns documents a second of one process, features and score, by processor time."""
    parts = split(items, 0)
    linear = fit(parts.train, features)
    tested = [item.text for item in items][:1_000]
    begun = time.process_time()
    for text in tested:
        linear.score(features_of(text))
    spent = time.process_time() - begun
    words = sum(map(count_words, tested))
    return {"documents_per_second": len(tested) / spent, "words_per_document": words / len(tested)}


class Texts:
    """The sets, each read when it is first asked for."""

    def __init__(self, data: Path) -> None:
        self.data = data

    @cached_property
    def english(self) -> list[Known]:
        return l2r(self.data)

    @cached_property
    def real(self) -> list[Known]:
        return long_enough(self.english, 200)

    @cached_property
    def lowered(self) -> list[Known]:
        return long_enough(self.english, WHAT_IF)

    @cached_property
    def main(self) -> list[Known]:
        return glimpse(self.data, "main")

    @cached_property
    def others(self) -> list[Known]:
        return glimpse(self.data, "langs")


def sections(data: Path, seeds: int) -> dict[str, Callable[[], Any]]:
    """Returns what is measured, by name, in the order in which it is shown."""
    texts = Texts(data)
    return {
        "twins": lambda: twins_are_identical(data),
        "short_l2r": lambda: lengths(texts.english, 200),
        "short_glimpse": lambda: [*lengths(texts.main, 200), *lengths(texts.others, 200)],
        "in_domain": lambda: in_domain(texts.real, (0.05, 0.01)),
        "across_generators": lambda: across_generators(texts.real),
        "across_domains": lambda: across_domains(texts.real),
        "english_on_languages": lambda: english_on_languages(texts.real, long_enough(texts.others, 200)),
        "languages": lambda: languages(long_enough(texts.others, 200)),
        "what_if_in_domain": lambda: in_domain(texts.lowered, (0.05, 0.01)),
        "what_if_glimpse": lambda: across_sets(texts.lowered, long_enough(texts.main, WHAT_IF)),
        "what_if_across_domains": lambda: across_domains(texts.lowered),
        "realized": lambda: realized(texts.real, seeds),
        "speed": lambda: speed(texts.real),
    }


def measured(data: Path, seeds: int, only: Sequence[str]) -> Row:
    """Measures each section; names each on stderr when it is done, since all together take many minutes."""
    found: Row = {"alpha": ALPHA, "least_calibration": LEAST_CALIBRATION, "what_if": WHAT_IF}
    for name, measure in sections(data, seeds).items():
        if not only or name in only:
            found[name] = measure()
            print(f"{name}: {json.dumps(found[name])}" if only else name, file=sys.stderr, flush=True)
    return found


_TITLES = {
    "in_domain": "In its domain: l2r, 200 words and more",
    "across_generators": "Across generators: trained on -> tested on",
    "across_domains": "Across domains: the domain was in neither training nor threshold",
    "english_on_languages": "Trained on English, shown other languages (the detector itself refuses them)",
    "languages": "Trained and calibrated on the six other languages together",
    "what_if_in_domain": f"What-if: in its domain, {WHAT_IF} words and more",
    "what_if_across_domains": f"What-if: across domains, {WHAT_IF} words and more",
    "what_if_glimpse": f"What-if: trained on l2r, shown glimpse, {WHAT_IF} words and more",
}


def shown(found: Row, console: Console) -> None:
    for key in ("twins", "realized", "speed"):
        if key in found:
            console.print(f"{key}:", found[key])
    for key in ("short_l2r", "short_glimpse"):
        if key not in found:
            continue
        made = Table("name", "human", "of these too short", "AI", "of these too short", title=f"Under 200 words: {key}")
        for item in found[key]:
            made.add_row(item["name"], *(str(item[part]) for part in ("human", "human_short", "ai", "ai_short")))
        console.print(made)
    for key, title in _TITLES.items():
        if key not in found:
            continue
        made = Table("", "false positives", "95 %", "recall", "95 %", "AUROC", title=title)
        for item in found[key]:
            false, caught = item["false_positives"], item["recall"]
            figures = (*_figures(false), *_figures(caught), f"{item['auroc']:.3f}" if item["auroc"] else "-")
            made.add_row(item["name"], *figures)
        console.print(made)


def _figures(rate: Row) -> tuple[str, str]:
    share = "-" if rate["share"] is None else f"{rate['share']:.1%}"
    return f"{rate['hits']} of {rate['total']} ({share})", f"{rate['low']:.1%}-{rate['high']:.1%}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", nargs="*", default=[], metavar="SECTION")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measured(options.data, options.seeds, options.only)
    if options.json:
        json.dump(found, sys.stdout, indent=1)
    else:
        shown(found, Console(width=150))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
