"""Lineage through real runs: what is written when, depths that follow, and edges that outlive a refusal."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from laws.handbook import NAME, Project, real_texts

from corpus.catalog import answers, lineage
from ingestion.stages.answers import import_answers
from ingestion.triage import reject_held

NOW = datetime.now(UTC)
BRASS = """Rinse the brass manifold with warm vinegar before winter, because chalk that settles overnight will crack
every second gasket. Technicians in Tromso swear by cedar wedges; they hold the flange apart while resin cures."""
LEDGER = """Whoever keeps the lighthouse ledger should initial each foghorn test twice, once in pencil and once in
violet ink, so that an auditor arriving by kayak can tell rehearsals from alarms without waking the night crew."""
QUINCE = """Grafted quince rootstock tolerates brackish irrigation provided the orchard is mulched with crushed oyster
shell, and pruned hard each February when sap pressure drops below the threshold that growers measure by thumb."""
SERVED = (BRASS, LEDGER, QUINCE)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path)
    made.fill(3)
    made.contract_path.write_text(made.contract_path.read_text().replace("value: block", "value: warn"))
    return made


def serve(project: Project, name: str, text: str, hits, **more) -> str:
    """Registers an answer as a RAG application logs it: with what the reader gave it."""
    line = {
        "answer_id": name, "text": text, "system": "bot", "model": "m", "index_version": f"{NAME}/v000001",
        "served_at": (NOW - timedelta(hours=1)).isoformat(),
        "retrieved": [{"chunk_id": hit.chunk_id, "text": hit.text} for hit in hits],
    } | more  # fmt: skip
    path = project.folder / f"{name}.jsonl"
    path.write_text(json.dumps(line))
    return str(import_answers(project.runtime, path).figures)


def edges(project: Project, doc_id: str, ends=lineage.parents):
    with project.runtime.catalog.reading() as tx:
        state = project.states()[doc_id]
        return ends(tx, [lineage.document(NAME, doc_id, state.revision_id)])


def depth_of(project: Project, name: str) -> int:
    with project.runtime.catalog.reading() as tx:
        return answers.get(tx, [name])[name].depth


def page(project: Project, name: str, text: str) -> None:
    path = project.write(name, f"# {name}\n\n{text}\n")
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))


def served_depths(project: Project, doc_id: str) -> set[int]:
    return {hit.generation_depth for hit in project.search("anything at all", k=200) if hit.doc_id == doc_id}


def test_a_chain_of_answers_gets_deeper_and_the_index_says_so(project: Project) -> None:
    project.ingest()
    hits = project.search("how to install", k=3)
    for number, text in enumerate(SERVED, start=1):
        version = f"{NAME}/v{project.reader().manifest.number:06d}"
        serve(project, f"a{number}", text, hits, index_version=version)
        page(project, f"came-back-{number}", text)
        project.ingest()
        assert depth_of(project, f"a{number}") == number - 1
        assert served_depths(project, f"came-back-{number}.md") == {number}
        hits = [hit for hit in project.search(text, k=50) if hit.doc_id == f"came-back-{number}.md"]
    [up] = edges(project, "came-back-2.md")
    assert (up.object.name, up.detail["basis"], up.detail["scope"]) == ("a2", "matched", "document")
    [down] = edges(project, "came-back-2.md", lineage.children)
    assert (down.subject.name, down.detail["depth"]) == ("a3", 2)


def test_an_answer_logged_late_makes_all_that_came_of_it_deeper(project: Project) -> None:
    """The page was indexed as a primary source, quoted by a second answer, and only then is its own answer logged."""
    page(project, "first", SERVED[0])
    project.ingest()
    hits = [hit for hit in project.search(SERVED[0], k=50) if hit.doc_id == "first.md"]
    serve(project, "second-answer", SERVED[1], hits)
    page(project, "second", SERVED[1])
    project.ingest()
    assert served_depths(project, "second.md") == {1}
    source = [hit for hit in project.search("how to install", k=50) if hit.doc_id.startswith(real_texts()[0][0])]
    assert "'documents_to_look_at': 1" in serve(project, "late", SERVED[0], source[:2])
    project.ingest()
    assert served_depths(project, "first.md") == {1}, "released again, though no byte changed"
    assert depth_of(project, "second-answer") == 1
    assert project.ingest().figures["status"] == "published"
    assert served_depths(project, "second.md") == {2}
    assert project.ingest().figures["status"] == "unchanged"


def test_an_answer_without_a_version_is_traced_by_the_text_that_it_was_given(project: Project) -> None:
    project.ingest()
    hits = project.search("how to install", k=3)
    figures = serve(project, "a", SERVED[0], hits, index_version="", retrieved=[
        *({"chunk_id": f"log-{n}", "text": hit.text} for n, hit in enumerate(hits)),
        {"chunk_id": "web", "text": "A page of the web that no segment holds."},
    ])  # fmt: skip
    assert "'chunks_not_found': 1" in figures
    with project.runtime.catalog.reading() as tx:
        found = lineage.parents(tx, [lineage.answer("a")])
    assert {edge.object.doc_id for edge in found} <= {hit.doc_id for hit in hits}
    assert sorted(place for edge in found for place, _, _ in edge.detail["chunks"]) == [0, 1, 2]


def test_a_damaged_segment_does_not_stop_an_import(project: Project) -> None:
    project.ingest()
    hits = project.search("how to install", k=3)
    for path in Path(project.settings.home).rglob("segments/*/chunks.parquet"):
        path.chmod(0o644)
        path.write_bytes(b"PAR1 no more")
    figures = serve(project, "a", SERVED[0], hits, index_version="")
    assert "'registered': 1" in figures
    assert "'chunks_not_found': 3" in figures


def test_what_is_refused_keeps_its_evidence(project: Project) -> None:
    project.contract_path.write_text(project.contract_path.read_text().replace("value: warn", "value: block"))
    project.ingest()
    serve(project, "a", SERVED[0], project.search("how to install", k=2))
    page(project, "back", SERVED[0])
    project.ingest()
    assert project.states()["back.md"].state == "quarantined"
    [held] = edges(project, "back.md")
    reject_held(project.runtime, NAME, ["back.md"], reason="ours", actor="Ann")
    project.ingest()
    assert project.states()["back.md"].state == "rejected"
    [rejected] = edges(project, "back.md")
    assert held.object == rejected.object == lineage.answer("a")
    (project.inbox / "back.md").unlink()
    project.ingest()
    assert project.states()["back.md"].state == "gone"
    assert [edge.object for edge in edges(project, "back.md")] == [held.object]


def test_the_same_log_twice_changes_nothing(project: Project) -> None:
    project.ingest()
    hits = project.search("how to install", k=2)
    for _ in range(2):
        serve(project, "a", SERVED[0], hits)
        with project.runtime.catalog.reading() as tx:
            found = lineage.parents(tx, [lineage.answer("a")])
    assert len(found) == len({hit.doc_id for hit in hits})
    assert project.ingest().figures["status"] == "unchanged"
