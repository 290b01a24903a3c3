"""The token bucket as a decision, and how work is cut into groups and batches."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.errors import ConfigurationError
from index.pacing import PATTERN, Rate, parse_rate, slices, take
from index.reembed import MOST_GROUPS, blend, group

rates = st.builds(Rate, per_second=st.floats(0.1, 1e5), unit=st.just("chunks"))
steps = st.lists(st.tuples(st.floats(0.1, 5e3), st.floats(0, 30)), min_size=1, max_size=40)


@given(rates, steps)
def test_no_more_comes_out_than_the_rate_allows_in_any_stretch_of_time(
    rate: Rate, asked: list[tuple[float, float]]
) -> None:
    full_at, now, taken = 0.0, 1e9, []
    for units, idle in asked:
        now += idle
        full_at, wait = take(full_at, rate, units, now)
        assert wait >= 0
        now += wait
        taken.append((now, units))
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            out = sum(units for _, units in taken[first : last + 1])
            span = taken[last][0] - taken[first][0]
            oversize = max(0.0, taken[last][1] - rate.burst)
            assert out <= (rate.burst + rate.per_second * span + oversize) * (1 + 1e-6) + rate.per_second * 1e-5


@given(rates, st.integers(2, 30))
def test_a_stream_that_never_rests_gets_the_whole_rate(rate: Rate, number: int) -> None:
    full_at, now = 0.0, 1e9
    for _ in range(number):
        full_at, wait = take(full_at, rate, rate.burst, now)
        now += wait
    assert (now - 1e9) * rate.per_second == pytest.approx((number - 1) * rate.burst, rel=1e-3)


def test_a_bucket_that_rested_holds_one_burst_and_no_more() -> None:
    rate = Rate(per_second=10, unit="chunks")
    full_at, wait = take(0.0, rate, 10, 1000.0)
    assert (full_at, wait) == (1001.0, 0.0)
    full_at, wait = take(full_at, rate, 5, 1000.0)
    assert (full_at, wait) == (1001.5, 0.5)


def test_a_batch_larger_than_the_bucket_is_let_out_and_paid_for_after() -> None:
    rate = Rate(per_second=10, unit="tokens")
    full_at, wait = take(0.0, rate, 100, 1000.0)
    assert wait == 0.0
    assert take(full_at, rate, 10, 1000.0)[1] == 10.0


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("50", Rate(per_second=50, unit="chunks")),
        (" 50 chunks/s ", Rate(per_second=50, unit="chunks")),
        ("0.5 chunks", Rate(per_second=0.5, unit="chunks")),
        ("20000tokens/s", Rate(per_second=20_000, unit="tokens")),
    ],
)
def test_a_rate_is_read_as_it_is_meant(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate
    assert parse_rate(str(rate)) == rate
    assert re.match(PATTERN, text.strip())


@pytest.mark.parametrize("text", ["", "fast", "-1", "0", "0.0 tokens/s", "5 chunks/h", "1e3", "5.", "1.2.3", "5 words"])
def test_what_is_no_rate_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ConfigurationError, match="'50 chunks/s'"):
        parse_rate(text)


@given(st.lists(st.integers(0, 500)), st.integers(1, 50), st.floats(1, 2e3))
def test_slices_keep_order_and_limits(weights: list[int], most_items: int, most_weight: float) -> None:
    cut = list(slices(list(range(len(weights))), weights, most_items=most_items, most_weight=most_weight))
    assert [item for run in cut for item in run] == list(range(len(weights)))
    for run in cut:
        assert 1 <= len(run) <= most_items
        assert len(run) == 1 or sum(weights[item] for item in run) <= most_weight


@given(st.lists(st.integers(1, 5_000), max_size=400), st.integers(1, 10_000))
def test_groups_hold_every_segment_in_order_and_stay_few(chunks: list[int], wanted: int) -> None:
    pairs = [(str(number), size) for number, size in enumerate(chunks)]
    groups = group(pairs, wanted)
    assert [name for names in groups for name in names] == [name for name, _ in pairs]
    assert all(groups)
    assert len(groups) <= MOST_GROUPS
    sizes = dict(pairs)
    for names, following in pairwise(groups):
        assert sum(sizes[name] for name in names) + sizes[following[0]] > wanted


def test_many_small_segments_are_no_more_tasks_than_airflow_maps_over() -> None:
    groups = group(((str(number), 7) for number in range(20_000)), 1)
    assert 400 < len(groups) <= MOST_GROUPS


def test_what_was_measured_fades() -> None:
    slow = blend((0.0, 0.0), (6_000.0, 60.0))
    assert slow == (6_000.0, 60.0)
    tokens, seconds = blend(slow, (12_000.0, 60.0))
    assert tokens / seconds == pytest.approx(15_000 / 90)
    tokens, seconds = blend(slow, (10.0, 0.001))
    assert tokens / seconds == pytest.approx(100, rel=0.01)
