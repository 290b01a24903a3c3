"""The guarantees of the product, each as a law over a real project."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from laws.handbook import NAME, Project

from corpus.catalog import decisions, runs
from corpus.errors import FingerprintMismatch
from corpus.receipts import Counts, Receipt
from index.embedders.registry import load_embedder
from ingestion import pipeline
from ingestion.stages import assess, stage


def _troublesome(project: Project) -> dict[str, str]:
    """Adds one file of each kind of trouble and returns what each must come to."""
    inbox = project.inbox
    (inbox / "empty.md").write_bytes(b"")
    (inbox / "blank.md").write_bytes(b" \n\t\n")
    (inbox / "binary.md").write_bytes(bytes(range(256)) * 20)
    (inbox / "truncated.md").write_bytes(b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog")
    (inbox / "latin.md").write_bytes(
        "# R\u00e9sum\u00e9\n\n".encode("latin-1") + "Caf\u00e9 au lait est servi chaque matin. ".encode("latin-1") * 20
    )
    return {"empty.md": "reject", "blank.md": "reject", "binary.md": "reject", "truncated.md": "reject"}


def test_conservation_every_received_document_is_accounted_for(project: Project) -> None:
    project.fill(5)
    expected = _troublesome(project)
    receipt = project.ingest()
    assert receipt.counts.received == 10
    assert receipt.counts.balanced
    assert receipt.counts.rejected == len(expected)
    with project.runtime.catalog.transaction() as tx:
        for doc_id, outcome in expected.items():
            newest = decisions.of_document(tx, NAME, doc_id)[0]
            assert newest.outcome == outcome
            assert newest.reasons
            assert newest.reasons[0]["message"]
        stored = runs.get(tx, receipt.run_id)
    assert stored is not None
    assert Counts(**stored.receipt["counts"]) == receipt.counts
    assert project.ingest().counts == Counts(received=10, unchanged=10)


def test_one_bad_document_never_stops_a_batch(project: Project) -> None:
    project.settings = project.settings.model_copy(update={"max_document_bytes": 20_000})
    project.fill(2)
    (project.inbox / "huge.md").write_text("# Huge\n\n" + "word " * 10_000)
    receipt = project.ingest()
    assert (receipt.counts.indexed, receipt.counts.rejected) == (2, 1)
    with project.runtime.catalog.transaction() as tx:
        [reason] = decisions.of_document(tx, NAME, "huge.md")[0].reasons
    assert reason["code"] == "parse.too_large"


def test_idempotence_a_second_run_does_nothing(project: Project) -> None:
    project.fill(6)
    first = project.ingest()
    files = _files(project)
    second = project.ingest()
    assert second.counts.unchanged == 6
    assert second.figures["status"] == "unchanged"
    assert second.figures["version"] == first.figures["version"]
    assert _files(project) == files


def _files(project: Project) -> dict[str, bytes]:
    home = Path(project.settings.home)
    return {
        path.relative_to(home).as_posix(): path.read_bytes()
        for folder in ("segments", "vectors", "indexes")
        for path in (home / folder).rglob("*")
        if path.is_file()
    }


def test_determinism_two_homes_give_one_identity(project: Project) -> None:
    project.fill(8)
    manifests = []
    for home in ("home", "other-home"):
        project.settings = project.settings.model_copy(update={"home": str(project.folder / home)})
        project.upgrade()
        project.ingest()
        folder = Path(project.settings.home, "indexes", NAME, "v000001")
        manifests.append(json.loads((folder / "manifest.json").read_bytes()))
    assert manifests[0]["run"] != manifests[1]["run"]
    assert manifests[0]["identity"] == manifests[1]["identity"]
    assert manifests[0]["files"] == manifests[1]["files"]


def test_duplicate_delivery_of_a_task_changes_nothing(project: Project) -> None:
    project.fill(3)
    receipt = project.ingest(publish=False)
    project.write("late", "# Late\n\n" + "A page that two workers were given at once. " * 12)
    run_id = "0198-duplicate"
    acquired = pipeline.acquire.acquire(project.runtime, NAME, run_id)
    [shard] = acquired.outputs
    for _ in range(2):
        assess.assess(project.runtime, NAME, run_id, shard)
    first = stage.stage(project.runtime, NAME, run_id, shard)
    second = stage.stage(project.runtime, NAME, run_id, shard)
    assert first.outputs == second.outputs
    assert second.figures["embedded"] == 0
    settled = [pipeline.settle.settle(project.runtime, NAME, run_id, [first]) for _ in range(2)]
    assert settled[0] == settled[1]
    assert receipt.counts.indexed == 3
    assert project.ingest().counts == Counts(received=4, unchanged=4)


def test_fingerprints_are_isolated_a_foreign_model_is_refused(project: Project) -> None:
    project.fill(2)
    project.ingest()
    foreign = load_embedder("all-MiniLM-L6-v2")
    with pytest.raises(FingerprintMismatch):
        project.reader().search(foreign.embed(["question"])[0], embedder_fingerprint=foreign.fingerprint)


def test_unknown_is_never_human(project: Project) -> None:
    project.fill(10)
    project.ingest()
    manifest = json.loads(Path(project.settings.home, "indexes", NAME, "v000001", "manifest.json").read_bytes())
    kinds: dict[str, Any] = manifest["origin"]["chunks"]
    assert kinds.get("http://cv.iptc.org/newscodes/digitalsourcetype/digitalCreation", 0) == 0
    assert kinds["unknown"] > 0


def test_a_changed_model_is_re_embedded_without_parsing_again(project: Project) -> None:
    project.fill(4)
    project.ingest()
    segments = sorted(Path(project.settings.home, "segments").rglob("*.parquet"))
    project.declare("all-MiniLM-L6-v2", version="2.0.0")
    for path in project.inbox.glob("*.md"):
        path.unlink()
    receipt = pipeline.reembed(project.runtime, NAME)
    assert sorted(Path(project.settings.home, "segments").rglob("*.parquet")) == segments
    assert receipt.figures["version"] == 2
    project.model = "all-MiniLM-L6-v2"
    assert project.search("how to install")
    again = pipeline.reembed(project.runtime, NAME)
    assert (again.figures["embedded"], again.figures["status"]) == (0, "unchanged")


def test_receipts_say_what_they_did(project: Project) -> None:
    project.fill(2)
    receipt = project.ingest()
    assert Receipt.from_json(json.loads(json.dumps(receipt.to_json()))) == receipt
    assert asdict(receipt.counts)["received"] == 2
