"""What a release holds for: the bytes that were looked at and the metadata beside them, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from laws.handbook import NAME, Project, real_texts

from corpus.catalog import decisions
from corpus.ids import judged_digest
from ingestion import quality
from ingestion.triage import reject_held, release_held

SIDECAR = "x.md.meta.yaml"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path)
    made.write("other", real_texts()[5][1])
    made.write("x", f"---\nstatus: draft\n---\n{real_texts()[0][1]}")
    return made


def _state(project: Project) -> str:
    return project.states()["x.md"].state


def test_a_digest_without_metadata_beside_is_that_of_the_bytes() -> None:
    assert judged_digest("ab", "") == "ab"
    assert len({judged_digest("ab", "cd"), judged_digest("ab", "ce"), judged_digest("ac", "cd")}) == 3


def test_a_release_ends_when_the_metadata_beside_the_bytes_changes(project: Project) -> None:
    project.ingest(publish=False)
    assert _state(project) == "quarantined"
    release_held(project.runtime, NAME, ["x.md"], reason="read it", actor="Ann")
    project.ingest(publish=False)
    assert _state(project) == "active"
    (project.inbox / SIDECAR).write_text("status: withdrawn\nsensitivity_label: top-secret\n")
    project.ingest(publish=False)
    assert _state(project) == "quarantined"
    (project.inbox / SIDECAR).unlink()
    project.ingest(publish=False)
    assert _state(project) == "active", "the release holds for what was looked at"


def test_a_decision_with_metadata_beside_is_carried_out_and_can_be_taken_back(project: Project) -> None:
    (project.inbox / SIDECAR).write_text("status: withdrawn\n")
    project.ingest(publish=False)
    state = project.states()["x.md"]
    assert state.sidecar_sha256
    seen = state.judged_sha256
    assert seen != state.raw_sha256
    release_held(project.runtime, NAME, ["x.md"], reason="read it", actor="Ann", seen=seen[:12])
    project.ingest(publish=False)
    assert _state(project) == "active"
    reject_held(project.runtime, NAME, ["x.md"], reason="read again", actor="Ann")
    project.ingest(publish=False)
    assert _state(project) == "rejected"
    release_held(project.runtime, NAME, ["x.md"], reason="read once more", actor="Ann")
    with project.runtime.catalog.reading() as tx:
        assert decisions.overrides(tx, NAME)["x.md", seen].outcome == "accept"


def test_segments_of_an_older_build_are_explained_displaced_and_released(project: Project) -> None:
    project.write("x", real_texts()[0][1])
    project.ingest()
    for path in Path(project.settings.home).glob("segments/*/documents.parquet"):
        table = pq.read_table(path).drop_columns(["document_type", "quality_reasons", "repairs"])
        path.chmod(0o644)
        pq.write_table(table, path)
    assert quality.explain(quality.stored_row(project.runtime, NAME, "x.md"))["value"] > 0
    project.write("new", f"---\nsupersedes: other.md\n---\n{real_texts()[6][1]}")
    assert project.ingest().counts.indexed == 1
    assert project.states()["other.md"].state == "quarantined"
    assert {hit.doc_id for hit in project.search("anything", k=50)} == {"x.md", "new.md"}
