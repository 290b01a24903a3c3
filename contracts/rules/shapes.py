"""Shape rules, run by Great Expectations over a pandas batch of documents.

The library is imported on first use (`engine`): its import costs seconds, and a contract is often only read. It gets
a frame in memory and an ephemeral context; nothing is written and nobody is called.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from contracts.model import CheckSpec
from contracts.rules.engine import library
from corpus.errors import ContractError
from corpus.ids import canonical_json

_ID = "doc_id"
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeResult:
    """What a shape rule found.

    Attributes:
        failing: Document id to the value found there, in words.
        passed: What the library says of the whole batch.
        observed: The aggregate that was compared, in words, empty where rows were judged.
    """

    failing: Mapping[str, str]
    passed: bool
    observed: str = ""


def run_shape(specs: Sequence[CheckSpec], rows: Rows) -> dict[str, ShapeResult]:
    """Runs shape rules over rows.

    Args:
        specs: Rules of the engines `library` (all but rowCount) and `greatExpectations`.
        rows: Rows of documents.parquet, with at least `doc_id` and the rules' columns.

    Returns:
        Name of the rule to what was found. A rule on values says nothing of rows whose value is null.

    Raises:
        ContractError: The library could not run a rule.
    """
    if not specs:
        return {}
    # A suite takes equal expectations for one, so rules that ask the same share an answer.
    asked = [(spec, canonical_json(form), form) for spec in specs for form in _forms(spec)]
    distinct = {key: form for _, key, form in asked}
    with _quiet():
        found = dict(zip(distinct, _validate(list(distinct.values()), rows, columns_of(specs)), strict=True))
    results: dict[str, ShapeResult] = {}
    for spec, key, _ in asked:
        results[spec.name] = _merged(results.get(spec.name), _result(spec, found[key]))
    return results


def columns_of(specs: Sequence[CheckSpec]) -> tuple[str, ...]:
    """Returns the columns that shape rules read, `doc_id` first."""
    columns = [_ID]
    for spec in specs:
        columns.extend(spec.arguments.get("properties", ()) or ([spec.field] if spec.field else ()))
        columns.extend(spec.arguments.get("column_list", ()))
        columns.extend(spec.arguments[key] for key in ("column_A", "column_B") if key in spec.arguments)
    return tuple(dict.fromkeys(str(column) for column in columns))


def _forms(spec: CheckSpec) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the expectations that a rule amounts to, as name and arguments."""
    given = dict(spec.arguments)
    column = {"column": spec.field} if spec.field else {}
    if spec.engine == "greatExpectations":
        yield spec.rule, {**column, **given}
    elif spec.rule == "missingValues":
        if None in given["missingValues"]:
            yield "expect_column_values_to_not_be_null", column
        values = [value for value in given["missingValues"] if value is not None]
        if values:
            yield "expect_column_values_to_not_be_in_set", {**column, "value_set": values}
    elif spec.rule == "invalidValues":
        if "validValues" in given:
            yield "expect_column_values_to_be_in_set", {**column, "value_set": given["validValues"]}
        if "pattern" in given:
            yield "expect_column_values_to_match_regex", {**column, "regex": given["pattern"]}
    elif "properties" in given and len(given["properties"]) > 1:
        yield "expect_compound_columns_to_be_unique", {"column_list": given["properties"]}
    else:
        column = {"column": given["properties"][0]} if "properties" in given else column
        extra = {} if spec.rule in _NO_ARGUMENTS else given
        yield _EXPECTATIONS[spec.rule], {**column, **extra}


_EXPECTATIONS = {
    "required": "expect_column_values_to_not_be_null",
    "nullValues": "expect_column_values_to_not_be_null",
    "unique": "expect_column_values_to_be_unique",
    "duplicateValues": "expect_column_values_to_be_unique",
    "pattern": "expect_column_values_to_match_regex",
    "length": "expect_column_value_lengths_to_be_between",
    "range": "expect_column_values_to_be_between",
    "enum": "expect_column_values_to_be_in_set",
}
_NO_ARGUMENTS = ("nullValues", "duplicateValues")


def _validate(forms: Sequence[tuple[str, dict[str, Any]]], rows: Rows, columns: Sequence[str]) -> list[Any]:
    gx = library()  # imports pandas too, which a contract that is only read must not pay for
    import pandas as pd  # noqa: PLC0415

    # Plain objects: typed columns would run regular expressions in another engine (RE2) with other rules.
    frame = pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype=object) for name in columns})
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("documents").add_dataframe_asset("documents")
    batch = asset.add_batch_definition_whole_dataframe("documents").get_batch({"dataframe": frame})
    complete = {"result_format": "COMPLETE", "unexpected_index_column_names": [_ID]}
    suite = gx.ExpectationSuite(name="contract")
    for number, (name, arguments) in enumerate(forms):
        suite.add_expectation(getattr(gx.expectations, _class_name(name))(**arguments, meta={"number": number}))
    results = batch.validate(suite, result_format=complete).results
    return sorted(results, key=lambda result: result.expectation_config.meta["number"])


def _class_name(expectation: str) -> str:
    return "".join(part.capitalize() for part in expectation.split("_"))


def _result(spec: CheckSpec, result: Any) -> ShapeResult:
    error = result.exception_info or {}
    if error.get("raised_exception") or any(
        isinstance(value, dict) and value.get("raised_exception") for value in error.values()
    ):
        raise ContractError(
            f"the rule {spec.name!r} ({spec.rule}) cannot be run on the column {spec.field!r}: {_reason(error)}. "
            "Change its arguments in the contract."
        )
    entries = result.result.get("unexpected_index_list") or []
    failing = {str(entry[_ID]): _shown(spec, entry) for entry in entries}
    observed = result.result.get("observed_value")
    return ShapeResult(failing=failing, passed=bool(result.success), observed="" if observed is None else str(observed))


def _reason(error: Mapping[str, Any]) -> str:
    texts = [error, *(value for value in error.values() if isinstance(value, dict))]
    return next(
        (str(text["exception_message"])[:200] for text in texts if text.get("exception_message")), "no reason given"
    )


def _shown(spec: CheckSpec, entry: Mapping[str, Any]) -> str:
    values = [value for name, value in entry.items() if name != _ID] or [entry[_ID]]
    value = values[0]
    if value is None or value != value:  # noqa: PLR0124 - NaN is how the library says null
        return "null"
    if spec.rule == "length":
        return f"{len(str(value))} characters"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _merged(first: ShapeResult | None, second: ShapeResult) -> ShapeResult:
    if first is None:
        return second
    failing = {**second.failing, **first.failing}
    return ShapeResult(
        failing=failing, passed=first.passed and second.passed, observed=first.observed or second.observed
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the library's deprecation warnings and its chatter out of a caller's logs."""
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
