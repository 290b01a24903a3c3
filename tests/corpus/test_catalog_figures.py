"""Figures about the whole catalog, alike on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from corpus.catalog import contamination, decisions, documents, figures, runs, segments, versions
from corpus.catalog.contamination import ContaminationRecord
from corpus.catalog.records import DecisionRecord, DocumentState, SegmentRecord, VersionRecord
from corpus.catalog.session import Catalog
from corpus.catalog.tables import RunRow

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def state(doc_id: str, kind: str, minutes: int = 0) -> DocumentState:
    outcome = {"active": "accept", "quarantined": "quarantine"}[kind]
    return DocumentState(
        doc_id=doc_id, uri="", path=doc_id, state=kind, state_key="k", raw_sha256="", sidecar_sha256="",
        size=3_000_000_000, modified_at=None, revision_id="r", segment_id="s",
        outcome=outcome, run_id="r1", updated_at=NOW + timedelta(minutes=minutes),
    )  # fmt: skip


def decision(doc_id: str, score: float | None, kind: str, basis: str, run_id: str = "r1") -> DecisionRecord:
    return DecisionRecord(
        contract="kb", doc_id=doc_id, revision_id="r", run_id=run_id, outcome="accept", reasons=(), quality_score=score,
        digital_source_type=kind, origin_basis=basis, actor="stemma", decided_at=NOW, findings=(),
    )  # fmt: skip


def fill(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        segments.add(
            tx,
            SegmentRecord(
                segment_id="s", contract="kb", chunker_fingerprint="c", assess_fingerprint="a", documents=1, chunks=1,
                documents_sha256="", chunks_sha256="", run_id="r1", created_at=NOW,
            ),
        )  # fmt: skip
        held = [state("c", "quarantined", 5), state("d", "quarantined", -5)]
        documents.record(tx, "kb", "r1", [state("a", "active"), state("b", "active"), state("e", "active"), *held])
        decisions.add(
            tx,
            [
                decision("a", 0.4, "unknown", "none"),
                decision("a", 0.9, "aiGenerated", "declared", run_id="r2"),  # the newest word holds
                decision("b", 0.5, "unknown", "none"),
                decision("e", None, "unknown", "none"),
                decision("c", 0.1, "unknown", "none"),  # held: not in force
            ],
        )


def test_documents_are_counted_by_state(catalog: Catalog) -> None:
    fill(catalog)
    with catalog.reading() as tx:
        [active, held] = figures.by_state(tx)
        assert (active.state, active.documents, active.size) == ("active", 3, 9_000_000_000)
        assert (held.state, held.documents, held.since) == ("quarantined", 2, NOW - timedelta(minutes=5))
        assert figures.by_state(tx, "other") == ()
        assert figures.catalog_bytes(tx) > 100_000
        assert figures.answers(tx) == 0


def test_origin_and_quality_are_those_of_the_newest_decision_in_force(catalog: Catalog) -> None:
    fill(catalog)
    with catalog.reading() as tx:
        assert figures.origins(tx, "kb") == (("aiGenerated", "declared", 1), ("unknown", "none", 2))
        found = figures.quality(tx, "kb")
        assert (found.scored, found.missing, found.lowest, found.mean, found.highest) == (2, 1, 0.5, 0.7, 0.9)
        assert dict(found.below)[0.4] == 0
        assert dict(found.below)[0.5] == dict(found.below)[0.8] == 1
        assert dict(found.below)[0.9] == dict(found.below)[1.0] == 2
        empty = figures.quality(tx, "none")
        assert (empty.scored, empty.missing, empty.mean, dict(empty.below)[1.0]) == (0, 0, None, 0)


def test_runs_and_the_newest_receipt(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        for number, kind in enumerate(("ingest", "ingest", "ingest", "reembed"), start=1):
            runs.start(tx, run_id=f"r{number}", contract="kb", kind=kind, actor="a")
        runs.finish(tx, "r1", state="succeeded", receipt={"counts": {"received": 1}})
        runs.finish(tx, "r2", state="succeeded", receipt={"counts": {"received": 2}})
        runs.finish(tx, "r3", state="failed", receipt={"error": "x"})
        tx.execute(update(RunRow).where(RunRow.run_id == "r1").values(finished_at=NOW))
        tx.execute(update(RunRow).where(RunRow.run_id == "r2").values(finished_at=NOW + timedelta(hours=1)))
    with catalog.reading() as tx:
        found = {(item.kind, item.state): item for item in figures.by_run(tx)}
        assert {key: item.runs for key, item in found.items()} == {
            ("ingest", "failed"): 1, ("ingest", "succeeded"): 2, ("reembed", "running"): 1,
        }  # fmt: skip
        assert found["ingest", "succeeded"].latest == NOW + timedelta(hours=1)
        assert found["reembed", "running"].latest is not None
        assert list(figures.newest_receipts(tx)) == [("kb", {"counts": {"received": 2}})]


def test_versions_aliases_and_alarms(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        for number in (1, 2):
            versions.add(
                tx,
                VersionRecord(
                    name="kb", number=number, contract="kb", contract_version="1", manifest_sha256=f"m{number}",
                    identity="i", embedder_fingerprint="f", chunker_fingerprint="c", documents=1, chunks=1, path="p",
                    state="candidate", run_id="r", created_at=NOW, manifest={"number": number},
                ),
            )  # fmt: skip
        versions.move_alias(tx, name="kb", alias="live", number=2, expected_generation=None, actor="a", reason="r")
        for minutes, alarms in ((0, ({"code": "deep"},)), (1, ({"code": "deep"}, {"code": "high"}))):
            contamination.add(
                tx,
                ContaminationRecord(
                    name="kb", number=2, measured_at=NOW + timedelta(minutes=minutes), k=1, compared_with=None,
                    questions=1, report={}, alarms=alarms,
                ),
            )  # fmt: skip
    with catalog.reading() as tx:
        assert sum(figures.version_counts(tx)["kb"].values()) == 2
        [served] = figures.served(tx)
        assert (served.alias, served.number, served.manifest, served.manifest_sha256) == (
            "live",
            2,
            {"number": 2},
            "m2",
        )
        assert figures.served(tx, "other") == ()
        assert figures.alarms(tx) == {"kb": 2}
