"""The estimated share of AI-written texts: exact cases, refusals, and whether its interval holds the truth."""

from __future__ import annotations

import numpy as np
import pytest

from provenance.share import CAVEAT, LEAST_SCORED, estimate, rogan_gladen
from provenance.statistics.conformal import Rate

SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)


def test_the_point_is_that_of_rogan_and_gladen() -> None:
    """Their own algebra: a prevalence of .3 seen with sensitivity .9 and specificity .95 gives .305."""
    found = estimate(Rate(hits=305, total=1_000), Rate(hits=900, total=1_000), Rate(hits=50, total=1_000))
    assert found.point == pytest.approx(0.3, abs=1e-9)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.3 < found.high
    assert (found.scored, found.flagged, found.why_not) == (1_000, 305, "")


def test_a_perfect_detector_gives_about_the_exact_binomial_interval() -> None:
    many = Rate(hits=100_000, total=100_000), Rate(hits=0, total=100_000)
    found = estimate(Rate(hits=50, total=200), *many)
    assert (found.low, found.high) == pytest.approx(Rate(hits=50, total=200).interval, abs=0.01)


def test_what_is_under_the_false_positive_rate_is_nothing_and_never_below() -> None:
    card = Rate(hits=180, total=200), Rate(hits=10, total=200)
    found = estimate(Rate(hits=8, total=200), *card)
    assert (found.point, found.low) == (0.0, 0.0)
    assert 0.0 < (found.high or 0) < 0.1
    assert estimate(Rate(hits=182, total=200), *card).point == 1.0


def test_counts_that_neither_kind_of_text_explains_are_not_read_as_certainty() -> None:
    card = Rate(hits=180, total=200), Rate(hits=10, total=200)
    assert "fewer than it flags of human texts" in estimate(Rate(hits=0, total=400), *card).why_not
    assert "more than it flags of AI-written texts" in estimate(Rate(hits=400, total=400), *card).why_not


def test_no_false_positives_seen_is_not_taken_for_none_ever() -> None:
    """With 0 of 40 the true rate may be 7 %: six flagged of 200 must not be read as AI-written for sure."""
    found = estimate(Rate(hits=6, total=200), Rate(hits=90, total=100), Rate(hits=0, total=40))
    assert found.low == 0.0
    assert (found.point or 0) > 0.0


@pytest.mark.parametrize(
    ("caught", "false", "why"),
    [
        (Rate(hits=5, total=100), Rate(hits=5, total=100), "no better than chance"),
        (Rate(hits=4, total=100), Rate(hits=5, total=100), "no better than chance"),
        (Rate(hits=9, total=100), Rate(hits=5, total=100), "not reliably better than chance"),
        (Rate(hits=20, total=29), Rate(hits=5, total=100), "only 29 AI-written texts"),
        (Rate(hits=20, total=100), Rate(hits=0, total=0), "only 0 human texts"),
    ],
)
def test_where_nothing_can_be_told_it_says_why(caught: Rate, false: Rate, why: str) -> None:
    found = estimate(Rate(hits=10, total=100), caught, false)
    assert (found.point, found.low, found.high) == (None, None, None)
    assert why in found.why_not
    assert (found.scored, found.flagged) == (100, 10)


def test_too_few_scored_texts_are_not_estimated() -> None:
    good = Rate(hits=90, total=100), Rate(hits=5, total=100)
    assert "only 29 texts" in estimate(Rate(hits=5, total=LEAST_SCORED - 1), *good).why_not
    assert estimate(Rate(hits=5, total=LEAST_SCORED), *good).point is not None
    assert "subjects, writers or generators" in CAVEAT


def test_the_same_counts_give_the_same_interval() -> None:
    given = Rate(hits=30, total=100), Rate(hits=90, total=100), Rate(hits=5, total=100)
    assert estimate(*given) == estimate(*given)
    assert rogan_gladen(*given) == pytest.approx(estimate(*given).point, abs=1e-6)


@pytest.mark.parametrize(
    ("sensitivity", "false", "size", "evaluated"),
    [(0.9, 0.05, 50, 150), (0.6, 0.02, 200, 150), (0.98, 0.1, 1_000, 700)],
)
def test_the_interval_holds_the_truth(sensitivity: float, false: float, size: int, evaluated: int) -> None:
    """Simulated detectors: every count is drawn, those of the card too; 1,600 mixes in all."""
    random = np.random.Generator(np.random.PCG64(11))
    held = []
    for _ in range(67):
        for share in SHARES:
            caught = Rate(hits=int(random.binomial(evaluated, sensitivity)), total=evaluated)
            wrong = Rate(hits=int(random.binomial(evaluated, false)), total=evaluated)
            ai = round(size * share)
            flagged = int(random.binomial(ai, sensitivity) + random.binomial(size - ai, false))
            found = estimate(Rate(hits=flagged, total=size), caught, wrong)
            if found.low is None or found.high is None:
                assert found.why_not.endswith("of another kind")
                held.append(False)
            else:
                held.append(found.low <= ai / size <= found.high)
    assert sum(held) / len(held) >= 0.93
