"""Answers that RAG systems really served, with what they retrieved, and human texts around them."""

from __future__ import annotations

import gzip
import json
import random
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from provenance.answers import AnswerInput, RetrievedText

SERVED_AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Served:
    """One real answer: what it answers, and the answers of other systems to the same question."""

    answer: AnswerInput
    question: str
    others: tuple[str, ...] = ()

    @property
    def words(self) -> int:
        return len(self.answer.text.split())

    @property
    def held_out(self) -> bool:
        """Whether its question is in the half on which no threshold was chosen."""
        return zlib.crc32(self.question.encode()) % 2 == 1


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def _answer(
    name: str, text: str, model: str, contexts: Mapping[str, str], turns: tuple[str, ...], system: str
) -> AnswerInput:
    return AnswerInput(
        answer_id=name,
        text=text,
        system=system,
        model=model,
        served_at=SERVED_AT,
        retrieved=tuple(RetrievedText(chunk_id=key, text=value) for key, value in contexts.items()),
        question=turns[-1],
        given=turns[:-1],
    )


def with_context(data: Path) -> list[Served]:
    """Returns MTRAG (GPT-4o), MTRAG-UN and ExpertQA: the answers whose retrieved texts are known."""
    return [item for item in (*_mtrag(data), *_mtrag_un(data), *_expertqa(data)) if item.answer.retrieved]


def _mtrag(data: Path) -> Iterator[Served]:
    raw = json.loads(gzip.decompress((data / "mtrag/mtrag_human_eval_subset.json.gz").read_bytes()))
    texts = {item["document_id"]: item["text"] for item in raw["documents"]}
    tasks = {task["task_id"]: task for task in raw["tasks"]}
    answers: dict[str, dict[str, str]] = {}
    for item in raw["evaluations"]:
        answers.setdefault(item["task_id"], {})[item["model_id"]] = item["model_response"]
    for name, by_model in answers.items():
        contexts = {found["document_id"]: texts[found["document_id"]] for found in tasks[name]["contexts"]}
        turns = tuple(turn["text"] for turn in tasks[name]["input"])
        answer = _answer(f"mtrag/{name}", by_model["gpt-4o"], "gpt-4o", contexts, turns, "mtrag")
        yield Served(answer, name, tuple(text for model, text in sorted(by_model.items()) if model != "gpt-4o"))


def _mtrag_un(data: Path) -> Iterator[Served]:
    for task in _lines(data / "mtrag/mtragun_reference.jsonl.gz"):
        contexts = {found["document_id"]: found["text"] for found in task["contexts"]}
        turns = tuple(turn["text"] for turn in task["input"])
        text = task["targets"][0]["text"]
        yield Served(_answer(f"mtrag-un/{task['task_id']}", text, "", contexts, turns, "mtrag-un"), task["task_id"])


def _expertqa(data: Path) -> Iterator[Served]:
    answers: dict[str, dict[str, Any]] = {}
    for part in ("rand_test", "rand_val", "domain_test", "domain_val"):
        for row in _lines(data / f"expertqa/{part}.jsonl.gz"):
            answers.setdefault(row["question"], {}).update(row["answers"])
    for number, (question, by_system) in enumerate(answers.items()):
        first, *others = sorted(by_system)
        evidence = sorted({text for claim in by_system[first]["claims"] for text in claim["evidence"]})
        # A bare address is no text.
        contexts = {str(place): text for place, text in enumerate(evidence) if len(text.split()) > 20}
        answer = _answer(f"expertqa/{number}", by_system[first]["answer_string"], first, contexts, (question,), "qa")
        yield Served(answer, question, tuple(by_system[other]["answer_string"] for other in others))


def without_context(data: Path) -> list[Served]:
    """Returns RAGChecker and FActScore: answers of which nobody knows what they retrieved."""
    found: list[Served] = []
    replies: dict[tuple[str, str], dict[str, str]] = {}
    for row in _lines(data / "ragchecker_meta/human_labeled.jsonl.gz"):
        for side in ("model1", "model2"):
            key = (f"{row['dataset']}/{row['query_id']}", row["query"])
            replies.setdefault(key, {})[row[side]["model_name"]] = row[side]["response"]
    for (name, query), by_model in replies.items():
        first, *others = sorted(by_model)
        answer = _answer(f"ragchecker/{name}", by_model[first], first, {}, (query,), "ragchecker")
        found.append(Served(answer, query, tuple(by_model[other] for other in others)))
    bios = {
        name: {row["topic"]: row for row in _lines(data / f"factscore_bios/{name}.jsonl.gz")}
        for name in ("PerplexityAI", "ChatGPT", "InstructGPT")
    }
    for topic, row in bios["PerplexityAI"].items():
        answer = _answer(f"bio/{topic}", row["output"], "sonar", {}, (row["input"],), "bios")
        others = tuple(bios[name][topic]["output"] for name in ("ChatGPT", "InstructGPT") if topic in bios[name])
        found.append(Served(answer, topic, others))
    return found


def revisions(data: Path) -> list[list[str]]:
    """Returns the revisions of each Wikipedia article, oldest first."""
    articles: dict[str, list[tuple[int, str]]] = {}
    for row in _lines(data / "wiki_versions/wiki_versions.jsonl.gz"):
        articles.setdefault(row["article"], []).append((row["version"], row["text"]))
    return [[text for _, text in sorted(found)] for found in articles.values()]


def human_texts(data: Path) -> Iterator[tuple[str, str]]:
    """Yields (set, text) of documents that have nothing to do with the answers."""
    for row in _lines(data / "docs_python_311_313/sources.jsonl.gz"):
        yield "docs_python", row["rst"]
    for row in _lines(data / "docs_git_versions/prometheus_docs.jsonl.gz"):
        yield "docs_git", row["text"]
    for row in _lines(data / "minhash_articles/articles_1000.jsonl.gz"):
        yield "news", row["text"]
    for article in revisions(data):
        yield "wiki_versions", article[-1]
    for row in _lines(data / "wiki_new_2024/articles.jsonl.gz"):
        yield "wiki_new_2024", row["content"]


def edited(text: str, share: float, dice: random.Random, vocabulary: list[str]) -> str:
    """Returns a text with a share of its words edited: three in five replaced, one left out, one put in."""
    words: list[str] = []
    for word in text.split():
        if dice.random() >= share:
            words.append(word)
            continue
        kind = dice.random()
        if kind < 0.6:
            words.append(dice.choice(vocabulary))
        elif kind >= 0.8:
            words += [word, dice.choice(vocabulary)]
    return " ".join(words)


def excerpt(text: str, share: float, dice: random.Random) -> str:
    """Returns a stretch of so many of a text's words."""
    words = text.split()
    size = max(1, round(len(words) * share))
    first = dice.randrange(len(words) - size + 1)
    return " ".join(words[first : first + size])


def shuffled(text: str, dice: random.Random) -> str:
    """Returns a text with its sentences in another order."""
    sentences = [part for part in re.split(r"(?<=[.!?])\s+|\n+", text) if part.strip()]
    dice.shuffle(sentences)
    return " ".join(sentences)


def reformatted(text: str) -> str:
    """Returns a text as a Markdown list with bold openings, links and citation marks."""
    lines = []
    for place, sentence in enumerate(text.split(". "), start=1):
        first, _, rest = sentence.partition(" ")
        lines.append(f"{place}. **{first}** {rest} [{place}] [more](https://example.org/{place}?a=b)")
    return "# Notes\n\n" + "\n".join(lines)


def inside(text: str, around: list[str], words: int, dice: random.Random) -> str:
    """Returns a text in the middle of so many human words."""
    first = dice.randrange(max(1, len(around) - words))
    page = around[first : first + words]
    cut = dice.randrange(len(page) + 1)
    return f"{' '.join(page[:cut])}\n\n{text}\n\n{' '.join(page[cut:])}"
