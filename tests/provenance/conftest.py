"""Documents and registries that the tests of origin share."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from corpus.ids import text_digest
from corpus.types import Block, Finding, ParsedDocument, RawBlob, SourceRef
from provenance import reuse
from provenance.answers import AnswerInput, RetrievedText, document_grams, novelty, register

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
    text_sha256: str
    signature: bytes | None
    decidable: bool
    context_known: bool
    depth: int = 0


@dataclass
class Register:
    """A register of answers in memory: the two look-ups that the catalog gives, and nothing else."""

    table: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    known: dict[str, Known] = field(default_factory=dict)

    def add(self, answers: Iterable[AnswerInput]) -> Register:
        for answer in answers:
            found = novelty(answer)
            digest = text_digest(answer.text)
            held = {key: self.table[key] for key in found.keys.tolist() if key in self.table}
            counts = Counter(other for others in held.values() for other in others)
            own = {name for name, number in counts.items() if number >= found.same}
            own |= {name for name in counts if self.known[name].text_sha256 == digest}
            spread = {key: len(others - own) for key, others in held.items()}
            made = register(answer, found, spread)
            for key in made.keys.tolist():
                self.table[key].add(answer.answer_id)
            self.known[answer.answer_id] = Known(
                answer.answer_id,
                answer.served_at,
                digest,
                made.signature.to_bytes(),
                made.decidable,
                made.context_known,
            )
        return self

    def find(self, text: str, **options: Any) -> tuple[Finding, ...]:
        grams = document_grams(text)
        holders = {answer for value in grams.values for answer in self.table.get(value, ())}
        return reuse.match(text, [self.known[key] for key in holders], document=grams, **options)


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
