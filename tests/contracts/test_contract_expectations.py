"""Every expectation that a contract may ask runs on documents, and finds what it should."""

from __future__ import annotations

import importlib
import json
import warnings
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.model import CheckSpec
from contracts.reading.expectationtable import BATCH_EXPECTATIONS, NUMERIC, REFUSED, ROW_EXPECTATIONS
from contracts.rules.shapes import run_shape

PAIR = {"column_A": "owner", "column_B": "title"}

# Arguments, and which of the rows below break it; for an aggregate, whether the batch keeps it.
ROW_CASES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "expect_column_values_to_not_be_null": ({"column": "language"}, {"c"}),
    "expect_column_values_to_be_null": ({"column": "language"}, {"a", "b"}),
    "expect_column_values_to_be_in_set": ({"column": "language", "value_set": ["en"]}, {"b"}),
    "expect_column_values_to_not_be_in_set": ({"column": "language", "value_set": ["en"]}, {"a"}),
    "expect_column_values_to_match_regex": ({"column": "title", "regex": "^A"}, {"b", "c"}),
    "expect_column_values_to_not_match_regex": ({"column": "title", "regex": "^A"}, {"a"}),
    "expect_column_values_to_match_regex_list": (
        {"column": "title", "regex_list": ["^A", "^B"], "match_on": "any"},
        {"c"},
    ),
    "expect_column_values_to_not_match_regex_list": ({"column": "title", "regex_list": ["^A", "^B"]}, {"a", "b"}),
    "expect_column_values_to_match_strftime_format": (
        {"column": "last_validated_date", "strftime_format": "%Y-%m-%d"},
        {"b"},
    ),
    "expect_column_values_to_be_dateutil_parseable": ({"column": "last_validated_date"}, {"b"}),
    "expect_column_values_to_be_json_parseable": ({"column": "metadata"}, {"c"}),
    "expect_column_values_to_match_json_schema": (
        {"column": "findings", "json_schema": {"type": "array", "maxItems": 1}},
        {"b"},
    ),
    "expect_column_values_to_be_between": ({"column": "size_bytes", "min_value": 2, "max_value": 20}, {"a", "c"}),
    "expect_column_value_lengths_to_be_between": ({"column": "title", "max_value": 5}, {"c"}),
    "expect_column_value_lengths_to_equal": ({"column": "title", "value": 5}, {"c"}),
    "expect_column_pair_values_a_to_be_greater_than_b": (
        {"column_A": "size_bytes", "column_B": "generation_depth", "or_equal": True},
        {"a"},
    ),
    "expect_column_pair_values_to_be_equal": (PAIR, {"a", "b"}),
    "expect_column_pair_values_to_be_in_set": (
        {**PAIR, "value_pairs_set": [["me", "Alpha"], ["you", "Bravo"]]},
        {"c"},
    ),
    "expect_multicolumn_sum_to_equal": (
        {"column_list": ["size_bytes", "generation_depth"], "sum_total": 3},
        {"b", "c"},
    ),
    "expect_select_column_values_to_be_unique_within_record": ({"column_list": ["owner", "title"]}, {"c"}),
}
LIMITS = {"min_value": 0, "max_value": 1}
BATCH_CASES: dict[str, tuple[dict[str, Any], bool]] = {
    "expect_column_values_to_be_unique": ({"column": "title"}, True),
    "expect_compound_columns_to_be_unique": ({"column_list": ["owner", "title"]}, True),
    "expect_column_unique_value_count_to_be_between": ({"column": "title", **LIMITS}, False),
    "expect_column_proportion_of_unique_values_to_be_between": ({"column": "title", **LIMITS}, True),
    "expect_column_proportion_of_non_null_values_to_be_between": ({"column": "language", "min_value": 0.9}, False),
    "expect_column_distinct_values_to_be_in_set": ({"column": "language", "value_set": ["en"]}, False),
    "expect_column_distinct_values_to_contain_set": ({"column": "language", "value_set": ["en"]}, True),
    "expect_column_distinct_values_to_equal_set": ({"column": "language", "value_set": ["en", "de"]}, True),
    "expect_column_most_common_value_to_be_in_set": (
        {"column": "generation_depth", "value_set": [2], "ties_okay": True},
        True,
    ),
    "expect_column_mean_to_be_between": ({"column": "size_bytes", **LIMITS}, False),
    "expect_column_median_to_be_between": ({"column": "size_bytes", "min_value": 10}, True),
    "expect_column_stdev_to_be_between": ({"column": "size_bytes", "min_value": 1}, True),
    "expect_column_sum_to_be_between": ({"column": "size_bytes", "max_value": 100}, False),
    "expect_column_min_to_be_between": ({"column": "size_bytes", **LIMITS}, True),
    "expect_column_max_to_be_between": ({"column": "size_bytes", **LIMITS}, False),
    "expect_column_quantile_values_to_be_between": (
        {"column": "size_bytes", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[5, 15]]}},
        True,
    ),
    "expect_column_value_z_scores_to_be_less_than": (
        {"column": "size_bytes", "threshold": 0.5, "double_sided": True},
        False,
    ),
    "expect_table_row_count_to_be_between": ({"min_value": 4}, False),
    "expect_table_row_count_to_equal": ({"value": 3}, True),
}


def rows() -> list[dict[str, Any]]:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        {
            "doc_id": "a", "title": "Alpha", "owner": "me", "language": "en", "size_bytes": 1, "generation_depth": 2,
            "last_validated_date": "2026-01-31", "metadata": "{}", "findings": "[]", "updated_at": moment,
        },
        {
            "doc_id": "b", "title": "Bravo", "owner": "you", "language": "de", "size_bytes": 10, "generation_depth": 2,
            "last_validated_date": "soon", "metadata": "{}", "findings": "[1, 2]", "updated_at": moment,
        },
        {
            "doc_id": "c", "title": "Charlie", "owner": "Charlie", "language": None, "size_bytes": 100,
            "generation_depth": 0, "last_validated_date": None, "metadata": "{", "findings": "[3]",
            "updated_at": moment,
        },
    ]  # fmt: skip


def spec_of(name: str, arguments: dict[str, Any], scope: str) -> CheckSpec:
    given = {key: value for key, value in arguments.items() if key != "column"}
    return CheckSpec(
        name=name,
        rule=name,
        engine="greatExpectations",
        scope="row" if scope == "row" else "batch",
        field=str(arguments.get("column", "")),
        arguments=given,
    )


def test_every_expectation_that_judges_a_document_finds_the_ones_that_break_it() -> None:
    assert set(ROW_CASES) == set(ROW_EXPECTATIONS)
    specs = [spec_of(name, arguments, "row") for name, (arguments, _) in ROW_CASES.items()]
    found = {name: set(result.failing) for name, result in run_shape(specs, rows()).items()}
    assert found == {name: expected for name, (_, expected) in ROW_CASES.items()}


def test_every_expectation_that_judges_a_run_is_kept_or_not() -> None:
    assert set(BATCH_CASES) == set(BATCH_EXPECTATIONS)
    specs = [spec_of(name, arguments, "batch") for name, (arguments, _) in BATCH_CASES.items()]
    found = {name: result.passed for name, result in run_shape(specs, rows()).items()}
    assert found == {name: expected for name, (_, expected) in BATCH_CASES.items()}


def test_every_expectation_of_the_library_is_run_or_refused_with_a_reason() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own imports are deprecated
        library = importlib.import_module("great_expectations.expectations")
    known = {**ROW_EXPECTATIONS, **BATCH_EXPECTATIONS, **REFUSED}
    forms = {"".join(part.capitalize() for part in name.split("_")).lower() for name in known}
    theirs = {name.lower() for name in dir(library) if name.startswith(("Expect", "Unexpected"))} - {"expectation"}
    assert forms == theirs
    assert not set(REFUSED) & {*ROW_EXPECTATIONS, *BATCH_EXPECTATIONS}
    assert all(reason.endswith(".") for reason in REFUSED.values())
    assert set(NUMERIC) <= {*ROW_EXPECTATIONS, *BATCH_EXPECTATIONS}


@pytest.mark.parametrize("name", NUMERIC)
def test_calculations_are_only_offered_where_they_can_be_made(name: str) -> None:
    arguments = (ROW_CASES.get(name) or BATCH_CASES[name])[0]
    assert json.dumps(arguments)
    assert {arguments.get("column"), *arguments.get("column_list", ())} & {"size_bytes", "generation_depth"}
