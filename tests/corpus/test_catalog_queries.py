from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from corpus.catalog import audit, contracts, decisions, documents, embedders, runs, segments
from corpus.catalog.records import (
    ActiveRevision,
    DecisionRecord,
    DocumentState,
    EmbedderRecord,
    OverrideRecord,
    SegmentRecord,
    VectorsRecord,
)
from corpus.catalog.session import Catalog
from corpus.errors import CatalogError, ContractError
from corpus.ids import text_digest

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def segment(name: str, contract: str = "c", chunks: int = 2) -> SegmentRecord:
    return SegmentRecord(
        segment_id=name,
        contract=contract,
        chunker_fingerprint="cf",
        assess_fingerprint="af",
        documents=1,
        chunks=chunks,
        documents_sha256="d",
        chunks_sha256="e",
        run_id="r1",
        created_at=NOW,
    )


def document(doc_id: str, state: str = "active", segment_id: str = "s1", revision: str = "rev1") -> DocumentState:
    outcome = {"active": "accept", "quarantined": "quarantine", "rejected": "reject"}[state]
    return DocumentState(
        doc_id=doc_id,
        uri=f"file:///data/{doc_id}",
        path=doc_id,
        state=state,
        state_key="key",
        raw_sha256="raw",
        sidecar_sha256="side",
        size=5_000_000_000,
        modified_at=NOW,
        revision_id=revision,
        segment_id=segment_id,
        outcome=outcome,
        run_id="r1",
        updated_at=NOW,
    )


def decision(doc_id: str, outcome: str = "quarantine", revision: str = "rev1", run_id: str = "r1") -> DecisionRecord:
    return DecisionRecord(
        contract="c",
        doc_id=doc_id,
        revision_id=revision,
        run_id=run_id,
        outcome=outcome,
        reasons=({"code": "governance.owner.missing", "span": [0, 3], "quote": "é\n\x00"},),
        quality_score=0.1 + 0.2,
        digital_source_type="unknown",
        origin_basis="none",
        actor="stemma",
        decided_at=NOW,
        findings=({"detector": "d/1", "detail": {"containment": 0.5}},),
    )


def embedder(fingerprint: str = "f1", model: str = "m", revision: str = "") -> EmbedderRecord:
    return EmbedderRecord(
        fingerprint=fingerprint,
        model=model,
        revision=revision,
        dimension=384,
        parts={"weights": "w"},
        first_seen_at=NOW,
    )


def vectors(segment_id: str, fingerprint: str = "f1") -> VectorsRecord:
    return VectorsRecord(
        segment_id=segment_id,
        embedder_fingerprint=fingerprint,
        rows=2,
        sha256="v",
        runtime={"dtype": "bf16"},
        created_at=NOW,
    )


def test_a_contract_version_is_registered_once_and_never_changes_its_meaning(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        assert contracts.latest(tx, "c") is None
        contracts.register(tx, name="c", version="1.0.0", digest="a" * 64, yaml="name: c")
        contracts.register(tx, name="c", version="1.0.0", digest="a" * 64, yaml="name: c # comment")
        contracts.register(tx, name="b", version="1.0.0", digest="b" * 64, yaml="name: b")
    other_terms = pytest.raises(ContractError, match=r"'c' version 1\.0\.0 .*raise the contract's version")
    with other_terms, catalog.transaction() as tx:
        contracts.register(tx, name="c", version="1.0.0", digest="f" * 64, yaml="")
    with catalog.transaction() as tx:
        latest = contracts.latest(tx, "c")
        assert latest is not None
        assert (latest.version, latest.digest, latest.yaml) == ("1.0.0", "a" * 64, "name: c")
        assert contracts.names(tx) == ("b", "c")


def test_the_latest_contract_is_the_one_registered_last_also_after_going_back(catalog: Catalog) -> None:
    for version in ("1", "2", "1"):
        with catalog.transaction() as tx:
            contracts.register(tx, name="c", version=version, digest=version * 64, yaml=version)
            latest = contracts.latest(tx, "c")
        assert latest is not None
        assert latest.version == version


def test_a_run_starts_once_ends_and_can_be_tried_again(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        runs.start(tx, run_id="r1", contract="c", kind="ingest", actor="ann")
        started = runs.get(tx, "r1")
        runs.start(tx, run_id="r1", contract="c", kind="ingest", actor="bob")
        assert runs.get(tx, "r1") == started
        assert started is not None
        assert (started.state, started.actor, started.finished_at, started.receipt) == ("running", "ann", None, {})
        runs.finish(tx, "r1", state="failed", receipt={"error": "no"})
        runs.start(tx, run_id="r1", contract="c", kind="ingest", actor="ann")
        again = runs.get(tx, "r1")
        assert again is not None
        assert (again.state, again.started_at, again.finished_at) == ("running", started.started_at, None)
        runs.finish(tx, "r1", state="succeeded", receipt={"counts": {"received": 1}})
        runs.start(tx, run_id="r1", contract="c", kind="ingest", actor="ann")
        done = runs.get(tx, "r1")
        assert done is not None
        assert (done.state, done.receipt) == ("succeeded", {"counts": {"received": 1}})


def test_a_run_that_never_started_cannot_finish(catalog: Catalog) -> None:
    with pytest.raises(CatalogError, match="never started"), catalog.transaction() as tx:
        runs.finish(tx, "nope", state="succeeded", receipt={})
    with pytest.raises(ValueError, match="'running'"), catalog.transaction() as tx:
        runs.finish(tx, "nope", state="running", receipt={})


def test_recent_runs_come_newest_first(catalog: Catalog) -> None:
    for number in range(3):
        with catalog.transaction() as tx:
            runs.start(tx, run_id=f"r{number}", contract="c" if number else "other", kind="ingest", actor="a")
    with catalog.transaction() as tx:
        assert [run.run_id for run in runs.recent(tx)] == ["r2", "r1", "r0"]
        assert [run.run_id for run in runs.recent(tx, "c")] == ["r2", "r1"]
        assert [run.run_id for run in runs.recent(tx, None, 1)] == ["r2"]


def test_documents_come_back_as_they_were_recorded(catalog: Catalog) -> None:
    state = document("a.md")
    held = replace(document("b.md", "quarantined", segment_id=""), modified_at=None)
    for _ in range(2):
        with catalog.transaction() as tx:
            segments.add(tx, segment("s1"))
            documents.record(tx, "c", "r1", [state, held])
    with catalog.transaction() as tx:
        assert documents.states(tx, "c") == {"a.md": state, "b.md": held}
        assert documents.find(tx, "c", "a.md") == state
        assert documents.find(tx, "other", "a.md") is None
        assert documents.count_by_state(tx, "c") == {"active": 1, "quarantined": 1}
        assert tx.execute(text("SELECT doc_id, run_id FROM revisions")).all() == [("a.md", "r1")]


def test_history_keeps_every_activation(catalog: Catalog) -> None:
    for run_id, revision in (("r1", "rev1"), ("r2", "rev2"), ("r3", "rev1")):
        with catalog.transaction() as tx:
            segments.add(tx, segment("s1"))
            documents.record(tx, "c", run_id, [document("a.md", revision=revision)])
    with catalog.transaction() as tx:
        history = tx.execute(text("SELECT run_id, revision_id FROM revisions ORDER BY run_id")).all()
        now = documents.find(tx, "c", "a.md")
    assert history == [("r1", "rev1"), ("r2", "rev2"), ("r3", "rev1")]
    assert now is not None
    assert (now.revision_id, now.run_id) == ("rev1", "r3")


@pytest.mark.parametrize("segment_id", ["", "unknown"])
def test_an_active_document_needs_a_segment_that_is_there(catalog: Catalog, segment_id: str) -> None:
    with pytest.raises(CatalogError, match=r"(?i)constraint"), catalog.transaction() as tx:
        documents.record(tx, "c", "r1", [document("a.md", segment_id=segment_id)])
    with catalog.transaction() as tx:
        assert documents.states(tx, "c") == {}


def test_active_revisions_are_sorted_by_code_point_on_every_database(catalog: Catalog) -> None:
    ids = ["a/b", "a-b", "a.b", "ab", "a", "b", "a_b", "a1"]
    with catalog.transaction() as tx:
        segments.add(tx, segment("s1"))
        documents.record(tx, "c", "r1", [document(name) for name in ids])
        documents.record(tx, "other", "r1", [document("z")])
        found = list(documents.active(tx, "c"))
    assert found == [ActiveRevision(doc_id=name, revision_id="rev1", segment_id="s1") for name in sorted(ids)]


def test_a_document_that_is_gone_leaves_the_active_ones_and_is_looked_at_again(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        segments.add(tx, segment("s1"))
        documents.record(tx, "c", "r1", [document("a"), document("b")])
        documents.mark_gone(tx, "c", "r2", ["b", "never-seen"])
        documents.mark_gone(tx, "c", "r3", ["b"])
        gone = documents.find(tx, "c", "b")
        assert [revision.doc_id for revision in documents.active(tx, "c")] == ["a"]
    assert gone is not None
    assert (gone.state, gone.state_key, gone.run_id, gone.revision_id) == ("gone", "", "r2", "rev1")


def test_many_documents_are_recorded_and_marked_in_chunks(catalog: Catalog) -> None:
    ids = [f"d{number:06d}" for number in range(12_000)]
    with catalog.transaction() as tx:
        segments.add(tx, segment("s1"))
        documents.record(tx, "c", "r1", [document(name) for name in ids])
        documents.mark_gone(tx, "c", "r2", ids[:11_000])
        assert documents.count_by_state(tx, "c") == {"active": 1_000, "gone": 11_000}
        assert [revision.doc_id for revision in documents.active(tx, "c")] == ids[11_000:]


def test_decisions_are_kept_once_per_run_and_revision(catalog: Catalog) -> None:
    first = decision("a")
    later = replace(
        decision("a", "accept", "rev2", "r2"), decided_at=NOW + timedelta(hours=1), reasons=(), quality_score=None
    )
    with catalog.transaction() as tx:
        decisions.add(tx, [first])
        decisions.add(tx, [replace(first, outcome="accept"), later])
        assert decisions.of_document(tx, "c", "a") == (later, first)
        assert decisions.of_document(tx, "c", "b") == ()


def test_standing_decisions_are_those_that_documents_now_rest_on(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        held = [document(name, "quarantined", segment_id="") for name in ("b", "a", "gone", "freed")]
        documents.record(tx, "c", "r1", held)
        decisions.add(tx, [decision(name) for name in ("b", "a", "gone", "freed")])
        segments.add(tx, segment("s1"))
        documents.record(tx, "c", "r2", [document("freed", revision="rev2")])
        decisions.add(tx, [decision("freed", "accept", "rev2", "r2"), decision("a", "fail", "rev9", "r2")])
        documents.mark_gone(tx, "c", "r2", ["gone"])
        assert decisions.standing(tx, "c", "quarantine") == (decision("a"), decision("b"))
        assert [found.doc_id for found in decisions.standing(tx, "c", "accept")] == ["freed"]
        with pytest.raises(ValueError, match="quarantined"):
            decisions.standing(tx, "c", "quarantined")


def test_an_override_is_kept_audited_and_makes_the_next_run_look_again(catalog: Catalog) -> None:
    override = OverrideRecord(
        contract="c", doc_id="a", raw_sha256="raw", outcome="accept", reason="checked", actor="ann", at=NOW
    )
    with catalog.transaction() as tx:
        documents.record(tx, "c", "r1", [document(name, "quarantined", segment_id="") for name in ("a", "b")])
        decisions.set_override(tx, override)
        decisions.set_override(tx, replace(override, outcome="reject", actor="bob"))
        assert decisions.overrides(tx, "c") == {("a", "raw"): replace(override, outcome="reject", actor="bob")}
        assert decisions.overrides(tx, "other") == {}
        assert {name: state.state_key for name, state in documents.states(tx, "c").items()} == {"a": "", "b": "key"}
        assert [(entry.actor, entry.action, entry.subject) for entry in audit.tail(tx)] == [
            ("bob", "decision.override", "c/a"),
            ("ann", "decision.override", "c/a"),
        ]
        with pytest.raises(ValueError, match="perhaps"):
            decisions.set_override(tx, replace(override, outcome="perhaps"))


def test_segments_are_kept_once_and_live_while_a_document_is_active_in_them(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        for name in ("s2", "s1", "s1"):
            segments.add(tx, segment(name))
        segments.add(tx, segment("s3", contract="other"))
        documents.record(tx, "c", "r1", [document("a", segment_id="s1"), document("b", segment_id="s2")])
        documents.record(tx, "c", "r1", [document("h", "quarantined", segment_id="s2")])
        assert segments.get(tx, "s1") == segment("s1")
        assert segments.get(tx, "s9") is None
        assert segments.of_contract(tx, "c") == (segment("s2"), segment("s1"))
        assert segments.live(tx, "c") == (segment("s2"), segment("s1"))
        documents.mark_gone(tx, "c", "r2", ["b"])
        assert segments.live(tx, "c") == (segment("s1"),)


def test_a_re_embed_is_the_live_segments_without_vectors(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        for name, chunks in (("s1", 2), ("s2", 2), ("dead", 2), ("empty", 0)):
            segments.add(tx, segment(name, chunks=chunks))
        documents.record(tx, "c", "r1", [document(name, segment_id=name) for name in ("s1", "s2", "empty")])
        embedders.register(tx, embedder("f1"))
        embedders.register(tx, embedder("f2", model="n"))
        assert segments.without_vectors(tx, "c", "f1") == (segment("s1"), segment("s2"))
        segments.add_vectors(tx, vectors("s1"))
        segments.add_vectors(tx, replace(vectors("s1"), sha256="other"))
        assert segments.vectors(tx, "s1", "f1") == vectors("s1")
        assert segments.vectors(tx, "s1", "f2") is None
        assert segments.without_vectors(tx, "c", "f1") == (segment("s2"),)
        assert segments.without_vectors(tx, "c", "f2") == (segment("s1"), segment("s2"))


def test_a_chunk_text_is_found_where_it_first_stands_in_the_space_asked_for(catalog: Catalog) -> None:
    one, two, three = (text_digest(word) for word in ("one", "two", "three"))
    with catalog.transaction() as tx:
        for name in ("s2", "s1"):
            segments.add(tx, segment(name))
        segments.add_chunk_digests(tx, "s2", [two, one, two])
        segments.add_chunk_digests(tx, "s1", [one, three])
        segments.add_chunk_digests(tx, "s1", [one, three])
        embedders.register(tx, embedder("f1"))
        embedders.register(tx, embedder("f2", model="n"))
        assert segments.locate(tx, [one, two], "f1") == {}
        segments.add_vectors(tx, vectors("s1"))
        segments.add_vectors(tx, vectors("s2"))
        segments.add_vectors(tx, vectors("s1", "f2"))
        asked = [one, two, three, text_digest("four"), one]
        assert segments.locate(tx, asked, "f1") == {one: ("s2", 1), two: ("s2", 0), three: ("s1", 1)}
        assert segments.locate(tx, asked, "f2") == {one: ("s1", 0), three: ("s1", 1)}


def test_chunk_digests_are_32_bytes_and_many_are_found(catalog: Catalog) -> None:
    digests = [text_digest(str(number)) for number in range(11_000)]
    with catalog.transaction() as tx:
        segments.add(tx, segment("s1"))
        segments.add_chunk_digests(tx, "s1", digests)
        embedders.register(tx, embedder())
        segments.add_vectors(tx, vectors("s1"))
        found = segments.locate(tx, digests, "f1")
        assert found == {digest: ("s1", row) for row, digest in enumerate(digests)}
        assert tx.execute(text("SELECT DISTINCT length(digest) FROM chunk_digests")).scalars().all() == [32]


def test_chunk_digests_of_an_unknown_segment_are_refused(catalog: Catalog) -> None:
    with pytest.raises(CatalogError, match="segment s1 is not in the catalog"), catalog.transaction() as tx:
        segments.add_chunk_digests(tx, "s1", [text_digest("one")])
    with pytest.raises(CatalogError, match=r"(?i)foreign key"), catalog.transaction() as tx:
        segments.add_vectors(tx, vectors("s1"))


def test_a_name_means_the_first_space_until_another_is_accepted(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        assert embedders.by_model(tx, "m", "") is None
        embedders.register(tx, embedder("f1"))
        embedders.register(tx, embedder("f1"))
        embedders.register(tx, embedder("f2"))
        assert embedders.by_model(tx, "m", "") == embedder("f1")
        embedders.accept(tx, embedder("f2"))
        assert embedders.by_model(tx, "m", "") == embedder("f2")
        embedders.register(tx, embedder("f1"))
        assert embedders.by_model(tx, "m", "") == embedder("f2")
        assert embedders.by_model(tx, "m", "other") is None
        assert embedders.get(tx, "f1") == embedder("f1")
        assert embedders.get(tx, "f9") is None


def test_one_space_may_go_by_two_names(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        embedders.register(tx, embedder("f1", "short"))
        embedders.register(tx, embedder("f1", "org/short"))
        assert embedders.by_model(tx, "org/short", "") == embedder("f1", "org/short")
        assert embedders.get(tx, "f1") == embedder("f1", "short")
