"""Why documents came into an index or left it, told from real rows of a catalog."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.load import parse_contract
from contracts.versions.changes import edited
from corpus.catalog import audit, decisions, documents, segments
from corpus.catalog.records import DecisionRecord, DocumentState, SegmentRecord
from corpus.catalog.session import Catalog, open_catalog
from corpus.ids import sha256_hex
from index.causes import CAUSES, Absent, Setting
from ingestion.history import joined
from ingestion.history.admitting import Admission, explain
from ingestion.history.changes import reach

CONTRACT = parse_contract(
    (Path(__file__).parents[1] / "contracts" / "full.odcs.yaml").read_text("utf-8"), "full.odcs.yaml"
)
BEFORE = datetime(2026, 3, 1, tzinfo=UTC)
AFTER = datetime(2026, 3, 8, tzinfo=UTC)
EARLY, BETWEEN = BEFORE - timedelta(days=1), BEFORE + timedelta(days=1)
NAME = "kb"


@dataclass(frozen=True)
class Project:
    """As much of a runtime as is asked for."""

    catalog: Catalog


@pytest.fixture
def project(tmp_path: Path) -> Project:
    catalog = open_catalog(f"sqlite:///{tmp_path}/catalog.db")
    catalog.upgrade()
    with catalog.transaction() as tx:
        segment = SegmentRecord(
            segment_id="s", contract=NAME, chunker_fingerprint="c", assess_fingerprint="a", documents=1, chunks=1,
            documents_sha256="d", chunks_sha256="e", run_id="r", created_at=EARLY,
        )  # fmt: skip
        segments.add(tx, segment)
    return Project(catalog)


def decide(project: Project, at: datetime, outcome: str, **more: Any) -> None:
    record = DecisionRecord(
        contract=NAME, doc_id="x", revision_id="r1", run_id=f"run-{at.isoformat()}", outcome=outcome, reasons=(),
        quality_score=None, digital_source_type="unknown", origin_basis="none", actor="stemma", decided_at=at,
        findings=(),
    )  # fmt: skip
    with project.catalog.transaction() as tx:
        decisions.add(tx, [replace(record, **more)])


def stand(project: Project, state: str, **more: Any) -> None:
    row = DocumentState(
        doc_id="x", uri="file:///x", path="x.md", state=state, state_key="k", raw_sha256="a", size=1, modified_at=None,
        revision_id="r1", segment_id="s", outcome="accept", run_id="r", updated_at=BETWEEN,
    )  # fmt: skip
    with project.catalog.transaction() as tx:
        documents.record(tx, NAME, "r", [replace(row, **more)])


def cause(project: Project, kind: str, *, contracts: Any = (None, None), **setting: Any) -> str:
    admission = Admission(
        name=NAME, since=BEFORE, until=AFTER, setting=Setting(**setting), before=contracts[0], after=contracts[1]
    )
    absent = Absent(doc_id="x", kind=kind, row={"raw_sha256": "a", "reasons": "[]"})
    told = explain(project, admission, [absent])["x"]  # type: ignore[arg-type]
    assert told.cause in CAUSES
    assert told.why
    return told.cause


def _reason(code: str, rule: str = "") -> dict[str, Any]:
    return {"code": code, "message": "because", "rule": rule}


def test_new_in_its_source(project: Project) -> None:
    decide(project, BETWEEN, "accept")
    assert cause(project, "added") == "source"


def test_a_person_let_it_in_or_took_it_out(project: Project) -> None:
    decide(project, EARLY, "quarantine")
    decide(project, BETWEEN, "accept", actor="ada")
    assert cause(project, "added") == "person"
    decide(project, BETWEEN + timedelta(hours=1), "reject", actor="ada")
    assert cause(project, "removed") == "person"


def test_what_happened_before_or_after_both_versions_does_not_count(project: Project) -> None:
    decide(project, AFTER + timedelta(days=1), "reject", actor="ada")
    decide(project, EARLY, "accept", actor="ada")
    assert cause(project, "removed") == "source"


def test_held_under_the_old_contract_and_admitted_under_the_new(project: Project) -> None:
    decide(project, EARLY, "quarantine", reasons=(_reason("rule.quality_score", "quality_score"),))
    decide(project, BETWEEN, "accept", revision_id="r2")
    changed = frozenset({"contract"})
    assert cause(project, "added", changed=changed) == "contract"
    assert cause(project, "added", changed=changed, touched=frozenset({"chunks"})) == "source"
    assert cause(project, "added", changed=frozenset({"scorer"})) == "scorer"
    assert cause(project, "added", changed=changed | {"scorer"}, touched=frozenset({"chunks"})) == "scorer"
    assert cause(project, "added", software=True) == "software"


@pytest.mark.parametrize(
    ("code", "rule", "expected"),
    [
        ("family.superseded", "", "documents"),
        ("rule.near_duplicate", "near_duplicate", "documents"),
        ("rule.freshness", "freshness", "time"),
        ("rule.self_ingestion", "self_ingestion", "answers"),
        ("rule.quality_score", "quality_score", "unknown"),
    ],
)
def test_the_same_bytes_are_held_now(project: Project, code: str, rule: str, expected: str) -> None:
    decide(project, EARLY, "accept")
    decide(project, BETWEEN, "quarantine", reasons=(_reason(code, rule),))
    stand(project, "quarantined")
    assert cause(project, "removed") == expected


def test_other_bytes_are_held_now(project: Project) -> None:
    decide(project, EARLY, "accept")
    decide(project, BETWEEN, "quarantine", revision_id="r2", reasons=(_reason("rule.freshness", "freshness"),))
    stand(project, "quarantined", revision_id="r2", raw_sha256="b")
    assert cause(project, "removed") == "source"


def test_the_globs_of_the_contract(project: Project) -> None:
    narrow = replace(CONTRACT, source=replace(CONTRACT.source, include=("**/*.md",), exclude=("x.md",)))
    wide = replace(CONTRACT, source=replace(CONTRACT.source, include=("**/*.md",), exclude=()))
    changed = {"changed": frozenset({"contract"}), "touched": frozenset({"source"})}
    stand(project, "gone")
    assert cause(project, "removed", contracts=(wide, narrow), **changed) == "contract"
    assert cause(project, "removed", contracts=(wide, wide), **changed) == "source"
    assert cause(project, "added", contracts=(narrow, wide), **changed) == "contract"
    assert cause(project, "added", contracts=(wide, wide), **changed) == "source"


def test_an_erasure_between_the_versions(project: Project) -> None:
    with project.catalog.transaction() as tx:
        audit.append(tx, actor="ada", action="document.delete", subject=f"{NAME}/x", detail={}, at=BETWEEN)
    assert cause(project, "removed") == "erasure"
    assert cause(project, "added") == "source"
    with project.catalog.transaction() as tx:
        audit.append(tx, actor="ada", action="document.restore", subject=f"{NAME}/x", detail={}, at=BETWEEN)
    assert cause(project, "removed") == "source"


def test_an_erasure_stands_under_a_digest(project: Project) -> None:
    digest = sha256_hex(f"tombstone\0{NAME}\0x".encode())
    with project.catalog.transaction() as tx:
        audit.append(tx, actor="ada", action="document.erase", subject=digest, detail={}, at=BETWEEN)
        assert [act.subject for act in joined.erasures(tx, NAME, "x", "y")] == ["x"]
    assert cause(project, "removed") == "erasure"


def test_what_clauses_can_reach() -> None:
    def touched(*paths: str) -> frozenset[str]:
        return reach([edited(path, 1, 2, "breaking", "why") for path in paths])

    assert touched("servers[0].exclude") == {"source"}
    assert touched("ragChunker.maxTokens") == {"chunks"}
    assert touched("rule fresh") == {"admission"}
    assert touched("ragQuality.weights", "team.name") == {"quality", "admission"}
    assert "origin" in touched("schema.document.digital_source_type.enum")
    assert touched("ragIndex.factory") == frozenset()
