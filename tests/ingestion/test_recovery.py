"""What runs do to each other and what losses do to runs: each case was found by breaking an earlier build."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from laws.handbook import NAME, Project
from sqlalchemy import select

from corpus.catalog import decisions, documents
from corpus.catalog.tables import RunRow
from corpus.errors import ConfigurationError, GateFailed, IntegrityError, SourceUnavailable
from corpus.receipts import Counts, Receipt
from index.manifest import Manifest
from ingestion import pipeline
from ingestion.progress import Silent
from ingestion.sources.local import LocalPlace
from ingestion.stages import acquire, admit, assess, reconcile, release, settle, stage
from ingestion.stages.answers import import_answers

ANSWER = (
    "You can send the device back within a month after it reached you, but note three exceptions that often surprise "
    "people: opened battery packs stay with you, activated licence keys cannot be undone, and gift orders are "
    "credited to whoever paid. Start by printing the label from your account page and pack every cable."
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project")


def _edit(project: Project, version: str, *changes: tuple[str, str]) -> None:
    text = project.contract_path.read_text().replace("version: 1.0.0", f"version: {version}", 1)
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    project.contract_path.write_text(text)


def _run(project: Project, run_id: str) -> Receipt:
    acquired = acquire.acquire(project.runtime, NAME, run_id)
    for shard in acquired.outputs:
        assess.assess(project.runtime, NAME, run_id, shard)
    admit.admit(project.runtime, NAME, run_id, acquired.outputs)
    staged = [stage.stage(project.runtime, NAME, run_id, shard) for shard in acquired.outputs]
    return settle.settle(project.runtime, NAME, run_id, staged)


def _page(words: str) -> str:
    return "# Page\n\n" + f"{words} is explained here at some length for the people of the night shift. " * 8


@pytest.mark.parametrize("lost", ["vectors", "segments"])
def test_lost_files_are_made_again_after_reconcile(project: Project, lost: str) -> None:
    project.fill(3)
    project.ingest()
    for path in [path for path in Path(project.settings.home, lost).rglob("*.parquet") if path.stem != "canaries"]:
        path.unlink()
    project.write("new", _page("The pump"))
    with pytest.raises(IntegrityError, match="stemma reconcile"):
        project.ingest()
    mended = reconcile.reconcile(project.runtime, NAME)
    assert int(mended.figures[f"lost_{lost}"]) > 0
    pipeline.reembed(project.runtime, NAME) if lost == "vectors" else None
    receipt = project.ingest()
    assert receipt.counts.balanced
    assert len({hit.doc_id for hit in project.search("page", k=100)}) == 4


def test_a_lost_live_version_is_built_again(project: Project) -> None:
    project.fill(2)
    project.ingest()
    shutil.rmtree(Path(project.settings.home, "indexes", NAME, "v000001"))
    assert project.ingest().figures["version"] == 2
    assert project.search("install")


def test_a_read_that_failed_is_tried_again_on_the_next_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.fill(4)
    project.ingest(publish=False)
    project.write("late", _page("The valve"))
    real = LocalPlace.read
    calls = iter(range(1_000))

    def hiccup(self: LocalPlace, uri: str, limit: int) -> bytes:
        if uri.endswith("late.md") and next(calls) >= 1:
            raise SourceUnavailable("the share did not answer")
        return real(self, uri, limit)

    monkeypatch.setattr(LocalPlace, "read", hiccup)
    assert project.ingest(publish=False).counts.failed == 1
    monkeypatch.undo()
    with project.runtime.catalog.reading() as tx:
        [failed] = decisions.standing(tx, NAME, "fail")
    assert (failed.doc_id, failed.reasons[0]["message"]) == ("late.md", "the share did not answer")
    assert project.ingest().counts == Counts(received=5, indexed=1, unchanged=4)


def test_a_slow_run_does_not_overwrite_what_a_faster_one_decided(project: Project) -> None:
    project.fill(2)
    project.write("secret", _page("The old secret"))
    slow = acquire.acquire(project.runtime, NAME, "slow")
    for shard in slow.outputs:
        assess.assess(project.runtime, NAME, "slow", shard)
    (project.inbox / "secret.md").write_text("")
    assert project.ingest(publish=False).counts.rejected == 1
    staged = [stage.stage(project.runtime, NAME, "slow", shard) for shard in slow.outputs]
    receipt = settle.settle(project.runtime, NAME, "slow", staged)
    assert receipt.counts == Counts(received=3, failed=3)
    assert receipt.figures["overtaken"] == 3
    assert project.states()["secret.md"].state == "rejected"


def test_a_document_that_came_back_is_not_let_go_by_a_slow_run(project: Project) -> None:
    project.fill(3)
    project.ingest(publish=False)
    path = sorted(project.inbox.glob("*.md"))[0]
    text = path.read_text()
    path.unlink()
    acquire.acquire(project.runtime, NAME, "slow")
    path.write_text(text + "\nMore.\n")
    project.ingest(publish=False)
    assert settle.settle(project.runtime, NAME, "slow", []).counts.removed == 0
    assert project.states()[path.name].state == "active"


def test_a_dag_run_that_is_cleared_works_again_and_counts_again(project: Project) -> None:
    project.fill(3)
    assert _run(project, "dag.run").counts.indexed == 3
    sorted(project.inbox.glob("*.md"))[0].unlink()
    project.write("new", _page("The lift"))
    again = _run(project, "dag.run")
    assert again.counts == Counts(received=3, indexed=1, unchanged=2, removed=1)


def test_receipts_of_an_earlier_try_of_a_cleared_run_are_not_counted_again(project: Project) -> None:
    project.fill(2)
    acquired = acquire.acquire(project.runtime, NAME, "dag.run")
    for shard in acquired.outputs:
        assess.assess(project.runtime, NAME, "dag.run", shard)
    admit.admit(project.runtime, NAME, "dag.run", acquired.outputs)
    staged = [stage.stage(project.runtime, NAME, "dag.run", shard) for shard in acquired.outputs]
    assert settle.settle(project.runtime, NAME, "dag.run", staged).counts.indexed == 2
    assert acquire.acquire(project.runtime, NAME, "dag.run").outputs == ()
    assert settle.settle(project.runtime, NAME, "dag.run", staged).counts == Counts(received=2, unchanged=2)


def test_two_runs_do_not_take_each_others_work_away(project: Project) -> None:
    project.fill(2)
    first = acquire.acquire(project.runtime, NAME, "first")
    for shard in first.outputs:
        assess.assess(project.runtime, NAME, "first", shard)
    project.ingest()
    assert admit.admit(project.runtime, NAME, "first", first.outputs).figures["verdict"] == "pass"


def test_a_contract_that_is_edited_during_a_run_stops_it(project: Project) -> None:
    project.fill(2)
    acquired = acquire.acquire(project.runtime, NAME, "run")
    _edit(project, "1.1.0")
    with pytest.raises(ConfigurationError, match="edited while run run was at work"):
        assess.assess(project.runtime, NAME, "run", acquired.outputs[0])


def test_a_rolled_back_version_stays_back_until_something_changes(project: Project) -> None:
    project.fill(2)
    project.ingest()
    project.write("bad", _page("The wrong advice"))
    project.ingest()
    release.move(project.runtime, NAME, "live", 1, reason="bad page")
    receipt = project.ingest()
    assert (receipt.figures["status"], receipt.figures["version"]) == ("held", 1)
    assert project.reader().manifest.number == 1
    (project.inbox / "bad.md").unlink()
    project.write("good", _page("The right advice"))
    assert project.ingest().figures["version"] == 3


def test_model_and_chunker_may_change_in_one_edit(project: Project) -> None:
    project.fill(2)
    project.ingest()
    project.declare("all-MiniLM-L6-v2", version="2.0.0")
    _edit(project, "2.0.0", ("maxTokens: 254", "maxTokens: 120"))
    moved = pipeline.reembed(project.runtime, NAME)
    assert moved.figures["version"] == 2
    project.model = "all-MiniLM-L6-v2"
    receipt = project.ingest()
    assert (receipt.counts.indexed, receipt.figures["version"]) == (2, 3)
    manifest = project.reader().manifest
    assert manifest.fingerprints["chunker"].parts["as_declared"] is True


def test_one_index_is_cut_by_one_chunker_and_the_gate_names_who_is_not(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.fill(3)
    project.ingest()
    stuck = sorted(project.inbox.glob("*.md"))[0].name
    _edit(project, "1.1.0", ("maxTokens: 254", "maxTokens: 120"))
    real = LocalPlace.read

    def unreadable(self: LocalPlace, uri: str, limit: int) -> bytes:
        if uri.endswith(stuck):
            raise SourceUnavailable("locked by its editor")
        return real(self, uri, limit)

    monkeypatch.setattr(LocalPlace, "read", unreadable)
    with pytest.raises(GateFailed, match=stuck):
        project.ingest()
    monkeypatch.undo()
    assert project.ingest().figures["version"] == 2


def test_a_file_name_that_is_no_text_stops_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.fill(2)
    odd = os.fsencode(project.inbox) + b"/caf\xe9.md"
    Path(os.fsdecode(odd)).write_text(_page("The cafeteria"))
    assert project.ingest().counts == Counts(received=3, indexed=3)
    real = LocalPlace.read

    def refused(self: LocalPlace, uri: str, limit: int) -> bytes:
        if "caf" in uri:
            raise SourceUnavailable(f"no permission: {os.fsdecode(odd)}")
        return real(self, uri, limit)

    Path(os.fsdecode(odd)).write_text(_page("The canteen"))
    monkeypatch.setattr(LocalPlace, "read", refused)
    assert project.ingest().counts == Counts(received=3, failed=1, unchanged=2)


@pytest.mark.parametrize("front", ["", "---\nupdated: 2026-11-02\n---\n", "---\nupdated: 2020-01-01\n---\n"])
def test_an_answer_logged_later_finds_the_page_that_repeats_it(project: Project, front: str) -> None:
    project.write("copied", f"{front}# Refunds\n\n{ANSWER}")
    project.write("other", _page("The generator"))
    assert project.ingest().counts.indexed == 2
    log = project.folder / "answers.jsonl"
    line = {"text": ANSWER, "served_at": "2026-11-02T09:00:00+00:00", "retrieved": [{"chunk_id": "c", "text": "x y z"}]}
    log.write_text(json.dumps(line))
    assert import_answers(project.runtime, log).figures["documents_to_look_at"] == 1
    assert project.ingest().counts == Counts(received=2, quarantined=1, unchanged=1)


def test_a_source_that_moved_is_cited_where_it_is_and_embeds_nothing(project: Project) -> None:
    project.fill(2)
    project.ingest()
    shutil.move(project.inbox, project.folder / "library")
    _edit(project, "1.1.0", ("./inbox", "./library"))
    receipt = project.ingest()
    assert receipt.figures["embedded"] == 0
    assert all("/library/" in hit.uri for hit in project.search("install", k=20))


def test_an_oversized_sidecar_is_refused_once(project: Project) -> None:
    project.fill(1)
    path = project.write("big", _page("The archive"))
    Path(f"{path}.meta.yaml").write_text("owner: " + "x" * 2_000_000)
    assert project.ingest().counts.rejected == 1
    assert project.ingest().counts == Counts(received=2, unchanged=2)


def test_allowing_a_shrink_allows_the_release_of_it(project: Project) -> None:
    project.fill(6)
    project.ingest()
    for path in sorted(project.inbox.glob("*.md"))[:5]:
        path.unlink()
    assert project.ingest(allow_shrink=True).figures["version"] == 2


def test_front_matter_that_cannot_be_read_may_have_said_restricted(project: Project) -> None:
    project.fill(1)
    project.write("pay", "---\ntitle: [broken\nsensitivity_label: restricted\n---\n" + _page("The salary band"))
    assert project.ingest().counts.quarantined == 1
    with project.runtime.catalog.reading() as tx:
        [held] = decisions.standing(tx, NAME, "quarantine")
    assert "governance.front_matter.invalid" in {reason["code"] for reason in held.reasons}


def test_a_malformed_alias_is_refused_before_anything_is_written(project: Project) -> None:
    project.fill(1)
    project.ingest()
    with pytest.raises(ConfigurationError, match="cannot name an alias"):
        release.move(project.runtime, NAME, "bad alias!", 1, reason="typo")
    assert project.ingest().figures["status"] == "unchanged"
    assert reconcile.reconcile(project.runtime, NAME).figures["projections"] == 0


def test_reconcile_collects_folders_of_an_object_store(project: Project) -> None:
    changed = {"home": f"memory://{uuid.uuid4().hex}", "catalog_url": f"sqlite:///{project.folder / 'catalog.db'}"}
    project.settings = project.settings.model_copy(update=changed)
    project.upgrade()
    project.fill(1)
    project.ingest()
    project.runtime.store.publish(f"segments/{'0' * 32}/chunks.parquet", b"left by a killed run")
    done = reconcile.reconcile(project.runtime, NAME, grace=timedelta(0))
    assert (done.figures["orphans"], done.figures["collected"]) == (1, 1)
    assert project.search("install")


def test_published_segments_stay_as_the_catalog_knows_them(project: Project) -> None:
    project.fill(2)
    project.ingest()
    path = sorted(project.inbox.glob("*.md"))[0]
    text = path.read_text()
    path.unlink()
    project.ingest()
    path.write_text(text)
    os.utime(path, (1_900_000_000, 1_900_000_000))
    project.ingest()
    manifest: Manifest = project.reader().manifest
    assert manifest.contents.documents == 2
    with project.runtime.catalog.reading() as tx:
        assert documents.count_by_state(tx, NAME) == {"active": 2}


class Interrupted(Silent):
    """Somebody who presses Ctrl-C at the first document."""

    def advance(self, units: int = 1) -> None:
        raise KeyboardInterrupt


def test_an_interrupted_run_is_closed(project: Project) -> None:
    project.fill(2)

    with pytest.raises(KeyboardInterrupt):
        pipeline.ingest(project.runtime, NAME, progress=Interrupted())
    with project.runtime.catalog.reading() as tx:
        [run] = tx.execute(select(RunRow.state, RunRow.receipt)).all()
    assert (run.state, run.receipt) == ("failed", {"error": "KeyboardInterrupt"})
    assert project.ingest().counts.indexed == 2
