"""Exposure against pool: how much of what is found is AI text, as more of what there is becomes AI text.

Usage: contamination.py [--data FOLDER] [--documents 600] [--queries 200] [--draws 5] [--json]

Documents: L2R (21 domains; human texts, and their rewrites by GPT-3.5, GPT-4o, Gemini 1.5 Pro and Llama 3, aligned).
A document's rewrite is by one of the first three, in turn; Llama's are never in a pool. Pools of two kinds, at 0 to
90 % of the documents, drawn `--draws` times:
  replaced  the rewrite stands in place of the human text
  beside    the rewrite stands beside it, so that the two compete for the same question; the pool is then f / (1 + f)
Questions of three kinds, since the style of a question decides whom it favours:
  human     the first 16 words of the human text, which favours it: it is a quotation
  third     the first 16 words of Llama's rewrite: a machine's words, but of a machine that is in no pool
  keywords  the 4 to 8 rarest words that human text, rewrite and Llama's rewrite share: both stand the same chance
Asked are documents that share 4 such words, stop words aside.
Each document is one text of at most 180 words. Searched with BM25 (bm25s, Lucene's variant, English stop words; what
scores 0 is not found) and by cosine with the embedders of Stemma. Amplification is exposure / pool; its interval is a
bootstrap over questions.

Head to head: with every rewrite beside its human text, how often the rewrite of the document that was asked about
scores higher. One half is no bias. Llama's text was made of the human one, so `third` leans towards that.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import numpy.typing as npt
from bm25s.stopwords import STOPWORDS_EN
from corpora import SHARED
from rich.console import Console
from rich.table import Table

from index.embedders.registry import load_embedder
from provenance.alarms import MAX_AMPLIFICATION
from provenance.exposure import KS, estimate

REWRITERS = ("GPT-3-Turbo", "GPT-4o", "Gemini-1.5-Pro")
THIRD = "Llama-3-70B"
KINDS = ("human", "third", "keywords")
DESIGNS = ("replaced", "beside")
EMBEDDERS = ("all-MiniLM-L6-v2", "wordllama-256")
SHARES = tuple(share / 10 for share in range(10))
LEAST_WORDS, MOST_WORDS, QUERY_WORDS = 30, 180, 16
LEAST_KEYWORDS, KEYWORDS = 4, 8
SEED = 20_261_130

Scores = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Document:
    """A human text, its rewrite that may enter the pool, and a third party's rewrite that never does."""

    domain: str
    human: str
    rewrite: str
    third: str


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def _cut(text: str) -> str:
    return " ".join(text.split()[:MOST_WORDS])


def load(path: Path, limit: int) -> list[Document]:
    """Reads documents, as many of each domain; a human text that occurs twice is taken once."""
    versions: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            versions[record["domain"], record["idx"]][record["model"] or "human"] = record["text"]
    seen: set[str] = set()
    by_domain: dict[str, list[Document]] = defaultdict(list)
    for number, ((domain, _), texts) in enumerate(sorted(versions.items())):
        rewriter = REWRITERS[number % len(REWRITERS)]
        kept = [_cut(texts.get(name, "")) for name in ("human", rewriter, THIRD)]
        if min(len(text.split()) for text in kept) < LEAST_WORDS or kept[0] in seen or len(set(kept)) < 3:
            continue
        seen.add(kept[0])
        by_domain[domain].append(Document(domain, *kept))
    each = max(1, limit // len(by_domain))
    return [document for domain in sorted(by_domain) for document in by_domain[domain][:each]]


def questions(documents: Sequence[Document], limit: int) -> tuple[list[int], dict[str, list[str]]]:
    """Returns some documents spread evenly over all, and for each kind one question about each of them."""
    spread = Counter(word for document in documents for word in set(_words(document.human)))
    able = [row for row, item in enumerate(documents) if len(_keywords(item, spread).split()) >= LEAST_KEYWORDS]
    rows = able[:: max(1, len(able) // limit)][:limit]
    chosen = [documents[row] for row in rows]
    return rows, {
        "human": [" ".join(document.human.split()[:QUERY_WORDS]) for document in chosen],
        "third": [" ".join(document.third.split()[:QUERY_WORDS]) for document in chosen],
        "keywords": [_keywords(document, spread) for document in chosen],
    }


def _keywords(document: Document, spread: Mapping[str, int]) -> str:
    shared = set(_words(document.human)) & set(_words(document.rewrite)) & set(_words(document.third))
    rarest = sorted(shared - set(STOPWORDS_EN), key=lambda word: (spread[word], word))[:KEYWORDS]
    return " ".join(rarest)


class Dense:
    """Cosine with an embedder: a score does not depend on what else is in the pool."""

    floor = -np.inf

    def __init__(self, model: str, documents: Sequence[Document], asked: Mapping[str, Sequence[str]]):
        began = time.perf_counter()
        embedder = load_embedder(model)
        human, rewrite = (embedder.embed([getattr(item, name) for item in documents]) for name in ("human", "rewrite"))
        self._scores: dict[str, tuple[Scores, Scores]] = {}
        for kind, texts in asked.items():
            queries = embedder.embed(list(texts))
            self._scores[kind] = (queries @ human.T, queries @ rewrite.T)
        self.seconds = time.perf_counter() - began

    def scores(self, kind: str, rewritten: Flags, design: str) -> tuple[Scores, Flags]:
        """Returns the scores of a pool's texts for each question, and which texts are AI."""
        human, rewrite = self._scores[kind]
        if design == "replaced":
            return np.where(rewritten, rewrite, human), rewritten
        return np.hstack([human, rewrite[:, rewritten]]), _beside(rewritten)


class Bm25:
    """BM25: rarity is counted over the pool, so each pool is an index of its own."""

    floor = 0.0

    def __init__(self, documents: Sequence[Document], asked: Mapping[str, Sequence[str]]):
        self.seconds = 0.0
        self._texts = (self._tokens([item.human for item in documents]), self._tokens([i.rewrite for i in documents]))
        self._asked = {kind: self._tokens(texts) for kind, texts in asked.items()}
        self._made: tuple[Flags, str, Any] | None = None

    @staticmethod
    def _tokens(texts: Sequence[str]) -> list[list[str]]:
        found: list[list[str]] = bm25s.tokenize(texts, stopwords="en", return_ids=False, show_progress=False)
        return found

    def scores(self, kind: str, rewritten: Flags, design: str) -> tuple[Scores, Flags]:
        """Returns the scores of a pool's texts for each question, and which texts are AI."""
        began = time.perf_counter()
        index = self._index(rewritten, design)
        scores = np.stack([index.get_scores(tokens) for tokens in self._asked[kind]])
        self.seconds += time.perf_counter() - began
        return scores, rewritten if design == "replaced" else _beside(rewritten)

    def _index(self, rewritten: Flags, design: str) -> Any:
        if self._made is not None and self._made[0] is rewritten and self._made[1] == design:
            return self._made[2]
        human, rewrite = self._texts
        if design == "replaced":
            pool = [new if is_new else old for old, new, is_new in zip(human, rewrite, rewritten, strict=True)]
        else:
            pool = [*human, *(text for text, is_new in zip(rewrite, rewritten, strict=True) if is_new)]
        index = bm25s.BM25(method="lucene")
        index.index(pool, show_progress=False)
        self._made = (rewritten, design, index)
        return index


def _beside(rewritten: Flags) -> Flags:
    return np.concatenate([np.zeros(len(rewritten), dtype=bool), np.ones(int(rewritten.sum()), dtype=bool)])


def top_shares(scores: Scores, is_ai: Flags, floor: float, shuffler: np.random.Generator) -> npt.NDArray[np.float64]:
    """Returns the share of AI text in the first k hits, of shape `(len(KS), questions)`; equal scores fall by lot.

    A text at the floor or below is no hit; a question without hits is NaN.
    """
    lot = shuffler.permutation(scores.shape[1])
    first = lot[np.argsort(-scores[:, lot], axis=1, kind="stable")[:, : max(KS)]]
    found = np.take_along_axis(scores, first, axis=1) > floor
    ai, hits = np.cumsum(is_ai[first] & found, axis=1), np.cumsum(found, axis=1)
    shares = ai / np.where(hits, hits, np.nan)
    return np.stack([shares[:, k - 1] for k in KS])


def duels(engines: Mapping[str, Dense | Bm25], rows: Sequence[int], number: int) -> Iterator[dict[str, Any]]:
    """Yields, for each engine and kind of question, how often a rewrite beats the human text of its own document."""
    everything = np.ones(number, dtype=bool)
    asked = np.arange(len(rows))
    for name, engine in engines.items():
        for kind in KINDS:
            scores, _ = engine.scores(kind, everything, "beside")
            human, rewrite = scores[asked, rows], scores[asked, number + np.asarray(rows)]
            found = estimate(np.where(rewrite == human, 0.5, (rewrite > human).astype(np.float64)))
            yield {"engine": name, "questions": kind, "wins": found.value, "low": found.low, "high": found.high}


def curve(engine: Dense | Bm25, pools: Mapping[float, Sequence[Flags]], design: str) -> Iterator[dict[str, Any]]:
    """Yields one row for each kind of question, share and k."""
    shuffler = np.random.default_rng(SEED)
    for share, draws in pools.items():
        found: dict[str, list[npt.NDArray[np.float64]]] = {kind: [] for kind in KINDS}
        for rewritten in draws:
            for kind in KINDS:
                scores, is_ai = engine.scores(kind, rewritten, design)
                found[kind].append(top_shares(scores, is_ai, engine.floor, shuffler))
        pool = float(is_ai.mean())
        for kind in KINDS:
            for k, values in zip(KS, np.nanmean(found[kind], axis=0), strict=True):
                yield {"design": design, "questions": kind, "rewritten": share, "k": k, **_figures(values, pool)}


def _figures(values: npt.NDArray[np.float64], pool: float) -> dict[str, Any]:
    exposure = estimate(values)
    ratio = exposure.scaled(1 / pool) if pool else None
    return {
        "pool": pool,
        "exposure": exposure.value,
        "low": exposure.low,
        "high": exposure.high,
        "amplification": ratio.value if ratio else None,
        "amplification_low": ratio.low if ratio else None,
        "amplification_high": ratio.high if ratio else None,
    }


def make_pools(number: int, draws: int) -> dict[float, list[Flags]]:
    """Returns, for each share, which documents are rewritten in each draw; a greater share holds the smaller."""
    pools: dict[float, list[Flags]] = {share: [] for share in SHARES}
    for draw in range(draws):
        order = list(range(number))
        random.Random(SEED + draw).shuffle(order)
        for share in SHARES:
            flags = np.zeros(number, dtype=bool)
            flags[order[: round(share * number)]] = True
            pools[share].append(flags)
    return pools


def show(result: Mapping[str, Any]) -> None:
    """Prints a table for each kind of pool and number of hits, and a plot of the first."""
    console = Console(width=170)
    console.print(
        f"{result['documents']} documents, {result['queries']} questions of each kind, {result['draws']} draws"
    )
    for design in DESIGNS:
        for k in (1, 10):
            console.print(_table(result["rows"], design, k))
    console.print(_duel_table(result["head_to_head"]))
    for design in DESIGNS:
        console.print("\n".join(_plot(result["rows"], design)), highlight=False)
    console.print(f"seconds: {result['seconds']}")


def _table(rows: Sequence[Mapping[str, Any]], design: str, k: int) -> Table:
    engines = list(dict.fromkeys(row["engine"] for row in rows))
    table = Table("pool", title=f"{design}: exposure@{k} (amplification, 95 %)")
    for engine in engines:
        for kind in KINDS:
            table.add_column(f"{engine}\n{kind}", justify="right")
    for share in SHARES:
        cells = [row for row in rows if (row["design"], row["k"], row["rewritten"]) == (design, k, share)]
        by_column = {(row["engine"], row["questions"]): row for row in cells}
        found = [by_column[engine, kind] for engine in engines for kind in KINDS]
        table.add_row(f"{found[0]['pool']:.1%}", *(_cell(row) for row in found))
    return table


def _duel_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table("engine", *KINDS, title="head to head: the rewrite beats the human text of its own document (95 %)")
    for engine in dict.fromkeys(row["engine"] for row in rows):
        cells = [f"{row['wins']:.1%} ({row['low']:.1%}-{row['high']:.1%})" for row in rows if row["engine"] == engine]
        table.add_row(engine, *cells)
    return table


def _cell(row: Mapping[str, Any]) -> str:
    if row["amplification"] is None:
        return f"{row['exposure']:.1%}"
    interval = f"{row['amplification_low']:.2f}-{row['amplification_high']:.2f}"
    return f"{row['exposure']:.1%}\n{row['amplification']:.2f} ({interval})"


def _plot(rows: Sequence[Mapping[str, Any]], design: str, width: int = 61) -> Iterator[str]:
    """Yields a plot in text: a line for each pool; `:` is exposure = pool, letters are engines asked by `third`."""
    engines = list(dict.fromkeys(row["engine"] for row in rows))
    letters = dict(zip(engines, "bmw", strict=True))
    yield f"\n{design}, exposure@1 of questions by a third party: " + ", ".join(
        f"{letter} = {engine}" for engine, letter in letters.items()
    )
    for share in SHARES:
        line = [" "] * width
        cells = [
            row
            for row in rows
            if (row["design"], row["k"], row["rewritten"], row["questions"]) == (design, 1, share, "third")
        ]
        line[round(cells[0]["pool"] * (width - 1))] = ":"
        for row in cells:
            place = round(row["exposure"] * (width - 1))
            line[place] = "*" if line[place] in letters.values() else letters[row["engine"]]
        yield f"{cells[0]['pool']:>6.1%} |{''.join(line)}|"
    yield " " * 8 + "0 %".ljust(width - 5) + "100 %   (* where two meet)"


def run(path: Path, documents: int, queries: int, draws: int) -> dict[str, Any]:
    """Measures every engine over every pool."""
    began = time.perf_counter()
    corpus = load(path, documents)
    subjects, asked = questions(corpus, queries)
    pools = make_pools(len(corpus), draws)
    engines: dict[str, Dense | Bm25] = {"BM25": Bm25(corpus, asked)}
    engines |= {model: Dense(model, corpus, asked) for model in EMBEDDERS}
    rows = [
        {"engine": name, **row}
        for name, engine in engines.items()
        for design in DESIGNS
        for row in curve(engine, pools, design)
    ]
    return {
        "documents": len(corpus),
        "domains": len({document.domain for document in corpus}),
        "queries": len(asked["human"]),
        "draws": draws,
        "alarm_above": MAX_AMPLIFICATION,
        "rows": rows,
        "head_to_head": list(duels(engines, subjects, len(corpus))),
        "seconds": {
            "all": round(time.perf_counter() - began, 1),
            **{name: round(engine.seconds, 1) for name, engine in engines.items()},
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--documents", type=int, default=600)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    path = given.data / "l2r" / "l2r.jsonl.gz"
    if not path.is_file():
        sys.exit(f"no documents: {path} is not there; give the folder that holds l2r/ with --data")
    result = run(path, given.documents, given.queries, given.draws)
    if given.json:
        print(json.dumps(result, indent=2))
    else:
        show(result)


if __name__ == "__main__":
    main()
