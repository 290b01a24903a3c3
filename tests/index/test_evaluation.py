"""Measures by hand, and a change that is the sum of its parts, exactly."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.evaluation import (
    MEASURES,
    ItemResult,
    Scores,
    assumptions,
    compare,
    counts,
    means,
    score_items,
    split,
)
from index.evidence import Rank, State

SLOWLY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure of what is tested."""


def rank(at: int) -> Rank:
    return Rank(rank=at, score=0.5)


def result(name: str, state: State = State.VALID, score: float = 1.0, digest: str = "d", **more: object) -> ItemResult:
    fields = {
        "id": name,
        "digest": digest,
        "tags": (),
        "state": state,
        "why": "",
        "ranks": (1,),
        "score": 0.5,
        "retrievable": True,
        "complete": True,
        "above_threshold": None,
        "uncontradicted": True,
        "scores": Scores(ndcg=score, recall=score, mrr=score),
        **more,
    }
    return ItemResult(**fields)  # type: ignore[arg-type]


def test_measures_are_those_of_the_textbook() -> None:
    found = score_items({"a": [rank(2), rank(3)], "b": [None], "c": [rank(1), None], "d": [rank(4), rank(4)]}, 5)
    ideal = 1 + 1 / math.log2(3)
    assert found["a"].ndcg == pytest.approx((1 / math.log2(3) + 1 / math.log2(4)) / ideal)
    assert (found["a"].recall, found["a"].mrr) == (1.0, 0.5)
    assert found["b"] == Scores(ndcg=0.0, recall=0.0, mrr=0.0)
    assert (found["c"].recall, found["c"].mrr) == (0.5, 1.0)
    assert (found["d"].recall, found["d"].mrr) == (1.0, 0.25), "two pieces in one hit are both found"
    assert score_items({}, 5) == {}


@SLOWLY
@given(
    st.dictionaries(
        st.text("abc", min_size=1, max_size=3),
        st.lists(st.none() | st.integers(1, 10), min_size=1, max_size=4),
        min_size=1,
        max_size=5,
    )
)
def test_measures_hold_for_any_ranks(given_ranks: dict[str, list[int | None]]) -> None:
    found = score_items({name: [rank(at) if at else None for at in at_all] for name, at_all in given_ranks.items()}, 10)
    for name, places in given_ranks.items():
        hits = [at for at in places if at is not None]
        assert found[name].recall == pytest.approx(len(hits) / len(places))
        assert found[name].mrr == pytest.approx(1 / min(hits) if hits else 0.0)
        assert 0.0 <= found[name].ndcg <= 1.0 + 1e-9
        assert (found[name].ndcg > 0) is bool(hits)


RESULTS = st.tuples(
    st.sampled_from(list(State)),
    st.sampled_from(list(State)),
    st.floats(0, 1),
    st.floats(0, 1),
)


@SLOWLY
@given(st.lists(RESULTS, min_size=1, max_size=40))
def test_invalidation_and_regression_add_up_to_the_change_exactly(
    values: list[tuple[State, State, float, float]],
) -> None:
    pairs = [
        (result(str(number), old, first), result(str(number), new, second))
        for number, (old, new, first, second) in enumerate(values)
    ]
    for measure in MEASURES:
        found = split(pairs, measure)
        assert found.before + found.invalidation + found.regression == found.after
        assert found.after - found.before == sum(
            (Fraction(new.scores.recall) - Fraction(old.scores.recall)) for old, new in pairs
        ) / len(pairs)
        said = found.to_json()
        assert said["change"] == pytest.approx(said["invalidation"] + said["regression"], abs=1e-12)
    held = [(old, new) for old, new in pairs if old.counts and new.counts]
    only = split(pairs, "recall")
    assert only.regression * len(pairs) == sum(
        (Fraction(new.scores.recall) - Fraction(old.scores.recall) for old, new in held), Fraction()
    )
    if len(held) == len(pairs):
        assert only.invalidation == 0
    if not held:
        assert only.regression == 0


def test_only_the_same_questions_are_compared() -> None:
    before = [result("same"), result("edited", digest="1"), result("dropped"), result("loose", State.UNBOUND)]
    after = [result("same", State.CHANGED, 0.0), result("edited", digest="2"), result("new"), result("loose")]
    found = compare(7, before, after)
    assert (found.before, found.items, found.invalid, found.uncompared) == (7, 1, 1, 4)
    assert found.became == {"changed": ("same",)}
    assert float(found.measures["recall"].invalidation) == -1.0
    assert compare(7, [], after).measures == {}


def test_means_counts_and_assumptions_say_over_what() -> None:
    results = [
        result("a", score=0.5, complete=False, above_threshold=True),
        result("b", State.GONE, score=0.0, retrievable=False, complete=False, above_threshold=False),
        result("c", State.UNBOUND, uncontradicted=False),
    ]
    assert means(results[:2]) == {"ndcg": 0.25, "recall": 0.25, "mrr": 0.25}
    assert means([]) is None
    assert counts(results) == {"valid": 1, "moved": 0, "contested": 0, "changed": 0, "gone": 1, "unbound": 1}
    found = assumptions(results)
    assert found["retrievable"] == {"holds": 1, "broken": 1, "not_asked": 0}
    assert found["above_threshold"] == {"holds": 1, "broken": 1, "not_asked": 0}
    assert found["uncontradicted"] == {"holds": 2, "broken": 0, "not_asked": 0}


@SLOWLY
@given(st.sampled_from(list(State)), st.none() | st.floats(0, 1), st.lists(st.none() | st.integers(1, 9), max_size=3))
def test_a_result_comes_back_as_it_was(state: State, score: float | None, ranks: list[int | None]) -> None:
    made = replace(result("é", state, 0.1 + 0.2), score=score, ranks=tuple(ranks), tags=("x", "y"), why="a.md: gone")
    assert ItemResult.from_json({**made.to_json(), "later": 1}) == made
