"""How often a reworded or condensed answer is suspected, and how often something else is; in the shipped spaces.

Usage: paraphrase.py DATA [--model MODEL]... [--items N] [--sweep] [--json]   (DATA: the folder of shared data)

Every incoming document is compared with all answers and all of the corpus of its scenario, as in a run: chunks near an
answer, then sentences. `--sweep` prints what other thresholds give on items with an even number; the table is of the
odd ones. The shipped limits were chosen while exploring texts of both halves. Intervals are exact (Clopper and Pearson
1934), at 95 %.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import beta

from corpus.seams import Embedder
from corpus.types import ParsedDocument
from index.embedders.registry import load_embedder
from ingestion.chunkers.cut import chunks_of
from ingestion.chunkers.registry import CHUNKERS
from ingestion.suspecting import MOST_CANDIDATES, NEIGHBOURS, SLACK
from provenance.alignment import Candidate, Neighbour, Sentences, align, alignable, is_suspect
from provenance.calibration import SHIPPED, UNKNOWN, Threshold
from provenance.paraphrase import suspicions

MODELS = ("all-MiniLM-L6-v2", "wordllama-256")
REWRITERS = ("GPT-4o", "Llama-3-70B", "GPT-3-Turbo")
SWEPT = (0.55, 0.6, 0.65, 0.7, 0.75)
_BROKEN = ("TechnicalWriting", "TravelTourism")
"""Domains of l2r in which the rewrites are byte-identical to the human text (its README)."""


@dataclass(frozen=True)
class Scenario:
    """Some answers and a corpus, and what comes in.

    `kind` is `paraphrase` (should be suspected), `sibling` (neither: somebody else's answer to the same question) or
    `other` (should not be). `ours` is the item that a document belongs to: its even or odd number decides the split.
    """

    kind: str
    name: str
    answers: list[str]
    corpus: list[str]
    incoming: list[tuple[int, str]]


@dataclass
class Space:
    """Texts of one benchmark in one embedder's space; each distinct one is embedded once."""

    embedder: Embedder
    known: dict[str, Any] = field(default_factory=dict)
    cut: dict[str, tuple[str, ...]] = field(default_factory=dict)
    read: dict[str, Sentences] = field(default_factory=dict)

    def embed(self, parts: Sequence[str]) -> None:
        """Embeds what is not known yet."""
        fresh = [part for part in dict.fromkeys(parts) if part not in self.known]
        for start in range(0, len(fresh), 512):
            batch = fresh[start : start + 512]
            self.known.update(zip(batch, self.embedder.embed(batch), strict=True))

    def chunks(self, text: str) -> tuple[str, ...]:
        """Returns a text in chunks, as the default contract cuts it."""
        if text not in self.cut:
            document = ParsedDocument(text=text, blocks=(), title="", media_type="text/plain", metadata={}, parser="-")
            chunker = CHUNKERS.load("structural")(max_tokens=254, overlap=0)
            self.cut[text] = tuple(chunk.text for chunk in chunks_of("-", "-", document, chunker))
        return self.cut[text]

    def vectors(self, parts: Sequence[str]) -> Any:
        """Returns vectors, shape `(len(parts), dimension)`."""
        self.embed(parts)
        rows = [self.known[part] for part in parts]
        return np.stack(rows) if rows else np.empty((0, self.embedder.dimension), dtype=np.float32)

    def sentences(self, text: str) -> Sentences:
        """Returns the sentences of a text."""
        if text not in self.read:
            spans = alignable(text)
            vectors = self.vectors([span.of(text) for span in spans])
            self.read[text] = Sentences(text=text, spans=spans, vectors=vectors)
        return self.read[text]


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the rows of a compressed JSON Lines file."""
    with gzip.open(path, "rt", encoding="utf-8") as handle:
        yield from map(json.loads, handle)


def rewritten(data: Path, items: int) -> Iterator[Scenario]:
    """Yields scenarios from texts of people that three models rewrote."""
    found: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    for row in rows_of(data / "l2r" / "l2r.jsonl.gz"):
        if row["domain"] not in _BROKEN and int(row["idx"]) < items:
            found[row["domain"], int(row["idx"])][row["model"] or "human"] = row["text"]
    sets = [(number, texts) for (_, number), texts in sorted(found.items()) if {"human", *REWRITERS} <= {*texts}]
    human = [texts["human"] for _, texts in sets]
    pages = [
        row["text"] for row in rows_of(data / "wiki_versions" / "wiki_versions.jsonl.gz") if int(row["version"]) == 0
    ]
    reworded = [(number, texts[model]) for number, texts in sets for model in REWRITERS]
    yield Scenario("paraphrase", "reworded by a model, no source in the corpus", human, pages[:30], reworded)
    longer = [
        (number, _inside(texts["Llama-3-70B"], pages[place % len(pages)])) for place, (number, texts) in enumerate(sets)
    ]
    yield Scenario("paraphrase", "the same inside a page of 300 other words", human, pages[:30], longer)
    chain = [(number, texts[model]) for number, texts in sets for model in REWRITERS[1:]]
    drafts = [texts["GPT-4o"] for _, texts in sets]
    yield Scenario("paraphrase", "reworded, the answer's near source in the corpus", human, drafts, chain)
    yield Scenario("other", "source of the answer reworded by another model", drafts, human, chain)
    revised = [(number, _revised(texts["human"])) for number, texts in sets]
    yield Scenario("other", "new revision of the source", drafts, human, revised)
    strangers = [(number, texts["human"]) for number, texts in sets if number % 4 > 1]
    others = [texts["GPT-4o"] for number, texts in sets if number % 4 < 2]
    yield Scenario("other", "another text of the same domain (l2r)", others, pages[:30], strangers)


def _inside(text: str, page: str) -> str:
    words = page.split()
    return f"{' '.join(words[:150])}.\n\n{text}\n\n{' '.join(words[150:300])}."


def _revised(text: str) -> str:
    """Leaves out one sentence in five and adds one, as an editor might."""
    spans = alignable(text)
    kept = [span.of(text) for place, span in enumerate(spans) if place % 5 != 3 or len(spans) < 4]
    return " ".join([*kept, "This section was revised after the annual review of the page by its owner."])


def answered(data: Path) -> Iterator[Scenario]:
    """Yields scenarios from real answers with what they retrieved (mtrag), and without (ragchecker_meta)."""
    with gzip.open(data / "mtrag" / "mtrag_human_eval_subset.json.gz") as handle:
        whole = json.load(handle)
    passages = {item["document_id"]: item["text"] for item in whole["documents"]}
    said: dict[str, dict[str, str]] = defaultdict(dict)
    for item in whole["evaluations"]:
        said[item["task_id"]][item["model_id"]] = item["model_response"]
    tasks = [(number, task) for number, task in enumerate(whole["tasks"]) if task["contexts"]]
    answers = [said[task["task_id"]]["gpt-4o"] for _, task in tasks]
    corpus = list(passages.values())
    for model, who in (("reference", "a person's answer"), ("llama-3.1-405b-instruct", "another model's answer")):
        incoming = [(number, said[task["task_id"]][model]) for number, task in tasks]
        yield Scenario("sibling", f"{who} to the same question (mtrag)", answers, corpus, incoming)
    sources = [(number, passages[item["document_id"]]) for number, task in tasks for item in task["contexts"]]
    yield Scenario("other", "source passage of an answer (mtrag)", answers, corpus, sources)
    unrelated = [row["content"] for row in rows_of(data / "wiki_new_2024" / "articles.jsonl.gz")]
    quoting = [(number, _quoting(text, unrelated[place])) for place, (number, text) in enumerate(sources[:240])]
    yield Scenario("other", "page that quotes such a passage", answers, corpus, quoting)
    pairs = list(rows_of(data / "ragchecker_meta" / "human_labeled.jsonl.gz"))
    both = [(row["query"], sorted(_responses(row))) for row in pairs]
    first = {query: texts for query, texts in both if len(texts) > 1}
    yield Scenario(
        "sibling",
        "another system's answer, no sources known (ragchecker)",
        [texts[0] for texts in first.values()],
        [],
        [(number, texts[1]) for number, texts in enumerate(first.values())],
    )
    yield from _unrelated(data, answers + [texts[0] for texts in first.values()], corpus, unrelated)


def _responses(row: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for name, value in row.items():
        if name.startswith("response") or name in ("model1", "model2"):
            text = value.get("response", value.get("text")) if isinstance(value, dict) else value
            if isinstance(text, str) and len(text) > 200:
                found.add(text)
    return found


def _quoting(passage: str, page: str) -> str:
    spans = alignable(passage)[:3]
    return f"{' '.join(page.split()[:80])}.\n\n{' '.join(span.of(passage) for span in spans)}"


def _unrelated(data: Path, answers: list[str], corpus: list[str], wiki: list[str]) -> Iterator[Scenario]:
    yield Scenario("other", "article of 2024 (wiki_new_2024)", answers, corpus, list(enumerate(wiki[100:220])))
    news = [row["text"] for row in rows_of(data / "minhash_articles" / "articles_1000.jsonl.gz")]
    yield Scenario("other", "news article (minhash_articles)", answers, corpus, list(enumerate(news[:80])))
    # Articles of one kind on one pattern: every answer is the head of another article than the one that comes in.
    heads = [" ".join(text.split()[:90]) for text in wiki[:100]]
    yield Scenario(
        "other", "article on another subject of the same pattern", heads, corpus, list(enumerate(wiki[300:420]))
    )


def condensed(data: Path) -> Iterator[Scenario]:
    """Yields scenarios from documents with a summary each (summedits)."""
    texts = {row["doc_id"]: row["text"] for row in rows_of(data / "summedits" / "docs.jsonl.gz")}
    summaries = {row["doc_id"]: row["original_summary"] for row in rows_of(data / "summedits" / "pairs.jsonl.gz")}
    listed = [(texts[doc_id], summary) for doc_id, summary in sorted(summaries.items())]
    incoming = [(number, summary) for number, (_, summary) in enumerate(listed)]
    yield Scenario("paraphrase", "summary of a long answer (summedits)", [text for text, _ in listed], [], incoming)
    # Another's summary of what the corpus holds; the answers say the same, as they would.
    edited: dict[str, str] = {}
    for row in rows_of(data / "summedits" / "pairs.jsonl.gz"):
        if row["label"] == 1 and row["summary"] != row["original_summary"]:
            edited[row["doc_id"]] = row["summary"]
    whole = [(number, text, summary) for number, (text, summary) in enumerate(listed)]
    yield Scenario(
        "other",
        "document that an answer sums up (summedits)",
        list(edited.values()),
        [text for text, _ in listed],
        [(number, text) for number, text, _ in whole],
    )


def scenarios(data: Path, items: int) -> list[Scenario]:
    """Returns everything that is measured."""
    return [*rewritten(data, items), *condensed(data), *answered(data)]


def judged(
    space: Space, scenario: Scenario, shipped: float, swept: Sequence[float]
) -> dict[float, dict[int, list[bool]]]:
    """Returns which documents are suspected: odd items (1) at the shipped threshold, even ones (0) at each swept."""
    heads = [(text, part) for text in dict.fromkeys(scenario.answers) for part in space.chunks(text)]
    corpus = [(text, part) for text in dict.fromkeys(scenario.corpus) for part in space.chunks(text)]
    answer_rows, corpus_rows = space.vectors([part for _, part in heads]), space.vectors([part for _, part in corpus])
    beside: dict[str, list[Neighbour]] = {}
    found: dict[float, dict[int, list[bool]]] = {value: {0: [], 1: []} for value in {shipped, *swept}}

    def around(rows: Any) -> list[Neighbour]:
        if not len(corpus) or not len(rows):
            return []
        best = np.argsort(-(rows @ corpus_rows.T), axis=1)[:, :NEIGHBOURS]
        return [_neighbour(space, corpus[place][1]) for place in dict.fromkeys(best.ravel().tolist())]

    taken = [(number, text) for number, text in scenario.incoming if number % 2 or swept]
    space.embed([part for _, text in taken for part in space.chunks(text)])
    if scenario.kind != "other":  # most of these will be aligned, so all at once is faster
        whole = (*scenario.answers, *(text for _, text in taken))
        space.embed([span.of(text) for text in whole for span in alignable(text)])
    for number, text in taken:
        rows = space.vectors(space.chunks(text))
        cosines = rows @ answer_rows.T
        held: list[Neighbour] | None = None
        for value in (shipped,) if number % 2 else swept:
            chosen: set[str] = set()
            for line in cosines:
                best = sorted(np.flatnonzero(line >= value - SLACK), key=lambda place: -line[place])
                chosen.update(list(dict.fromkeys(heads[place][0] for place in best))[:MOST_CANDIDATES])
            threshold = Threshold(value=value, space=space.embedder.fingerprint)
            chosen = {name for name in chosen if _says_same(space, text, name, threshold)}
            for name in chosen - set(beside):
                own = space.sentences(name).vectors
                beside[name] = around(np.concatenate([own, own.mean(axis=0, keepdims=True)])) if len(own) else []
            held = around(rows) if chosen and held is None else held
            candidates = [Candidate(answer_id=name, sentences=space.sentences(name)) for name in sorted(chosen)]
            told = chosen and suspicions(space.sentences(text), candidates, held or [], threshold, beside=beside)
            found[value][number % 2].append(bool(told))
    return found


def _says_same(space: Space, text: str, answer: str, threshold: Threshold) -> bool:
    """Whether a document would be suspected if the corpus held nothing, as `ingestion.suspecting` asks first."""
    candidate = Candidate(answer_id="-", sentences=space.sentences(answer))
    return is_suspect(space.sentences(text), align(space.sentences(text), candidate, (), threshold), threshold)


def _neighbour(space: Space, part: str) -> Neighbour:
    return Neighbour(chunk_id=part[:40], doc_id="-", sentences=space.sentences(part))


def exact(hits: int, number: int) -> tuple[float, float]:
    """Returns the 95 % interval of a share (Clopper and Pearson 1934)."""
    low = float(beta.ppf(0.025, hits, number - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, number - hits)) if hits < number else 1.0
    return low, high


def first_source(space: Space, data: Path) -> tuple[int, int]:
    """Returns how often the nearest passage to an answer is one that it retrieved, of how many answers."""
    with gzip.open(data / "mtrag" / "mtrag_human_eval_subset.json.gz") as handle:
        whole = json.load(handle)
    passages = {item["document_id"]: item["text"] for item in whole["documents"]}
    contexts = {task["task_id"]: {item["document_id"] for item in task["contexts"]} for task in whole["tasks"]}
    listed = [(name, part) for name, text in passages.items() for part in space.chunks(text)]
    rows = space.vectors([part for _, part in listed])
    hits = number = 0
    for item in whole["evaluations"]:
        chunks = space.vectors(space.chunks(item["model_response"]))
        if contexts[item["task_id"]] and len(chunks):
            place = int((chunks @ rows.T).max(axis=0).argmax())
            number, hits = number + 1, hits + (listed[place][0] in contexts[item["task_id"]])
    return hits, number


@dataclass(frozen=True)
class Row:
    """One scenario on the held-out items, at the shipped threshold."""

    model: str
    kind: str
    name: str
    documents: int
    suspected: int


def measure(
    space: Space, listed: Sequence[Scenario], *, sweep: bool
) -> tuple[list[Row], list[tuple[float, int, int, int, int]]]:
    """Returns the table of one model, and for each swept threshold what it gives on the items that may be looked at."""
    value = SHIPPED.get(space.embedder.fingerprint, UNKNOWN)
    values = SWEPT if sweep else ()
    rows: list[Row] = []
    swept = {each: [0, 0, 0, 0] for each in values}
    for scenario in listed:
        found = judged(space, scenario, value, values)
        odd = found[value][1]
        rows.append(Row(space.embedder.model, scenario.kind, scenario.name, len(odd), sum(odd)))
        place = {"paraphrase": 0, "other": 2}.get(scenario.kind)
        for each in values if place is not None else ():
            swept[each][place] += sum(found[each][0])
            swept[each][place + 1] += len(found[each][0])
        print(rows[-1], file=sys.stderr, flush=True)
    return rows, [(each, *counts) for each, counts in swept.items()]  # type: ignore[misc]


def show(rows: Sequence[Row]) -> Table:
    """Returns the table that a person reads."""
    table = Table("model", "kind", "what comes in", "documents", "suspected", "share", "95 %")
    for row in rows:
        low, high = exact(row.suspected, row.documents)
        shares = (f"{row.suspected / row.documents:.1%}", f"{low:.1%} - {high:.1%}")
        table.add_row(row.model, row.kind, row.name, str(row.documents), str(row.suspected), *shares)
    return table


def totals(rows: Sequence[Row]) -> tuple[int, int, int]:
    """Returns suspected paraphrases, paraphrases, and suspected others."""
    right = [row for row in rows if row.kind == "paraphrase"]
    wrong = sum(row.suspected for row in rows if row.kind == "other")
    return sum(row.suspected for row in right), sum(row.documents for row in right), wrong


def main() -> None:
    """Measures every scenario in every model's space and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", action="append")
    parser.add_argument("--items", type=int, default=12, help="texts of each domain of l2r")
    parser.add_argument("--sweep", action="store_true", help="print other thresholds on the items that set it")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    listed, console, told = scenarios(given.data, given.items), Console(width=150), []
    for model in given.model or MODELS:
        space = Space(load_embedder(model))
        rows, swept = measure(space, listed, sweep=given.sweep)
        hits, whole, wrong = totals(rows)
        source = first_source(space, given.data)
        told.append({"model": model, "rows": [asdict(row) for row in rows], "swept": swept, "first_source": source})
        if given.json:
            continue
        console.print(show(rows))
        for words, (part, number) in (
            ("recall, paraphrases", (hits, whole)),
            ("precision, of the documents of this mix", (hits, hits + wrong)),
            ("nearest passage to an answer is one that it retrieved (mtrag)", source),
        ):
            low, high = exact(part, number)
            console.print(f"{model}: {words}: {part} of {number}, {part / number:.1%} ({low:.1%} - {high:.1%})")
        for each, found, right, other, number in swept if given.sweep else ():
            console.print(
                f"{model} at {each:.2f}, even items: recall {found / right:.1%}, others {other / number:.2%}, "
                f"precision {found / max(found + other, 1):.1%}"
            )
    if given.json:
        print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
