"""The golden gates: the rule of the design at its limits, with the words a person gets."""

from __future__ import annotations

import random
import statistics

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.evaluation import ItemResult, Scores
from index.evidence import State
from index.golden_gate import LEAST_SLICE, Limits, golden_gates, paired_bootstrap
from index.manifest import GateResult

SLOWLY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure of what is tested."""


def results(
    recalls: list[float], *, state: State = State.VALID, tag: str = "", mrr: float | None = None, digest: str = "d"
) -> list[ItemResult]:
    return [
        ItemResult(
            id=f"{tag}q{number:03}",
            digest=digest,
            tags=(tag,) if tag else (),
            state=state,
            why="",
            ranks=(1 if recall else None,),
            score=None,
            retrievable=bool(recall),
            complete=recall == 1.0,
            above_threshold=None,
            uncontradicted=True,
            scores=Scores(ndcg=recall, recall=recall, mrr=recall if mrr is None else mrr),
        )
        for number, recall in enumerate(recalls)
    ]


def judged(limits: Limits, before: list[ItemResult] | None, after: list[ItemResult]) -> dict[str, GateResult]:
    return {gate.name: gate for gate in golden_gates(limits, before, after)}


def ones(number: int, fallen: int = 0) -> list[float]:
    return [0.0] * fallen + [1.0] * (number - fallen)


def test_without_a_difference_everything_passes_and_the_interval_has_no_width() -> None:
    found = judged(Limits(), results(ones(50)), results(ones(50)))
    assert set(found) == {"golden-recall", "golden-mrr", "golden-slices"}
    assert all(gate.passed for gate in found.values())
    assert "1.0000 over 50 of 50 items, +0.0000 (95 %: +0.0000 to +0.0000)" in found["golden-recall"].actual


@pytest.mark.parametrize(
    ("items", "fallen", "passed", "words"),
    [
        (1000, 10, True, "-0.0100"),  # exactly at the limit
        (1000, 11, False, "the mean fell by 0.0110, more than 0.01"),
        (60, 1, False, "the mean fell by 0.0167"),
        (100, 1, False, "too few items to rule out a fall of 0.0300"),
        (200, 1, True, "-0.0050"),
    ],
)
def test_the_rule_at_its_limits(items: int, fallen: int, passed: bool, words: str) -> None:
    found = judged(Limits(mrr_drop=None), results(ones(items)), results(ones(items, fallen)))["golden-recall"]
    assert found.passed is passed, found
    assert words in found.message
    if not passed:
        assert "expected recall@10 at most 0.01 below the served version's, interval above -0.03" in found.message
        assert "down in q000" in found.message
        assert "change the limit in ragGates.golden" in found.message


def test_a_better_candidate_passes_however_wide_the_interval_and_a_noisy_one_does_not() -> None:
    assert judged(Limits(), results([0.0] * 30), results(ones(30)))["golden-recall"].passed
    before = results([1.0, 0.0] * 20)
    swapped = results([0.0, 1.0] * 20)
    found = judged(Limits(), before, swapped)["golden-recall"]
    assert not found.passed
    assert "too few items to rule out a fall" in found.message
    assert judged(Limits(interval_drop=0.9), before, swapped)["golden-recall"].passed


def test_items_without_evidence_do_not_count_in_either_version() -> None:
    before = results(ones(40), tag="a") + results(ones(5), tag="b") + results(ones(5), state=State.GONE, tag="c")
    after = results(ones(40), tag="a") + results([0.0] * 5, state=State.CHANGED, tag="b") + results([0.0] * 5, tag="c")
    found = judged(Limits(max_invalid=0.2), before, after)
    assert found["golden-recall"].passed
    assert "over 40 of 50 items" in found["golden-recall"].actual
    assert found["golden-valid"].passed
    strict = judged(Limits(max_invalid=0.05), before, after)["golden-valid"]
    assert not strict.passed
    assert "10.0% of 50 items: bq000 (changed), bq001 (changed)" in strict.message
    assert "stemma eval rebase" in strict.message
    edited = results(ones(40), digest="other")
    assert (
        "none of 40 golden items has evidence that holds" in judged(Limits(), before, edited)["golden-recall"].message
    )


def test_one_slice_may_not_fall_behind_the_mean_of_all() -> None:
    before = results(ones(400), tag="big") + results(ones(20), tag="small") + results(ones(5), tag="tiny")
    after = results(ones(400), tag="big") + results(ones(20, 2), tag="small") + results([0.0] * 5, tag="tiny")
    found = judged(Limits(recall_drop=0.5, interval_drop=0.5, mrr_drop=None), before, after)
    assert found["golden-recall"].passed
    slices = found["golden-slices"]
    assert not slices.passed
    assert "small -0.1000" in slices.message
    assert f"1 with fewer than {LEAST_SLICE} items not judged" in slices.message
    assert "These slices find less: small." in slices.message
    at_limit = results(ones(400), tag="big") + results(ones(20, 1), tag="small")
    assert judged(Limits(), before, at_limit)["golden-slices"].passed, "one of twenty is .05"


def test_the_first_version_is_judged_by_floors_only() -> None:
    found = judged(Limits(min_recall=0.9, min_mrr=0.3), None, results([1.0] * 8 + [0.0] * 2, mrr=0.3))
    assert not found["golden-recall"].passed
    assert "it is under 0.9" in found["golden-recall"].message
    assert found["golden-mrr"].passed
    assert "no version serves that it could be compared with" in found["golden-mrr"].actual
    assert found["golden-slices"].passed
    assert not judged(Limits(), None, results([1.0] * 3, state=State.UNBOUND))["golden-recall"].passed


def test_a_gate_that_is_off_is_not_run() -> None:
    assert judged(Limits(recall_drop=None, mrr_drop=None, slice_drop=None), results([1.0]), results([0.0])) == {}
    assert set(judged(Limits(recall_drop=None, slice_drop=None), results([1.0]), results([1.0]))) == {"golden-mrr"}


@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=1, max_size=60), st.randoms())
@SLOWLY
def test_one_set_of_differences_has_one_interval(values: list[float], chance: random.Random) -> None:
    mixed = list(values)
    chance.shuffle(mixed)
    found = paired_bootstrap(values, draws=500)
    assert paired_bootstrap(mixed, draws=500) == found
    assert found.mean == pytest.approx(statistics.fmean(values))
    assert min(values) <= found.low <= found.high <= max(values)


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    chance = random.Random(5)
    covered = 0
    for _ in range(200):
        drawn = [float(chance.random() < 0.3) - 0.3 for _ in range(60)]
        found = paired_bootstrap(drawn, draws=1000)
        covered += found.low <= 0.0 <= found.high
    assert 0.88 <= covered / 200 <= 0.99
