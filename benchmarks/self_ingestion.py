"""Self-ingestion: real answers come back as documents, beside human texts that must not be taken for them.

Usage: self_ingestion.py [--data FOLDER] [--sample N] [--json]

Answers of MTRAG, MTRAG-UN and ExpertQA are registered in a SQLite catalog with what they really retrieved, those of
RAGChecker and FActScore without it. Thresholds were chosen on half of the questions; the tables are of the other
half. "Found" is a finding of basis MATCHED that names the answer. Human texts are negatives; so are, in a row of
their own, answers of other systems to the same question. Beside it, in the same run and on the same texts: MinHash
(Jaccard of word 3-grams >= .5, rensa's signatures), SimHash (64 bits, at most 6 apart), plain containment of word
3-grams (>= .5), and novel-gram containment (>= .15 and 6 grams), the simple rule that this one replaces.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from rensa import RMinHash
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest
from served import (
    SERVED_AT,
    Served,
    edited,
    excerpt,
    human_texts,
    inside,
    reformatted,
    revisions,
    shuffled,
    with_context,
    without_context,
)

from corpus.catalog import answers as register_of_answers
from corpus.catalog.session import Catalog, open_catalog
from corpus.types import Basis, Finding
from ingestion.stages.answers import register_answers
from provenance.answers import AnswerInput, RetrievedText, document_grams, novelty, register
from provenance.grams import grams
from provenance.reuse import match

Quoting = tuple[AnswerInput, list[tuple[str, str]]]
"""An answer that quotes an article, and human texts (kind, text) that hold the same quotation."""
BANDS = (("under 25", 0, 25), ("25-50", 25, 50), ("50-100", 50, 100), ("100 and more", 100, 10**9))


@dataclass
class Rate:
    """How often, with the exact binomial interval."""

    hits: int = 0
    of: int = 0

    def add(self, *, hit: bool) -> None:
        self.hits, self.of = self.hits + hit, self.of + 1

    @property
    def interval(self) -> tuple[float, float]:
        found = binomtest(self.hits, self.of).proportion_ci(method="exact") if self.of else None
        return (float(found.low), float(found.high)) if found else (0.0, 1.0)

    def as_json(self) -> dict[str, Any]:
        return {"hits": self.hits, "of": self.of, "low": self.interval[0], "high": self.interval[1]}

    def __str__(self) -> str:
        if not self.of:
            return "-"
        low, high = self.interval
        return f"{self.hits}/{self.of}  {self.hits / self.of:.1%}  [{low:.1%}, {high:.1%}]"


class Stemma:
    """Ours, through the catalog."""

    name = "stemma"

    def __init__(self, catalog: Catalog, answers: Iterable[AnswerInput]) -> None:
        self.catalog = catalog
        register_answers(catalog, list(answers))
        self.seconds, self.words = 0.0, 0

    def find(self, text: str) -> tuple[Finding, ...]:
        began = time.process_time()
        seen = document_grams(text)
        with self.catalog.reading() as tx:
            served = register_of_answers.candidates(tx, seen.values)
        found = match(text, served, document=seen)
        self.seconds, self.words = self.seconds + time.process_time() - began, self.words + seen.words
        return found

    def matched(self, text: str) -> set[str]:
        return {item.detail["answer_id"] for item in self.find(text) if item.basis is Basis.MATCHED}


class Grams:
    """Containment of an answer's word 3-grams in a text, by an inverted list."""

    def __init__(self, name: str, kept: dict[str, np.ndarray], *, share: float, least: int, fewest: int = 1) -> None:
        self.name, self.share, self.least = name, share, least
        self.sizes = {key: len(values) for key, values in kept.items() if len(values) >= fewest}
        self.holders: dict[int, list[str]] = defaultdict(list)
        for key in self.sizes:
            for value in kept[key].tolist():
                self.holders[value].append(key)

    def matched(self, text: str) -> set[str]:
        found = Counter(key for value in _values(text).tolist() for key in self.holders.get(value, ()))
        return {key for key, hits in found.items() if hits >= max(self.least, self.share * self.sizes[key])}


class Sketches:
    """Texts alike as a whole, by their sketches in rows of one array."""

    def __init__(
        self,
        name: str,
        answers: list[AnswerInput],
        sketch: Callable[[str], np.ndarray],
        alike: Callable[[np.ndarray, np.ndarray], np.ndarray],
    ) -> None:
        self.name, self.sketch, self.alike = name, sketch, alike
        self.names = [answer.answer_id for answer in answers]
        self.kept = np.stack([sketch(answer.text) for answer in answers])

    def matched(self, text: str) -> set[str]:
        return {self.names[place] for place in np.flatnonzero(self.alike(self.kept, self.sketch(text))).tolist()}


def _minhash(text: str) -> np.ndarray:
    made = RMinHash(num_perm=128, seed=1)
    words = text.lower().split()
    made.update([" ".join(words[place : place + 3]) for place in range(max(1, len(words) - 2))])
    return np.array(made.digest(), dtype=np.uint64)


def _simhash(text: str) -> np.ndarray:
    hashes = grams(text).hashes
    bits = (hashes[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    votes = 2 * bits.astype(np.int64).sum(axis=0) - len(hashes)
    return np.array(sum(1 << place for place in np.flatnonzero(votes > 0).tolist()), dtype=np.uint64)


def _values(text: str) -> np.ndarray:
    return np.unique(grams(text).hashes)


def _novel(answer: AnswerInput) -> np.ndarray:
    held = [_values(item.text) for item in answer.retrieved if item.text]
    return np.setdiff1d(_values(answer.text), np.concatenate(held) if held else np.empty(0, np.uint64))


def others(answers: list[AnswerInput]) -> list[Any]:
    """Returns the other methods, each knowing the same answers."""
    every = {answer.answer_id: _values(answer.text) for answer in answers}
    novel = {answer.answer_id: _novel(answer) for answer in answers}
    return [
        Sketches("minhash", answers, _minhash, lambda kept, seen: (kept == seen).mean(axis=1) >= 0.5),
        Sketches("simhash", answers, _simhash, lambda kept, seen: np.bitwise_count(kept ^ seen) <= 6),
        Grams("containment", every, share=0.5, least=1),
        Grams("novel grams", novel, share=0.15, least=6, fewest=8),
    ]


def forms(item: Served, around: list[str], vocabulary: list[str], dice: random.Random) -> Iterator[tuple[str, str]]:
    """Yields the ways in which an answer comes back."""
    text = item.answer.text
    yield "verbatim", text
    yield "reformatted", reformatted(text)
    yield "shuffled sentences", shuffled(text, dice)
    part = excerpt(text, 0.3, dice)
    yield "30 % excerpt", part
    if _decidable(replace(item.answer, text=part)):
        yield "30 % excerpt, itself decidable", part
    yield "inside 1,000 words", inside(text, around, 1000, dice)
    yield "inside 3,000 words", inside(text, around, 3000, dice)
    for share in (0.1, 0.2, 0.3):
        yield f"{share:.0%} of words edited", edited(text, share, dice, vocabulary)


def quoting_answers(
    articles: list[list[str]], own: list[Served]
) -> Iterator[tuple[AnswerInput, list[tuple[str, str]]]]:
    """Yields answers that quote an article.

    The words of their own are those of a real answer about something else; the quotation is half of it. Human are:
    the article itself, its next revision, and a page about something else that quotes the same passage.
    """
    for number, (article, item) in enumerate(zip((a for a in articles if len(a) > 1), own, strict=False)):
        words = article[0].split()
        if len(words) < 300:
            continue
        quotation = " ".join(words[100 : 100 + min(120, max(20, item.words))])
        answer = AnswerInput(
            answer_id=f"quoting/{number}",
            text=f"{item.answer.text}\n\n{quotation}",
            system="quoting",
            model="",
            served_at=SERVED_AT,
            retrieved=(RetrievedText(chunk_id="a", text=" ".join(words[80:300])), *item.answer.retrieved),
            question=item.answer.question,
            given=item.answer.given,
        )
        page = articles[(number + 7) % len(articles)][-1]
        yield (
            answer,
            [
                ("source document", article[0]),
                ("new revision of a source", article[1]),
                ("page quoting the same source", f"{page[:2000]}\n\n{quotation}\n\n{page[2000:4000]}"),
            ],
        )


@dataclass
class Result:
    """What one method found."""

    recall: dict[tuple[str, str], Rate] = field(default_factory=lambda: defaultdict(Rate))
    flagged: dict[str, Rate] = field(default_factory=lambda: defaultdict(Rate))


def _decidable(answer: AnswerInput) -> bool:
    return register(answer, novelty(answer)).decidable


def run(data: Path, *, sample: int | None, console: Console) -> dict[str, Any]:
    dice = random.Random(20261130)
    known = with_context(data)
    articles = revisions(data)
    vocabulary = " ".join(article[-1] for article in articles[:60]).split()
    around = " ".join(article[-1] for article in articles[60:260]).split()
    quoting = list(quoting_answers(articles, [item for item in known if item.words >= 40 and not item.held_out]))
    blind = without_context(data)
    every = [*(item.answer for item in known), *(answer for answer, _ in quoting), *(item.answer for item in blind)]
    chosen = [item for item in known if item.held_out]
    dice.shuffle(chosen)
    del chosen[sample or len(chosen) :]
    with tempfile.TemporaryDirectory() as folder:
        catalog = open_catalog(f"sqlite:///{folder}/catalog.db")
        catalog.upgrade()
        ours = Stemma(catalog, every)
        methods = [ours, *others(every)]
        results = {method.name: Result() for method in methods}
        decidable = {item.answer.answer_id: _decidable(item.answer) for item in known}
        _positives(chosen, decidable, methods, results, (around, vocabulary, dice), console)
        _negatives(data, chosen, quoting, methods, results, sample, console)
        suspected = _blind(ours, blind[: sample or None])
        speed = ours.seconds / max(1, ours.words) * 1e6
        catalog.close()
    return {
        "answers": len(every),
        "tested": len(chosen),
        "decidable": _shares(chosen, decidable),
        "methods": {name: _as_json(result) for name, result in results.items()},
        "without context": {name: rate.as_json() for name, rate in suspected.items()},
        "CPU ms per 1,000 words": round(speed, 2),
        "_results": results,
        "_suspected": suspected,
    }


def _band(words: int) -> str:
    return next(name for name, low, high in BANDS if low <= words < high)


def _shares(chosen: list[Served], decidable: dict[str, bool]) -> dict[str, dict[str, Any]]:
    rates: dict[str, Rate] = {name: Rate() for name, _, _ in BANDS}
    for item in chosen:
        rates[_band(item.words)].add(hit=decidable[item.answer.answer_id])
    return {name: rate.as_json() for name, rate in rates.items()}


def _positives(
    chosen: list[Served],
    decidable: dict[str, bool],
    methods: list[Any],
    results: dict[str, Result],
    stuff: tuple[list[str], list[str], random.Random],
    console: Console,
) -> None:
    around, vocabulary, dice = stuff
    for number, item in enumerate(chosen):
        if number % 100 == 0:
            console.print(f"answer {number} of {len(chosen)}", style="dim", highlight=False)
        for form, text in forms(item, around, vocabulary, dice):
            for method in methods:
                hit = item.answer.answer_id in method.matched(text)
                band = _band(item.words) if decidable[item.answer.answer_id] else "not decidable"
                results[method.name].recall[form, band].add(hit=hit)


def _negatives(
    data: Path,
    chosen: list[Served],
    quoting: list[tuple[AnswerInput, list[tuple[str, str]]]],
    methods: list[Any],
    results: dict[str, Result],
    sample: int | None,
    console: Console,
) -> None:
    texts = [("source passage", item.text) for one in chosen for item in one.answer.retrieved if item.text]
    texts = list(dict.fromkeys(texts))[: sample or None]
    texts += [pair for _, pairs in quoting[: sample or None] for pair in pairs]
    unrelated: Counter[str] = Counter()
    for name, text in human_texts(data):
        unrelated[name] += 1
        if unrelated[name] <= (sample or 10**9):
            texts.append((f"unrelated: {name}", text))
    console.print(f"{len(texts)} human texts", style="dim", highlight=False)
    for kind, text in texts:
        for method in methods:
            if (
                kind.startswith("unrelated")
                and method.name != "stemma"
                and results[method.name].flagged[kind].of >= 200
            ):
                continue
            results[method.name].flagged[kind].add(hit=bool(method.matched(text)))
    for item in chosen:
        for text in item.others:
            for method in methods:
                results[method.name].flagged["other system, same question"].add(
                    hit=item.answer.answer_id in method.matched(text)
                )


def _blind(ours: Stemma, blind: list[Served]) -> dict[str, Rate]:
    rates: dict[str, Rate] = defaultdict(Rate)
    for item in blind:
        named = [found for found in ours.find(item.answer.text) if found.detail["answer_id"] == item.answer.answer_id]
        rates["verbatim: suspected"].add(hit=any(found.basis is Basis.SUSPECTED for found in named))
        rates["verbatim: decided"].add(hit=any(found.basis is Basis.MATCHED for found in named))
        for text in item.others:
            found = [one for one in ours.find(text) if one.detail["answer_id"] == item.answer.answer_id]
            rates["other system, same question: suspected"].add(hit=bool(found))
    return rates


def _as_json(result: Result) -> dict[str, Any]:
    return {
        "recall": {f"{form} | {band}": rate.as_json() for (form, band), rate in result.recall.items()},
        "flagged": {kind: rate.as_json() for kind, rate in result.flagged.items()},
    }


def show(report: dict[str, Any], console: Console) -> None:
    results: dict[str, Result] = report["_results"]
    ours = results["stemma"]
    bands = [*(name for name, _, _ in BANDS), "not decidable"]
    table = Table("came back as", *bands, title="Found, by words of the answer")
    for form in dict.fromkeys(form for form, _ in ours.recall):
        table.add_row(form, *(str(ours.recall[form, band]) if (form, band) in ours.recall else "-" for band in bands))
    console.print(table)
    compared = Table("came back as, decidable, 50 words and more", *results, title="Beside other methods")
    for form in dict.fromkeys(form for form, _ in ours.recall):
        compared.add_row(form, *(_joined(result, form) for result in results.values()))
    for kind in ours.flagged:
        compared.add_row(f"flagged: {kind}", *(str(result.flagged[kind]) for result in results.values()))
    console.print(compared)
    human = Rate()
    for kind, rate in ours.flagged.items():
        if not kind.startswith("other system"):
            human.hits, human.of = human.hits + rate.hits, human.of + rate.of
    console.print(f"human texts flagged: {human}", highlight=False)
    for name, rate in report["_suspected"].items():
        console.print(f"without context, {name}: {rate}", highlight=False)
    console.print(f"{report['CPU ms per 1,000 words']} CPU ms per 1,000 words of a document", highlight=False)


def _joined(result: Result, form: str) -> str:
    rate = Rate()
    for band in ("50-100", "100 and more"):
        rate.hits += result.recall[form, band].hits
        rate.of += result.recall[form, band].of
    return f"{rate.hits / rate.of:.1%}" if rate.of else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--sample", type=int, help="answers and texts of each kind at the most")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    console = Console(width=200, stderr=given.json)
    report = run(given.data, sample=given.sample, console=Console(stderr=True))
    if given.json:
        json.dump({key: value for key, value in report.items() if not key.startswith("_")}, sys.stdout, indent=2)
    else:
        show(report, console)


if __name__ == "__main__":
    main()
