"""What waits to be looked at, on both databases, however many documents were looked at before."""

from __future__ import annotations

from datetime import UTC, datetime

from corpus.catalog import decisions, documents, segments, warned
from corpus.catalog.records import DecisionRecord, DocumentState, SegmentRecord
from corpus.catalog.session import Catalog

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
MOST_PARAMETERS = 65_535
"""Of a statement on PostgreSQL; SQLite takes fewer still, unless it was built otherwise."""


def _let_in(doc_id: str) -> tuple[DocumentState, DecisionRecord]:
    state = DocumentState(
        doc_id=doc_id, uri="", path=doc_id, state="active", state_key="k", raw_sha256="raw", size=1, modified_at=None,
        revision_id="r", segment_id="s", outcome="accept", run_id="r1", updated_at=NOW,
    )  # fmt: skip
    decision = DecisionRecord(
        contract="kb", doc_id=doc_id, revision_id="r", run_id="r1", outcome="accept", quality_score=None,
        reasons=({"code": "rule.pii", "message": "an address", "rule": "pii"},), digital_source_type="unknown",
        origin_basis="none", actor="stemma", decided_at=NOW, findings=(),
    )  # fmt: skip
    return state, decision


def test_any_number_of_documents_may_have_been_seen(catalog: Catalog) -> None:
    rows = [_let_in(name) for name in ("a.md", "b\u00e4\"'.md", "c.md")]
    segment = SegmentRecord(
        segment_id="s", contract="kb", chunker_fingerprint="c", assess_fingerprint="a", documents=3, chunks=3,
        documents_sha256="", chunks_sha256="", run_id="r1", created_at=NOW,
    )  # fmt: skip
    with catalog.transaction() as tx:
        segments.add(tx, segment)
        documents.record(tx, "kb", "r1", [state for state, _ in rows])
        decisions.add(tx, [decision for _, decision in rows])
    seen = frozenset({"b\u00e4\"'.md", *(f"old/{number:06d}.md" for number in range(MOST_PARAMETERS))})
    with catalog.reading() as tx:
        assert warned.count(tx, "kb", ()) == 3
        assert warned.count(tx, "kb", seen, "pii") == 2
        found = warned.page(tx, "kb", seen, limit=50, offset=0)
        assert [item.state.doc_id for item in found] == ["a.md", "c.md"]
        assert warned.count(tx, "kb", seen, "other") == 0
