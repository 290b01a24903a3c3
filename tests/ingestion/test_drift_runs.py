"""Drift over real runs: what becomes a baseline, what stops, and what is held."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from laws.handbook import NAME, Project

from corpus.catalog import decisions, profiles
from corpus.catalog.records import ProfileRecord
from corpus.errors import ContractBlocked
from ingestion import pipeline, reports, staging, triage
from ingestion.stages import acquire, admit, assess, settle, stage

PLAIN = "---\nauthor: {author}\nversion: '{version}'\n---\n# Page {number}\n\n" + (
    "The handbook says how parcels are packed, how they are weighed and who signs for them at the gate. " * 6
)


def rule(column: str, statistic: str, limit: str, on_fail: str, name: str = "watched") -> str:
    return (
        f"      - name: {name}\n        type: custom\n        engine: stemma\n        implementation:\n"
        f"          rule: drift\n          column: {column}\n          statistic: {statistic}\n"
        f"          threshold: {{{limit}}}\n          onFail: {on_fail}\n"
    )


class Watched(Project):
    """A project whose contract has drift rules."""

    def watch(self, *rules: str, version: str = "1.1.0") -> None:
        self.declare(self.model, version)
        text = self.contract_path.read_text()
        first = "      - name: ai-share\n"
        assert first in text
        self.contract_path.write_text(text.replace(first, "".join(rules) + first, 1))

    def pages(self, numbers: range, author: str = "mara", version: str = "3") -> None:
        for number in numbers:
            self.write(f"page{number:02d}", PLAIN.format(author=author, version=version, number=number))

    def baseline(self) -> ProfileRecord | None:
        with self.runtime.catalog.reading() as tx:
            return profiles.latest(tx, NAME)

    def report(self) -> dict[str, Any]:
        return reports.read(self.runtime, NAME, reports.of_contract(self.runtime, NAME)[0].run_id)

    def watched(self) -> dict[str, Any]:
        [found] = [item for item in self.report()["rules"] if item["name"] == "watched"]
        return found

    def held(self) -> dict[str, tuple[Any, ...]]:
        with self.runtime.catalog.reading() as tx:
            return {item.doc_id: item.reasons for item in decisions.standing(tx, NAME, "quarantine")}


@pytest.fixture
def project(tmp_path: Path) -> Watched:
    made = Watched.create(tmp_path / "project")
    assert isinstance(made, Watched)
    made.pages(range(24))
    return made


def test_an_accepted_run_is_the_baseline_of_the_next_and_a_blocked_one_is_not(project: Watched) -> None:
    project.watch(rule("doc_id", "count", "mustBeLessThan: 0.4", "block"))
    project.ingest()
    assert project.watched()["judged"] is False
    first = project.baseline()
    assert first is not None
    assert first.profile["documents"] == 24
    for path in sorted(project.inbox.glob("*.md"))[:12]:
        path.unlink()
    with pytest.raises(ContractBlocked, match="12 documents with a value, 24 before"):
        project.ingest()
    assert project.report()["profile"]["documents"] == 12
    assert project.baseline() == first
    assert len([state for state in project.states().values() if state.state == "active"]) == 24
    with pytest.raises(ContractBlocked):
        project.ingest()
    project.watch(rule("doc_id", "count", "mustBeLessThan: 0.4", "warn"), version="1.2.0")
    project.ingest()
    after = project.baseline()
    assert after is not None
    assert after.profile["documents"] == 12
    assert project.watched()["verdict"] == "warn"


def test_a_run_with_nothing_to_do_leaves_the_baseline(project: Watched) -> None:
    project.ingest()
    first = project.baseline()
    project.ingest()
    assert project.baseline() == first


def test_the_profile_is_of_standing_and_new_documents_alike(project: Watched) -> None:
    project.ingest()
    project.pages(range(24, 30), author="ada")
    (project.inbox / "page00.md").unlink()
    project.ingest()
    after = project.baseline()
    assert after is not None
    assert after.profile["documents"] == after.profile["columns"]["text"]["rows"] == 29
    assert after.profile["fields"] == {"author": {"text": 29}, "version": {"number": 29}}
    fresh = Watched.create(project.folder.parent / "fresh")
    fresh.pages(range(1, 24))
    fresh.pages(range(24, 30), author="ada")
    fresh.ingest()
    whole = fresh.baseline()
    assert whole is not None
    assert whole.profile == after.profile, "a profile of changes must be that of all documents at once"


def test_what_a_rule_can_be_laid_to_is_held_with_a_reason_and_the_rest_goes_on(project: Watched) -> None:
    project.watch(rule("version", "new_categories", "mustBeLessThan: 0.02", "quarantine"))
    project.ingest()
    project.pages(range(24, 26), version="9-draft")
    project.pages(range(26, 28))
    receipt = project.ingest()
    assert (receipt.counts.indexed, receipt.counts.quarantined) == (2, 2)
    assert set(project.held()) == {"page24.md", "page25.md"}
    reason = project.held()["page24.md"][-1]
    assert reason["rule"] == "drift"
    assert "'9-draft' (2)" in reason["message"]
    watched = project.watched()
    assert (watched["verdict"], watched["failing"]) == ("fail", ["page24.md", "page25.md"])
    assert "held 2 documents" in watched["actual"]
    assert project.report()["documents"] == 26
    assert {hit.doc_id for hit in project.search("parcels", k=60)}.isdisjoint({"page24.md", "page25.md"})
    assert project.ingest().counts.unchanged == 28


def test_a_person_who_releases_what_was_held_is_not_contradicted(project: Watched) -> None:
    project.watch(rule("version", "new_categories", "mustBeLessThan: 0.02", "quarantine"))
    project.ingest()
    project.pages(range(24, 26), version="9-draft")
    project.ingest()
    triage.release_held(project.runtime, NAME, ["page24.md", "page25.md"], reason="the new scheme", actor="mara")
    receipt = project.ingest()
    assert (receipt.counts.indexed, receipt.counts.quarantined) == (2, 0)
    assert project.watched()["verdict"] == "warn"
    assert "a person released" in project.watched()["actual"]
    project.pages(range(26, 27), version="9-draft")
    assert project.ingest().counts.indexed == 1, "what was accepted is known from then on"


def test_what_cannot_be_laid_to_documents_of_the_run_blocks(project: Watched) -> None:
    project.watch(rule("text", "length", "mustBeLessThan: 0.3", "quarantine"))
    project.ingest()
    before = project.states()
    for number in range(20):
        project.write(f"page{number:02d}", f"---\nversion: '3'\n---\n# Page {number}\n\nA short page about parcels.\n")
    with pytest.raises(ContractBlocked, match="cannot be laid to single documents"):
        project.ingest()
    assert project.states() == before
    assert project.watched()["verdict"] == "block"


def test_with_enforcement_warn_nothing_is_held(project: Watched) -> None:
    project.watch(rule("version", "new_categories", "mustBeLessThan: 0.02", "quarantine"))
    text = project.contract_path.read_text()
    project.contract_path.write_text(text.replace("value: block", "value: warn"))
    project.ingest()
    project.pages(range(24, 26), version="9-draft")
    assert project.ingest().counts.indexed == 2
    assert project.watched()["verdict"] == "warn"


def test_a_field_that_goes_breaks_and_one_that_comes_is_a_notice(project: Watched) -> None:
    project.watch(rule("metadata", "schema", "mustBe: 0", "block"))
    project.ingest()
    for path in project.inbox.glob("*.md"):
        path.write_text(path.read_text().replace("author: mara", "author: mara\nreviewer: ada"))
    project.ingest()
    assert project.report()["notices"] == ["new metadata field 'reviewer' in 24 of 24 documents"]
    for path in project.inbox.glob("*.md"):
        path.write_text(path.read_text().replace("author: mara\n", ""))
    with pytest.raises(ContractBlocked, match="'author' is gone"):
        project.ingest()


def test_a_stage_that_is_tried_again_holds_the_same_documents(project: Watched) -> None:
    project.watch(rule("version", "new_categories", "mustBeLessThan: 0.02", "quarantine"))
    project.ingest()
    project.pages(range(24, 26), version="9-draft")
    run_id = "run-again"
    acquired = acquire.acquire(project.runtime, NAME, run_id)
    for shard in acquired.outputs:
        assess.assess(project.runtime, NAME, run_id, shard)
    first = admit.admit(project.runtime, NAME, run_id, acquired.outputs)
    patches = staging.read_relations(project.runtime.store, run_id)
    kept = json.loads(project.runtime.store.read_bytes(first.outputs[0]))
    assert admit.admit(project.runtime, NAME, run_id, acquired.outputs) == first
    assert staging.read_relations(project.runtime.store, run_id) == patches
    again = json.loads(project.runtime.store.read_bytes(first.outputs[0]))
    assert {**again, "judged_at": ""} == {**kept, "judged_at": ""}
    staged = [stage.stage(project.runtime, NAME, run_id, shard) for shard in acquired.outputs]
    receipt = settle.settle(project.runtime, NAME, run_id, staged)
    assert receipt.counts.quarantined == 2
    baseline = project.baseline()
    assert settle.settle(project.runtime, NAME, run_id, staged).counts == receipt.counts
    assert project.baseline() == baseline
    assert baseline is not None
    assert (baseline.run_id, baseline.profile["documents"]) == (run_id, 24)


def test_on_postgresql_the_baseline_is_the_same(project: Watched, postgres_url: str) -> None:
    project.settings = project.settings.model_copy(update={"catalog_url": postgres_url})
    project.watch(rule("doc_id", "count", "mustBeLessThan: 0.4", "block"))
    pipeline.ingest(project.runtime, NAME)
    for path in sorted(project.inbox.glob("*.md"))[:12]:
        path.unlink()
    with pytest.raises(ContractBlocked, match="24 before"):
        pipeline.ingest(project.runtime, NAME)
    project.runtime.catalog.close()
