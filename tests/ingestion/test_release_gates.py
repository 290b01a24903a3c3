"""Gates that the contract declares, laid to real candidates: what passes, what is refused, and what is kept of that."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from laws.handbook import NAME, Project

from corpus.catalog import documents, relations, versions
from corpus.catalog.records import RelationRecord
from corpus.errors import ConfigurationError, ContractError, DigestMismatch, GateFailed, SignatureInvalid
from index import layout
from index.candidates import kept_candidates, open_candidate, read_candidate
from index.embedders.registry import load_embedder
from index.manifest import GateResult
from index.reader import open_index
from index.signing import TrustStore
from ingestion.relations.codes import SUPERSEDED
from ingestion.release_gates import quality_mix
from ingestion.stages import release

ALWAYS = ("conservation", "parity", "recall", "size", "one-chunker", "owned", "one-change", "superseded", "canary")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path)
    made.fill(4)
    return made


def gated(project: Project, value: str, version: str = "1.1.0", more: str = "") -> None:
    project.declare(project.model, version)
    text = project.contract_path.read_text().rstrip("\n")
    assert text.splitlines()[-1].startswith("  ")
    properties = f"  - property: ragGates\n    vendor: stemma\n    value: {value}\n{more}"
    project.contract_path.write_text(f"{text}\n{properties}")


def gates_of(project: Project, alias: str = "live") -> dict[str, GateResult]:
    return {gate.name: gate for gate in project.reader(alias).manifest.gates}


def live(project: Project) -> int | None:
    with project.runtime.catalog.reading() as tx:
        state = versions.alias(tx, NAME, "live")
    return state.number if state else None


def test_gates_that_every_release_passes_are_in_the_manifest(project: Project) -> None:
    project.ingest()
    found = gates_of(project)
    assert set(ALWAYS) <= set(found)
    assert all(gate.passed for gate in found.values())
    assert found["superseded"].actual == "0 superseded documents"
    assert found["canary"].actual.startswith("1.000000")


def test_a_release_within_every_limit_passes_and_says_its_figures(project: Project) -> None:
    project.ingest()
    gated(
        project,
        "{recall: {minimum: 0.9}, overlap: {sample: 20}, quality: {minimum: 0.1, maxDrop: 0.2}, freshness: "
        "{maxAgeDays: 3650}, change: {maxAddedShare: 1, maxRemovedShare: 0.5, maxChangedShare: 0.5}}",
    )
    project.write("brand-new", "# Brand new\n\nZanzibar flamingos nest beside the observatory in early spring.\n")
    project.ingest()
    found = gates_of(project)
    assert live(project) == 2
    assert re.match(r"9\d\.\d% over 1\d chunks", found["overlap"].actual)
    assert found["change"].actual.startswith("1 added (25.0% of 4), 0 removed")
    assert found["freshness"].actual == "0.0% of 5 documents: 0 older, 0 without a date"
    assert found["recall"].expected == "recall@10 >= 0.9"
    assert "than that which serves" in found["quality"].actual


REFUSED = [
    ("{change: {maxAddedShare: 0.2}}", "change", ("expected added <= 20.0%", "1 added (25.0% of 4)", "candidate diff")),
    (
        "{freshness: {maxAgeDays: 1}}",
        "freshness",
        ("100.0% of 5 documents", "brand-new.md (2026-", "them again"),
    ),
    ("{quality: {minimum: 0.99}}", "quality", ("below 0.99", "The lowest: ", "quality explain")),
    ("{overlap: {minimum: 1, k: 1}}", "overlap", (">= 100.0% of the nearest 1", "Searches would find other passages")),
]


@pytest.mark.parametrize(("value", "gate", "phrases"), REFUSED, ids=[item[1] for item in REFUSED])
def test_a_limit_that_is_broken_holds_the_version_back(
    project: Project, value: str, gate: str, phrases: Sequence[str]
) -> None:
    if gate == "freshness":
        text = project.contract_path.read_text()
        project.contract_path.write_text(text.replace("2026-11-01", "2026-01-01"))
    project.ingest()
    gated(project, value)
    if gate == "freshness":
        text = project.contract_path.read_text()
        project.contract_path.write_text(text.replace("2026-11-01", "2026-01-01"))
    project.write("brand-new", "# Brand new\n\n" + project_text(project))
    with pytest.raises(GateFailed, match="the alias was not moved") as refused:
        project.ingest()
    message = str(refused.value)
    assert f"  {gate}: expected " in message
    for phrase in (*phrases, "--force --reason", f"stemma index candidate show {NAME} "):
        assert phrase in message, message
    assert live(project) == 1
    [kept] = kept_candidates(project.runtime.store, NAME)
    assert kept.failed == (gate,)
    forced = release.release(project.runtime, NAME, "forced", force=True, reason="it is meant")
    assert (forced.figures["status"], live(project)) == ("published", 2)
    assert gates_of(project)[gate].actual.endswith("(forced)")


def project_text(project: Project) -> str:
    """The words of a document that is there, so that neighbours change."""
    path = sorted(project.inbox.glob("*.md"))[0]
    return "\n\n".join(f"{line} Otherwise." for line in path.read_text().split("\n\n"))


def test_a_candidate_is_kept_where_no_reader_looks_and_can_be_asked(project: Project) -> None:
    project.ingest()
    gated(project, "{change: {maxAddedShare: 0}}")
    project.write("brand-new", "# Brand new\n\nZanzibar flamingos nest beside the observatory in early spring.\n")
    with pytest.raises(GateFailed):
        project.ingest()
    store, trust = project.runtime.store, TrustStore.from_folder(project.settings.trusted_keys)
    [kept] = kept_candidates(store, NAME)
    manifest = read_candidate(store, NAME, kept.id[:5])
    assert [gate.name for gate in manifest.gates if not gate.passed] == ["change"]
    reader = open_candidate(store, manifest, load_embedder(project.model))
    assert reader.search("flamingos of Zanzibar", k=1)[0].doc_id == "brand-new.md"
    assert not any(hit.doc_id == "brand-new.md" for hit in project.search("flamingos of Zanzibar"))
    home = Path(project.settings.home)
    folder = home / layout.candidate_path(NAME, kept.id)
    shutil.copytree(folder, home / layout.version_path(NAME, manifest.number))
    with pytest.raises(SignatureInvalid, match="there is no signature"):
        open_index(project.settings.home, NAME, version=manifest.number, trust=trust)
    (folder / layout.CHUNKS).write_bytes(b"other")
    with pytest.raises(DigestMismatch, match=layout.CHUNKS):
        open_candidate(store, manifest)
    with pytest.raises(ConfigurationError, match="no candidate 'nothing'"):
        read_candidate(store, NAME, "nothing")


def test_candidates_are_bounded_and_one_is_not_kept_twice(project: Project) -> None:
    project.ingest()
    keep_two = "  - property: ragRetention\n    vendor: stemma\n    value: {candidates: 2}\n"
    gated(project, "{change: {maxAddedShare: 0}}", more=keep_two)
    for number in range(3):
        project.write(f"new-{number}", f"# New {number}\n\nThe {number}th flamingo nests beside the observatory.\n")
        with pytest.raises(GateFailed):
            project.ingest()
    with pytest.raises(GateFailed):
        release.release(project.runtime, NAME, "again")
    kept = kept_candidates(project.runtime.store, NAME)
    assert [item.manifest.contents.documents for item in kept if item.manifest] == [7, 6]
    assert not list(Path(project.settings.home, ".tmp").iterdir())


def test_a_candidate_that_cannot_be_kept_does_not_hide_what_failed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.ingest()
    gated(project, "{change: {maxAddedShare: 0}}")
    project.write("brand-new", "# Brand new\n\nZanzibar flamingos nest beside the observatory in early spring.\n")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("corpus.storage.Store.publish_folder", full)
    with pytest.raises(GateFailed, match=r"(?s)change: expected.*could not be kept: .*No space left"):
        project.ingest()


def test_a_superseded_document_beside_its_successor_is_refused(project: Project) -> None:
    project.ingest()
    project.write("brand-new", "# Brand new\n\nZanzibar flamingos nest beside the observatory in early spring.\n")
    project.ingest(publish=False)
    first, second = sorted(project.states())[:2]
    with project.runtime.catalog.transaction() as tx:
        record = RelationRecord(
            contract=NAME, doc_id=first, other_id=second, kind=SUPERSEDED, detail={"of": second}, run_id="test"
        )
        relations.add(tx, [record])
    with pytest.raises(GateFailed, match=f"superseded: expected 0 .*1 superseded documents: {first}"):
        release.release(project.runtime, NAME, "run")
    with project.runtime.catalog.transaction() as tx:
        documents.mark_gone(tx, NAME, "run", [second])
    assert release.release(project.runtime, NAME, "run").figures["status"] == "published"


def test_a_model_that_moved_is_caught_before_a_version_is_published(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.ingest()
    project.write("brand-new", "# Brand new\n\nZanzibar flamingos nest beside the observatory in early spring.\n")
    project.ingest(publish=False)
    embedder = load_embedder(project.model)
    moved = [f"{text} and more" for text in ("a", "b")]
    vectors = embedder.embed(moved * 32)
    monkeypatch.setattr("ingestion.release_gates.canary_vectors", lambda *_: vectors)
    with pytest.raises(GateFailed, match="canary: expected cosine of every canary"):
        release.release(project.runtime, NAME, "run", force=True, reason="a canary is never waived")
    assert live(project) == 1


def test_what_cannot_be_compared_passes_and_says_so(project: Project) -> None:
    gated(project, "{overlap: {}, change: {maxAddedShare: 0}, quality: {maxDrop: 0}}", version="1.0.0")
    project.ingest()
    found = gates_of(project)
    assert found["overlap"].actual == "not measured: no version serves"
    assert found["change"].actual == "not measured: no version with documents serves"
    assert found["quality"].actual.endswith("with none to compare")
    home = Path(project.settings.home)
    (home / layout.version_path(NAME, 1) / layout.CHUNKS).write_bytes(b"other")
    project.write("brand-new", "# Brand new\n\nZanzibar flamingos nest beside the observatory in early spring.\n")
    project.ingest()
    assert "cannot be read (DigestMismatch)" in gates_of(project)["overlap"].actual


def test_terms_that_changed_under_one_version_are_released_no_more_than_ingested(project: Project) -> None:
    project.ingest()
    gated(project, "{quality: {minimum: 0.1}}", version="1.0.0")
    with pytest.raises(ContractError, match=r"version 1\.0\.0 was used before with other terms"):
        release.release(project.runtime, NAME, "once more")
    gated(project, "{quality: {minimum: 0.1}}", version="2.0.0")
    assert release.release(project.runtime, NAME, "raised").figures["status"] == "published"
    gated(project, "{quality: {minimum: 0.2}}", version="2.0.0")
    with pytest.raises(ContractError, match=r"version 2\.0\.0 was used before"):
        project.ingest()
    assert live(project) == 2


def test_the_lowest_score_of_a_document_is_named_and_not_that_of_its_last_chunk() -> None:
    rows = {"doc_id": ["a", "a", "b", "c"], "quality_score": [0.1, 0.9, 0.5, None]}
    sink = io.BytesIO()
    pq.write_table(pa.table(rows), sink)
    found = quality_mix(io.BytesIO(sink.getvalue()), "chunks", 0.3)
    assert (found.number, found.scored, found.below) == (4, 3, 2)
    assert dict(found.lowest) == {"a": 0.1, "b": 0.5, "c": None}
