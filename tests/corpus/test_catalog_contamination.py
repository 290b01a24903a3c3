"""Measurements of contamination and logged answers, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from corpus.catalog import answers, contamination
from corpus.catalog.contamination import ContaminationRecord
from corpus.catalog.records import AnswerRecord
from corpus.catalog.session import Catalog

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def record(number: int, minutes: int = 0, name: str = "kb", k: int = 10) -> ContaminationRecord:
    return ContaminationRecord(
        name=name,
        number=number,
        measured_at=NOW + timedelta(minutes=minutes),
        k=k,
        compared_with=number - 1 or None,
        questions=3,
        report={"pool": {"ai_share": 0.1 + 0.2}, "at": []},
        alarms=({"code": "deep", "message": "é"},),
    )


def answer(answer_id: str, minutes: int, version: str = "kb/v000001", **more: object) -> AnswerRecord:
    fields = {
        "answer_id": answer_id,
        "system": "s",
        "model": "m",
        "served_at": NOW + timedelta(minutes=minutes),
        "text": None,
        "text_sha256": "0" * 64,
        "retrieved": ("c1", "c2"),
        "cited": ("c1",),
        "index_version": version,
        "gram_count": 0,
        "decidable": False,
        "context_known": False,
        "question": f"question {answer_id}?",
        **more,
    }
    return AnswerRecord(**fields)


def test_the_last_measurement_of_a_version_comes_back_as_it_was(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        assert contamination.latest(tx, "kb", 2) is None
        for item in (record(2, 5), record(2, 0), record(1, 9), record(2, 9, name="other")):
            contamination.add(tx, item)
        contamination.add(tx, record(2, 5, k=99))
    with catalog.reading() as tx:
        assert contamination.latest(tx, "kb", 2) == record(2, 5)
        assert contamination.all_of(tx, "kb") == (record(1, 9), record(2, 0), record(2, 5))
        assert contamination.all_of(tx, "none") == ()


def test_figures_can_be_asked_for_in_plain_sql(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        contamination.add(tx, record(2))
    with catalog.reading() as tx:
        rows = tx.execute(text("SELECT number, compared_with, questions FROM contamination WHERE name = 'kb'")).all()
    assert [tuple(row) for row in rows] == [(2, 1, 3)]


def test_the_newest_answers_of_an_index_are_read_whatever_version_they_came_from(catalog: Catalog) -> None:
    known = [
        answer("old", 0),
        answer("new", 9, "kb/v000002", question=None, cited=()),
        answer("gone", 8, expires_at=NOW + timedelta(hours=1)),
        answer("kept", 7, expires_at=NOW + timedelta(days=9)),
        answer("other", 9, "kb2/v000001"),
        answer("unsaid", 9, ""),
    ]
    with catalog.transaction() as tx:
        answers.add(tx, [(item, ()) for item in known])
    with catalog.reading() as tx:
        found = contamination.logged(tx, ["kb/v000001", "kb/v000002"], 10, NOW + timedelta(days=1))
        one = contamination.logged(tx, ["kb/v000001", "kb/v000002"], 1, NOW)
        none = contamination.logged(tx, [], 10, NOW)
    assert [item.question for item in found] == [None, "question kept?", "question old?"]
    assert (found[0].cited, found[1].retrieved, found[1].cited) == ((), ("c1", "c2"), ("c1",))
    assert [item.question for item in one] == [None]
    assert none == ()
