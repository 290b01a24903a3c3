"""A home on an object store that throttles, resets, cuts off, keeps quiet or is slow, at every request that matters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("s3fs", reason="s3fs is not installed (pip install 'stemma-rag[s3]')")
pytest.importorskip("moto.server", reason="moto is not installed (pip install 'stemma-rag[dev]')")

import boto3
from faults.injecting import Fault, Plan, injecting
from faults.judging import inbox, judge, live, page
from laws.handbook import NAME, Project
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

from console.cli.main import main
from corpus.catalog import versions
from corpus.errors import SourceUnavailable, StemmaError, StoreUnavailable
from index import search
from ingestion.sources.files import FilesSource
from ingestion.stages import building, reconcile, release

BUCKET = "corpus"
WRITES = ("PUT", "POST", "DELETE")


@dataclass
class Place:
    """A real object store, the proxy in front of it, and a client of the store that goes past the proxy."""

    url: str
    plan: Plan
    direct: Any


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    patch = pytest.MonkeyPatch()
    for name, value in {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "DEFAULT_REGION": "us-east-1"}.items():
        patch.setenv(f"AWS_{name}", value)
    with injecting((host, port)) as (url, plan):
        patch.setenv("AWS_ENDPOINT_URL", url)
        S3FileSystem.clear_instance_cache()
        direct = boto3.client("s3", endpoint_url=f"http://{host}:{port}")
        direct.create_bucket(Bucket=BUCKET)
        yield Place(url=url, plan=plan, direct=direct)
    S3FileSystem.clear_instance_cache()
    patch.undo()
    server.stop()


@pytest.fixture
def project(place: Place, tmp_path: Path) -> Iterator[Project]:
    """A released project whose home is in the object store."""
    place.plan.reset()
    project = Project.create(tmp_path / "project")
    home, url = f"s3://{BUCKET}/{tmp_path.name}", f"sqlite:///{tmp_path}/catalog.db"
    (project.folder / "stemma.toml").write_text(f'home = "{home}"\ncatalog_url = "{url}"\n')
    project.settings = project.settings.model_copy(update={"home": home, "catalog_url": url})
    project.upgrade()
    project.fill(2)
    project.ingest()
    yield project
    place.plan.reset()
    project.runtime.catalog.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The client gives up at once: what comes then is what comes after all its tries, without the waiting."""
    monkeypatch.setattr(S3FileSystem, "retries", 1)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    S3FileSystem.clear_instance_cache()
    yield
    S3FileSystem.clear_instance_cache()


def _writes(method: str, path: str) -> bool:
    return method in WRITES and path.startswith(f"/{BUCKET}/")


def _all(method: str, path: str) -> bool:
    return True


def _trouble(project: Project) -> StemmaError | None:
    try:
        project.ingest()
    except StemmaError as error:
        return error
    return None


@pytest.mark.usefixtures("impatient")
def test_an_outage_that_begins_at_any_write_costs_one_more_run(project: Project, place: Place) -> None:
    place.plan.counts = _writes
    kinds: Iterator[Fault] = cycle(("slow_down", "reset", "unanswered"))
    struck, at = 0, 1
    while True:
        fault = next(kinds)
        project.write(f"page-{at}", page(f"valve number {at}"))
        before = live(project)
        place.plan.reset(fault, at, times=0)
        trouble = _trouble(project)
        over = len(place.plan.asked) < at
        place.plan.reset()
        assert live(project) in (before, before + 1)
        if trouble is not None:
            assert isinstance(trouble, StoreUnavailable), repr(trouble)
            assert trouble.retryable
            assert "Run the same command again" in str(trouble)
            struck += 1
        assert project.ingest().counts.balanced
        judge(project, inbox(project), every_version=False)
        if over:
            break
        at += 3
    assert struck >= 5
    reconcile.reconcile(project.runtime, NAME, grace=timedelta(0))
    judge(project, inbox(project))
    assert main(["index", "verify", NAME, "--all", "--project", str(project.folder)]) == 0


@pytest.mark.usefixtures("impatient")
def test_an_outage_at_a_read_never_passes_for_a_lost_file(project: Project, place: Place) -> None:
    """A version whose files could not be read just now is not built again, and a gate is not passed over."""
    place.plan.counts = lambda method, path: method in ("GET", "HEAD")
    place.plan.reset()
    assert project.ingest().figures["status"] == "unchanged"
    reads = len(place.plan.asked)
    assert reads
    kinds: Iterator[Fault] = cycle(("slow_down", "cut", "reset"))
    for at in range(1, reads + 1, 3):
        place.plan.reset(next(kinds), at, times=0)
        trouble = _trouble(project)
        place.plan.reset()
        assert trouble is None or isinstance(trouble, StoreUnavailable), repr(trouble)
    assert live(project) == 1
    assert project.ingest().figures["status"] == "unchanged"
    judge(project, inbox(project))


@pytest.mark.usefixtures("impatient")
def test_an_outage_is_no_reason_to_build_alone_what_tasks_add_in_parts(
    project: Project, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "BLOCK", 2)
    project.settings = project.settings.model_copy(update={"index_shard_rows": 2})
    place.plan.counts = _all
    due = building.prepare(project.runtime, NAME, "run", alias="parts").outputs
    assert len(due) > 1
    receipts, struck = [], 0
    kinds: Iterator[Fault] = cycle(("slow_down", "reset"))
    for at in (*range(1, 40, 2), 0):  # 0: no fault any more
        place.plan.reset(next(kinds), at, times=0)
        try:
            receipts = [building.add(project.runtime, NAME, "run", shard) for shard in due]
        except StoreUnavailable:
            struck += 1
            continue
        break
    place.plan.reset()
    assert struck > len(due), "several requests for each part"
    assert all(receipt.outputs for receipt in receipts)
    place.plan.counts = lambda method, path: method in ("GET", "HEAD") and ".faiss" in path and "builds" in path
    place.plan.reset("slow_down", 2, times=0)
    with pytest.raises(StoreUnavailable):
        release.release(project.runtime, NAME, "run", alias="parts", shards=receipts)
    place.plan.reset()
    done = release.release(project.runtime, NAME, "run", alias="parts", shards=receipts)
    assert done.figures["index_build"] == f"Flat merged from {len(due)} shards"
    with project.runtime.catalog.reading() as tx:
        one, parts = (versions.require(tx, NAME, number).manifest["files"]["index.faiss"] for number in (1, 2))
    assert one == parts
    assert project.runtime.store.names(f"builds/{NAME}") == ()


def test_a_hiccup_is_not_noticed(project: Project, place: Place) -> None:
    place.plan.counts = _all
    for number, fault in enumerate(("slow_down", "reset", "unanswered", "cut", "slow")):
        project.write(f"page-{number}", page(f"pump number {number}"))
        place.plan.reset(fault, 5, times=2)  # type: ignore[arg-type]
        receipt = project.ingest()
        assert (receipt.figures["status"], receipt.figures["version"]) == ("published", number + 2)
        assert len(place.plan.asked) > 5
    place.plan.reset()
    judge(project, inbox(project))


@pytest.mark.usefixtures("impatient")
def test_a_source_that_throttles_is_unavailable_and_deletes_nothing(
    place: Place, tmp_path: Path, project: Project
) -> None:
    prefix = f"{tmp_path.name}-docs"
    for name in ("one", "two", "three"):
        place.direct.put_object(Bucket=BUCKET, Key=f"{prefix}/{name}.md", Body=page(name).encode())
    source = FilesSource(f"s3://{BUCKET}/{prefix}", ("**/*.md",))
    refs = list(source.list())
    assert len(refs) == 3
    place.plan.counts = _all
    for fault in ("slow_down", "reset", "cut"):
        place.plan.reset(fault, 1, times=0)  # type: ignore[arg-type]
        with pytest.raises(SourceUnavailable, match="Nothing was taken"):
            list(source.list())
        place.plan.reset(fault, 1, times=0)  # type: ignore[arg-type]
        with pytest.raises(SourceUnavailable, match="did not answer"):
            source.read(refs[0])
    place.plan.reset()
    text = project.contract_path.read_text()
    project.contract_path.write_text(
        text.replace("./inbox", f"s3://{BUCKET}/{prefix}").replace("version: 1.0.0", "version: 1.1.0", 1)
    )
    assert project.ingest(allow_shrink=True).counts.indexed == 3
    place.plan.counts = lambda method, path: method == "GET" and "two.md" in path
    place.direct.put_object(Bucket=BUCKET, Key=f"{prefix}/two.md", Body=page("another two").encode())
    place.plan.reset("slow_down", 1, times=0)
    receipt = project.ingest()
    assert (receipt.counts.failed, receipt.counts.unchanged) == (1, 2)
    place.plan.reset()
    assert project.ingest().counts.indexed == 1
    judge(project, {"one.md", "two.md", "three.md"})
