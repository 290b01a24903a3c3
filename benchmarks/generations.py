"""Five rounds in which served answers are fed back: generation depth, loops and exposure, held against the truth.

Usage: generations.py MTRAG_FILE [--conversations N] [--rounds N] [--k N] [--json]

    MTRAG_FILE: `mtrag_human_eval_subset.json.gz` of IBM MTRAG: passages, conversations, and the answers of three
    systems. Everything is real but who wrote what where: in round N each conversation asks its turn N of the live
    index, with the real reader and the model `wordllama-256`; what a system really answered then, and the sentence
    that the best hit begins with, is served, logged with the chunks, and put into the folder of documents. A third of
    the conversations makes a new page of each answer, a third adds it to the page that was retrieved first, a third
    makes pages and puts the last answer into the page where it all began. From round 4 on, one word in ten is edited.

Each round runs twice: with enforcement off, where everything is reported and nothing held back, and with admission
on. The truth is worked out beside it from what was written where, without grams, findings or a catalog.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import re
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from contracts.scaffold import new_contract
from corpus.catalog import answers, documents
from corpus.catalog.session import open_catalog
from corpus.receipts import Receipt
from corpus.settings import Settings
from index.embedders.registry import load_embedder
from index.reader import Hit, IndexReader, open_index
from index.signing import TrustStore, generate_keypair
from ingestion import pipeline
from ingestion.lineage.gather import all_loops
from ingestion.runtime import Runtime, catalog_url, open_runtime
from ingestion.stages.answers import import_answers
from provenance.contamination import count_origins, origin_mix

NAME = "rounds"
MODEL = "wordllama-256"
LEAST_WORDS = 40
"""Shorter answers are left out: whether those are recognised is measured in `self_ingestion.py`."""
PER_PAGE = 6
"""Passages per page: a page to which answers are added then stays mostly human, else it counts as an answer, whole."""
WINDOW = 8
"""Words in a row by which the truth finds a text in a chunk."""
EDITED_FROM = 4
DEFAULTS = {
    "owner": "docs", "source_system": "wiki", "last_validated_date": "2026-11-01", "sensitivity_label": "public",
    "version": "1",
}  # fmt: skip
DEPTH_RULE = """
      - name: depth
        type: custom
        engine: stemma
        implementation: {rule: generation_depth, threshold: {mustBe: 0}, onFail: quarantine}
"""


@dataclass(frozen=True)
class Turn:
    """A question that was asked, and what a system answered."""

    question: str
    answer: str
    model: str


@dataclass(frozen=True)
class Data:
    """Passages by id, and conversations as lists of turns."""

    passages: Mapping[str, str]
    conversations: Sequence[Sequence[Turn]]

    @classmethod
    def read(cls, path: Path, conversations: int, rounds: int) -> Data:
        raw = json.loads(gzip.decompress(path.read_bytes()))
        answered: dict[str, dict[str, str]] = defaultdict(dict)
        for item in raw["evaluations"]:
            answered[item["task_id"]][item["model_id"]] = item["model_response"]
        by_conversation: dict[str, list[Turn]] = defaultdict(list)
        for task in raw["tasks"]:
            mine = by_conversation[task["task_id"].partition("<::>")[0]]
            # Another system each turn, so that a chain goes through several models.
            models = sorted(answered[task["task_id"]])
            model = models[len(mine) % len(models)]
            text = answered[task["task_id"]][model]
            if len(text.split()) >= LEAST_WORDS:
                mine.append(Turn(question=task["input"][-1]["text"].strip(), answer=text, model=model))
        long = [turns[:rounds] for _, turns in sorted(by_conversation.items()) if len(turns) >= rounds]
        return cls({item["document_id"]: item["text"] for item in raw["documents"]}, long[:conversations])


@dataclass(frozen=True)
class Part:
    """A stretch of a page: human text, or an answer as it was put there."""

    text: str
    answer_id: str = ""


@dataclass
class Served:
    """An answer with what it was given: per chunk its page and the answers in it, as they are."""

    answer_id: str
    model: str
    given: list[tuple[str, frozenset[str]]]


@dataclass
class Truth:
    """What was written where, and what follows from it."""

    pages: dict[str, list[Part]] = field(default_factory=dict)
    served: dict[str, Served] = field(default_factory=dict)

    def inside(self, hit: Hit) -> frozenset[str]:
        """Which answers a chunk holds a part of: a row of their words, as they stand in its page and nowhere else."""
        words = windows(hit.text)
        parts = self.pages[hit.doc_id]
        found = set()
        for part in parts:
            others = {window for other in parts if other is not part for window in windows(other.text)}
            if part.answer_id and words & (windows(part.text) - others):
                found.add(part.answer_id)
        return frozenset(found)

    def depth_of_answer(self, answer_id: str) -> int:
        given = self.served[answer_id].given
        return max((1 + self.depth_of_answer(inner) for _, held in given for inner in held), default=0)

    def depth_of_page(self, name: str) -> int:
        held = (part.answer_id for part in self.pages[name] if part.answer_id)
        return max((1 + self.depth_of_answer(answer_id) for answer_id in held), default=0)

    def loops(self) -> dict[str, int]:
        """Each page that was made of what came of itself, to the fewest answers on the way."""
        found: dict[str, int] = {}
        for name, parts in self.pages.items():
            lengths = [self._way(part.answer_id, name, 1) for part in parts if part.answer_id]
            ways = [length for length in lengths if length]
            if ways:
                found[name] = min(ways)
        return found

    def _way(self, answer_id: str, home: str, length: int) -> int | None:
        given = self.served[answer_id].given
        if any(page == home for page, _ in given):
            return length
        further = (self._way(inner, home, length + 1) for _, held in given for inner in sorted(held))
        return min((way for way in further if way), default=None)


def windows(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[place : place + WINDOW]) for place in range(len(words) - WINDOW + 1)}


@dataclass(frozen=True)
class Round:
    """What one round came to, as Stemma reports it and as it is."""

    number: int
    received: int
    fed_back: int
    held: int
    balanced: bool
    documents: int
    fed_back_served: int
    depth: int
    true_depth: int
    wrong_depths: int
    answer_depth: int
    true_answer_depth: int
    loops: Mapping[str, int]
    true_loops: Mapping[str, int]
    exposure: float
    true_exposure: float
    seconds: float


class Simulation:
    """A project in a folder, and a knowing observer beside it."""

    def __init__(self, folder: Path, data: Data, *, admission: bool, k: int = 5, seed: int = 7) -> None:
        self.folder, self.data, self.k, self.admission = folder, data, k, admission
        self.dice = random.Random(seed)
        self.truth = Truth()
        self.began = datetime.now(UTC)
        self.settings = Settings(project=folder, home=str(folder / "home"))
        (folder / "pages").mkdir(parents=True)
        self.settings.contracts.mkdir()
        self.settings.trusted_keys.mkdir(parents=True)
        Path(self.settings.home).mkdir()
        generate_keypair(self.settings.signing_key, self.settings.trusted_keys / "bench.pub")
        open_catalog(catalog_url(self.settings)).upgrade()
        self._declare()
        texts = [text for _, text in sorted(data.passages.items())]
        for number in range(0, len(texts), PER_PAGE):
            human = "\n\n".join(texts[number : number + PER_PAGE])
            self._write(f"source-{number:03d}.md", [Part(human)], self.began - timedelta(days=90))
        self.runtime: Runtime = open_runtime(self.settings)
        self.ingest()
        self.hits = self._ask(0)

    def _declare(self) -> None:
        text = new_contract(
            NAME, root="./pages", include=("**/*.md",), embedder=MODEL, owner="docs", dimension=None, defaults=DEFAULTS
        )
        text = text.replace(
            "      - name: near-duplicate\n", f"{DEPTH_RULE.strip(chr(10))}\n      - name: near-duplicate\n"
        )
        if not self.admission:
            text = text.replace("value: block", "value: warn")
        (self.settings.contracts / f"{NAME}.odcs.yaml").write_text(text)

    def _write(self, name: str, parts: Sequence[Part], changed: datetime) -> None:
        self.truth.pages[name] = list(parts)
        path = self.folder / "pages" / name
        path.write_text("\n\n".join(part.text for part in parts) + "\n")
        os.utime(path, (changed.timestamp(), changed.timestamp()))

    def ingest(self) -> Receipt:
        return pipeline.ingest(self.runtime, NAME)

    @cached_property
    def embedder(self) -> Any:
        return load_embedder(MODEL)

    def reader(self) -> IndexReader:
        trust = TrustStore.from_folder(self.settings.trusted_keys)
        return open_index(self.settings.home, NAME, trust=trust, embedder=self.embedder)

    def _ask(self, turn: int) -> list[tuple[Hit, ...]]:
        """What the live index gives to each conversation, asked with the turn before, as a chat does."""
        reader = self.reader()
        queries = [
            " ".join(item.question for item in turns[max(0, turn - 1) : turn + 1]) for turns in self.data.conversations
        ]
        return [reader.search(query, k=self.k) for query in queries]

    def run(self, number: int) -> Round:
        """One round: serve, log, feed back, ingest; then look at what came of it."""
        began = time.perf_counter()
        lines = list(self._serve(number))
        log = self.folder / f"answers-{number}.jsonl"
        log.write_text("\n".join(map(json.dumps, lines)))
        import_answers(self.runtime, log)
        for place, line in enumerate(lines):
            self._feed_back(number, place, line["answer_id"], line["text"])
        receipt = self.ingest()
        self.hits = self._ask(number)
        return self._looked_at(number, receipt, time.perf_counter() - began)

    def _serve(self, number: int) -> Iterator[dict[str, Any]]:
        version = f"{NAME}/v{self.reader().manifest.number:06d}"
        for place, turns in enumerate(self.data.conversations):
            turn, hits = turns[number - 1], self.hits[place]
            answer_id = f"c{place:02d}-r{number}"
            given = [(hit.doc_id, self.truth.inside(hit)) for hit in hits]
            self.truth.served[answer_id] = Served(answer_id, turn.model, given)
            quoted = re.split(r"(?<=[.!?])\s", hits[0].text.strip())[0]
            yield {
                "answer_id": answer_id,
                "text": f"{turn.answer}\n\nThe first source begins: {quoted}",
                "question": turn.question,
                "system": "rounds",
                "model": turn.model,
                "served_at": (self.began + timedelta(minutes=2 * number)).isoformat(),
                "retrieved": [{"chunk_id": hit.chunk_id, "text": hit.text} for hit in hits],
                "cited": [hits[0].chunk_id],
                "index_version": version,
            }

    def _feed_back(self, number: int, place: int, answer_id: str, text: str) -> None:
        written = self._edited(text) if number >= EDITED_FROM else text
        part = Part(f"## {self.data.conversations[place][number - 1].question}\n\n{written}", answer_id)
        changed = self.began + timedelta(minutes=2 * number + 1)
        last = number == len(self.data.conversations[place])
        if place % 3 == 0 or (place % 3 == 2 and not last):
            self._write(f"{self.dice.getrandbits(48):012x}.md", [part], changed)
            return
        first = f"c{place:02d}-r1" if place % 3 == 2 else answer_id
        page = self.truth.served[first].given[0][0]
        self._write(page, [*self.truth.pages[page], part], changed)

    def _edited(self, text: str) -> str:
        words = " ".join(self.data.passages.values()).split()
        lines = text.split("\n")
        return "\n".join(
            " ".join(self.dice.choice(words) if self.dice.random() < 0.1 else word for word in line.split())
            for line in lines
        )

    def _looked_at(self, number: int, receipt: Receipt, seconds: float) -> Round:
        reader = self.reader()
        depths = self._served_depths(reader)
        true_depths = {name: self.truth.depth_of_page(name) for name in depths}
        found, _ = all_loops(self.runtime, NAME)
        with self.runtime.catalog.reading() as tx:
            logged = answers.get(tx, self.truth.served)
            states = documents.states(tx, NAME)
        fed_back = {name for name, parts in self.truth.pages.items() if any(part.answer_id for part in parts)}
        hits = [hit for hits in self.hits for hit in hits]
        mix = origin_mix(
            *count_origins((hit.digital_source_type, hit.origin_basis, hit.generation_depth) for hit in hits)
        )
        return Round(
            number=number,
            received=receipt.counts.received,
            fed_back=len(fed_back),
            held=sum(states[name].state == "quarantined" for name in fed_back),
            balanced=receipt.counts.balanced,
            documents=len(depths),
            fed_back_served=len(fed_back & depths.keys()),
            depth=reader.manifest.origin.max_generation_depth,
            true_depth=max(true_depths.values()),
            wrong_depths=sum(depths[name] != true_depths[name] for name in depths),
            answer_depth=max(record.depth for record in logged.values()),
            true_answer_depth=max(map(self.truth.depth_of_answer, self.truth.served)),
            loops={loop.document.name.partition("/")[2]: len(loop.answers) for loop in found},
            true_loops=self.truth.loops(),
            exposure=float(mix["ai_matched_share"]),
            true_exposure=sum(bool(self.truth.inside(hit)) for hit in hits) / len(hits),
            seconds=round(seconds, 1),
        )

    def _served_depths(self, reader: IndexReader) -> dict[str, int]:
        """The greatest depth of any chunk of each document of the live version, as the index says."""
        found: dict[str, int] = {}
        for hit in reader.search("everything", k=len(reader)):
            found[hit.doc_id] = max(found.get(hit.doc_id, 0), hit.generation_depth)
        return found


def shown(title: str, rounds: Sequence[Round]) -> Table:
    table = Table(title=title)
    columns = ("round", "received", "fed back", "held", "of them served", "depth (truth)", "answers' depth (truth)")
    for column in (*columns, "wrong depths", "loops (truth)", "longest", "exposure@k (truth)", "s"):
        table.add_column(column, justify="right")
    for item in rounds:
        same = "same" if item.loops == item.true_loops else "DIFFER"
        table.add_row(
            *map(str, (item.number, item.received, item.fed_back, item.held, item.fed_back_served)),
            f"{item.depth} ({item.true_depth})",
            f"{item.answer_depth} ({item.true_answer_depth})",
            str(item.wrong_depths),
            f"{len(item.loops)} ({len(item.true_loops)}, {same})",
            str(max(item.loops.values(), default=0)),
            f"{item.exposure:.3f} ({item.true_exposure:.3f})",
            str(item.seconds),
        )
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--conversations", type=int, default=18)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--k", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    data = Data.read(options.file, options.conversations, options.rounds)
    found: dict[str, list[Round]] = {}
    for title, admission in (("enforcement off", False), ("admission on", True)):
        with tempfile.TemporaryDirectory() as folder:
            simulation = Simulation(Path(folder, "project"), data, admission=admission, k=options.k)
            found[title] = [simulation.run(number) for number in range(1, options.rounds + 1)]
    if options.json:
        sys.stdout.write(
            json.dumps({title: [asdict(item) for item in rounds] for title, rounds in found.items()}) + "\n"
        )
        return 0
    console = Console(width=200)
    for title, rounds in found.items():
        console.print(shown(f"{title}: {len(data.conversations)} conversations, {len(data.passages)} passages", rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
