"""A project with contracts, and Airflow run in processes of its own: its warnings are not ours."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
STUB = """\
name: {name}
version: 1.0.0
slaProperties:
  - {{property: frequency, value: 1, unit: d, scheduler: cron, schedule: "{schedule}"}}
"""


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("airflow", reason="apache-airflow is not installed (pip install 'stemma-rag[airflow]')")
    return tmp_path_factory.mktemp("airflow")


@pytest.fixture(scope="session")
def two_contracts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("project")
    folder = project / "contracts"
    folder.mkdir()
    (project / "stemma.toml").touch()
    text = STUB.format(name="support-kb", schedule="0 2 * * *")
    asks = "schema: [{quality: [{engine: stemma, implementation: {rule: paraphrase}}]}]"
    (folder / "a.odcs.yaml").write_text(f"{text}team: {{name: support-team}}\n{asks}\n")
    (folder / "b.odcs.yaml").write_text(STUB.format(name="policies", schedule="not a cron"))
    (folder / "broken.odcs.yaml").write_text("name: [")
    return project


@pytest.fixture(scope="session")
def airflow_python(airflow_home: Path) -> Callable[[Path, str], str]:
    """Runs Python code for a project in a fresh process that Airflow is configured for, and returns its output."""

    def run(project: Path, code: str) -> str:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "STEMMA_"))}
        environment = kept | {
            "AIRFLOW_HOME": str(airflow_home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
            "PYTHONPATH": os.pathsep.join((str(REPOSITORY / "dags"), str(REPOSITORY))),
            "STEMMA_PROJECT": str(project),
        }
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, cwd=airflow_home
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    return run
