"""OpenLineage events of a DAG: one run of ours over several tasks, and Airflow's DAG run as its parent."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from laws.handbook import NAME, Project

REPOSITORY = Path(__file__).parents[2]

pytestmark = [pytest.mark.airflow, pytest.mark.slow]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project.create(tmp_path / "project")
    (project.folder / "stemma.toml").write_text('home = "home"\nopenlineage = true\nmetrics_file = "stemma.prom"\n')
    project.fill(3)
    return project


def _airflow(home: Path, project: Project, *arguments: str) -> None:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "STEMMA_", "OPENLINEAGE"))
    }
    environment = kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
            {"type": "file", "log_file_path": str(home / "airflow.jsonl"), "append": True}
        ),
        "STEMMA_PROJECT": str(project.folder),
        "HOME": str(home),
    }
    done = subprocess.run(
        [sys.executable, "-m", "airflow", *arguments], env=environment, cwd=home, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_dag_emits_one_run_over_its_tasks(airflow_home: Path, project: Project) -> None:
    _airflow(airflow_home, project, "db", "migrate")
    _airflow(airflow_home, project, "dags", "test", f"corpus_ingest__{NAME}")
    start, complete = _read(project.folder / "openlineage" / "events.jsonl")
    assert (start["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert start["job"]["name"] == complete["job"]["name"] == f"{NAME}.ingest"
    assert complete["outputs"][0]["facets"]["stemma_corpus"]["documents"] == {"active": 3}
    assert "stemma_last_success_timestamp_seconds" in (project.folder / "stemma.prom").read_text("utf-8")
    if importlib.util.find_spec("airflow.providers.openlineage") is None:
        assert "parent" not in start["run"]["facets"]
        return
    theirs = _read(airflow_home / "airflow.jsonl")
    [dag_run] = {item["run"]["runId"] for item in theirs if item["job"]["name"] == f"corpus_ingest__{NAME}"}
    for event in (start, complete):
        parent = event["run"]["facets"]["parent"]
        assert (parent["job"]["name"], parent["run"]["runId"]) == (f"corpus_ingest__{NAME}", dag_run)
    assert {item["job"]["name"] for item in theirs}.isdisjoint({start["job"]["name"]})
