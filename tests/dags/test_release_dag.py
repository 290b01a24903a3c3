"""The release DAG under a real Airflow: a gate that fails, and a version that waits, update no asset."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow_cli import airflow
from laws.handbook import NAME, Project

from corpus.catalog import versions
from index.candidates import kept_candidates
from ingestion import approving

RELEASE = f"corpus_release__{NAME}"

pytestmark = [pytest.mark.airflow, pytest.mark.slow]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path / "project")
    (made.folder / "stemma.toml").write_text('home = "home"\nshard_bytes = 8000\n')
    made.fill(3)
    made.ingest()
    return made


def released(
    home: Path, project: Project, program: tuple[str, ...] = ("-m", "airflow"), **conf: Any
) -> tuple[dict[str, str], int, str]:
    """Runs the DAG once; returns the state of each task, the number of asset events of the index, and what was said."""
    before = _events(home)
    done = airflow(home, project.folder, "dags", "test", RELEASE, "--conf", json.dumps(conf), program=program)
    with sqlite3.connect(home / "airflow.db") as database:
        newest = database.execute("SELECT run_id FROM dag_run WHERE dag_id = ? ORDER BY id DESC", [RELEASE]).fetchone()
        states = database.execute(
            "SELECT CASE WHEN map_index < 0 THEN task_id ELSE task_id || '[' || map_index || ']' END, state"
            " FROM task_instance WHERE dag_id = ? AND run_id = ?",
            [RELEASE, *newest],
        ).fetchall()
    return dict(states), _events(home) - before, done.stdout + done.stderr


def _events(home: Path) -> int:
    with sqlite3.connect(home / "airflow.db") as database:
        counted = database.execute(
            "SELECT count(*) FROM asset_event JOIN asset ON asset.id = asset_event.asset_id WHERE asset.name = ?",
            [f"index-{NAME}"],
        )
        return int(counted.fetchone()[0])


def live(project: Project) -> int | None:
    with project.runtime.catalog.reading() as tx:
        state = versions.alias(tx, NAME, "live")
    return state.number if state else None


def say(project: Project, properties: str) -> None:
    project.contract_path.write_text(project.contract_path.read_text().rstrip("\n") + properties)


@pytest.fixture(scope="module")
def migrated(airflow_home: Path) -> Path:
    environment = {**os.environ, "AIRFLOW_HOME": str(airflow_home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    subprocess.run(command, env=environment, cwd=airflow_home, capture_output=True, check=True)
    return airflow_home


@pytest.mark.timeout(1800)
def test_a_gate_that_fails_fails_the_task_and_updates_no_asset(migrated: Path, project: Project) -> None:
    project.declare(project.model, "1.1.0")
    say(project, "\n  - property: ragGates\n    vendor: stemma\n    value: {change: {maxAddedShare: 0}}\n")
    project.write("brand-new", "# Brand new\n\nZanzibar flamingos nest beside the observatory in early spring.\n")
    project.ingest(publish=False)
    states, events, said = released(migrated, project)
    assert states == {"release": "failed", "announce": "upstream_failed"}, said[-4000:]
    assert (events, live(project)) == (0, 1)
    assert "change: expected added <= 0.0%, found 1 added" in said
    [kept] = kept_candidates(project.runtime.store, NAME)
    assert kept.failed == ("change",)


@pytest.mark.timeout(1800)
def test_a_version_that_waits_ends_well_and_updates_the_asset_only_once_promoted(
    migrated: Path, project: Project
) -> None:
    project.declare(project.model, "1.2.0")
    say(project, "\n  - property: ragApprovals\n    vendor: stemma\n    value: {persons: 1}\n")
    project.ingest(publish=False)
    states, events, said = released(migrated, project)
    assert states == {"release": "success", "announce": "skipped"}, said[-4000:]
    assert (events, live(project)) == (0, 1)
    assert "waiting-for-approval" in said
    approving.approve(project.runtime, NAME, 2, by="ada", reason="read the answers")
    states, events, said = released(migrated, project, version=2, reason="approved by ada")
    assert states == {"release": "success", "announce": "success"}, said[-4000:]
    assert (events, live(project)) == (1, 2)


@pytest.mark.timeout(1800)
def test_rows_are_added_in_mapped_tasks_where_the_setting_asks_for_it(migrated: Path, project: Project) -> None:
    """Too few rows: one task. Then with blocks of eight rows instead of 16,384, so that a dozen chunks are two shards.

    `dags test` runs the tasks in its own process, so that its blocks are theirs.
    """
    with (project.folder / "stemma.toml").open("a") as file:
        file.write("index_shard_rows = 8\n")
    states, events, said = released(migrated, project, alias="few")
    steps = {"prepare": "success", "shards": "success", "release": "success", "announce": "success"}
    assert states == {**steps, "add": "skipped"}, said[-4000:]
    assert events == 1
    assert "index_build" not in said
    small = "from index import search; search.BLOCK = 8; from airflow.__main__ import main; main()"
    states, events, said = released(migrated, project, ("-c", small), alias="many")
    added = {name: state for name, state in states.items() if name.startswith("add[")}
    assert len(added) > 1, said[-4000:]
    assert states == {**steps, **dict.fromkeys(added, "success")}
    assert f"Flat merged from {len(added)} shards" in said
    with project.runtime.catalog.reading() as tx:
        one, few, many = (versions.require(tx, NAME, number).manifest for number in (1, 2, 3))
    indexes = {found["files"]["index.faiss"]["sha256"] for found in (one, few, many)}
    assert len(indexes) == 1
    assert project.runtime.store.names(f"builds/{NAME}") == ()
