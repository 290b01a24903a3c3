"""Self-ingestion on real answers of a RAG system (MTRAG), with real human text around them."""

import gzip
import json
import random
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from corpus.ids import text_digest
from corpus.types import Basis, Scope
from provenance.answers import AnswerInput, RetrievedText

SERVED = datetime(2026, 1, 1, tzinfo=UTC)
SAMPLE = 40


@pytest.fixture
def served(mtrag, mtrag_register):
    known = mtrag_register.known
    return [item for item in mtrag.answers if known[item.answer_id].decidable and known[item.answer_id].context_known]


def ours(found, answer) -> bool:
    return any(item.detail["answer_id"] == answer.answer_id and item.basis is Basis.MATCHED for item in found)


def test_most_answers_can_be_decided(mtrag, served) -> None:
    assert len(served) > 0.85 * len(mtrag.answers)


def test_every_answer_that_comes_back_verbatim_is_found(served, mtrag_register) -> None:
    for answer in served[:SAMPLE]:
        found = mtrag_register.find(answer.text)
        assert ours(found, answer), answer.text
        assert found[0].scope is Scope.DOCUMENT


def test_every_answer_inside_a_longer_human_page_is_found_as_a_passage(mtrag, served, mtrag_register) -> None:
    pages = random.Random(7)
    human = list(mtrag.sources.values())
    for answer in served[:SAMPLE]:
        around = " ".join(pages.sample(human, 6))
        page = f"{around[: len(around) // 2]}\n\n{answer.text}\n\n{around[len(around) // 2 :]}"
        found = [item for item in mtrag_register.find(page) if item.detail["answer_id"] == answer.answer_id]
        assert ours(found, answer), answer.text
        start = page.index(answer.text)
        covered = sum(
            max(0, min(item.span.end, start + len(answer.text)) - max(item.span.start, start)) for item in found
        )
        assert covered > 0.6 * len(answer.text)


def reformatted(text: str) -> str:
    """Sets an answer as a Markdown list with bold openings, links and citation marks."""
    lines = []
    for place, sentence in enumerate(text.split(". "), start=1):
        first, _, rest = sentence.partition(" ")
        lines.append(f"{place}. **{first}** {rest} [{place}] [more](https://example.org/{place}?a=b)")
    return "# Notes\n\n" + "\n".join(lines)


def test_a_reformatted_answer_is_found(served, mtrag_register) -> None:
    found = [ours(mtrag_register.find(reformatted(answer.text)), answer) for answer in served[:SAMPLE]]
    assert all(found)


def edited(text: str, share: float, dice: random.Random, words: list[str]) -> str:
    return " ".join(dice.choice(words) if dice.random() < share else word for word in text.split())


def test_an_edited_answer_is_mostly_found(mtrag, served, mtrag_register) -> None:
    dice = random.Random(11)
    words = " ".join(islice(mtrag.sources.values(), 50)).split()
    long = [answer for answer in served if len(answer.text.split()) >= 50][:60]
    found = sum(ours(mtrag_register.find(edited(answer.text, 0.2, dice, words)), answer) for answer in long)
    assert found >= 0.95 * len(long)


def test_no_source_is_ever_flagged(mtrag, mtrag_register) -> None:
    flagged = [name for name, text in mtrag.sources.items() if mtrag_register.find(text)]
    assert flagged == []


def test_without_context_sources_are_at_most_suspected(mtrag, registry) -> None:
    registry.add(replace(answer, retrieved=()) for answer in mtrag.answers)
    found = [item for text in mtrag.sources.values() for item in registry.find(text)]
    assert found, "quotation alone looks like re-entry: this is what context is for"
    assert {item.basis for item in found} == {Basis.SUSPECTED}


def test_a_context_with_a_redacted_text_only_suspects(mtrag, registry) -> None:
    redacted = [
        replace(answer, retrieved=(*answer.retrieved, RetrievedText(chunk_id="redacted")))
        for answer in mtrag.answers[:SAMPLE]
    ]
    registry.add(redacted)
    found = [item for answer in redacted for item in registry.find(answer.text)]
    assert found
    assert {item.basis for item in found} == {Basis.SUSPECTED}


def test_answers_over_web_evidence_are_found_and_the_evidence_is_not(shared_data, registry) -> None:
    answers = expertqa(shared_data / "expertqa" / "rand_test.jsonl.gz")
    registry.add(answers)
    decided = [item for item in answers if registry.known[item.answer_id].context_known]
    assert len(decided) >= SAMPLE
    for answer in decided[:SAMPLE]:
        assert ours(registry.find(answer.text), answer)
        assert not any(ours(registry.find(item.text), answer) for item in answer.retrieved)


def expertqa(path: Path) -> list[AnswerInput]:
    """Reads answers with the evidence passages that they cite; a bare address is no text."""
    if not path.exists():
        pytest.skip("expertqa is not beside the project")
    answers = []
    for line in gzip.decompress(path.read_bytes()).splitlines():
        for model, value in json.loads(line)["answers"].items():
            evidence = {text for claim in value["claims"] for text in claim["evidence"] if len(text.split()) > 20}
            answers.append(
                AnswerInput(
                    answer_id=str(len(answers)),
                    text=value["answer_string"],
                    system="expertqa",
                    model=model,
                    served_at=SERVED,
                    retrieved=tuple(RetrievedText(chunk_id=text_digest(text), text=text) for text in sorted(evidence)),
                )
            )
    return answers


def test_a_log_without_context_finds_its_answers_and_only_suspects(shared_data, registry) -> None:
    folder = shared_data / "factscore_bios"
    served, other = (biographies(folder / f"{name}.jsonl.gz") for name in ("PerplexityAI", "ChatGPT"))
    registry.add(
        AnswerInput(answer_id=topic, text=text, system="bios", model="sonar", served_at=SERVED)
        for topic, text in served.items()
    )
    for topic, text in islice(served.items(), SAMPLE):
        found = registry.find(text)
        assert topic in {item.detail["answer_id"] for item in found}
        assert {item.basis for item in found} == {Basis.SUSPECTED}
    found = [(topic, item) for topic, text in other.items() for item in registry.find(text)]
    assert all(item.basis is Basis.SUSPECTED and topic == item.detail["answer_id"] for topic, item in found)


def biographies(path: Path) -> dict[str, str]:
    if not path.exists():
        pytest.skip("factscore_bios is not beside the project")
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    return {row["topic"]: row["output"] for row in rows}
