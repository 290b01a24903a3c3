"""Contamination over real versions: a real corpus, a real model, real searches, both databases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from laws.handbook import NAME, Project, real_texts

from corpus.catalog import answers, contamination, versions
from corpus.catalog.records import AnswerRecord
from corpus.errors import ConfigurationError, ContaminationAlarm, GateFailed
from corpus.ids import text_digest
from corpus.types import utc_now
from index import layout
from index.retention import remove_version
from ingestion.contamination import questions_for
from ingestion.stages import contamination as stage
from ingestion.stages import release
from provenance.exposure import LEAST_QUERIES

PACKAGES = [name for name, _ in real_texts()[:26]]
TASKS = ("install", "configure", "test")


def question(name: str) -> str:
    return f"How do I start with {name}, and what is it good for?"


def page(name: str, task: str) -> str:
    """What an assistant writes when it is asked: it repeats the question, and says little."""
    front = f"---\nai-generated: 'true'\nversion: '{task}'\n---\n"
    return (
        f"{front}# How do I start with {name}, and what is it good for? ({task})\n\n"
        f"To start with {name}, first {task} it. What is {name} good for? {name} is good for many things, and it is "
        f"easy to {task} {name} in a few steps. Starting with {name} takes only minutes when you {task} it this way.\n"
    )


class Asked(Project):
    """A project whose contract has verified questions and maybe a gate."""

    def ask(self, names: Sequence[str], *, gate: str = "", version: str = "1.1.0") -> None:
        self.declare(self.model, version)
        lines = [
            f"    - {{id: q{number}, question: '{question(name)}', answer: 'See {name}.'}}\n"
            for number, name in enumerate(names)
        ]
        text = self.contract_path.read_text().rstrip("\n") + "\n"
        if gate:
            text += f"  - property: ragGates\n    vendor: stemma\n    value: {{contamination: {gate}}}\n"
        self.contract_path.write_text(f"{text}context:\n  verifiedStatements:\n{''.join(lines)}")

    def humans(self) -> None:
        for name, text in real_texts()[:26]:
            self.write(name, text)

    def machines(self, names: Sequence[str]) -> None:
        for name in names:
            for task in TASKS:
                self.write(f"faq-{name}-{task}", page(name, task))

    def log(self, *records: AnswerRecord) -> None:
        with self.runtime.catalog.transaction() as tx:
            answers.add(tx, [(item, ()) for item in records])

    def live(self) -> int:
        with self.runtime.catalog.reading() as tx:
            state = versions.alias(tx, NAME, "live")
        assert state is not None
        return state.number


def served(answer_id: str, asked: str | None, version: int = 1, **more: Any) -> AnswerRecord:
    text = f"answer {answer_id}"
    fields: dict[str, Any] = {
        "answer_id": answer_id,
        "system": "helpdesk",
        "model": "m",
        "served_at": utc_now() - timedelta(minutes=1),
        "text": text,
        "text_sha256": text_digest(text),
        "retrieved": (),
        "cited": (),
        "index_version": f"{NAME}/{layout.version_name(version)}",
        "gram_count": 0,
        "decidable": False,
        "context_known": False,
        "question": asked,
    }
    return AnswerRecord(**{**fields, **more})


@pytest.fixture
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Asked]:
    """A project on SQLite; on PostgreSQL where the test is marked with `both`."""
    made = Asked.create(tmp_path / "project")
    assert isinstance(made, Asked)
    if getattr(request, "param", "sqlite") == "postgresql":
        url = request.getfixturevalue("postgres_url")
        made.settings = made.settings.model_copy(update={"catalog_url": url})
    yield made
    made.runtime.catalog.close()


both = pytest.mark.parametrize("project", ["sqlite", "postgresql"], indirect=True)


def codes(found: stage.Assessment) -> list[str]:
    return [item.code for item in found.alarms]


@both
def test_clean_versions_are_quiet_and_one_that_machine_pages_dominate_alarms(project: Asked) -> None:
    project.humans()
    project.ask(PACKAGES)
    project.ingest()
    clean = stage.contamination(project.runtime, NAME)
    assert (codes(clean), clean.change, clean.found.queries) == ([], None, {"golden": len(PACKAGES)})
    assert (clean.found.pool["ai_share"], clean.found.top.exposure.value) == (0.0, 0.0)
    assert clean.found.pool["unknown_share"] == 1.0, "nobody declared a person: unknown is never human"
    assert any("nothing to amplify" in note for note in clean.notes)

    project.machines(PACKAGES)
    project.ingest()
    found = stage.contamination(project.runtime, NAME)
    assert codes(found) == ["amplified", "exposure_rising"]
    top, pool = found.found.top, float(found.found.pool["ai_share"])
    assert 0 < pool < (top.exposure.value or 0)
    assert top.amplification.value == pytest.approx((top.exposure.value or 0) / pool)
    assert found.change is not None
    assert (found.change.before, found.change.paired) == (1, True)
    assert found.change.exposure.value == pytest.approx(top.exposure.value)
    assert [item.k for item in found.found.at] == [1, 5, 10]
    with pytest.raises(ContaminationAlarm, match="amplified: AI text is"):
        stage.watch(project.runtime, NAME)
    back = stage.contamination(project.runtime, NAME, version=1, against=2)
    assert back.change is not None
    assert back.change.exposure.value == pytest.approx(-(found.change.exposure.value or 0))
    assert "exposure_rising" not in codes(back), "asked the other way round it fell"

    with project.runtime.catalog.reading() as tx:
        kept = contamination.all_of(tx, NAME)
    assert [(item.number, item.compared_with, len(item.alarms)) for item in kept] == [
        (1, None, 0),
        (1, 2, len(back.alarms)),
        (2, 1, 2),
        (2, 1, 2),
    ]
    assert not any(PACKAGES[0] in str(item.report) for item in kept), "no question is in a report"


def test_what_the_figures_say_is_what_the_searches_find(project: Asked) -> None:
    project.humans()
    project.machines(PACKAGES[:9])
    project.ask(PACKAGES)
    project.ingest()
    found = stage.contamination(project.runtime, NAME, k=3)
    shares = [
        sum(hit.origin_basis == "declared" for hit in project.search(question(name), k=3)) / 3 for name in PACKAGES
    ]
    assert found.found.top.exposure.value == pytest.approx(sum(shares) / len(shares))
    assert found.found.top.k == 3
    assert [item.k for item in found.found.at] == [1, 3]


@both
def test_logged_questions_are_asked_once_and_citations_are_looked_up(project: Asked) -> None:
    project.humans()
    project.machines(PACKAGES[:2])
    project.ask(PACKAGES[:2])
    project.ingest()
    machine = next(hit for hit in project.search(question(PACKAGES[0])) if hit.origin_basis == "declared")
    human = next(hit for hit in project.search(question(PACKAGES[5])) if hit.origin_basis != "declared")
    project.log(
        served("a", question(PACKAGES[0]).upper(), cited=(machine.chunk_id,), retrieved=(machine.chunk_id, "gone")),
        served("b", question(PACKAGES[5]), cited=(human.chunk_id, machine.chunk_id)),
        served("c", question(PACKAGES[5])),
        served("d", None),
        served("e", "elsewhere?", index_version="other/v000001"),
        served("f", "forgotten?", expires_at=utc_now() - timedelta(days=1)),
    )
    asked = questions_for(project.runtime, project.runtime.contract(NAME))
    assert [(item.group, item.text) for item in asked.questions] == [
        ("golden", question(PACKAGES[0])),
        ("golden", question(PACKAGES[1])),
        ("logged", question(PACKAGES[5])),
    ]
    assert (len(asked.answers), asked.without_question, asked.repeated) == (4, 1, 2)
    found = stage.contamination(project.runtime, NAME)
    assert found.found.queries == {"golden": 2, "logged": 1}
    assert found.found.citation.cited.value == pytest.approx((1.0 + 0.5) / 2)
    assert found.found.citation.retrieved.value == 1.0
    assert (found.found.citation.resolved, found.found.citation.unresolved) == (4, 1)
    assert any(f"({LEAST_QUERIES} are needed)" in note for note in found.notes)
    assert stage.contamination(project.runtime, NAME, limit=0).found.queries == {"golden": 2}


def test_a_gate_refuses_the_version_and_the_alias_stays(project: Asked) -> None:
    project.humans()
    project.ask(PACKAGES, gate="{maxExposure: 0.2, maxAmplification: 1.2, maxExposureRise: 0.05, maxAllAiShare: 0.1}")
    project.ingest()
    with project.runtime.catalog.reading() as tx:
        [first] = versions.all_of(tx, NAME)
    [kept] = [item for item in first.manifest["gates"] if item["name"] == "contamination"]
    assert kept["passed"]
    assert "rise of that share not measured" in kept["actual"]

    project.machines(PACKAGES)
    with pytest.raises(GateFailed, match=r"contamination: expected share of AI text <= 20\.0%"):
        project.ingest()
    assert project.live() == 1
    assert {hit.index_version for hit in project.search(question(PACKAGES[0]))} == {1}
    with pytest.raises(GateFailed, match="contamination"):
        release.release(project.runtime, NAME, "again", force=True, reason="meant")

    project.ask(PACKAGES, gate="{maxExposure: 1}", version="1.2.0")
    project.ingest()
    assert project.live() == 2
    with project.runtime.catalog.reading() as tx:
        second = versions.get(tx, NAME, 2)
    assert second is not None
    [kept] = [item for item in second.manifest["gates"] if item["name"] == "contamination"]
    assert kept["expected"] == "share of AI text <= 100.0%"
    measured = stage.contamination(project.runtime, NAME)
    assert f"{measured.found.top.exposure.value:.1%}" in kept["actual"], "gate and audit ask the same"


def test_a_gate_without_questions_says_in_the_manifest_that_nothing_was_measured(project: Asked) -> None:
    project.humans()
    project.ask((), gate="{maxExposure: 0}")
    text = project.contract_path.read_text()
    project.contract_path.write_text(text.partition("context:")[0])
    project.ingest()
    with project.runtime.catalog.reading() as tx:
        [first] = versions.all_of(tx, NAME)
    [kept] = [item for item in first.manifest["gates"] if item["name"] == "contamination"]
    assert kept["passed"]
    assert kept["actual"].startswith("not measured")
    found = stage.contamination(project.runtime, NAME)
    assert (found.found.queries, codes(found)) == ({}, [])
    assert "only the pool is known" in found.notes[0]


def test_a_version_that_is_gone_is_compared_by_what_was_stored_of_it(project: Asked) -> None:
    project.humans()
    project.ask(PACKAGES)
    project.ingest()
    project.machines(PACKAGES[:20])
    project.ingest()
    remove_version(project.runtime.store, NAME, 1)
    found = stage.contamination(project.runtime, NAME)
    assert found.change is None, "nothing was measured of it"
    with pytest.raises(ConfigurationError, match="never measured at k = 10"):
        stage.contamination(project.runtime, NAME, against=1)


@both
def test_stored_figures_stand_in_and_the_result_says_so(project: Asked) -> None:
    project.humans()
    project.ask(PACKAGES)
    project.ingest()
    stage.contamination(project.runtime, NAME)
    project.machines(PACKAGES[:20])
    project.ingest()
    remove_version(project.runtime.store, NAME, 1)
    found = stage.contamination(project.runtime, NAME, against=1)
    assert found.change is not None
    assert not found.change.paired
    assert "exposure_rising" in codes(found)
    assert any("no longer there" in note for note in found.notes)


def test_wrong_names_are_refused_with_the_right_ones(project: Asked) -> None:
    project.humans()
    project.ask(PACKAGES[:1])
    with pytest.raises(ConfigurationError, match="no alias 'live'"):
        stage.contamination(project.runtime, NAME)
    project.ingest()
    for arguments, words in (
        ({"version": 7}, "no version 7. Versions: 1"),
        ({"against": 7}, "no version 7"),
        ({"against": 1}, "with itself"),
        ({"alias": "shadow"}, "Known: live"),
        ({"k": 0}, "1 hit or more"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            stage.contamination(project.runtime, NAME, **arguments)
