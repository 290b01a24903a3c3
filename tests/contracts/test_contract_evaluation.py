from __future__ import annotations

import importlib
import json
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.evaluate import batch_columns, batch_report, row_violations
from contracts.facts import BatchFacts
from contracts.load import parse_contract
from contracts.model import Contract, Verdict
from contracts.reading.expectationtable import BATCH_EXPECTATIONS, ROW_EXPECTATIONS
from contracts.report import worst
from corpus.types import OnFail, OriginKind

VALID = Path(__file__).with_name("valid.odcs.yaml").read_text("utf-8")
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def row(doc_id: str, **changes: Any) -> dict[str, Any]:
    base = {
        "doc_id": doc_id,
        "text": "A sentence of the handbook. " * 20,
        "content_sha256": "0" * 64,
        "language": "en",
        "digital_source_type": "unknown",
        "updated_at": NOW - timedelta(days=10),
        "quality_score": 0.9,
        "owner": "team",
        "sensitivity_label": "internal",
        "last_validated_date": "2026-01-01",
        "generation_depth": 0,
        "findings": "[]",
    }
    return {**base, **changes}


def contract_with(*edits: tuple[str, str]) -> Contract:
    text = VALID
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return parse_contract(text, "kb")


def finding(share: float, basis: str = "matched") -> str:
    return json.dumps([{"code": "answer.match", "basis": basis, "detail": {"answers_share": share, "answer_id": "a1"}}])


def rules_broken(contract: Contract, *rows: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    found = row_violations(contract, rows, now=NOW)
    return {doc_id: [(item.field, item.rule) for item in items] for doc_id, items in found.items()}


BROKEN = {
    "null-text": ({"text": None}, [("text", "required")]),
    "short-text": ({"text": "too short"}, [("text", "length")]),
    "bad-hash": ({"content_sha256": "XYZ"}, [("content_sha256", "pattern")]),
    "wrong-language": ({"language": "fr"}, [("language", "invalidValues")]),
    "odd-origin": ({"digital_source_type": "alien"}, [("digital_source_type", "enum")]),
    "no-time": ({"updated_at": None}, [("updated_at", "required")]),
    "low-score": ({"quality_score": 0.1}, [("quality_score", "quality_score")]),
    "no-score": ({"quality_score": None}, [("quality_score", "quality_score")]),
    "secret": ({"sensitivity_label": "secret"}, [("sensitivity_label", "sensitivity")]),
    "no-owner": ({"owner": ""}, [("", "governance_fields")]),
    "stale-validation": ({"last_validated_date": "2020-01-01"}, [("", "governance_fields")]),
    "odd-validation": ({"last_validated_date": "soon"}, [("", "governance_fields")]),
    "own-answer": ({"findings": finding(0.9)}, [("", "self_ingestion")]),
}


def test_exactly_the_broken_documents_fail_each_by_its_rule() -> None:
    contract = contract_with()
    rows = [row("fine-1"), row("fine-2", language="de", findings=finding(0.2))]
    rows += [row(doc_id, **changes) for doc_id, (changes, _) in BROKEN.items()]
    rows += [row("suspected", findings=finding(0.99, "suspected"))]
    assert rules_broken(contract, *rows) == {doc_id: expected for doc_id, (_, expected) in BROKEN.items()}


def test_a_violation_says_what_was_expected_and_what_was_found() -> None:
    found = row_violations(contract_with(), [row("a", language="fr"), row("b", text="short")], now=NOW)
    (language,), (length,) = found["a"], found["b"]
    assert ("en, de" in language.expected, language.actual, language.on_fail) == (True, "'fr'", OnFail.QUARANTINE)
    assert (length.expected, length.actual) == ("at least 200 and at most 2000000 characters", "5 characters")


def test_nothing_is_asked_of_no_documents() -> None:
    assert row_violations(contract_with(), []) == {}


def test_a_pattern_has_the_meaning_of_python_regular_expressions() -> None:
    contract = contract_with(("^[0-9a-f]{64}$", "^(?!0{64})[0-9a-f]{64}$"))
    assert rules_broken(contract, row("zero"), row("one", content_sha256="1" * 64)) == {
        "zero": [("content_sha256", "pattern")]
    }


def test_missing_values_may_be_null_or_words() -> None:
    old = "arguments: {validValues: [en, de]}"
    contract = contract_with(
        (old, "arguments: {missingValues: [null, '', und]}"), ("metric: invalidValues", "metric: missingValues")
    )
    rows = [row("fine"), row("null", language=None), row("empty", language=""), row("und", language="und")]
    broken = rules_broken(contract, *rows)
    assert {doc_id for doc_id, rules in broken.items() if ("language", "missingValues") in rules} == {
        "null",
        "empty",
        "und",
    }


def test_the_freshness_rule_counts_from_the_given_moment() -> None:
    contract = contract_with(("rule: sensitivity\n              allowed: [public, internal]", "rule: freshness"))
    rows = [row("old", updated_at=NOW - timedelta(days=91)), row("new", updated_at=NOW - timedelta(days=89))]
    assert rules_broken(contract, *rows) == {"old": [("updated_at", "freshness")]}


EXPECTATION = """
          - name: label-words
            type: custom
            engine: greatExpectations
            implementation:
              type: expect_column_values_to_match_regex
              kwargs: {column: sensitivity_label, regex: "^[a-z]+$"}
"""


def test_an_expectation_of_the_contract_is_run() -> None:
    contract = contract_with(
        (
            "        quality:\n          - name: quality-score",
            f"        quality:{EXPECTATION}          - name: quality-score",
        )
    )
    broken = rules_broken(contract, row("fine"), row("loud", sensitivity_label="Internal"))
    assert ("sensitivity_label", "expect_column_values_to_match_regex") in broken["loud"]
    assert "fine" not in broken


@pytest.mark.parametrize("table", [ROW_EXPECTATIONS, BATCH_EXPECTATIONS])
def test_the_expectations_that_contracts_know_are_those_of_the_library(table: Mapping[str, tuple[str, ...]]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own imports are deprecated
        library = importlib.import_module("great_expectations.expectations")
    for name, options in table.items():
        form = getattr(library, "".join(part.capitalize() for part in name.split("_")))
        fields = form.__fields__
        assert {option.rstrip("!") for option in options} <= set(fields), name
        wanted = {key for key, item in fields.items() if item.required} - {"column"}
        assert wanted <= {option.rstrip("!") for option in options if option.endswith("!")}, name


def facts(contract: Contract, *rows: Mapping[str, Any], **changes: Any) -> BatchFacts:
    origins: dict[str, int] = {}
    for item in rows:
        origins[item["digital_source_type"]] = origins.get(item["digital_source_type"], 0) + 1
    base = {
        "documents": len(rows),
        "violations": row_violations(contract, rows, now=NOW),
        "origins": origins,
        "rows": rows,
    }
    return BatchFacts(**{**base, **changes})


def verdicts(contract: Contract, given: BatchFacts) -> dict[str, Verdict]:
    return {result.spec.name: result.verdict for result in batch_report(contract, given).results}


def test_a_report_holds_every_rule_with_its_failing_documents() -> None:
    contract = contract_with()
    report = batch_report(contract, facts(contract, row("a"), row("b", language="fr"), row("c", language="it")))
    assert [result.spec.name for result in report.results] == [check.name for check in contract.checks]
    result = next(result for result in report.results if result.spec.name == "language.invalidValues")
    assert (result.failing, result.verdict) == (("b", "c"), Verdict.FAIL)
    assert "the first b: 'fr'" in result.actual
    assert (report.verdict, report.blocking, report.documents) == (Verdict.FAIL, (), 3)
    written = json.loads(json.dumps(report.to_json()))
    assert written["verdict"] == "fail"
    entry = next(item for item in written["rules"] if item["name"] == "language.invalidValues")
    assert entry["owner"] == "support-content"
    assert entry["failing"] == ["b", "c"]


def test_an_empty_run_blocks_by_the_row_count() -> None:
    contract = contract_with()
    report = batch_report(contract, BatchFacts(documents=0))
    assert [result.spec.rule for result in report.blocking] == ["rowCount"]
    assert report.verdict is Verdict.BLOCK


def test_enforcement_warn_makes_nothing_worse_than_a_warning() -> None:
    contract = contract_with(("value: block", "value: warn"))
    report = batch_report(contract, facts(contract, row("a", language="fr"), documents=0))
    assert report.verdict is Verdict.WARN


def test_a_row_rule_that_blocks_stops_the_run() -> None:
    contract = contract_with(
        (
            "              onFail: quarantine\n          - name: labels",
            "              onFail: block\n          - name: labels",
        )
    )
    report = batch_report(contract, facts(contract, row("a", quality_score=0.1)))
    assert [(result.spec.name, result.failing) for result in report.blocking] == [("quality-score", ("a",))]


def test_the_share_of_generated_text_is_of_chunks_where_they_are_known() -> None:
    contract = contract_with()
    rows = [row("a", digital_source_type=OriginKind.AI_GENERATED.value), row("b"), row("c")]
    assert verdicts(contract, facts(contract, *rows))["ai-share"] is Verdict.WARN
    few = {OriginKind.AI_GENERATED.value: 1, "unknown": 99}
    assert verdicts(contract, facts(contract, *rows, chunk_origins=few))["ai-share"] is Verdict.PASS
    report = batch_report(contract, facts(contract, *rows))
    assert "chunks are not cut yet" in next(r.actual for r in report.results if r.spec.name == "ai-share")


def test_unique_values_are_judged_over_the_whole_run() -> None:
    contract = contract_with(
        (
            "      - name: content_sha256\n        logicalType: string\n",
            "      - name: content_sha256\n        logicalType: string\n        unique: true\n",
        )
    )
    assert batch_columns(contract) == ("doc_id", "content_sha256")
    rows = [row("a", content_sha256="a" * 64), row("b", content_sha256="b" * 64), row("c", content_sha256="a" * 64)]
    report = batch_report(contract, facts(contract, *rows))
    result = next(result for result in report.results if result.spec.rule == "unique")
    assert (result.failing, result.verdict) == (("a", "c"), Verdict.BLOCK)
    with pytest.raises(ValueError, match="content_sha256"):
        batch_report(contract, BatchFacts(documents=3))


@pytest.mark.parametrize(("limit", "verdict"), [("20", Verdict.BLOCK), ("60", Verdict.PASS)])
def test_a_share_of_rows_is_compared_with_its_threshold(limit: str, verdict: Verdict) -> None:
    contract = contract_with(
        (
            "            mustBe: 0\n            unit: rows",
            f"            mustBeLessThan: {limit}\n            unit: percent",
        )
    )
    rows = [row("a"), row("b", language="fr")]
    assert verdicts(contract, facts(contract, *rows))["language.invalidValues"] is verdict


VOLUME = """
      - name: half-gone
        type: custom
        engine: stemma
        implementation: {rule: volume, measure: ratio_to_previous, threshold: {mustBeBetween: [0.5, 2]}, onFail: block}
      - metric: rowCount
"""


@pytest.mark.parametrize(("before", "verdict"), [(None, Verdict.PASS), (2, Verdict.PASS), (5, Verdict.BLOCK)])
def test_a_volume_that_halves_blocks(before: int | None, verdict: Verdict) -> None:
    contract = contract_with(("\n      - metric: rowCount\n", VOLUME))
    assert verdicts(contract, facts(contract, row("a"), row("b"), previous_documents=before))["half-gone"] is verdict


@given(st.lists(st.sampled_from(Verdict)))
def test_the_worst_verdict_wins_in_any_order(found: list[Verdict]) -> None:
    expected = next((item for item in (Verdict.BLOCK, Verdict.FAIL, Verdict.WARN) if item in found), Verdict.PASS)
    assert worst(found) is expected
