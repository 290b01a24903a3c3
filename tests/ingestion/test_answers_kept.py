"""Importing answers in each format, keeping only what may be kept, and forgetting on time and on demand."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from laws.handbook import NAME, Project
from provenance_parts.otlp_exports import export, span
from sqlalchemy import text

from corpus.catalog import answers, audit, forgotten, lineage
from corpus.errors import ConfigurationError, ContractError
from corpus.ids import text_digest
from corpus.types import utc_now
from ingestion.stages import answers as stage
from ingestion.stages import forget
from ingestion.stages.answers import import_answers
from provenance.answers import AnswerInput, document_grams, novelty
from provenance.importers import lines
from provenance.signature import Novelty

SOURCE = (
    "The refund window for hardware is thirty days from the day of delivery. Batteries are excluded once their seal "
    "is broken, and software licences may be returned only while they have not been activated. "
) * 3
ANSWER = (
    "You can send the device back within a month after it reached you, but note three exceptions that often surprise "
    "people: opened battery packs stay with you, activated licence keys cannot be undone, and gift orders are "
    "credited to whoever paid. Start by printing the label from your account page, pack the item with every cable "
    "that came along, and drop it at any partner shop before the deadline printed on the label."
)
QUESTION = "May Mara send her device back?"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project")


def line(answer_id: str = "a1", *, days: int = 10, index: str = f"{NAME}/v000001", **values: Any) -> dict[str, Any]:
    return {
        "answer_id": answer_id,
        "text": ANSWER,
        "question": QUESTION,
        "system": "helpdesk",
        "served_at": (utc_now() - timedelta(days=days)).isoformat(),
        "retrieved": [{"chunk_id": "c1", "text": SOURCE}],
        "index_version": index,
        **values,
    }


def log(project: Project, *lines: Any, name: str = "answers.jsonl") -> Path:
    path = project.folder / name
    path.write_text("".join(json.dumps(item) + "\n" for item in lines))
    return path


def declare(project: Project, value: str) -> None:
    text = project.contract_path.read_text().partition("\n  - property: ragAnswers")[0].rstrip("\n")
    project.contract_path.write_text(f"{text}\n  - property: ragAnswers\n    vendor: stemma\n    value: {value}\n")


def write_pages(project: Project) -> None:
    """A page that repeats the answer, and the one that it rests on."""
    project.write("copied", "# Refunds\n\n" + ANSWER)
    project.write("policy", "# Refund policy\n\n" + SOURCE)


def stored(project: Project) -> str:
    """All that the catalog's tables of answers hold, as one text."""
    with project.runtime.catalog.engine.connect() as connection:
        names = ("answers", "answer_grams", "answers_erased", "audit_log")
        return "\n".join(repr(row) for name in names for row in connection.execute(text(f"SELECT * FROM {name}")))


def trace() -> dict[str, Any]:
    found = json.dumps([{"id": "c1", "score": 1.0, "content": SOURCE}])
    end = int((utc_now().timestamp() - 1_767_225_600) - 86_400)
    said = json.dumps([{"role": "assistant", "content": ANSWER}])
    return export(
        span("retrieve", {"gen_ai.operation.name": "retrieval", "gen_ai.retrieval.documents": found}, end=end - 1),
        span("chat", {"gen_ai.operation.name": "chat", "gen_ai.output.messages": said}, end=end),
    )


@pytest.mark.parametrize("file_format", ["auto", "otlp"])
def test_a_trace_registers_an_answer_that_is_known_when_it_comes_back(project: Project, file_format: str) -> None:
    path = log(project, trace(), {"resourceSpans": 1}, name="traces.jsonl")
    imported = import_answers(project.runtime, path, file_format=file_format)
    assert imported.inputs == ("otlp",)
    assert imported.figures["registered"] == 1
    assert imported.figures["log.not_a_list"] == 1
    assert import_answers(project.runtime, path).figures["known"] == 1
    write_pages(project)
    assert project.ingest().counts.quarantined == 1


def test_a_wrong_format_says_so(project: Project) -> None:
    path = log(project, line())
    with pytest.raises(ConfigurationError, match=r"no answer format 'csv'\. Valid: auto, native, otlp"):
        import_answers(project.runtime, path, file_format="csv")
    wrong = import_answers(project.runtime, path, file_format="otlp")
    assert (wrong.figures["registered"], wrong.figures["known"]) == (0, 0)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        import_answers(project.runtime, project.folder)


def test_many_refused_lines_are_all_counted_and_the_first_are_named(project: Project) -> None:
    receipt = import_answers(project.runtime, log(project, *([1] * 300)))
    assert receipt.figures["refused"] == 300
    assert len(receipt.outputs) == 201
    assert receipt.outputs[-1] == "and 100 more"


def test_where_only_hashes_may_be_kept_no_word_is_stored_and_it_is_still_known(project: Project) -> None:
    declare(project, "{text: hash, retention: 400d}")
    import_answers(project.runtime, log(project, line()))
    with project.runtime.catalog.reading() as tx:
        record = answers.get(tx, ["a1"])["a1"]
    assert (record.text, record.question, record.text_sha256) == (None, None, text_digest(ANSWER))
    assert record.expires_at is not None
    assert record.expires_at - record.served_at == timedelta(days=400)
    left = stored(project)
    assert not any(word in left for word in ("battery", "Mara", "device"))
    write_pages(project)
    assert project.ingest().counts.quarantined == 1


def test_an_answer_from_nowhere_is_kept_as_the_strictest_contract_says(project: Project) -> None:
    declare(project, "{text: hash}")
    lines = [line("named", index="other-index/v000003"), line("nameless", index="")]
    import_answers(project.runtime, log(project, *lines))
    with project.runtime.catalog.reading() as tx:
        assert [record.text for record in answers.get(tx, ["named", "nameless"]).values()] == [None, None]


def test_nothing_is_registered_while_what_may_be_kept_is_not_known(project: Project) -> None:
    declare(project, "{text: hashed}")
    with pytest.raises(ContractError, match="unknown choice of what is kept 'hashed'"):
        import_answers(project.runtime, log(project, line()))
    with project.runtime.catalog.reading() as tx:
        assert answers.count(tx) == 0


def test_a_term_that_is_over_is_not_begun_again(project: Project) -> None:
    declare(project, "{retention: 30d}")
    path = log(project, line("old", days=31), line("new", days=29, text=ANSWER + " Ask us."))
    receipt = import_answers(project.runtime, path)
    assert (receipt.figures["registered"], receipt.figures["expired"]) == (1, 1)
    assert forget.prune(project.runtime).figures == {"expired": 0, "removed": 0, "changed": 0}
    declare(project, "{retention: 20d}")
    assert forget.prune(project.runtime, dry_run=True).figures == {"expired": 1, "removed": 0, "changed": 1}
    assert forget.prune(project.runtime).figures == {"expired": 1, "removed": 1, "changed": 1}
    assert forget.prune(project.runtime).figures == {"expired": 0, "removed": 0, "changed": 0}
    assert "battery" not in stored(project)


def test_a_contract_that_lets_less_be_kept_speaks_for_what_is_there(project: Project) -> None:
    import_answers(project.runtime, log(project, line()))
    assert "battery" in stored(project)
    declare(project, "{text: hash}")
    assert forget.prune(project.runtime).figures == {"expired": 0, "removed": 0, "changed": 1}
    assert "battery" not in stored(project)
    with project.runtime.catalog.reading() as tx:
        assert answers.get(tx, ["a1"])["a1"].signature


def test_what_was_decided_by_an_answer_stands_when_its_term_is_over(project: Project) -> None:
    import_answers(project.runtime, log(project, line(days=2)))
    write_pages(project)
    project.ingest()
    before = project.contract_path.read_text()
    declare(project, "{retention: 1d}")
    assert forget.prune(project.runtime).figures["removed"] == 1
    project.contract_path.write_text(before)
    assert project.ingest().counts.unchanged == 2


def test_an_erased_answer_stays_erased_and_what_it_judged_is_looked_at_again(project: Project) -> None:
    path = log(project, line())
    import_answers(project.runtime, path)
    write_pages(project)
    assert project.ingest().counts.quarantined == 1
    done = forget.erase(project.runtime, "a1", reason="asked by mail", actor="ada")
    assert done.figures == {"erased": 1, "registered": 1, "documents_to_look_at": 1}
    again = forget.erase(project.runtime, "a1", reason="asked twice", actor="ada")
    assert again.figures == {"erased": 0, "registered": 0, "documents_to_look_at": 0}
    assert import_answers(project.runtime, path).figures["erased"] == 1
    left = stored(project)
    assert not any(word in left for word in ("battery", "Mara", "a1'"))
    receipt = project.ingest()
    assert (receipt.counts.indexed, receipt.counts.quarantined) == (1, 0)
    with project.runtime.catalog.reading() as tx:
        assert answers.count(tx) == 0
        assert audit.verify(tx).broken_at is None
        assert forgotten.tombstone(tx, "a1") is not None


@pytest.mark.parametrize("values", [("", "r", "a"), ("a1", " ", "a"), ("a1", "r", "")])
def test_erasing_needs_an_id_a_reason_and_a_name(project: Project, values: tuple[str, str, str]) -> None:
    with pytest.raises(ConfigurationError, match="got an empty text"):
        forget.erase(project.runtime, values[0], reason=values[1], actor=values[2])


def test_an_answer_that_is_erased_while_it_is_imported_is_not_registered(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def erased_meanwhile(answer: AnswerInput) -> Novelty:
        forget.erase(project.runtime, answer.answer_id, reason="asked to", actor="mara")
        return novelty(answer)

    monkeypatch.setattr(stage, "novelty", erased_meanwhile)
    figures = import_answers(project.runtime, log(project, line())).figures
    assert (figures["registered"], figures["erased"]) == (0, 1)
    with project.runtime.catalog.reading() as tx:
        assert answers.count(tx) == 0
        assert lineage.parents(tx, [lineage.answer("a1")]) == ()


def test_looking_at_a_standing_text_again_costs_its_own_words_and_not_the_log() -> None:
    keys = np.unique(np.random.default_rng(1).integers(0, 1 << 63, 2_000_000, dtype=np.uint64))
    few = np.unique(np.concatenate((keys[:3], keys[-2:], np.arange(900, dtype=np.uint64))))
    began = perf_counter()
    assert {stage._shared(keys, few) for _ in range(100)} == {5}
    assert stage._shared(keys, few[:0]) == 0
    assert perf_counter() - began < 2, "comparing each of two million keys takes a tenth of a second a text"


def test_a_line_without_end_is_refused_and_passed_over(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    path = log(project, {"text": "x" * 5_000}, line())
    monkeypatch.setattr(lines.bounded, "__defaults__", (4_000,))
    done = import_answers(project.runtime, path)
    assert (done.figures["registered"], done.figures["refused"]) == (1, 1)
    assert done.outputs[0].startswith("line 1: the line is too long")


def test_an_answer_that_first_was_a_mere_quotation_is_known_once_it_was_made_of_other_texts(project: Project) -> None:
    quoted = line("quoted", retrieved=[{"chunk_id": "c0", "text": ANSWER}])
    blind = line("blind", retrieved=["c9"])
    import_answers(project.runtime, log(project, quoted, blind, line("made")))
    keys = document_grams(ANSWER).values
    with project.runtime.catalog.transaction() as tx:
        assert {item.answer_id for item in answers.candidates(tx, keys)} == {"blind", "made"}
    write_pages(project)
    assert project.ingest().counts.quarantined == 1, "by the one of which is known what it was made from"
    with project.runtime.catalog.transaction() as tx:
        assert forgotten.remove(tx, ["made"]) == 1
        assert {item.answer_id for item in answers.candidates(tx, keys)} == {"blind"}


@pytest.mark.parametrize("packed", [False, True], ids=["loose", "packed"])
def test_an_answer_learns_what_it_was_made_from(project: Project, packed: bool) -> None:
    """The application recorded it at once; its trace, with the texts, comes with the nightly export."""
    blind = line(retrieved=["c1"], index="")
    import_answers(project.runtime, log(project, blind))
    with project.runtime.catalog.transaction() as tx:
        answers.pack(tx, least=0 if packed else answers.postings.PACK_AT)
    write_pages(project)
    assert project.ingest().counts.indexed == 2, "without the texts it is only suspected"
    again = import_answers(project.runtime, log(project, line(), line(served_at=utc_now().isoformat())))
    assert (again.figures["registered"], again.figures["known"]) == (0, 2)
    assert again.figures["documents_to_look_at"] == 1
    with project.runtime.catalog.reading() as tx:
        [stands] = answers.get(tx, ["a1"]).values()
        assert answers.count(tx) == 1
    assert (stands.context_known, stands.retrieved, stands.index_version) == (True, ("c1",), f"{NAME}/v000001")
    assert stands.served_at < utc_now() - timedelta(days=9), "when it was served stays"
    assert project.ingest().counts.quarantined == 1
    assert import_answers(project.runtime, log(project, blind)).figures["known"] == 1
    with project.runtime.catalog.reading() as tx:
        assert answers.get(tx, ["a1"])["a1"] == stands, "a poorer log takes nothing away"
