"""What stages do beside the straight path: answers coming back, overrides, blocks, shadows, repairs, audits."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from laws.handbook import NAME, Project

from corpus.catalog import audit as audit_log
from corpus.catalog import decisions, documents, runs
from corpus.catalog.records import OverrideRecord
from corpus.errors import ConfigurationError, ContractBlocked, GateFailed, IntegrityError
from corpus.types import utc_now
from index.reader import open_index
from index.signing import TrustStore
from ingestion import pipeline
from ingestion.stages import audit, reconcile, reembed, release
from ingestion.stages.answers import import_answers

SOURCE = (
    "The refund window for hardware is thirty days from the day of delivery. Batteries are excluded once their seal "
    "is broken, and software licences may be returned only while they have not been activated. "
) * 3
ANSWER = (
    "You can send the device back within a month after it reached you, but note three exceptions that often surprise "
    "people: opened battery packs stay with you, activated licence keys cannot be undone, and gift orders are "
    "credited to whoever paid. Start by printing the label from your account page, pack the item with every cable "
    "that came along, and drop it at any partner shop before the deadline printed on the label."
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project")


def _log(project: Project, *, context: str | None) -> Path:
    line = {
        "answer_id": "a1",
        "text": ANSWER,
        "system": "helpdesk",
        "model": "some-model",
        "served_at": "2020-01-01T00:00:00+00:00",
        "retrieved": [{"chunk_id": "c1", "text": context}] if context else [],
    }
    path = project.folder / "answers.jsonl"
    path.write_text(json.dumps(line) + "\nnot json\n")
    return path


def test_an_answer_that_comes_back_is_held_and_its_source_is_not(project: Project) -> None:
    imported = import_answers(project.runtime, _log(project, context=SOURCE))
    assert (imported.figures["registered"], imported.figures["refused"]) == (1, 1)
    assert import_answers(project.runtime, _log(project, context=SOURCE)).figures["registered"] == 0
    project.write("copied", "# Refunds, copied from the assistant\n\n" + ANSWER)
    project.write("policy", "# Refund policy\n\n" + SOURCE)
    receipt = project.ingest()
    assert (receipt.counts.indexed, receipt.counts.quarantined) == (1, 1)
    with project.runtime.catalog.reading() as tx:
        [held] = decisions.standing(tx, NAME, "quarantine")
    assert held.doc_id == "copied.md"
    [reason] = [reason for reason in held.reasons if reason["rule"] == "self_ingestion"]
    text = "# Refunds, copied from the assistant\n\n" + ANSWER
    start, end = reason["span"]
    assert text[start:end] in ANSWER
    assert {hit.doc_id for hit in project.search("refund window", k=10)} == {"policy.md"}


def test_without_context_an_answer_is_only_suspected(project: Project) -> None:
    import_answers(project.runtime, _log(project, context=None))
    project.write("copied", "# Refunds\n\n" + ANSWER)
    assert project.ingest().counts.indexed == 1
    [hit, *_] = project.search("refund", k=1)
    assert hit.origin_basis == "suspected"


def test_a_person_releases_a_held_document_and_the_audit_log_says_so(project: Project) -> None:
    import_answers(project.runtime, _log(project, context=SOURCE))
    project.write("copied", "# Refunds, copied from the assistant\n\n" + ANSWER)
    project.write("policy", "# Refund policy\n\n" + SOURCE)
    project.ingest()
    with project.runtime.catalog.transaction() as tx:
        held = documents.find(tx, NAME, "copied.md")
        assert held is not None
        override = OverrideRecord(
            contract=NAME,
            doc_id="copied.md",
            raw_sha256=held.raw_sha256,
            outcome="accept",
            reason="reviewed line by line",
            actor="ada",
            at=utc_now(),
        )
        decisions.set_override(tx, override)
    receipt = project.ingest()
    assert (receipt.counts.indexed, receipt.counts.unchanged) == (1, 1)
    assert "copied.md" in {hit.doc_id for hit in project.search("battery packs", k=5)}
    with project.runtime.catalog.reading() as tx:
        assert "ada" in {entry.actor for entry in audit_log.tail(tx, 10)}
        newest = decisions.of_document(tx, NAME, "copied.md")[0]
    assert (newest.outcome, newest.actor) == ("accept", "ada")
    assert "reviewed line by line" in newest.reasons[0]["message"]
    project.write("copied", "# Refunds, copied from the assistant\n\nEdited since.\n\n" + ANSWER)
    assert project.ingest().counts.quarantined == 1, (
        "an override holds for the bytes that were reviewed, not for others"
    )


def test_a_blocking_rule_stops_the_run_and_changes_nothing(project: Project) -> None:
    project.fill(2)
    project.ingest()
    text = project.contract_path.read_text()
    project.contract_path.write_text(
        text.replace("mustBeGreaterThan: 0", "mustBeGreaterThan: 100").replace("version: 1.0.0", "version: 1.1.0", 1)
    )
    before = project.states()
    project.write("third", "# Third\n\n" + "A third page for the handbook. " * 20)
    with pytest.raises(ContractBlocked, match="more than 100"):
        project.ingest()
    assert project.states() == before
    assert project.reader().manifest.number == 1


def test_a_gate_that_fails_leaves_the_alias_and_publishes_nothing(project: Project) -> None:
    project.fill(6)
    project.ingest()
    for path in sorted(project.inbox.glob("*.md"))[:5]:
        path.unlink()
    project.ingest(allow_shrink=True, publish=False)
    with pytest.raises(GateFailed, match="size"):
        release.release(project.runtime, NAME, "run-1")
    assert sorted(path.name for path in Path(project.settings.home, "indexes", NAME).glob("v*")) == ["v000001"]
    assert project.reader().manifest.number == 1
    with pytest.raises(ConfigurationError, match="needs a reason"):
        release.release(project.runtime, NAME, "run-1", force=True)
    forced = release.release(project.runtime, NAME, "run-1", force=True, reason="five pages were retired")
    assert forced.figures["version"] == 2


def test_a_shadow_re_embed_leaves_live_alone(project: Project) -> None:
    project.fill(3)
    project.ingest()
    cost = reembed.estimate(project.runtime, NAME, "all-MiniLM-L6-v2")
    assert cost.figures["chunks"] == len(project.reader())
    receipt = pipeline.reembed(project.runtime, NAME, model="all-MiniLM-L6-v2", mode="shadow")
    assert receipt.figures["embedded"] == cost.figures["chunks"]
    assert project.reader().manifest.number == 1
    trust = TrustStore.from_folder(project.settings.trusted_keys)
    shadow = open_index(project.settings.home, NAME, alias="shadow", trust=trust)
    assert (shadow.manifest.number, shadow.manifest.index.dimension) == (2, 384)
    with pytest.raises(ConfigurationError, match="Change the contract first"):
        pipeline.reembed(project.runtime, NAME, model="all-MiniLM-L6-v2")


def test_reconcile_collects_what_nothing_refers_to_and_repairs_the_projection(project: Project) -> None:
    project.fill(2)
    project.ingest()
    home = Path(project.settings.home)
    orphan = home / "segments" / ("0" * 32)
    orphan.mkdir()
    (orphan / "chunks.parquet").write_bytes(b"left by a killed run")
    projection = home / "indexes" / NAME / "aliases" / "live.json"
    projection.unlink()
    dry = reconcile.reconcile(project.runtime, NAME, dry_run=True, grace=timedelta(0))
    assert f"segments/{'0' * 32}" in dry.outputs
    assert orphan.exists()
    assert reconcile.reconcile(project.runtime, NAME).figures["collected"] == 0, "young files may belong to a run"
    assert projection.exists()
    with project.runtime.catalog.transaction() as tx:
        runs.start(tx, run_id="killed", contract=NAME, kind="ingest", actor="ada")
    done = reconcile.reconcile(project.runtime, NAME, grace=timedelta(0))
    assert not orphan.exists()
    assert done.figures["abandoned_runs"] == 1
    with project.runtime.catalog.reading() as tx:
        assert {run.state for run in runs.recent(tx, NAME)} == {"succeeded", "failed"}
    assert done.figures["not_ingested"] == done.figures["vanished"] == 0
    assert len(project.reader()) > 0


def test_audit_finds_a_changed_byte(project: Project) -> None:
    project.fill(2)
    project.ingest()
    receipt = audit.audit(project.runtime, NAME)
    assert float(receipt.figures["canary_min_cosine"]) > 0.9999
    path = Path(project.settings.home, "indexes", NAME, "v000001", "chunks.parquet")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(bytes(data))
    with pytest.raises(IntegrityError, match=r"chunks\.parquet"):
        audit.audit(project.runtime, NAME)


def test_a_home_on_an_object_store_works_the_same(project: Project) -> None:
    database = project.folder / "catalog.db"
    changed = {"home": f"memory://{uuid.uuid4().hex}", "catalog_url": f"sqlite:///{database}"}
    project.settings = project.settings.model_copy(update=changed)
    project.upgrade()
    project.fill(4)
    assert project.ingest().figures["version"] == 1
    sorted(project.inbox.glob("*.md"))[0].unlink()
    assert project.ingest().figures["version"] == 2
    assert len({hit.doc_id for hit in project.search("install", k=50)}) == 3


def test_a_catalog_on_postgresql_works_the_same(project: Project, postgres_url: str) -> None:
    project.settings = project.settings.model_copy(update={"catalog_url": postgres_url})
    import_answers(project.runtime, _log(project, context=SOURCE))
    project.fill(4)
    project.write("copied", "# Refunds, copied from the assistant\n\n" + ANSWER)
    first = project.ingest()
    assert (first.counts.indexed, first.counts.quarantined, first.figures["version"]) == (4, 1, 1)
    sorted(project.inbox.glob("*.md"))[1].unlink()
    assert project.ingest().figures["version"] == 2
    assert project.ingest().figures["status"] == "unchanged"
    assert release.move(project.runtime, NAME, "live", 1, reason="back").figures["version"] == 1
    assert reconcile.reconcile(project.runtime, NAME).figures["active"] == 3
    assert float(audit.audit(project.runtime, NAME).figures["canary_min_cosine"]) > 0.9999
    project.runtime.catalog.close()
