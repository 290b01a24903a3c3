"""A real scheduler, SQLite and LocalExecutor: from documents to a published version, and what stops one.

One Airflow serves the whole module, set up and started by what docs/airflow.md says to type; the tests tell one story
and stand in its order.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import httpx2
import pytest

pytest.importorskip("airflow", reason="apache-airflow is not installed (pip install 'stemma-rag[airflow]')")

from airflow_api import AirflowApi, AirflowTrouble
from airflow_process import REPOSITORY, AirflowSite, free_ports, running, start, task_errors
from docs.pages import page
from laws.handbook import NAME, Project

from corpus.catalog import audit
from index.pointer import AliasPointer

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

INGEST, RELEASE, REEMBED = f"corpus_ingest__{NAME}", f"corpus_release__{NAME}", "corpus_reembed"
CORPUS, INDEX = f"stemma://corpus/{NAME}", f"stemma://index/{NAME}"
DOCUMENTS = 6


@dataclass(frozen=True)
class Stage:
    """What the story plays on."""

    site: AirflowSite
    api: AirflowApi
    project: Project

    def run(self, dag_id: str, conf: dict[str, Any] | None = None) -> tuple[str, str]:
        run_id = self.api.trigger(dag_id, conf)
        return run_id, self.wait(dag_id, run_id)

    def wait(self, dag_id: str, run_id: str) -> str:
        state = self.api.wait_for_run(dag_id, run_id, 120, print)
        print(task_errors(self.site, dag_id, run_id))
        return state

    def ingest_and_release(self, conf: dict[str, Any] | None = None) -> tuple[str, str, str]:
        known = frozenset(self.api.runs(RELEASE))
        ingested, state = self.run(INGEST, conf)
        assert state == "success"
        released = self.api.wait_for_new_run(RELEASE, known, 60)
        return ingested, released, self.wait(RELEASE, released)

    def states(self, dag_id: str, run_id: str) -> dict[str, str]:
        return {task.task_id: task.state for task in self.api.tasks(dag_id, run_id)}

    @property
    def live(self) -> int:
        path = Path(self.project.settings.home) / "indexes" / NAME / "aliases" / "live.json"
        return AliasPointer.from_bytes(path.read_bytes()).version

    def manifest_sha256(self, version: int) -> str:
        path = Path(self.project.settings.home) / "indexes" / NAME / f"v{version:06d}" / "manifest.json"
        return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("e2e")
    project = Project.create(folder / "my-corpus")
    (project.folder / "stemma.toml").write_text('home = "home"\nshard_bytes = 8000\n')
    project.fill(DOCUMENTS)
    port, log_port = free_ports(2)
    site = AirflowSite(
        home=folder / "airflow", project=project.folder, dags=REPOSITORY / "dags", port=port, log_port=log_port,
        secret=token_urlsafe(64),
    )  # fmt: skip
    site.home.mkdir()  # its logs begin before the page's first command
    with running(site, INGEST, RELEASE, REEMBED, starting=as_typed) as api:
        for dag_id in (INGEST, RELEASE, REEMBED):
            api.unpause(dag_id)
        yield Stage(site, api, project)


STOP = "trap 'kill $(jobs -p); wait; exit' INT TERM\nwait -n\n"
"""What a reader does with the terminal that the page's commands run in: ends them all."""


def as_typed(site: AirflowSite) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Types what the page says, in the repository, as a person whose home is the folder of the site."""
    [typed] = [block.text for block in page("docs/airflow.md").blocks("bash") if "airflow scheduler" in block.text]
    said = {"AIRFLOW_HOME", "AIRFLOW__CORE__DAGS_FOLDER", "STEMMA_PROJECT"}
    given = {name: value for name, value in site.environment().items() if name not in said}
    script = f"set -e\n{typed.replace('<repository>', str(REPOSITORY))}{STOP}"
    environment = given | {"HOME": str(site.home.parent)}
    yield "typed", start(site, "typed", ["bash", "-c", script], environment=environment, folder=REPOSITORY)


def test_an_ingest_leads_to_a_published_version(stage: Stage) -> None:
    ingested, released, state = stage.ingest_and_release()
    assert state == "success"
    shards = [task for task in stage.api.tasks(INGEST, ingested) if task.task_id == "stage"]
    assert len(shards) > 1
    assert stage.api.result(INGEST, ingested, "settle")["counts"]["indexed"] == DOCUMENTS
    assert stage.api.result(RELEASE, released, "release")["figures"]["version"] == stage.live == 1
    assert stage.project.search("installation")


def test_the_assets_carry_counts_and_the_manifest_digest(stage: Stage) -> None:
    (corpus,), (index,) = stage.api.asset_events(CORPUS), stage.api.asset_events(INDEX)
    assert corpus["extra"]["counts"]["received"] == DOCUMENTS
    assert index["extra"]["manifest_sha256"] == stage.manifest_sha256(1)
    assert index["extra"]["alias"] == "live"


def test_nothing_new_settles_with_no_shards_and_publishes_nothing(stage: Stage) -> None:
    ingested, released, state = stage.ingest_and_release()
    assert state == "success"
    assert stage.states(INGEST, ingested) | {"assess": "", "stage": ""} == {
        "acquire": "success", "shards": "success", "assess": "", "relate": "success", "decided": "success",
        "admit": "success", "stage": "", "settle": "success",
    }  # fmt: skip
    assert stage.states(RELEASE, released) == {"release": "success", "announce": "skipped"}
    assert (len(stage.api.asset_events(CORPUS)), len(stage.api.asset_events(INDEX))) == (2, 1)


def test_a_changed_a_new_and_a_vanished_document_make_version_2(stage: Stage) -> None:
    stage.project.write("brand-new", "# Brand new\n\nZanzibar flamingos nest beside the observatory in early spring.\n")
    names = sorted(path.stem for path in stage.project.inbox.glob("*.md") if path.stem != "brand-new")
    (stage.project.inbox / f"{names[0]}.md").unlink()
    ingested, _, state = stage.ingest_and_release()
    counts = stage.api.result(INGEST, ingested, "settle")["counts"]
    assert (state, stage.live) == ("success", 2)
    assert (counts["indexed"], counts["removed"], counts["unchanged"]) == (1, 1, DOCUMENTS - 1)


def test_a_value_outside_the_schema_is_refused_at_the_door(stage: Stage) -> None:
    with pytest.raises(AirflowTrouble, match="400"):
        stage.api.trigger(REEMBED, {"contract": NAME, "mode": "both"})


def test_the_alias_rolls_back_and_forward_by_param(stage: Stage) -> None:
    for version in (1, 2):
        _, state = stage.run(RELEASE, {"version": version, "reason": "trying the way back"})
        assert (state, stage.live) == ("success", version)
        assert stage.api.asset_events(INDEX)[-1]["extra"]["manifest_sha256"] == stage.manifest_sha256(version)


def test_another_model_is_tried_in_the_shadow_without_parsing(stage: Stage) -> None:
    settled = len(stage.api.asset_events(CORPUS))
    run_id, state = stage.run(
        REEMBED, {"contract": NAME, "model": "all-MiniLM-L6-v2", "mode": "shadow", "group_chunks": 1}
    )
    assert state == "success"
    assert len([task for task in stage.api.tasks(REEMBED, run_id) if task.task_id == "embed_segments"]) > 1
    extra = stage.api.asset_events(INDEX)[-1]["extra"]
    assert (extra["alias"], extra["version"], stage.live) == ("shadow", 3, 2)
    assert extra["manifest_sha256"] == stage.manifest_sha256(3)
    assert len(stage.api.asset_events(CORPUS)) == settled


def test_a_re_embed_that_is_started_on_the_console_is_a_run_of_airflow(stage: Stage) -> None:
    """With all admins everybody is Anonymous; the vectors are there already."""
    with httpx2.Client(base_url=f"{stage.site.url}/stemma", timeout=60) as client:
        page = client.get("/reembed", params={"contract": NAME}).text
        csrf = re.search(r'name="csrf" value="([^"]+)"', page)
        assert csrf, page[-2000:]
        form = {"contract": NAME, "model": "all-MiniLM-L6-v2", "mode": "shadow", "reason": "asked on a page",
                "rate": "nonsense", "csrf": csrf[1]}  # fmt: skip
        known = set(stage.api.runs(REEMBED))
        client.post("/reembed/start", data=form, headers={"origin": stage.site.url})
        assert "cannot be read" in client.get("/reembed", params={"contract": NAME}).text
        assert set(stage.api.runs(REEMBED)) == known
        client.post("/reembed/start", data=form | {"rate": "1000 chunks/s"}, headers={"origin": stage.site.url})
        said = client.get("/reembed", params={"contract": NAME}).text
        [run_id] = set(stage.api.runs(REEMBED)) - known
        assert f"run {run_id} of corpus_reembed is queued" in said
        client.post("/reembed/start", data=form | {"rate": ""}, headers={"origin": stage.site.url})
        assert set(stage.api.runs(REEMBED)) == known | {run_id}, "one at a time"
        assert stage.wait(REEMBED, run_id) == "success"
        twin = client.get("/reembed.json", params={"contract": NAME}).json()
    assert (twin["place"], twin["can"], twin["under_way"]) == ("airflow", ["start"], [])
    assert twin["compared"]["alias"] == "shadow"
    with stage.project.runtime.catalog.reading() as tx:
        begun = [entry for entry in audit.tail(tx) if entry.action == "reembed.begin"]
    assert (begun[0].actor, begun[0].detail["reason"]) == ("Anonymous", "asked on a page")


def test_a_gate_that_fails_leaves_no_asset_event_and_the_old_version(stage: Stage) -> None:
    before = len(stage.api.asset_events(INDEX))
    text = stage.project.contract_path.read_text().replace("version: 1.0.0", "version: 1.1.0")
    stage.project.contract_path.write_text(text.replace("minDocuments: 1", "minDocuments: 1000"))
    _, released, state = stage.ingest_and_release()
    assert (state, stage.states(RELEASE, released)) == ("failed", {"release": "failed", "announce": "upstream_failed"})
    tries = {task.task_id: task.try_number for task in stage.api.tasks(RELEASE, released)}
    assert tries["release"] == 1
    assert (len(stage.api.asset_events(INDEX)), stage.live) == (before, 2)


def test_a_contract_that_blocks_leaves_no_asset_event_and_starts_no_release(stage: Stage) -> None:
    before, releases = len(stage.api.asset_events(CORPUS)), set(stage.api.runs(RELEASE))
    stage.project.fill(DOCUMENTS)
    text = stage.project.contract_path.read_text().replace("version: 1.1.0", "version: 1.2.0")
    stage.project.contract_path.write_text(text.replace("mustBeGreaterThan: 0", "mustBeGreaterThan: 1000"))
    ingested, state = stage.run(INGEST)
    assert state == "failed"
    assert stage.states(INGEST, ingested)["admit"] == "failed"
    assert stage.states(INGEST, ingested)["settle"] == "upstream_failed"
    assert len(stage.api.asset_events(CORPUS)) == before
    assert (set(stage.api.runs(RELEASE)), stage.live) == (releases, 2)
