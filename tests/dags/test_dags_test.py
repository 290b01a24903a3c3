"""`airflow dags test`: the whole ingest DAG in one process, without scheduler or API server."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow_cli import airflow
from laws.handbook import NAME, Project

from corpus.catalog import contamination, evaluations

pytestmark = [pytest.mark.airflow, pytest.mark.slow]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project.create(tmp_path / "project")
    (project.folder / "stemma.toml").write_text('home = "home"\nshard_bytes = 8000\n')
    project.fill(3)
    first = sorted(path.name for path in project.inbox.iterdir())[0]
    (project.folder / "golden.yaml").write_text(f"- question: What is it for?\n  evidence: [{{document: {first}}}]\n")
    text = project.contract_path.read_text().rstrip("\n")
    project.contract_path.write_text(f"{text}\n  - property: ragEvaluation\n    value: {{golden: golden.yaml}}\n")
    return project


def test_the_ingest_dag_runs_in_one_process(airflow_home: Path, project: Project) -> None:
    assert airflow(airflow_home, project.folder, "db", "migrate").returncode == 0
    for dag_id in (f"corpus_ingest__{NAME}", f"corpus_release__{NAME}", "corpus_audit"):
        done = airflow(airflow_home, project.folder, "dags", "test", dag_id)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert {state.state for state in project.states().values()} == {"active"}
    assert project.search("installation")
    with project.runtime.catalog.reading() as tx:
        [measured] = contamination.all_of(tx, NAME)
        evaluated = evaluations.history(tx, NAME)
    assert (measured.number, measured.alarms) == (1, ())
    assert [(item.number, item.items, item.holding) for item in evaluated] == [(1, 1, 1), (1, 1, 1)]
