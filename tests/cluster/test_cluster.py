"""PostgreSQL, Redis, S3, CeleryExecutor and two workers that share no disk: two of them are killed at work.

`make cluster-test` runs it; the default collection leaves it out. The tests tell one story and stand in its order.
What an undisturbed run on one machine gives (SQLite, a folder, one process) is the measure: its identity, which has
the digest of every content file in it, has to be the same. Airflow is set up and started by what docs/deploy.md says.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
import pytest
from cluster_processes import redis_server, s3_server
from cluster_site import Cluster, Services, eventually, running_cluster
from laws.handbook import NAME, Project, real_texts

from contracts.scaffold import new_contract
from corpus import batches
from corpus.catalog import documents, runs, versions
from corpus.catalog.session import open_catalog
from corpus.settings import Settings
from corpus.storage import open_store
from index import layout
from index.embedders.registry import load_embedder
from index.manifest import Manifest
from index.reader import open_index
from index.signing import TrustStore
from index.verify import verify_version
from ingestion import pipeline
from ingestion.runtime import Runtime, open_runtime

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(900)]

INGEST, RELEASE, REEMBED = f"corpus_ingest__{NAME}", f"corpus_release__{NAME}", "corpus_reembed"
DOCUMENTS = 40
SHARD_BYTES = 30_000
MODELS = ("wordllama-256", "all-MiniLM-L6-v2")
BUCKET = "stemma-cluster"
RUN_SECONDS = 600


@dataclass
class Story:
    """What the tests play on, and what was promised and seen so far."""

    cluster: Cluster
    project: Project
    runtime: Runtime
    control: Runtime
    began: float
    kills: dict[str, tuple[str, int]] = field(default_factory=dict)
    ran: dict[str, str] = field(default_factory=dict)

    def say(self, words: str) -> None:
        print(f"{time.monotonic() - self.began:6.1f} s  {words}", flush=True)

    def promise(self, promised: str, seen: Any, *, kept: bool) -> None:
        """Notes a promise with what was seen, and fails where it is not kept."""
        self.say(f"promised: {promised}\n{'':>10}seen:     {seen}")
        assert kept, f"promised {promised}, seen {seen}"

    def run_with_a_kill(self, dag_id: str, task_id: str, conf: dict[str, Any] | None = None) -> None:
        """Runs a DAG, kills a worker in the middle of one of its mapped tasks, and waits for a good end."""
        run_id = self.cluster.api.trigger(dag_id, conf)
        self.say(f"{dag_id} started")
        worker, place = self.cluster.kill_worker_at(dag_id, run_id, task_id)
        self.say(f"SIGKILL to every process of {worker}, at work on {task_id}[{place}]")
        state = self.cluster.api.wait_for_run(dag_id, run_id, RUN_SECONDS, self.say)
        assert state == "success", self.cluster.errors(dag_id, run_id)
        self.kills[dag_id], self.ran[dag_id] = (task_id, place), run_id

    def tries(self, dag_id: str, task_id: str) -> dict[int, int]:
        tasks = self.cluster.api.tasks(dag_id, self.ran[dag_id])
        return {task.map_index: task.try_number for task in tasks if task.task_id == task_id}

    def retried_only_what_was_killed(self, dag_id: str) -> None:
        task_id, place = self.kills[dag_id]
        tries = self.tries(dag_id, task_id)
        self.promise(
            f"only {task_id}[{place}] is tried again, the other {len(tries) - 1} tasks are not",
            f"tries by map index {tries}",
            kept=len(tries) > 2 and {index for index, number in tries.items() if number > 1} == {place},
        )

    def manifest(self, runtime: Runtime, number: int) -> Manifest:
        trust = TrustStore.from_folder(runtime.settings.trusted_keys)
        return verify_version(runtime.store, NAME, number, trust).manifest

    def live(self) -> int:
        with self.runtime.catalog.reading() as tx:
            found = versions.alias(tx, NAME, "live")
        return found.number if found else 0


def contract(model: str, version: str) -> str:
    """Returns the contract over the documents in the object store."""
    defaults = {
        "owner": "docs-team", "source_system": "package-index", "last_validated_date": "2026-11-01",
        "sensitivity_label": "public", "version": "1",
    }  # fmt: skip
    text = new_contract(
        NAME, root="./inbox", include=("**/*.md",), embedder=model, owner="docs-team", defaults=defaults
    )
    local = '    type: local\n    path: "./inbox/**/*.md"\n'
    assert local in text
    remote = f"    type: s3\n    environment: prod\n    location: s3://{BUCKET}/documents/**/*.md\n"
    return text.replace(local, remote).replace("version: 1.0.0", f"version: {version}", 1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An object store with the documents in it, as the environment that leads there."""
    with s3_server(tmp_path_factory.mktemp("store")) as url, pytest.MonkeyPatch.context() as patch:
        found = {
            "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "cluster", "AWS_SECRET_ACCESS_KEY": "cluster",
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        }  # fmt: skip
        for name, value in found.items():
            patch.setenv(name, value)
        files = fsspec.filesystem("s3", use_listings_cache=False)
        files.mkdir(BUCKET)
        for name, text in real_texts()[:DOCUMENTS]:
            files.pipe_file(f"{BUCKET}/documents/{name}.md", text.encode())
        yield found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project as an image brings it to each machine: settings, contract and keys, and neither home nor catalog."""
    made = Project.create(tmp_path_factory.mktemp("image") / "project")
    made.contract_path.write_text(contract(MODELS[0], "1.0.0"))
    (made.folder / "stemma.toml").write_text(f"shard_bytes = {SHARD_BYTES}\ninspect_workers = 1\n")
    return made


@pytest.fixture(scope="module")
def story(
    tmp_path_factory: pytest.TempPathFactory, store: dict[str, str], project: Project, two_databases: tuple[str, str]
) -> Iterator[Story]:
    began = time.monotonic()
    folder = tmp_path_factory.mktemp("cluster")
    metadata, catalog = two_databases
    with redis_server(folder) as broker:
        made = open_catalog(catalog)
        made.upgrade()
        made.close()
        home = f"s3://{BUCKET}/home"
        services = Services(metadata=metadata, catalog=catalog, broker=broker, store=store, home=home)
        settings = Settings(project=project.folder, home=home, catalog_url=catalog, shard_bytes=SHARD_BYTES)
        image = folder / "image"
        _image(project, image)
        with running_cluster(folder / "disks", image, services, ("anvil", "bellows")) as cluster:
            told = Story(cluster, project, open_runtime(settings), project.runtime, began)
            wanted = {INGEST, RELEASE, REEMBED}
            eventually("the DAGs", lambda: wanted <= set(cluster.api.dag_ids()))
            for dag_id in wanted:
                cluster.api.unpause(dag_id)
            told.say("PostgreSQL, Redis, S3, API server, DAG processor, scheduler and two workers are up")
            yield told
            told.say("stopping everything")
        for runtime in (told.runtime, told.control):
            runtime.catalog.close()
        told.say("everything is stopped")


def _image(project: Project, image: Path) -> None:
    """Copies what belongs on every machine, and nothing of a home."""
    (image / "keys").mkdir(parents=True)
    for part in ("stemma.toml", "contracts", "keys"):
        source = project.folder / part
        if source.is_dir():
            _copy_tree(source, image / part)
        else:
            (image / part).write_bytes(source.read_bytes())


def _copy_tree(source: Path, target: Path) -> None:
    for path in (path for path in source.rglob("*") if path.is_file()):
        copied = target / path.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_bytes(path.read_bytes())
        copied.chmod(path.stat().st_mode)


def test_a_machine_sees_what_another_published_since_it_listed(store: dict[str, str]) -> None:
    """The client of an object store keeps what it listed, unless it is told not to."""
    home, place = open_store(f"s3://{BUCKET}/shared"), f"{BUCKET}/shared"
    other = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)
    home.publish("segments/1", b"mine")
    home.replace("aliases/live.json", b"1")
    assert (home.names("segments"), home.names("aliases")) == (("1",), ("live.json",))
    other.pipe_file(f"{place}/segments/2", b"another's")
    other.pipe_file(f"{place}/aliases/live.json", b"a longer one")
    assert home.exists("segments/2")
    assert home.read_bytes("segments/2") == b"another's"
    assert home.read_bytes("aliases/live.json") == b"a longer one"


def test_an_ingest_survives_the_death_of_a_worker(story: Story) -> None:
    story.run_with_a_kill(INGEST, "stage")
    story.retried_only_what_was_killed(INGEST)
    settled = story.cluster.api.result(INGEST, story.ran[INGEST], "settle")["counts"]
    accounted = sum(settled[name] for name in ("indexed", "unchanged", "quarantined", "rejected", "failed"))
    story.promise(
        f"received = indexed + unchanged + quarantined + rejected + failed, and {DOCUMENTS} were received",
        settled,
        kept=settled["received"] == accounted == DOCUMENTS and settled["failed"] == 0,
    )


def test_the_release_that_follows_is_what_one_machine_builds(story: Story) -> None:
    eventually("the release", lambda: story.live() == 1, 90)
    pipeline.ingest(story.control, NAME)
    the_same_version(story, 1)


def test_a_re_embed_survives_the_death_of_the_other_worker(story: Story) -> None:
    (story.cluster.image / "contracts" / f"{NAME}.odcs.yaml").write_text(contract(MODELS[1], "2.0.0"))
    story.cluster.add_worker("crucible")
    story.cluster.deploy()
    story.cluster.await_workers()
    story.say("a new worker with an empty disk takes the place of the dead one; the contract names another model")
    story.run_with_a_kill(REEMBED, "embed_segments", {"contract": NAME, "group_chunks": 60})
    story.retried_only_what_was_killed(REEMBED)
    story.promise("the re-embed moves live to version 2", f"live is {story.live()}", kept=story.live() == 2)


def test_the_re_embedded_version_is_what_one_machine_builds(story: Story) -> None:
    story.project.contract_path.write_text(contract(MODELS[1], "2.0.0"))
    pipeline.reembed(story.control, NAME)
    the_same_version(story, 2)


def test_the_index_is_whole(story: Story, stemma: Callable[..., Any]) -> None:
    said = stemma(story, "index", "verify", NAME, "--all")
    story.promise(
        "every byte of both versions is what was signed", f"index verify --all: ok={said['ok']}", kept=said["ok"]
    )
    with story.runtime.store.open(f"{layout.version_path(NAME, 2)}/{layout.CHUNKS}") as handle:
        rows = batches.read_table(handle, ["chunk_id", "doc_id", "start", "end"]).to_pylist()
    twice = [name for name, number in Counter(row["chunk_id"] for row in rows).items() if number > 1]
    places = Counter((row["doc_id"], row["start"], row["end"]) for row in rows)
    story.promise(
        "no chunk is there twice",
        f"{len(rows)} chunks, {len(twice)} ids and {sum(number > 1 for number in places.values())} places twice",
        kept=bool(rows) and not twice and set(places.values()) == {1},
    )
    with story.runtime.catalog.reading() as tx:
        active = {item.doc_id for item in documents.active(tx, NAME)}
        states = Counter(run.state for run in runs.recent(tx, NAME, 50))
    story.promise(
        "the version holds exactly the documents that the catalog calls active",
        f"{len(active)} active documents; runs: {dict(states)}",
        kept={row["doc_id"] for row in rows} == active and set(states) == {"succeeded"},
    )
    left = story.runtime.store.names("staging")
    story.promise("a settled run leaves nothing in staging", f"{len(left)} folders", kept=left == ())


def test_the_index_answers(story: Story) -> None:
    trust = TrustStore.from_folder(story.project.settings.trusted_keys)
    reader = open_index(story.runtime.settings.home, NAME, trust=trust, embedder=load_embedder(MODELS[1]))
    name, text = real_texts()[3]
    hits = reader.search(" ".join(text.split()[:40]), k=3)
    story.promise(
        "a query with the words of a document finds it",
        f"{[(round(hit.score, 2), hit.doc_id) for hit in hits]}",
        kept=f"{name}.md" in {hit.doc_id for hit in hits},
    )


def test_a_run_that_takes_too_long_was_reported(story: Story) -> None:
    words = f"contract '{NAME}' (owner docs-team): run {story.ran[INGEST]} of {INGEST} has not ended 0.05 minutes after"
    eventually("the deadline alert", lambda: bool(story.cluster.said(words)), 60)
    story.promise("the deadline alert names contract, owner and run", words, kept=True)


def test_the_doctor_finds_nothing_wrong_with_the_cluster(story: Story, stemma: Callable[..., Any]) -> None:
    found = stemma(story, "doctor", "--skip-models")["checks"]
    failed = [f"{check['name']}: {check['found']}" for check in found if check["status"] == "fail"]
    story.promise("stemma doctor finds nothing that cannot work", f"{len(found)} checks, {failed}", kept=not failed)


def test_no_task_left_anything_on_the_disk_of_its_machine(story: Story) -> None:
    image = {path.relative_to(story.cluster.image) for path in story.cluster.image.rglob("*") if path.is_file()}
    strays = {
        machine.name: sorted(
            str(path.relative_to(machine.folder / "project"))
            for path in (machine.folder / "project").rglob("*")
            if path.is_file() and path.relative_to(machine.folder / "project") not in image
        )
        for machine in (*story.cluster.machines, *story.cluster.dead.values())
    }
    story.promise(
        "a worker's disk holds the image and nothing of a home or a catalog", strays, kept=not any(strays.values())
    )
    scratch = {
        machine.name: sorted(path.name for path in (machine.folder / "tmp").glob("stemma-*"))
        for machine in story.cluster.workers.values()
    }
    story.promise("scratch folders of workers that live are gone", scratch, kept=not any(scratch.values()))


@pytest.fixture(scope="module")
def stemma(store: dict[str, str]) -> Callable[..., Any]:
    """Runs one `stemma` command as a process of its own, on the cluster's home and catalog; returns its JSON."""

    def run(story: Story, *words: str) -> Any:
        own = {"STEMMA_PROJECT": str(story.cluster.image)}
        done = subprocess.run(
            [sys.executable, "-m", "console.cli.main", *words, "--json"],
            env=story.cluster.site.environment() | own, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    return run


def the_same_version(story: Story, number: int) -> None:
    """Compares a version with the one that an undisturbed run on one machine built."""
    ours, control = (story.manifest(runtime, number) for runtime in (story.runtime, story.control))
    story.promise(
        f"version {number} has the identity of the one that a single machine builds from the same documents",
        f"{ours.identity[:16]} and {control.identity[:16]}, {ours.contents.documents} documents, "
        f"{ours.contents.chunks} chunks",
        kept=ours.identity == control.identity,
    )
