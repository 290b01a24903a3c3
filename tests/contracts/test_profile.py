"""Profiles: what they count, how they are merged, and that they survive being kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.drift.histogram import RATIO, number_of
from contracts.drift.histogram import from_json as histogram_from_json
from contracts.drift.histogram import merged as merged_histograms
from contracts.drift.measure import histogram_of, profile_of
from contracts.drift.profile import COLUMNS, MOST_CATEGORIES, MOST_FIELDS, Profile, from_json, merged, name_of, type_of
from corpus.batches import DOCUMENTS
from corpus.ids import canonical_json

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SCHEMA = pa.schema([DOCUMENTS.field(name).with_nullable(True) for name in COLUMNS])
HALF_STEP = (RATIO - 1) / (RATIO + 1) + 1e-9

WORDS = st.one_of(
    st.none(),
    st.sampled_from(["", "  ", "en", "de", "1", "v1.2", "2026-01-01", "true", "É\u0000|<b>"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
ROWS = st.fixed_dictionaries(
    {
        "doc_id": st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
        "text": st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=40)),
        "language": WORDS,
        "owner": WORDS,
        "version": WORDS,
        "last_validated_date": WORDS,
        "size_bytes": st.one_of(st.none(), st.integers(0, 2**50)),
        "quality_score": st.one_of(st.none(), st.floats(0, 1)),
        "updated_at": st.one_of(st.none(), st.integers(-2_000, 20_000).map(lambda hours: NOW - timedelta(hours=hours))),
        "metadata": st.dictionaries(st.text("abcé\n", max_size=3), st.sampled_from(["1", "x", "[1]", "{}"])).map(
            json.dumps
        ),
    }
)


def batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{"metadata": "{}", **row} for row in rows], schema=SCHEMA)


def profiled(rows: list[dict[str, Any]]) -> Profile:
    return profile_of([batch(rows)], now=NOW)


def kept(profile: Profile) -> Profile:
    return from_json(json.loads(canonical_json(profile.to_json())))


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, max_size=12))
def test_a_profile_comes_back_as_it_was_kept(rows: list[dict[str, Any]]) -> None:
    profile = profiled(rows)
    assert kept(profile) == profile
    assert canonical_json(kept(profile).to_json()) == canonical_json(profile.to_json())


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, max_size=12), st.integers(0, 12))
def test_the_profile_of_two_halves_is_that_of_the_whole(rows: list[dict[str, Any]], cut: int) -> None:
    first, second = profiled(rows[:cut]), profiled(rows[cut:])
    assert merged(first, second) == merged(second, first) == profiled(rows)
    assert profile_of([batch(rows[:cut]), batch(rows[cut:])], now=NOW) == profiled(rows)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=12))
def test_every_document_is_counted_once(rows: list[dict[str, Any]]) -> None:
    profile = profiled(rows)
    for name, column in profile.columns.items():
        assert column.rows == profile.documents == len(rows)
        assert column.nulls == sum(row.get(name, "{}" if name == "metadata" else None) is None for row in rows)
        assert sum(column.types.values()) == column.values
        if name in ("language", "owner", "version"):
            assert sum(column.categories.values()) + column.rest == column.values
    assert profile.columns["text"].numbers.total == sum(row["text"] is not None for row in rows)


def test_null_that_becomes_an_empty_text_is_seen() -> None:
    nulls, empties = profiled([{"owner": None}] * 4), profiled([{"owner": ""}, {"owner": " \n"}] * 2)
    assert (nulls.columns["owner"].nulls, nulls.columns["owner"].empties) == (4, 0)
    assert (empties.columns["owner"].nulls, empties.columns["owner"].empties) == (0, 4)
    assert nulls.columns["owner"].values == empties.columns["owner"].values == 0


def test_a_column_that_is_not_there_has_no_value_anywhere() -> None:
    old = pa.RecordBatch.from_pylist([{"doc_id": "a"}, {"doc_id": "b"}], schema=pa.schema([SCHEMA.field("doc_id")]))
    column = profile_of([old], now=NOW).columns["document_type"]
    assert (column.rows, column.nulls) == (2, 2)


def test_no_document_is_a_profile_too() -> None:
    profile = profile_of([], now=NOW)
    assert (profile.documents, profile.columns["doc_id"].rows) == (0, 0)
    assert kept(profile) == profile


def test_memory_is_bounded_however_many_values_there_are() -> None:
    rows = [
        {"owner": f"team-{number:05d}-{'x' * 500}", "metadata": json.dumps({f"k{number}": "1"})}
        for number in range(3_000)
    ]
    profile = profile_of((batch(rows[start : start + 500]) for start in range(0, 3_000, 500)), now=NOW)
    owner = profile.columns["owner"]
    assert len(owner.categories) == MOST_CATEGORIES
    assert sum(owner.categories.values()) + owner.rest == 3_000
    assert len(profile.fields) == MOST_FIELDS
    assert len(canonical_json(profile.to_json())) < 60_000


def test_the_most_frequent_categories_are_those_that_are_kept() -> None:
    rows = [{"owner": "docs"}] * 50 + [{"owner": f"team-{number}"} for number in range(400)] + [{"owner": "web"}] * 9
    owner = profiled(rows).columns["owner"]
    assert list(owner.categories)[:2] == ["docs", "web"]
    assert owner.rest == 459 - sum(owner.categories.values()) > 0


def test_two_long_values_keep_names_of_their_own() -> None:
    names = {name_of("a" * 300 + end) for end in ("x", "y")}
    assert len(names) == 2
    assert all(len(name) <= 100 for name in names)


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e20, max_value=1e20), min_size=1))
def test_a_quantile_is_known_to_five_percent(numbers: list[float]) -> None:
    found = histogram_of(np.array(numbers))
    assert found.total == len(numbers)
    for share in (0.0, 0.25, 0.5, 0.9, 1.0):
        exact = float(np.quantile(numbers, share, method="inverted_cdf"))
        near = found.quantile(share)
        assert near is not None
        assert near == pytest.approx(exact, rel=HALF_STEP, abs=1e-12)


@settings(deadline=None)
@given(st.lists(st.integers(-1_000_000, 1_000_000), min_size=2))
def test_bins_are_in_the_order_of_the_numbers_they_stand_for(numbers: list[int]) -> None:
    found = histogram_of(np.array(numbers))
    assert list(found.bins) == sorted(found.bins)
    assert [number_of(key) for key in found.bins] == sorted(number_of(key) for key in found.bins)
    assert histogram_from_json(json.loads(json.dumps(found.to_json()))) == found


def test_histograms_add_up_and_leave_out_what_is_no_number() -> None:
    first, second = histogram_of(np.array([1.0, np.nan, 0.0])), histogram_of(np.array([1.0, np.inf, -np.inf, 5e300]))
    both = merged_histograms(first, second)
    assert (first.total, second.total, both.total) == (2, 4, 6)
    assert both.quantile(0.5) == pytest.approx(1.0, rel=HALF_STEP)
    assert histogram_of(np.array([])).quantile(0.5) is None


def test_ages_are_counted_in_steps_from_the_moment_of_the_run() -> None:
    rows = [{"updated_at": NOW - timedelta(days=100), "last_validated_date": "2026-05-22"}] * 3
    columns = profiled([*rows, {"last_validated_date": "soon"}]).columns
    assert columns["updated_at"].numbers.quantile(0.5) == pytest.approx(180, rel=HALF_STEP)
    assert columns["last_validated_date"].numbers.quantile(0.5) == pytest.approx(30, rel=HALF_STEP)
    assert columns["last_validated_date"].numbers.total == 3
    assert dict(columns["last_validated_date"].types) == {"date": 3, "text": 1}


@pytest.mark.parametrize(
    ("days", "step"), [(-400, -1), (-0.5, 30), (0, 30), (30, 30), (31, 90), (3_650, 3_650), (9_999, 3_650)]
)
def test_a_corpus_grows_older_in_steps_and_not_every_day(days: float, step: float) -> None:
    column = profiled([{"updated_at": NOW - timedelta(days=days)}]).columns["updated_at"]
    assert column.numbers.quantile(0.5) == pytest.approx(step, rel=HALF_STEP)


READS = {
    "number": ["1", "-3.5", "1e9", " 42 ", ".5"],
    "boolean": ["true", "No"],
    "date": ["2026-01-01", "2026-01-01T10:00:00Z", "2026-01-01 10:00"],
    "list": ['["a", "b"]'],
    "object": ['{"a": 1}'],
    "text": ["v1.2", "a", "[open", "2026-1-1", "1" * 70, " " * 80 + "x", "nan", "{x]"],
    "empty": ["", " ", "\n" * 90],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in READS.items() for text in texts])
def test_what_a_text_reads_as(kind: str, text: str) -> None:
    assert type_of(text) == kind
