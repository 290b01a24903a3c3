"""Documents and registries that the tests of origin share."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from corpus.types import Block, Finding, ParsedDocument, RawBlob, SourceRef
from provenance import reuse
from provenance.answers import AnswerInput, RetrievedText, document_grams, novel_grams, register

SERVED = datetime(2026, 1, 1, tzinfo=UTC)

MakeDocument = Callable[..., ParsedDocument]


@pytest.fixture
def blob() -> RawBlob:
    ref = SourceRef(doc_id="a", uri="file:///a", path="a", size=0, modified_at=None)
    return RawBlob(ref=ref, data=b"", sha256="")


@pytest.fixture
def make() -> MakeDocument:
    def build(
        text: str,
        media_type: str = "text/plain",
        metadata: Mapping[str, str] | None = None,
        blocks: tuple[Block, ...] = (),
        links: tuple[str, ...] = (),
    ) -> ParsedDocument:
        return ParsedDocument(
            text=text,
            blocks=blocks,
            title="",
            media_type=media_type,
            metadata=metadata or {},
            parser="test/1",
            links=links,
        )

    return build


@dataclass
class Known:
    """What the catalog would keep of one answer."""

    answer_id: str
    served_at: datetime
    text: str | None
    gram_count: int
    decidable: bool
    context_known: bool


@dataclass
class Register:
    """A register of answers in memory: the two look-ups that the catalog gives, and nothing else."""

    table: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    known: dict[str, Known] = field(default_factory=dict)

    def add(self, answers: Iterable[AnswerInput]) -> Register:
        for answer in answers:
            spread = {gram: len(self.table[gram]) for gram in novel_grams(answer) if gram in self.table}
            made = register(answer, spread=spread)
            for gram in made.novel:
                self.table[gram].add(answer.answer_id)
            self.known[answer.answer_id] = Known(
                answer.answer_id,
                answer.served_at,
                answer.text,
                made.gram_count,
                made.decidable,
                made.context_known,
            )
        return self

    def find(self, text: str, **options: Any) -> tuple[Finding, ...]:
        grams = document_grams(text)
        hits: dict[str, list[int]] = defaultdict(list)
        for value in grams.values:
            for answer_id in self.table.get(value, ()):
                hits[answer_id].append(value)
        return reuse.match(text, hits, [self.known[key] for key in hits], document=grams, **options)


@pytest.fixture
def registry() -> Register:
    return Register()


@dataclass(frozen=True)
class Served:
    """Real answers of one RAG system and the human texts that they were made from."""

    answers: tuple[AnswerInput, ...]
    sources: Mapping[str, str]


@pytest.fixture(scope="session")
def mtrag(shared_data: Path) -> Served:
    path = shared_data / "mtrag" / "mtrag_human_eval_subset.json.gz"
    if not path.exists():
        pytest.skip("mtrag is not beside the project")
    raw = json.loads(gzip.decompress(path.read_bytes()))
    sources = {item["document_id"]: item["text"] for item in raw["documents"]}
    contexts = {task["task_id"]: [c["document_id"] for c in task["contexts"]] for task in raw["tasks"]}
    answers = tuple(
        AnswerInput(
            answer_id=item["task_id"],
            text=item["model_response"],
            system="mtrag",
            model=item["model_id"],
            served_at=SERVED,
            retrieved=tuple(RetrievedText(chunk_id=name, text=sources[name]) for name in contexts[item["task_id"]]),
        )
        for item in raw["evaluations"]
        if item["model_id"] == "gpt-4o"
    )
    return Served(answers=answers, sources=sources)


@pytest.fixture(scope="session")
def mtrag_register(mtrag: Served) -> Register:
    return Register().add(mtrag.answers)
