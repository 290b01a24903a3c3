"""A release whose index was added in parts: the same version, and built alone wherever a part does not fit.

Blocks are of eight rows here instead of 16,384, so that some dozens of chunks make several shards. Each test releases
to an alias of its own: it serves nothing yet, so a version is built.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from laws.handbook import NAME, Project, on_database

from corpus.catalog import versions
from corpus.errors import GateFailed, StoreUnavailable
from corpus.receipts import Receipt
from corpus.storage import Store
from index import builds, search
from index.signing import TrustStore
from index.verify import verify_version
from ingestion.stages import building, collect, erase, release
from ingestion.stages.reconcile import reconcile

FACTORY = "IVF2,SQ8"


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "BLOCK", 8)


def _filled(made: Project, factory: str = FACTORY) -> Project:
    text = made.contract_path.read_text()
    value = f"customProperties:\n  - property: ragIndex\n    value: {{factory: '{factory}'}}\n"
    made.contract_path.write_text(text.replace("customProperties:\n", value, 1))
    made.settings = made.settings.model_copy(update={"index_shard_rows": 24, "max_shards": 1000})
    made.fill(22)
    made.ingest()
    return made


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    made = _filled(Project.create(tmp_path_factory.mktemp("sharded") / "project"))
    yield made
    made.runtime.catalog.close()


@pytest.fixture
def on_postgresql(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    request.param = "postgresql"
    with on_database(request, tmp_path) as made:
        yield _filled(made)


def run_of(project: Project) -> str:
    """Returns the ingest run whose corpus is released, as the DAG's tasks name it: its counts are in the manifest."""
    with project.runtime.catalog.reading() as tx:
        return versions.require(tx, NAME, 1).run_id


def prepared(project: Project, alias: str) -> tuple[str, ...]:
    receipt = building.prepare(project.runtime, NAME, run_of(project), alias=alias)
    assert receipt.figures["shards"] == len(receipt.outputs)
    return receipt.outputs


def added(project: Project, alias: str) -> list[Receipt]:
    return [
        Receipt.from_json(building.add(project.runtime, NAME, run_of(project), shard).to_json())
        for shard in prepared(project, alias)
    ]


def released(project: Project, alias: str, shards: list[Receipt]) -> Receipt:
    done = release.release(project.runtime, NAME, run_of(project), alias=alias, shards=shards)
    assert done.figures["status"] == "published"
    return done


def manifest(project: Project, number: int) -> dict[str, Any]:
    """Returns the manifest of a verified version, clock, number and run aside."""
    trust = TrustStore.from_folder(project.settings.trusted_keys)
    said = verify_version(project.runtime.store, NAME, number, trust).manifest.to_json()
    return {name: value for name, value in said.items() if name not in {"created_at", "number", "previous", "run"}}


def left(project: Project) -> tuple[str, ...]:
    return project.runtime.store.names(f"builds/{NAME}")


def same_as_alone(project: Project, done: Receipt) -> None:
    found, alone = manifest(project, int(done.figures["version"])), manifest(project, 1)
    assert found["files"]["index.faiss"] == alone["files"]["index.faiss"]
    assert found == alone
    assert found["index"]["factory"] == FACTORY


def test_merged_shards_give_the_version_of_one_process(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    shards = added(project, "merged")
    assert len(shards) > 2
    assert left(project) == (shards[0].key.partition("/")[0],)
    figures = reconcile(project.runtime, NAME).figures
    assert (figures["orphans"], left(project)) == (0, left(project)), "a build that is at work is no orphan"
    with caplog.at_level(logging.INFO, "ingestion.stages.release"):
        done = released(project, "merged", shards[::-1])
    same_as_alone(project, done)
    assert done.figures["index_build"] == f"{FACTORY} merged from {len(shards)} shards"
    assert "index built" in caplog.messages
    assert left(project) == ()
    again = release.release(project.runtime, NAME, run_of(project), alias="merged", shards=shards)
    assert again.figures["status"] == "published", "a release that is tried again finds its work done"
    assert "index_build" not in again.figures
    assert building.prepare(project.runtime, NAME, "next", alias="merged").outputs == ()


def test_on_postgresql_too(on_postgresql: Project) -> None:
    done = released(on_postgresql, "merged", added(on_postgresql, "merged"))
    assert "merged from" in str(done.figures["index_build"])
    same_as_alone(on_postgresql, done)


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        ("gone", "is gone"), ("torn", "is torn, or of another try"), ("other", "is torn, or of another try"),
        ("not added", "do not fit together at rows 0-24"), ("no build", "is gone: it was released"),
    ],
)  # fmt: skip
def test_where_a_shard_does_not_fit_the_index_is_built_alone(project: Project, harm: str, why: str) -> None:
    alias, store = harm.replace(" ", "-"), project.runtime.store
    if harm == "no build":
        due = prepared(project, alias)
        builds.discard(store, NAME, due)
        shards = [building.add(project.runtime, NAME, "run", shard) for shard in due]
        assert {(receipt.figures["added"], receipt.outputs) for receipt in shards} == {(0, ())}
    else:
        shards = added(project, alias)
        first, second = (f"builds/{NAME}/{receipt.key}.faiss" for receipt in shards[:2])
        data = store.read_bytes(first)
        other = store.read_bytes(second)
        _harm(store, harm, first, data, other)
        shards = shards[1:] if harm == "not added" else shards
    done = released(project, alias, shards)
    assert f"{FACTORY} built alone: " in str(done.figures["index_build"])
    assert why in str(done.figures["index_build"])
    same_as_alone(project, done)
    assert left(project) == ()


def _harm(store: Store, harm: str, name: str, data: bytes, other: bytes) -> None:
    if harm == "gone":
        store.remove(name)
    elif harm == "torn":
        store.replace(name, data[: len(data) // 2])
    elif harm == "other":
        store.replace(name, other)


def test_what_was_killed_in_between_is_done_again_under_the_same_names(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Store, "replace", killed)  # the plan, which is written last
        with pytest.raises(KeyboardInterrupt):
            prepared(project, "killed")
    [key] = left(project)
    assert project.runtime.store.names(f"builds/{NAME}/{key}") == ("trained.faiss", "vectors.f32")
    due = prepared(project, "killed")
    assert {shard.partition("/")[0] for shard in due} == {key}
    with monkeypatch.context() as patched:
        patched.setattr(search, "write_index", killed)
        with pytest.raises(KeyboardInterrupt):
            building.add(project.runtime, NAME, "run", due[0])
    with monkeypatch.context() as patched:
        patched.setattr(Store, "local_file", lambda *_: (_ for _ in ()).throw(StoreUnavailable("no answer")))
        with pytest.raises(StoreUnavailable):  # not a reason to build alone: tried again
            building.add(project.runtime, NAME, "run", due[0])
    assert prepared(project, "killed") == due
    shards = [building.add(project.runtime, NAME, "run", shard) for shard in due]
    assert shards == [building.add(project.runtime, NAME, "run", shard) for shard in due]
    done = released(project, "killed", shards)
    assert "merged from" in str(done.figures["index_build"])
    same_as_alone(project, done)


def test_a_gate_that_fails_leaves_the_build_and_old_ones_are_collected(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ingestion import publish  # noqa: PLC0415 - faiss

    def fail(*_: object) -> None:
        raise GateFailed("no")

    shards = added(project, "failed")
    with monkeypatch.context() as patched:
        patched.setattr(publish, "require_passed", fail)
        with pytest.raises(GateFailed):
            release.release(project.runtime, NAME, "run", alias="failed", shards=shards)
    [key] = left(project)
    folder, now = f"builds/{NAME}/{key}", timedelta(0)
    assert folder not in collect.gc(project.runtime, NAME).outputs, "it is younger than the grace"
    assert folder in collect.gc(project.runtime, NAME, grace=now, dry_run=True).outputs
    assert folder in reconcile(project.runtime, NAME, grace=now, dry_run=True).outputs
    assert left(project) == (key,)
    assert collect.gc(project.runtime, NAME, grace=now).figures["builds"] == 1
    assert left(project) == ()
    added(project, "failed")
    assert folder in reconcile(project.runtime, NAME, grace=now).outputs
    assert left(project) == ()


@pytest.mark.parametrize(
    ("rows", "index", "version", "why"),
    [
        (0, FACTORY, None, "are one shard"), (10_000, FACTORY, None, "are one shard"),
        (24, FACTORY, 1, "nothing to build: moves"), (24, "HNSW32", None, "HNSW32 cannot be put together"),
    ],
)  # fmt: skip
def test_what_has_no_parts_is_left_to_one_task(
    project: Project, monkeypatch: pytest.MonkeyPatch, rows: int, index: str, version: int | None, why: str
) -> None:
    monkeypatch.setattr(project, "settings", project.settings.model_copy(update={"index_shard_rows": rows}))
    text = project.contract_path.read_text()
    changed = text.replace(FACTORY, index) if index != FACTORY else text
    project.contract_path.write_text(changed.replace("version: 1.0.0", "version: 9.0.0") if text != changed else text)
    receipt = building.prepare(project.runtime, NAME, "run", alias="parts", version=version)
    project.contract_path.write_text(text)
    assert receipt.outputs == ()
    assert why in str(receipt.figures["why"])
    assert left(project) == ()


def test_most_shards_is_what_the_settings_say(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "settings", project.settings.model_copy(update={"max_shards": 2}))
    due = prepared(project, "most")
    builds.discard(project.runtime.store, NAME, due)
    assert len(due) == 2


def test_an_erasure_leaves_no_build_and_its_shards_are_refused(project: Project) -> None:
    """Last in the file: the corpus is another one afterwards."""
    shards = added(project, "erased")
    doc_id = sorted(project.states())[0]
    done = erase.erase(project.runtime, NAME, doc_id, reason="request 17", actor="ann")
    assert left(project) == ()
    assert done.signed["removed"]["runs_in_progress"] == 1
    late = building.add(project.runtime, NAME, "run", shards[0].key)
    assert "taken out by an erasure" in str(late.figures["why"])
    after = released(project, "erased", shards)
    assert "is of other vectors or another factory" in str(after.figures["index_build"])
    found = {str(hit.doc_id) for hit in project.reader("erased").search("how do I install it", k=200)}
    assert found
    assert doc_id not in found
