"""Which expectations of Great Expectations a contract may ask, which arguments they take, and why not the others.

A literal table: the library is not imported here. A test compares it with Great Expectations 1.24.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_EXTENT = ("min_value", "max_value", "strict_min", "strict_max")

# Arguments beside `column`, `mostly` and `row_condition`; those that must be given are marked with `!`. One with
# `column_A` or `column_list` takes no `column`.
ROW_EXPECTATIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "expect_column_values_to_not_be_null": (),
        "expect_column_values_to_be_null": (),
        "expect_column_values_to_be_in_set": ("value_set!",),
        "expect_column_values_to_not_be_in_set": ("value_set!",),
        "expect_column_values_to_match_regex": ("regex!",),
        "expect_column_values_to_not_match_regex": ("regex!",),
        "expect_column_values_to_match_regex_list": ("regex_list!", "match_on"),
        "expect_column_values_to_not_match_regex_list": ("regex_list!",),
        "expect_column_values_to_match_strftime_format": ("strftime_format!",),
        "expect_column_values_to_be_dateutil_parseable": (),
        "expect_column_values_to_be_json_parseable": (),
        "expect_column_values_to_match_json_schema": ("json_schema!",),
        "expect_column_values_to_be_between": _EXTENT,
        "expect_column_value_lengths_to_be_between": _EXTENT,
        "expect_column_value_lengths_to_equal": ("value!",),
        "expect_column_pair_values_a_to_be_greater_than_b": ("column_A!", "column_B!", "or_equal", "ignore_row_if"),
        "expect_column_pair_values_to_be_equal": ("column_A!", "column_B!", "ignore_row_if"),
        "expect_column_pair_values_to_be_in_set": ("column_A!", "column_B!", "value_pairs_set!", "ignore_row_if"),
        "expect_multicolumn_sum_to_equal": ("column_list!", "sum_total!", "ignore_row_if"),
        "expect_select_column_values_to_be_unique_within_record": ("column_list!", "ignore_row_if"),
    }
)
"""Expectations that judge one document at a time."""

BATCH_EXPECTATIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "expect_column_values_to_be_unique": (),
        "expect_compound_columns_to_be_unique": ("column_list!", "ignore_row_if"),
        "expect_column_unique_value_count_to_be_between": _EXTENT,
        "expect_column_proportion_of_unique_values_to_be_between": _EXTENT,
        "expect_column_proportion_of_non_null_values_to_be_between": _EXTENT,
        "expect_column_distinct_values_to_be_in_set": ("value_set!",),
        "expect_column_distinct_values_to_contain_set": ("value_set!",),
        "expect_column_distinct_values_to_equal_set": ("value_set!",),
        "expect_column_most_common_value_to_be_in_set": ("value_set!", "ties_okay"),
        "expect_column_mean_to_be_between": _EXTENT,
        "expect_column_median_to_be_between": _EXTENT,
        "expect_column_stdev_to_be_between": _EXTENT,
        "expect_column_sum_to_be_between": _EXTENT,
        "expect_column_min_to_be_between": _EXTENT,
        "expect_column_max_to_be_between": _EXTENT,
        "expect_column_quantile_values_to_be_between": ("quantile_ranges!",),
        "expect_column_value_z_scores_to_be_less_than": ("threshold!", "double_sided!"),
        "expect_table_row_count_to_be_between": _EXTENT,
        "expect_table_row_count_to_equal": ("value!",),
    }
)
"""Expectations that need every document of a run."""

NUMERIC = (
    "expect_column_values_to_be_between",
    "expect_column_mean_to_be_between",
    "expect_column_median_to_be_between",
    "expect_column_stdev_to_be_between",
    "expect_column_sum_to_be_between",
    "expect_column_min_to_be_between",
    "expect_column_max_to_be_between",
    "expect_column_quantile_values_to_be_between",
    "expect_column_value_z_scores_to_be_less_than",
    "expect_multicolumn_sum_to_equal",
)
"""Expectations that calculate, and so need columns of numbers."""

_ORDER = "Documents have no order."
_SHAPE = "The columns and their types are those of documents.parquet in every run."
_LIKE = "Use a regular expression: expect_column_values_to_match_regex."
_QUERY = "Use a check of type sql."

REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "expect_column_kl_divergence_to_be_less_than": "Use the rule drift of engine stemma.",
        "expect_column_to_exist": _SHAPE,
        "expect_column_type_to_be": _SHAPE,
        "expect_column_values_to_be_of_type": _SHAPE,
        "expect_column_values_to_be_in_type_list": _SHAPE,
        "expect_table_column_count_to_be_between": _SHAPE,
        "expect_table_column_count_to_equal": _SHAPE,
        "expect_table_columns_to_match_ordered_list": _SHAPE,
        "expect_table_columns_to_match_set": _SHAPE,
        "expect_column_values_to_be_increasing": _ORDER,
        "expect_column_values_to_be_decreasing": _ORDER,
        "expect_column_values_to_match_like_pattern": _LIKE,
        "expect_column_values_to_match_like_pattern_list": _LIKE,
        "expect_column_values_to_not_match_like_pattern": _LIKE,
        "expect_column_values_to_not_match_like_pattern_list": _LIKE,
        "expect_column_values_to_not_be_outliers": "Use expect_column_value_z_scores_to_be_less_than.",
        "expect_multicolumn_values_to_be_unique": "Use expect_select_column_values_to_be_unique_within_record.",
        "expect_multicolumn_values_to_be_equal": "Use expect_column_pair_values_to_be_equal.",
        "expect_query_results_to_match_comparison": _QUERY,
        "expect_table_row_count_to_equal_other_table": _QUERY,
        "unexpected_rows_expectation": _QUERY,
    }
)
"""Expectations of the library that make no sense on one batch of documents, with what to do instead."""
