"""Drift: each statistic against figures had another way, and what is too little to judge."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from contracts.drift import distance
from contracts.drift import rule as drift
from contracts.drift.measure import histogram_of, profile_of
from contracts.drift.profile import COLUMNS, KINDS, Baseline, Profile
from contracts.facts import BatchFacts
from contracts.model import CheckSpec, Threshold, Verdict
from contracts.report import ContractReport, RuleResult
from corpus.batches import DOCUMENTS
from corpus.errors import ContractError
from corpus.types import OnFail

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SCHEMA = pa.schema([DOCUMENTS.field(name).with_nullable(True) for name in COLUMNS])
BASE = {
    "doc_id": "a",
    "title": "Refunds",
    "text": "word " * 40,
    "media_type": "text/markdown",
    "language": "en",
    "document_type": "prose",
    "parser": "markdown/1",
    "owner": "docs",
    "source_system": "wiki",
    "sensitivity_label": "public",
    "version": "3",
    "digital_source_type": "unknown",
    "origin_basis": "none",
    "size_bytes": 1_000,
    "quality_score": 0.8,
    "generation_depth": 0,
    "updated_at": NOW - timedelta(days=30),
    "last_validated_date": "2026-05-01",
    "metadata": '{"author":"mara"}',
}


def profiled(*groups: tuple[int, dict[str, Any]]) -> Profile:
    rows = [{**BASE, **changes} for count, changes in groups for _ in range(count)]
    return profile_of([pa.RecordBatch.from_pylist(rows, schema=SCHEMA)], now=NOW)


def spec(column: str, statistic: str, limit: float, op: str = "mustBeLessThan") -> CheckSpec:
    return CheckSpec(
        name=f"{column}.{statistic}",
        rule="drift",
        engine="stemma",
        scope="batch",
        field=column,
        threshold=Threshold(op=op, value=limit),
        arguments={"column": column, "statistic": statistic},
        on_fail=OnFail.BLOCK,
    )


def facts(now: Profile, before: Profile | None) -> BatchFacts:
    baseline = Baseline(profile=before, run_id="run-1", accepted_at=NOW) if before else None
    return BatchFacts(documents=now.documents, profile=now, baseline=baseline)


SAME = profiled((40, {}))
BROKEN = {
    "null becomes empty": ("text", "empty_rate", 0.05, profiled((30, {}), (10, {"text": ""})), "25.0%"),
    "values vanish": ("owner", "null_rate", 0.05, profiled((30, {}), (10, {"owner": None})), "25.0%"),
    "halved volume": ("doc_id", "count", 0.5, profiled((20, {})), "20 documents with a value, 40 before"),
    "all gone": ("doc_id", "count", 0.5, profile_of([], now=NOW), "0 documents with a value, 40 before"),
    "another language": ("language", "psi", 0.25, profiled((20, {}), (20, {"language": "de"})), "PSI"),
    "a new language": ("language", "new_categories", 0.1, profiled((35, {}), (5, {"language": "fr"})), "'fr' (5)"),
    "texts cut short": ("text", "length", 0.5, profiled((40, {"text": "word " * 4})), "20 characters, 198 before"),
    "worse scores": ("quality_score", "ks", 0.3, profiled((20, {}), (20, {"quality_score": 0.3})), "0.500"),
    "worse scores by bins": ("quality_score", "psi", 0.25, profiled((20, {}), (20, {"quality_score": 0.3})), "PSI"),
    "older": ("updated_at", "psi", 0.25, profiled((40, {"updated_at": NOW - timedelta(days=900)})), "PSI"),
    "retyped": (
        "version",
        "type_mix",
        0.1,
        profiled((30, {}), (10, {"version": "v3.1"})),
        "25.0% read as another type",
    ),
    "dates to words": ("last_validated_date", "type_mix", 0.1, profiled((40, {"last_validated_date": "soon"})), "100"),
    "field gone": ("metadata", "schema", 1, profiled((40, {"metadata": "{}"})), "'author' is gone"),
    "field retyped": ("metadata", "schema", 1, profiled((40, {"metadata": '{"author":"[1]"}'})), "was text, is list"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_change_is_found_and_said_in_figures(case: str) -> None:
    column, statistic, limit, now, words = BROKEN[case]
    check = spec(column, statistic, limit)
    found = drift.drift(check, facts(now, SAME))
    assert found is not None
    assert words in found
    assert drift.drift(check, facts(SAME, SAME)) is None


def test_null_and_empty_are_different_things() -> None:
    nulls, empties = profiled((20, {}), (20, {"owner": None})), profiled((20, {}), (20, {"owner": ""}))
    for statistic in ("null_rate", "empty_rate"):
        measured = drift.measured("owner", statistic, empties, nulls)
        assert measured.value == pytest.approx(0.5), statistic


MEASURED = [(column, name) for column in COLUMNS for name, item in drift.TABLE.items() if KINDS[column] in item.kinds]


@pytest.mark.parametrize(("column", "statistic"), MEASURED)
def test_every_statistic_of_every_column_is_nothing_where_nothing_changed(column: str, statistic: str) -> None:
    found = drift.measured(column, statistic, SAME, SAME)
    assert found.value == 0.0
    assert found.words


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("statistic", drift.STATISTICS)
def test_what_does_not_go_together_is_an_error_that_names_what_does(column: str, statistic: str) -> None:
    if (column, statistic) in MEASURED:
        assert drift.problem_of(column, statistic) == ""
        return
    with pytest.raises(ContractError, match=rf"is not measured of column '{column}'.*Valid: "):
        drift.drift(spec(column, statistic, 1), facts(SAME, SAME))


def test_an_unknown_column_and_a_run_without_a_profile_are_errors() -> None:
    with pytest.raises(ContractError, match=r"no profile is kept of column 'uri'\. Columns: doc_id"):
        drift.drift(spec("uri", "psi", 1), facts(SAME, SAME))
    with pytest.raises(ContractError, match="has no profile"):
        drift.drift(spec("owner", "psi", 1), BatchFacts(documents=1))


@pytest.mark.parametrize(("documents", "told"), [(drift.MINIMUM - 1, False), (drift.MINIMUM, True)])
@pytest.mark.parametrize("small_is", ["now", "before"])
def test_too_few_documents_are_not_judged_and_the_rule_says_so(documents: int, told: bool, small_is: str) -> None:
    few, many = profiled((documents, {"owner": None})), profiled((200, {}))
    now, before = (few, many) if small_is == "now" else (many, few)
    judged = drift.judge(spec("owner", "null_rate", 0.1), facts(now, before))
    assert (judged.kept, judged.told) == (not told, told)
    assert ("too few to judge: 19 documents, 20 are needed" in judged.words) is not told


def test_volume_and_the_shape_of_metadata_are_judged_on_any_number() -> None:
    assert drift.drift(spec("doc_id", "count", 0.5), facts(profiled((2, {})), profiled((4, {})))) is not None
    gone = facts(profiled((2, {"metadata": "{}"})), profiled((2, {})))
    assert drift.drift(spec("metadata", "schema", 1), gone) is not None


def test_without_a_baseline_every_rule_is_kept_and_says_why() -> None:
    judged = drift.judge(spec("owner", "psi", 0.1), facts(SAME, None))
    assert (judged.kept, judged.told) == (True, False)
    assert "no run was accepted before" in judged.words


def test_a_column_that_the_baseline_does_not_know_is_not_judged() -> None:
    old = Profile(documents=40, columns={name: item for name, item in SAME.columns.items() if name != "document_type"})
    judged = drift.judge(spec("document_type", "psi", 0.1), facts(SAME, old))
    assert (judged.kept, judged.told) == (True, False)
    assert "no figures of document_type yet" in judged.words


def test_psi_is_what_the_formula_gives() -> None:
    before, now = profiled((5_000, {}), (5_000, {"language": "de"})), profiled((8_000, {}), (2_000, {"language": "de"}))
    expected = 0.3 * math.log(0.8 / 0.5) - 0.3 * math.log(0.2 / 0.5)
    value, bins = distance.psi(now.columns["language"], before.columns["language"])
    assert bins == 2
    assert value == pytest.approx(expected, rel=0.001)


def test_an_empty_bin_leaves_psi_finite() -> None:
    value, _ = distance.psi(profiled((40, {"language": "de"})).columns["language"], SAME.columns["language"])
    assert distance.PSI_CHANGE < value < 20


def test_numbers_below_all_that_was_before_are_a_bin_of_their_own() -> None:
    lower, _ = distance.psi(
        profiled((40, {"quality_score": 0.1})).columns["quality_score"], SAME.columns["quality_score"]
    )
    assert lower > distance.PSI_CHANGE


def test_chance_alone_seldom_exceeds_what_is_said_of_it() -> None:
    """1 % is promised; 400 pairs of samples of one population leave room for luck."""
    draw = np.random.default_rng(7)
    over_psi = over_ks = 0
    for _ in range(400):
        now, before = (histogram_of(draw.lognormal(6, 1, size)) for size in (80, 120))
        columns = [_numbers(item) for item in (now, before)]
        value, bins = distance.psi(*columns)
        over_psi += value > distance.chance_of_psi(bins, 80, 120)
        over_ks += distance.ks(now, before) > distance.chance_of_ks(80, 120)
    assert over_psi / 400 < 0.03
    assert over_ks / 400 < 0.02


def _numbers(histogram: Any) -> Any:
    return distance.ColumnProfile(rows=histogram.total, numbers=histogram)


def test_what_chance_may_give_is_no_drift_in_a_small_corpus_and_is_in_a_large_one() -> None:
    small = facts(profiled((20, {}), (12, {"language": "de"})), profiled((24, {}), (8, {"language": "de"})))
    large = facts(profiled((2_000, {}), (1_200, {"language": "de"})), profiled((2_400, {}), (800, {"language": "de"})))
    check = spec("language", "psi", 0.05)
    judged = drift.judge(check, small)
    assert judged.kept
    assert "no more than chance may give" in judged.words
    assert not drift.judge(check, large).kept


NUMBERS = st.lists(st.floats(0.001, 1e6), min_size=20, max_size=60)


@settings(deadline=None)
@given(NUMBERS, NUMBERS)
def test_binned_ks_is_that_of_the_numbers_less_at_most_one_bin(now: list[float], before: list[float]) -> None:
    current, past = histogram_of(np.array(now)), histogram_of(np.array(before))
    exact = stats.ks_2samp(now, before, method="asymp").statistic
    fullest = max(
        max(current.bins.get(key, 0) / len(now), past.bins.get(key, 0) / len(before))
        for key in {*current.bins, *past.bins}
    )
    assert exact - fullest - 1e-9 <= distance.ks(current, past) <= exact + 1e-9


def test_a_new_optional_field_passes_with_a_notice_and_one_that_goes_breaks() -> None:
    now = profiled((30, {}), (10, {"metadata": '{"author":"mara","reviewer":"ada"}'}))
    assert drift.drift(spec("metadata", "schema", 1), facts(now, SAME)) is None
    baseline = facts(now, SAME).baseline
    assert drift.notices(now, baseline) == ("new metadata field 'reviewer' in 10 of 40 documents",)
    gone = drift.notices(SAME, facts(SAME, now).baseline)
    assert gone == ("metadata field 'reviewer' is gone",)
    assert drift.drift(spec("metadata", "schema", 1), facts(SAME, now)) is not None


def test_a_field_that_one_document_had_is_no_part_of_the_shape() -> None:
    once = profiled((39, {}), (1, {"metadata": '{"author":"mara","typo":"x"}'}))
    assert drift.drift(spec("metadata", "schema", 1), facts(SAME, once)) is None


def test_new_values_cannot_be_told_where_the_baseline_knows_not_all() -> None:
    many = profiled(*((1, {"owner": f"team-{number}"}) for number in range(300)))
    judged = drift.judge(spec("owner", "new_categories", 0.0, "mustBeLessOrEqualTo"), facts(SAME, many))
    assert (judged.kept, judged.told) == (True, False)
    assert "not all" in judged.words


ROWS = [
    {"doc_id": "null", "owner": None, "version": "3"},
    {"doc_id": "empty", "owner": " ", "version": "3"},
    {"doc_id": "other", "owner": "web", "version": "v3"},
    {"doc_id": "same", "owner": "docs", "version": "4"},
]


@pytest.mark.parametrize(
    ("column", "statistic", "expected"),
    [
        ("owner", "null_rate", ("null",)),
        ("owner", "empty_rate", ("empty",)),
        ("owner", "new_categories", ("other",)),
        ("version", "type_mix", ("other",)),
        ("owner", "psi", ()),
        ("owner", "count", ()),
    ],
)
def test_a_document_is_blamed_by_its_own_value_or_not_at_all(
    column: str, statistic: str, expected: tuple[str, ...]
) -> None:
    assert drift.blamed(spec(column, statistic, 0), ROWS, SAME) == expected


def test_a_report_says_what_was_compared_whether_or_not_a_rule_asks() -> None:
    check = spec("owner", "psi", 0.25)
    result = RuleResult(spec=check, expected="drift", actual="kept", failing=(), verdict=Verdict.PASS)
    bare = ContractReport(
        contract="kb", version="1.0.0", digest="d", enforcement="block", documents=40, results=(result,)
    )
    first = drift.completed(bare, facts(SAME, None))
    assert (first.results[0].judged, first.drift, first.baseline) == (False, (), None)
    second = drift.completed(bare, facts(SAME, SAME))
    assert second.results[0].expected.startswith("owner: population stability index less than 0.25")
    assert "PSI 0.000" in second.results[0].actual
    assert {item.column for item in second.drift} == {name for name in COLUMNS if KINDS[name] != "fields"}
    written = json.loads(json.dumps(second.to_json()))
    assert written["baseline"]["run_id"] == "run-1"
    assert written["profile"]["documents"] == 40
