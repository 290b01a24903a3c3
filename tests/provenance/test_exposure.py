"""Contamination: hand-computed cases, and laws that hold for any hits."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.types import Basis, OriginKind
from provenance.alarms import alarms, notes, paired_change, stored_change
from provenance.exposure import (
    KS,
    LEAST_QUERIES,
    Contamination,
    Exposure,
    Passage,
    Retrieved,
    Used,
    entropy_bits,
    estimate,
    measure,
    shares,
)

AI = (OriginKind.AI_GENERATED.value, Basis.DECLARED.value)
ASSISTED = (OriginKind.AI_ASSISTED.value, Basis.MATCHED.value)
SUSPECT = (OriginKind.AI_GENERATED.value, Basis.SUSPECTED.value)
HUMAN = (OriginKind.HUMAN.value, Basis.DECLARED.value)
UNKNOWN = (OriginKind.UNKNOWN.value, Basis.NONE.value)
ORIGINS = (AI, ASSISTED, SUSPECT, HUMAN, UNKNOWN)


def hit(origin: tuple[str, str] = UNKNOWN, source: str = "a", depth: int = 0) -> Passage:
    return Passage(kind=origin[0], basis=origin[1], depth=depth, source=source)


def asked(*hits: Passage, group: str = "golden") -> Retrieved:
    return Retrieved(group=group, hits=hits)


def pool(*origins: tuple[str, str]) -> list[tuple[str, str, int]]:
    return [(kind, basis, 0) for kind, basis in origins]


hits = st.builds(
    Passage,
    kind=st.sampled_from([kind for kind, _ in ORIGINS]),
    basis=st.sampled_from([item.value for item in Basis]),
    depth=st.integers(0, 4),
    source=st.sampled_from("abcdef"),
)
questions = st.lists(
    st.builds(Retrieved, group=st.sampled_from(["golden", "logged"]), hits=st.lists(hits, max_size=12).map(tuple)),
    max_size=30,
)
pools = st.lists(st.tuples(st.sampled_from([*OriginKind]), st.sampled_from([*Basis]), st.integers(0, 3)), max_size=40)


def test_figures_of_a_case_that_was_worked_out_by_hand() -> None:
    found = measure(
        pool(AI, HUMAN, HUMAN, UNKNOWN),
        [
            asked(hit(AI, "x", 2), hit(HUMAN, "y"), hit(SUSPECT, "y"), hit(UNKNOWN, "z")),
            asked(hit(ASSISTED, "x", 1), hit(AI, "x"), group="logged"),
            asked(group="logged"),
        ],
        ks=(1, 4),
    )
    first, fourth = found.at
    assert found.pool["ai_share"] == 0.25
    assert (found.queries, found.without_hits) == ({"golden": 1, "logged": 1}, 1)
    assert (first.exposure.value, first.amplification.value, first.all_ai.value) == (1.0, 4.0, 1.0)
    assert fourth.exposure.value == (0.25 + 1.0) / 2
    assert fourth.amplification.value == 0.625 / 0.25
    assert fourth.all_ai.value == 0.5
    assert (fourth.suspected, fourth.human, fourth.unknown) == (0.125, 0.125, 0.125)
    assert (fourth.max_depth, fourth.deep) == (2, 0.125)
    # Each question weighs the same: x has 1/4 + 1, y 1/2, z 1/4, of 2 in all.
    shares_of = (0.625, 0.25, 0.125)
    assert fourth.entropy_bits == pytest.approx(-sum(p * math.log2(p) for p in shares_of))
    assert {group: item.value for group, item in found.groups.items()} == {"golden": 0.25, "logged": 1.0}
    assert found.top is fourth


def test_suspected_and_unknown_add_nothing_to_contamination() -> None:
    found = measure(pool(SUSPECT, UNKNOWN), [asked(hit(SUSPECT), hit(UNKNOWN))])
    assert found.top.exposure.value == 0.0
    assert found.top.amplification.value is None, "there is no AI text in the pool"
    assert (found.top.suspected, found.top.unknown, found.top.human) == (0.5, 0.5, 0.0)
    assert found.pool["ai_suspected_share"] == 0.5


def test_a_human_tag_that_nobody_declared_is_unknown() -> None:
    assert hit((OriginKind.HUMAN.value, Basis.NONE.value)).is_unknown


def test_citations_count_what_is_in_the_version_and_say_what_is_not() -> None:
    used = [
        Used(retrieved=(hit(AI), hit(HUMAN)), cited=(hit(AI),), unresolved=3),
        Used(retrieved=(hit(HUMAN), hit(HUMAN)), cited=(hit(HUMAN), hit(AI))),
        Used(retrieved=(), cited=(), unresolved=1),
    ]
    found = measure(pool(AI, HUMAN), [], used).citation
    assert (found.answers, found.resolved, found.unresolved) == (3, 7, 4)
    assert (found.cited.value, found.cited.n) == (0.75, 2)
    assert (found.retrieved.value, found.retrieved.n) == (0.25, 2)


def test_few_questions_have_no_interval_and_the_notes_say_so() -> None:
    few = measure(pool(AI, HUMAN), [asked(hit(AI))] * (LEAST_QUERIES - 1))
    assert few.top.amplification.value == 2.0
    assert (few.top.amplification.low, few.top.amplification.high) == (None, None)
    assert "too few" in notes(few)[0]
    assert alarms(few) == ()
    enough = measure(pool(AI, HUMAN), [asked(hit(AI))] * LEAST_QUERIES)
    assert [item.code for item in alarms(enough)] == ["amplified"]
    assert notes(enough) == ()


def test_without_questions_only_the_pool_is_known() -> None:
    found = measure(pool(AI), [])
    assert (found.top.exposure.value, found.top.entropy_bits, found.top.max_depth) == (None, None, 0)
    assert "only the pool" in notes(found)[0]
    assert alarms(found) == ()
    with pytest.raises(ValueError, match="one hit or more"):
        measure([], [], ks=(0,))


def test_amplification_alarms_on_the_lower_bound_and_not_on_the_figure() -> None:
    even = pool(AI, HUMAN)
    mixed = [asked(hit(AI)) if number % 3 else asked(hit(HUMAN)) for number in range(30)]
    found = measure(even, mixed)
    assert found.top.amplification.value == pytest.approx(4 / 3)
    low = found.top.amplification.low
    assert low is not None
    assert low < 1.2
    assert alarms(found) == ()
    many = measure(even, mixed * 20)
    assert [item.code for item in alarms(many)] == ["amplified"]


def _asked(share: float, number: int = 20, sources: int = 10) -> list[Retrieved]:
    ai = round(share * 20)
    row = tuple(hit(AI if rank < ai else HUMAN, f"d{rank % sources}") for rank in range(20))
    return [asked(*row)] * number


@pytest.mark.parametrize(
    ("before", "after", "codes"), [(0.20, 0.25, []), (0.20, 0.30, ["exposure_rising"]), (0.3, 0.2, [])]
)
def test_exposure_that_rises_by_more_than_five_points_alarms(before: float, after: float, codes: list[str]) -> None:
    chunks = pool(*[AI] * 9, *[HUMAN] * 1)
    was, now = (_asked(share) for share in (before, after))
    earlier, later = (measure(chunks, found, ks=(20,)) for found in (was, now))
    change = paired_change(3, (earlier, was), (later, now))
    assert change.exposure.value == pytest.approx(after - before)
    assert [item.code for item in alarms(later, change)] == codes
    stored = stored_change(3, 0.9, Exposure.from_json(earlier.to_json()["at"][0]), later)
    assert stored is not None
    assert [item.code for item in alarms(later, stored)] == codes
    assert "no longer there" in notes(later, stored)[-1]
    assert stored_change(3, 0.9, replace(earlier.top, k=7), later) is None


def test_entropy_that_falls_by_more_than_a_tenth_alarms() -> None:
    chunks = pool(HUMAN)
    was = _asked(0.0, sources=10)
    for sources, codes in ((10, []), (9, []), (8, ["entropy_falling"]), (1, ["entropy_falling"])):
        now = _asked(0.0, sources=sources)
        earlier, later = (measure(chunks, found, ks=(20,)) for found in (was, now))
        change = paired_change(1, (earlier, was), (later, now))
        assert [item.code for item in alarms(later, change)] == codes, sources


def test_a_pair_that_is_none_is_refused() -> None:
    was, now = _asked(0.1, 3), _asked(0.1, 4)
    with pytest.raises(ValueError, match="no pairs"):
        paired_change(1, (measure([], was), was), (measure([], now), now))


@pytest.mark.parametrize(("depth", "codes"), [(0, []), (1, []), (2, ["deep"]), (5, ["deep"])])
def test_text_made_of_answers_made_of_answers_alarms(depth: int, codes: list[str]) -> None:
    found = measure(pool(UNKNOWN), [asked(hit(depth=depth))])
    assert [item.code for item in alarms(found)] == codes


@settings(max_examples=60, deadline=None)
@given(pools, questions, st.randoms(use_true_random=False))
def test_the_order_of_questions_and_chunks_changes_nothing(
    chunks: list[tuple[str, str, int]], found: list[Retrieved], shuffler: random.Random
) -> None:
    before = measure(chunks, found)
    shuffler.shuffle(chunks)
    shuffler.shuffle(found)
    after = measure(chunks, found)
    assert _rounded(after.to_json()) == _rounded(before.to_json())


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, 9) if isinstance(value, float) else value


@settings(max_examples=60, deadline=None)
@given(pools, questions)
def test_every_figure_keeps_its_bounds(chunks: list[tuple[str, str, int]], found: list[Retrieved]) -> None:
    result = measure(chunks, found)
    assert sum(result.queries.values()) + result.without_hits == len(found)
    for item in result.at:
        _bounded(item, result)


def _bounded(item: Exposure, result: Contamination) -> None:
    value = item.exposure.value
    if value is None:
        assert sum(result.queries.values()) == 0
        return
    parts = (value, item.suspected, item.human, item.unknown)
    assert all(part is not None and -1e-12 <= part <= 1 + 1e-12 for part in parts)
    assert sum(part or 0.0 for part in parts) == pytest.approx(1.0)
    for figure in (item.exposure, item.all_ai):
        if figure.low is not None:
            assert 0.0 <= figure.low <= (figure.value or 0) + 1e-12 <= (figure.high or 0) + 2e-12 <= 1 + 3e-12
    assert item.all_ai.value is not None
    assert item.all_ai.value <= value + 1e-12
    assert item.entropy_bits is not None
    assert 0.0 <= item.entropy_bits <= math.log2(6) + 1e-9
    if item.amplification.value is not None:
        assert item.amplification.value == pytest.approx(value / float(result.pool["ai_share"]))


@settings(max_examples=40, deadline=None)
@given(questions)
def test_an_exposure_survives_json(found: list[Retrieved]) -> None:
    result = measure([], found)
    assert tuple(Exposure.from_json(item) for item in result.to_json()["at"]) == result.at
    assert tuple(item.k for item in result.at) == KS


@pytest.mark.parametrize("n", [LEAST_QUERIES, 60, 200])
def test_the_interval_covers_the_truth(n: int) -> None:
    """Shares of ten hits whose rate differs from question to question, as in a real search."""
    generator = np.random.default_rng(7)
    rounds, covered = 200, 0
    for _ in range(rounds):
        rates = generator.beta(2.0, 3.0, size=n)  # their mean is .4
        found = estimate(generator.binomial(10, rates) / 10)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.4 <= found.high
    assert covered / rounds >= 0.9


def test_the_same_hits_give_the_same_interval() -> None:
    values = np.linspace(0, 1, 40)
    assert estimate(values) == estimate(values[::-1])


def test_entropy_of_even_and_single_sources() -> None:
    assert entropy_bits([[hit(source=name)] for name in "abcd"]) == 2.0
    assert entropy_bits([[hit(source="a"), hit(source="a")]]) == 0.0
    assert entropy_bits([]) is None
    assert np.isnan(shares([asked()], 3)[0])
