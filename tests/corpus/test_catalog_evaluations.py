"""Bindings and evaluations of golden items, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from corpus.catalog import audit, evaluations
from corpus.catalog.evaluations import BindingRecord, EvaluationRecord
from corpus.catalog.session import Catalog

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def binding(item: str, number: int = 1, digest: str = "a", name: str = "kb") -> BindingRecord:
    return BindingRecord(
        name=name,
        item=item,
        digest=digest * 64,
        number=number,
        bound_at=NOW,
        pins=({"document": "é.md", "places": [{"start": 1, "end": 2, "chunks": ["c"]}]},),
        rivals=(),
    )


def evaluation(number: int, minutes: int = 0, name: str = "kb", holding: int = 3) -> EvaluationRecord:
    return EvaluationRecord(
        name=name,
        number=number,
        measured_at=NOW + timedelta(minutes=minutes),
        k=10,
        compared_with=number - 1 or None,
        items=4,
        holding=holding,
        ndcg=0.1 + 0.2,
        recall=None,
        mrr=1.0,
        report={"states": {"valid": holding}, "results": []},
    )


def test_a_bound_item_stays_as_it_is_until_it_is_bound_anew_with_a_reason(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        assert evaluations.bind(tx, [binding("q1"), binding("q2")], actor="ann") == ("q1", "q2")
        assert evaluations.bind(tx, [binding("q1", 9, "b"), binding("q3", 2)], actor="ann") == ("q3",)
        assert evaluations.bind(tx, [binding("q1", 9, "b")], actor="ann") == ()
        assert evaluations.bind(tx, [binding("q1", 5, name="other")], actor="bob") == ("q1",)
    with catalog.reading() as tx:
        assert evaluations.bindings(tx, "kb") == {"q1": binding("q1"), "q2": binding("q2"), "q3": binding("q3", 2)}
    with catalog.transaction() as tx:
        with pytest.raises(ValueError, match="needs a reason"):
            evaluations.rebind(tx, "kb", [binding("q1", 4)], actor="ann", reason=" ", states={})
        evaluations.rebind(
            tx,
            "kb",
            [binding("q1", 4, "c"), binding("q9", 4)],
            actor="ann",
            reason=" edited ",
            states={"q1": "changed"},
        )
    with catalog.reading() as tx:
        assert evaluations.bindings(tx, "kb")["q1"] == binding("q1", 4, "c")
        assert evaluations.bindings(tx, "other")["q1"].number == 5
        logged = audit.tail(tx)
        assert audit.verify(tx).broken_at is None
    assert [entry.action for entry in logged] == ["golden.rebase", "golden.bind", "golden.bind", "golden.bind"]
    assert logged[0].detail == {
        "reason": "edited",
        "items": [
            {"item": "q1", "state": "changed", "from": 1, "to": 4, "digest": "c" * 64},
            {"item": "q9", "state": "", "from": None, "to": 4, "digest": "a" * 64},
        ],
    }
    assert logged[-1].detail == {"items": ["q1", "q2"], "to": 1}


def test_evaluations_come_back_by_time_and_the_last_of_a_version(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        for record in (evaluation(2, 5), evaluation(1, 0), evaluation(2, 9, holding=1), evaluation(1, 3, name="other")):
            evaluations.add(tx, record)
        evaluations.add(tx, evaluation(2, 5, holding=0))
    with catalog.reading() as tx:
        assert evaluations.history(tx, "kb") == (evaluation(1, 0), evaluation(2, 5), evaluation(2, 9, holding=1))
        assert evaluations.latest(tx, "kb", [1, 2, 3]) == {1: evaluation(1, 0), 2: evaluation(2, 9, holding=1)}
        assert evaluations.history(tx, "none") == ()
        rows = tx.execute(text("SELECT number, holding, mrr FROM evaluations WHERE name = 'kb' ORDER BY measured_at"))
        assert [tuple(row) for row in rows] == [(1, 3, 1.0), (2, 3, 1.0), (2, 1, 1.0)]
