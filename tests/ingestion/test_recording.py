"""Recording answers from an application: into a spool file or a project, from many threads and processes."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws.handbook import NAME, Project

from corpus.catalog import answers
from corpus.errors import CatalogError, ConfigurationError
from ingestion.recording import AnswerRecorder, to_line
from ingestion.stages import forget
from ingestion.stages.answers import import_answers
from provenance.answers import AnswerInput, RetrievedText
from provenance.importers import native

SERVED = datetime(2026, 1, 1, tzinfo=UTC)
TEXT = "You may return a kettle within sixty days if the seal under the lid is whole, and the clerk prints a label."


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project")


def read(path: Path) -> native.ImportedAnswers:
    with path.open("rb") as lines:
        return native.load(lines)


def test_a_spool_file_is_imported_and_the_second_time_changes_nothing(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "spool" / "answers.jsonl"
    recorder = AnswerRecorder.to_file(path, system="bot", model="m")
    ids = [recorder.record(TEXT, served_at=SERVED, retrieved=[("c1", "A source.")]) for _ in range(2)]
    assert ids[0] == ids[1], "no id: the same answer at the same time is the same"
    assert path.stat().st_mode & 0o777 == 0o600
    first = import_answers(project.runtime, path)
    assert (first.figures["registered"], first.figures["known"]) == (1, 1)
    assert import_answers(project.runtime, path).figures["known"] == 2


def test_an_answer_goes_straight_into_a_project(project: Project) -> None:
    with AnswerRecorder.to_project(project.runtime, system="bot", buffer=2) as recorder:
        recorder.record(TEXT, answer_id="a1", question="May I?", index=f"{NAME}/v000001", trace_id="t", mark="k")
        with project.runtime.catalog.reading() as tx:
            assert answers.count(tx) == 0, "it waits for a second one"
    with project.runtime.catalog.reading() as tx:
        record = answers.get(tx, ["a1"])["a1"]
    assert (record.text, record.question, record.system, record.mark) == (TEXT, "May I?", "bot", "k")
    assert (record.trace_id, record.index_version) == ("t", f"{NAME}/v000001")


def test_a_source_that_is_no_clean_text_does_not_stop_an_answer_nor_those_after_it(project: Project) -> None:
    source = RetrievedText(chunk_id="c1", text="half \ud83d of a smile\x00")
    with AnswerRecorder.to_project(project.runtime) as recorder:
        recorder.record(TEXT, answer_id="a1", retrieved=[source])
        recorder.record(TEXT, answer_id="a2")
    with project.runtime.catalog.reading() as tx:
        assert sorted(answers.get(tx, ["a1", "a2"])) == ["a1", "a2"]


def test_an_answer_that_may_not_be_kept_is_told(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    forget.erase(project.runtime, "a1", reason="test", actor="ada")
    AnswerRecorder.to_project(project.runtime).record(TEXT, answer_id="a1")
    assert "may not be kept: {'erased': 1}" in caplog.text
    with project.runtime.catalog.reading() as tx:
        assert answers.count(tx) == 0


def test_hits_of_a_reader_and_the_reader_itself_are_taken_as_they_are(project: Project, tmp_path: Path) -> None:
    project.write("kettles", "# Kettles\n\nKettles may be returned within sixty days if the seal is whole.\n")
    project.ingest()
    reader = project.reader()
    hits = reader.search("kettles", k=2)
    path = tmp_path / "answers.jsonl"
    AnswerRecorder.to_file(path).record(TEXT, retrieved=hits, index=reader, cited=[hits[0].chunk_id])
    [answer] = read(path).answers
    assert answer.index_version == f"{NAME}/v000001"
    assert answer.retrieved == tuple(RetrievedText(chunk_id=hit.chunk_id, text=hit.text) for hit in hits)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"text": "  "}, "the answer is empty"),
        ({"text": 5}, "text must be text, got int"),
        ({"text": "a\ud800"}, "lone surrogate"),
        ({"text": "a\x00"}, "NUL"),
        ({"served_at": datetime(2026, 1, 1)}, "aware time"),  # noqa: DTZ001 - what is refused
        ({"served_at": "2026-01-01"}, "aware time"),
        ({"retrieved": [5]}, "a chunk id is text"),
        ({"retrieved": [("c1", 7)]}, "text must be text, got int"),
        ({"retrieved": [{"text": "t"}]}, "a chunk id is text"),
        ({"cited": [""]}, "a chunk id is text"),
        ({"cited": ["c\ud800"]}, "chunk_id holds a lone surrogate"),
        ({"retrieved": ["c\x00"]}, "chunk_id holds a lone surrogate or NUL"),
        ({"index": "handbook/v000001\x00"}, "index holds a lone surrogate or NUL"),
        ({"index": 3}, "index is int; give an open reader"),
        ({"sytem": "x"}, "an answer has no 'sytem'. Valid: system, model, trace_id, mark"),
        ({"question": 5}, "question must be text"),
    ],
)
def test_what_is_wrong_is_said_at_once_and_nothing_is_written(
    values: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "answers.jsonl"
    with pytest.raises(ConfigurationError) as raised:
        AnswerRecorder.to_file(path).record(**{"text": TEXT, **values})
    assert message in str(raised.value)
    assert not path.exists()
    with pytest.raises(ConfigurationError, match="buffer is 0"):
        AnswerRecorder.to_file(path, buffer=0)


def test_many_threads_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    with AnswerRecorder.to_file(path, buffer=7) as recorder, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: recorder.record(f"Answer {number}", answer_id=str(number)), range(200)))
    found = read(path)
    assert found.problems == ()
    assert {answer.answer_id for answer in found.answers} == {str(number) for number in range(200)}


def _record_many(path: str, first: int) -> None:
    recorder = AnswerRecorder.to_file(path)
    for number in range(first, first + 50):
        recorder.record("long " * 3_000, answer_id=str(number))


def test_a_spool_file_stays_where_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recorder = AnswerRecorder.to_file("spool.jsonl", system="support-bot")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    recorder.record("Kettles may be returned within sixty days if the seal is whole.")
    assert (tmp_path / "spool.jsonl").is_file()
    assert not any((tmp_path / "elsewhere").iterdir())


def test_many_processes_may_share_a_spool_file(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_record_many, args=(str(path), start)) for start in (0, 50, 100)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    found = read(path)
    assert found.problems == ()
    assert len({answer.answer_id for answer in found.answers}) == 150


def test_half_a_line_of_a_killed_process_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_bytes(b'{"text": "cut o')
    AnswerRecorder.to_file(path).record(TEXT)
    found = read(path)
    assert [answer.text for answer in found.answers] == [TEXT]
    assert [problem.line for problem in found.problems] == [1]


def test_what_could_not_be_written_waits_and_is_written_next_time(tmp_path: Path) -> None:
    written: list[str] = []
    broken = [True]

    def write(batch: Any) -> None:
        if broken[0]:
            raise CatalogError("it does not answer")
        written.extend(answer.text for answer in batch)

    recorder = AnswerRecorder(write)
    with pytest.raises(CatalogError):
        recorder.record("first")
    broken[0] = False
    recorder.record("second")
    assert written == ["first", "second"]
    with pytest.raises(ConfigurationError, match="cannot be written"):
        AnswerRecorder.to_file(tmp_path).record("a folder is no file")


def test_what_waits_is_bounded_and_what_was_taken_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.recording.MOST_WAITING", 2)
    written: list[str] = []
    broken = [True]

    def write(batch: Any) -> None:
        if broken[0]:
            raise CatalogError("it does not answer")
        written.extend(answer.text for answer in batch)

    recorder = AnswerRecorder(write)
    for word in ("first", "second", "third"):
        with pytest.raises(CatalogError):
            recorder.record(word)
    broken[0] = False
    recorder.record("fourth")
    assert written == ["first", "second", "fourth"]


def test_what_waits_is_written_when_the_process_ends(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    program = (
        "from ingestion.recording import AnswerRecorder\n"
        f"AnswerRecorder.to_file({str(path)!r}, buffer=100).record('It waits.')\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert [answer.text for answer in read(path).answers] == ["It waits."]


def test_an_application_loads_no_database_and_no_model() -> None:
    program = "import sys, ingestion.recording; print([n for n in sys.modules if n in sys.argv[1:]])"
    heavy = ["sqlalchemy", "torch", "faiss", "pyarrow", "pandas", "great_expectations", "fsspec", "airflow"]
    done = subprocess.run([sys.executable, "-c", program, *heavy], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


TEXTS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00"), min_size=1, max_size=40)


@given(
    text=TEXTS.filter(str.strip),
    question=st.none() | TEXTS,
    retrieved=st.lists(st.tuples(TEXTS, st.none() | TEXTS), max_size=3),
    mark=TEXTS | st.just(""),
)
def test_a_line_gives_the_answer_back(text: str, question: str | None, retrieved: list[Any], mark: str) -> None:
    kept: list[AnswerInput] = []
    AnswerRecorder(kept.extend).record(text, question=question, retrieved=retrieved, mark=mark, served_at=SERVED)
    [answer] = kept
    found = native.load([json.dumps(to_line(answer))])
    assert found.answers == (answer,)
