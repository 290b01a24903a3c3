"""What a threshold supports: exact intervals, ranks, and the refusal of what n cannot carry."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.errors import ConfigurationError
from provenance.statistics.conformal import Rate, binomial_interval, likely_rate, needed, p_value, rank, threshold


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    # Published tables of Clopper and Pearson; and the rule of three for zero hits at 95 % one-sided is 3 / n.
    [(0, 10, 0.0, 0.3085), (5, 10, 0.1871, 0.8129), (10, 10, 0.6915, 1.0), (1, 100, 0.0003, 0.0545), (0, 0, 0.0, 1.0)],
)
def test_exact_intervals(hits: int, total: int, low: float, high: float) -> None:
    assert binomial_interval(hits, total) == pytest.approx((low, high), abs=5e-5)


def test_zero_in_n_supports_about_three_in_n() -> None:
    for total in (100, 300, 1_000):
        assert binomial_interval(0, total, level=0.90)[1] == pytest.approx(3 / total, rel=0.03)


def test_alpha_that_n_cannot_carry_is_refused_with_the_n_that_it_needs() -> None:
    with pytest.raises(ConfigurationError, match="at least 999 known-human documents"):
        rank(300, 0.001)
    assert needed(0.001) == 999
    assert rank(999, 0.001) == 1
    for wrong in (0.0, -0.1, 0.5, 1.0, float("nan")):
        with pytest.raises(ConfigurationError, match="no false-positive rate"):
            rank(300, wrong)


@given(st.integers(1, 2_000))
def test_the_least_n_for_an_alpha_is_enough_and_one_fewer_is_not(n: int) -> None:
    alpha = 1 / (n + 1)
    if alpha >= 0.5:
        return
    assert rank(needed(alpha), alpha) == 1
    with pytest.raises(ConfigurationError):
        rank(needed(alpha) - 1, alpha)


@given(st.lists(st.floats(-5, 5), min_size=40, max_size=80), st.floats(-6, 6))
def test_flagged_by_threshold_is_flagged_by_p_value(scores: list[float], score: float) -> None:
    assert (score > threshold(scores, 0.1)) == (p_value(sorted(scores), score) <= 0.1 + 1e-12)


def test_the_rate_holds_on_average_and_within_its_likely_bound() -> None:
    """2,000 calibrations with 300 scores each; the rate of a uniform score above its threshold is one minus it."""
    draws = random.Random(3)
    rates = [1 - threshold([draws.random() for _ in range(300)], 0.05) for _ in range(2_000)]
    assert sum(rates) / len(rates) == pytest.approx(15 / 301, abs=0.001)
    assert sum(rate <= likely_rate(300, 0.05) for rate in rates) / len(rates) == pytest.approx(0.95, abs=0.015)


def test_a_rate_that_is_none_is_refused() -> None:
    assert Rate.from_json(Rate(hits=1, total=3).to_json()) == Rate(hits=1, total=3)
    for wrong in (
        {"hits": 4, "total": 3},
        {"hits": -1, "total": 3},
        {"hits": True, "total": 3},
        {"hits": 1.0, "total": 3},
    ):
        with pytest.raises(ValueError, match="no rate"):
            Rate.from_json(wrong)
