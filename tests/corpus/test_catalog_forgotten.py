"""Answers that are erased or past their term, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from corpus.catalog import answers, audit, decisions, documents, forgotten
from corpus.catalog.records import AnswerRecord, DecisionRecord, DocumentState
from corpus.catalog.session import Catalog
from corpus.ids import text_digest

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def answer(name: str, **values: object) -> AnswerRecord:
    record = AnswerRecord(
        answer_id=name,
        system="bot",
        model="m",
        served_at=NOW,
        text="Nobody may read this any longer.",
        text_sha256=text_digest(name),
        retrieved=(),
        cited=(),
        index_version="kb/v000001",
        gram_count=2,
        decidable=True,
        context_known=True,
        question="And nobody may know that it was asked.",
    )
    return replace(record, **values)  # type: ignore[arg-type]


def _everything(catalog: Catalog) -> str:
    """All that the catalog holds, as one text."""
    with catalog.engine.connect() as connection:
        names = ["answers", "answer_grams", "answer_postings", "answers_erased", "audit_log", "decisions"]
        return "\n".join(repr(row) for name in names for row in connection.execute(text(f"SELECT * FROM {name}")))


def test_an_erased_answer_leaves_nothing_but_digests_and_a_reason(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        answers.add(tx, [(answer("private-1"), (1, 2)), (answer("a2"), (2, 3))])
    with catalog.transaction() as tx:
        assert forgotten.erase(tx, "private-1", reason="asked by mail", actor="ada", documents=0)
    with catalog.transaction() as tx:
        assert not forgotten.erase(tx, "private-1", reason="again", actor="bob", documents=0), "once is enough"
    with catalog.reading() as tx:
        assert answers.count(tx) == 1
        assert answers.holders(tx, [1, 2, 3]) == {"a2": (2, 3)}
        assert forgotten.erased(tx, ["private-1", "a2", "nope"]) == {"private-1"}
        found = forgotten.tombstone(tx, "private-1")
        assert found is not None
        assert (found.actor, found.detail["reason"], found.detail["registered"]) == ("ada", "asked by mail", True)
        assert forgotten.tombstone(tx, "a2") is None
        assert audit.verify(tx).broken_at is None
        assert len(audit.tail(tx)) == 1
    with catalog.transaction() as tx:
        forgotten.remove(tx, ["a2"])
    left = _everything(catalog)
    assert "private-1" not in left
    assert "Nobody" not in left
    assert "nobody" not in left


def test_an_answer_may_be_erased_before_it_is_known(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        assert forgotten.erase(tx, "later", reason="r", actor="ada", documents=0)
    with catalog.reading() as tx:
        found = forgotten.tombstone(tx, "later")
        assert found is not None
        assert found.detail["registered"] is False
        assert forgotten.erased(tx, ["later"]) == {"later"}


def test_those_past_their_term_are_found_the_longest_overdue_first(catalog: Catalog) -> None:
    terms = {"a": NOW, "b": NOW - timedelta(days=1), "c": NOW + timedelta(seconds=1), "d": None}
    with catalog.transaction() as tx:
        answers.add(tx, [(answer(name, expires_at=term), (7,)) for name, term in terms.items()])
    with catalog.transaction() as tx:
        assert forgotten.expired(tx, NOW) == ("b", "a")
        assert forgotten.expired(tx, NOW, limit=1) == ("b",)
        assert len(forgotten.expired(tx, NOW)) == 2
        assert forgotten.remove(tx, [*forgotten.expired(tx, NOW), "nope"]) == 2
        assert answers.spread(tx, [7], "other", same=9) == {7: 2}


def test_pages_go_through_all_in_the_order_of_ids(catalog: Catalog) -> None:
    names = ["Z", "a", "a-b", "a_b", "ä"]
    with catalog.transaction() as tx:
        answers.add(tx, [(answer(name, system="s1" if name == "a" else "s2"), ()) for name in names])
        answers.add(tx, [(answer("other", index_version="kb2/v000001", mark="stemma:answer:x:y"), ())])
    with catalog.reading() as tx:
        seen: list[str] = []
        while found := forgotten.page(tx, after=seen[-1] if seen else "", limit=2):
            seen += [item.answer_id for item in found]
        assert seen == sorted([*names, "other"])
        assert [item.answer_id for item in forgotten.page(tx, system="s1")] == ["a"]
        assert [item.answer_id for item in forgotten.page(tx, index="kb2")] == ["other"]
        found_by_mark = forgotten.marked(tx, "stemma:answer:x:y")
        assert found_by_mark is not None
        assert found_by_mark.answer_id == "other"
        assert forgotten.marked(tx, "nope") is None
        assert forgotten.marked(tx, "") is None, "most answers carry no mark"


def test_documents_judged_by_an_answer_are_found_by_their_standing_findings(catalog: Catalog) -> None:
    names = {"a.md": 'x"y\\z', "b.md": "other", "c.md": 'x"y\\z', "d.md": 'x"y\\z'}
    with catalog.transaction() as tx:
        for doc_id, answer_id in names.items():
            state = DocumentState(
                doc_id=doc_id,
                uri="u",
                path=doc_id,
                state="quarantined",
                state_key="key",
                raw_sha256="raw",
                sidecar_sha256="",
                size=1,
                modified_at=None,
                revision_id="rev2" if doc_id == "c.md" else "rev1",
                segment_id="",
                outcome="quarantine",
                run_id="r1",
                updated_at=NOW,
            )
            documents.record(tx, "kb", "r1", [state])
            decision = DecisionRecord(
                contract="kb",
                doc_id=doc_id,
                revision_id="rev1",
                run_id="r1",
                outcome="quarantine",
                reasons=(),
                quality_score=None,
                digital_source_type="unknown",
                origin_basis="matched",
                actor="",
                decided_at=NOW,
                findings=({"code": "answer.match", "detail": {"answer_id": answer_id, "hits": 9}},),
            )
            decisions.add(tx, [decision])
        documents.mark_gone(tx, "kb", "r2", ["d.md"])
    with catalog.reading() as tx:
        assert forgotten.judged_by(tx, ['x"y\\z']) == {"kb": ("a.md",)}, "not what changed since, nor what is gone"
        assert forgotten.judged_by(tx, ['x"y\\z', "other"]) == {"kb": ("a.md", "b.md")}
        assert forgotten.judged_by(tx, ["%", "x"]) == {}
        assert forgotten.judged_by(tx, []) == {}
