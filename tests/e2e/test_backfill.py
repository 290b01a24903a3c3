"""`airflow backfill create` under a real scheduler: a range of ingests under a new contract version."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("airflow", reason="apache-airflow is not installed (pip install 'stemma-rag[airflow]')")

from airflow_api import FINISHED, AirflowApi
from airflow_process import AirflowSite, lay_out, running, task_errors
from docs.pages import page
from laws.handbook import DEFAULTS, NAME, Project

from contracts.scaffold import new_contract

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

INGEST, RELEASE = f"corpus_ingest__{NAME}", f"corpus_release__{NAME}"
DAYS = 3  # from the first to the midnight before the fourth's, as the page has them
DOCUMENTS = 3


@dataclass(frozen=True)
class Place:
    """Where it happens."""

    site: AirflowSite
    project: Project

    def backfill(self) -> list[dict[str, Any]]:
        """Types the backfill of the page, and waits for its end; returns what each run settled, oldest first.

        It is created while no scheduler runs: on SQLite one of two that write at once is refused.
        """
        [typed] = [block.text for block in page("docs/reembed.md").blocks("bash") if "airflow backfill" in block.text]
        done = subprocess.run(
            ["bash", "-euc", typed], env=self.site.environment(), cwd=self.site.home, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        with running(self.site, INGEST, RELEASE) as api:
            runs = self.wait(api, DAYS)
            self.close(api)
            return [api.result(INGEST, run_id, "settle") for run_id in runs]

    def close(self, api: AirflowApi) -> None:
        """Waits until Airflow has noticed that the backfill is over; before, another one is refused."""
        deadline = time.monotonic() + 300
        while not all(found["completed_at"] for found in api.backfills(INGEST)):
            assert time.monotonic() < deadline, api.backfills(INGEST)
            time.sleep(0.5)

    def wait(self, api: AirflowApi, number: int, kind: str = "backfill__") -> list[str]:
        """Waits until a number of runs of one kind have ended well, and returns their ids."""
        deadline = time.monotonic() + 400
        runs: dict[str, str] = {}
        while time.monotonic() < deadline:
            runs = {run_id: state for run_id, state in api.runs(INGEST).items() if run_id.startswith(kind)}
            if len(runs) >= number and set(runs.values()) <= FINISHED:
                break
            time.sleep(0.5)
        errors = "\n".join(task_errors(self.site, INGEST, run_id) for run_id in runs)
        assert (len(runs), set(runs.values())) == (number, {"success"}), f"{runs}\n{errors}"
        return sorted(runs)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("backfill")
    project = Project.create(folder / "project")
    text = new_contract(
        NAME, root="./inbox", include=("**/*.md",), embedder=project.model, owner="docs-team",
        defaults=DEFAULTS, schedule="0 2 * * *",
    )  # fmt: skip
    project.contract_path.write_text(text)
    (project.folder / "stemma.toml").write_text('home = "home"\n')
    project.fill(DOCUMENTS)
    project.ingest()
    place = Place(lay_out(folder / "airflow", project.folder), project)
    with running(place.site, INGEST, RELEASE) as api:
        api.unpause(INGEST)
        place.wait(api, 1, "scheduled__")  # the latest date; a DAG that is unpaused runs it, under the old terms
    return place


def test_a_range_of_ingests_is_run_again_under_a_new_contract_version(place: Place) -> None:
    text = place.project.contract_path.read_text().replace("version: 1.0.0", "version: 1.1.0", 1)
    place.project.contract_path.write_text(text.replace("maxTokens: 254", "maxTokens: 60"))
    first, *rest = place.backfill()
    assert first["counts"] | {"received": DOCUMENTS, "indexed": DOCUMENTS} == first["counts"]
    assert len(rest) == DAYS - 1
    for receipt in rest:
        assert receipt["counts"] | {"received": DOCUMENTS, "unchanged": DOCUMENTS} == receipt["counts"]
    assert len({receipt["run_id"] for receipt in (first, *rest)}) == DAYS
    assert {state.state for state in place.project.states().values()} == {"active"}


def test_a_backfill_that_is_repeated_changes_nothing(place: Place) -> None:
    before = {doc_id: state.revision_id for doc_id, state in place.project.states().items()}
    settled = place.backfill()
    assert {receipt["counts"]["unchanged"] for receipt in settled} == {DOCUMENTS}
    assert {receipt["figures"]["embedded"] for receipt in settled} == {0}
    assert {doc_id: state.revision_id for doc_id, state in place.project.states().items()} == before
