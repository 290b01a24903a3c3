"""What is said when a task fails for good: contract, owner, documents and the reason, whatever else is broken."""

from __future__ import annotations

from pathlib import Path

import pytest
from laws.handbook import NAME, Project

from corpus.errors import SourceUnavailable
from ingestion.alarms import Failure, told
from ingestion.stages import acquire


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path / "project")
    made.fill(7)
    return made


def test_a_failed_shard_names_contract_owner_and_documents(project: Project) -> None:
    project.settings = project.settings.model_copy(update={"shard_bytes": 1_000_000})
    [shard] = acquire.acquire(project.runtime, NAME, "run-1").outputs
    error = SourceUnavailable("s3://docs did not answer: 503. Run again.")
    said = told(
        Failure(contract=NAME, task="stage", run_id="run-1", shard=shard, tries=4, error=error), project.settings
    )
    assert said.startswith(
        "contract 'handbook' (owner docs-team): stage of run run-1 failed after 4 tries: SourceUnavailable: s3://docs "
        "did not answer: 503. Run again. Documents of its shard: "
    )
    listed = said.rpartition(": ")[2]
    named = [name for name in project.inbox.iterdir() if name.name in listed]
    assert len(named) == 5
    assert listed.endswith(" and 2 more.")
    assert "\n" not in said


def test_a_process_that_just_ended_and_a_foreign_error_are_told_too(project: Project) -> None:
    lost = told(Failure(contract=NAME, task="acquire", run_id="run-1"), project.settings)
    assert "acquire of run run-1 failed: its process ended without a word" in lost
    foreign = told(
        Failure(contract=NAME, task="settle", run_id="r", error=KeyError("text of a document")), project.settings
    )
    assert foreign.endswith("settle of run r failed: KeyError.")


def test_where_nothing_can_be_looked_up_the_rest_is_said(tmp_path: Path, project: Project) -> None:
    gone = project.settings.model_copy(update={"home": str(tmp_path / "nowhere"), "contracts": tmp_path / "none"})
    failure = Failure(contract=NAME, task="assess", run_id="run-1", shard="0" * 32, error="it was over")
    assert told(failure, gone) == "contract 'handbook' (owner unknown): assess of run run-1 failed: it was over."
    every = told(Failure(contract="", task="forget_overdue_answers", run_id="run-1", error="no"), gone)
    assert every == "all contracts: forget_overdue_answers of run run-1 failed: no."


@pytest.mark.parametrize("damaged", [b"", b"[", b"[1]", b'{"a": 1}', b'[{"ref": {}}]', b"\xff"])
def test_a_damaged_shard_does_not_silence_the_alarm(project: Project, damaged: bytes) -> None:
    """It may be the very reason of the failure."""
    name = "0" * 32
    project.runtime.store.replace(f"staging/run-1/{name}/entries.json", damaged)
    failure = Failure(contract=NAME, task="assess", run_id="run-1", shard=name, error="lost: password=hunter2")
    said = told(failure, project.settings)
    assert said == "contract 'handbook' (owner docs-team): assess of run run-1 failed: lost: password=[redacted]."
