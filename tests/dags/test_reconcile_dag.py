"""The nightly DAG under a real Airflow: a contract that cannot be reconciled costs the others nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from airflow_cli import airflow
from laws.handbook import NAME, Project

BROKEN = "a-broken"  # before the other by name, so that it comes first

pytestmark = [pytest.mark.airflow, pytest.mark.slow]


def test_a_contract_that_cannot_be_reconciled_keeps_no_other_from_being_collected(
    airflow_home: Path, tmp_path: Path
) -> None:
    project = Project.create(tmp_path / "project")
    (project.folder / "stemma.toml").write_text('home = "home"\n')
    project.fill(2)
    project.ingest()
    text = project.contract_path.read_text().replace(f"name: {NAME} ", f"name: {BROKEN} ")
    (project.settings.contracts / f"{BROKEN}.odcs.yaml").write_text(text.replace("wordllama-256", "no-such-model"))

    assert airflow(airflow_home, project.folder, "db", "migrate").returncode == 0
    done = airflow(airflow_home, project.folder, "dags", "test", "corpus_reconcile")
    with sqlite3.connect(airflow_home / "airflow.db") as database:
        found = database.execute(
            "SELECT task_id, map_index, state FROM task_instance WHERE dag_id = 'corpus_reconcile'"
        ).fetchall()
    states = {(name, index): state for name, index, state in found}
    assert states == {
        ("chosen", -1): "success",
        ("reconcile", 0): "failed",
        ("collect", 0): "upstream_failed",
        ("reconcile", 1): "success",
        ("collect", 1): "success",
        ("forget_overdue_answers", -1): "success",
    }, done.stdout[-4000:] + done.stderr[-4000:]
