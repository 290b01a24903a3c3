"""Promises about values, keys and references: what a full contract compiles to, and how documents are judged."""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.build import CHUNK_COLUMNS, DOCUMENT_COLUMNS, ENTRY_TYPES, NEVER_NULL, OTHER_TYPES
from contracts.evaluate import batch_columns, batch_report, row_violations
from contracts.facts import BatchFacts
from contracts.load import parse_contract, problems_of
from contracts.model import (
    AnswerSpec,
    CheckSpec,
    Contract,
    FamilySpec,
    GoldenQuestion,
    Member,
    OriginSpec,
    QualitySpec,
    RelationSpec,
    RepairSpec,
    Role,
    Statement,
    TriageSpec,
    TrustSpec,
    Verdict,
)
from contracts.reading.specs import ENGINE_ALIASES, ENGINES
from contracts.rules.table import RULES
from contracts.rules.values import STRING_FORMATS, VALUE_RULES, formatted, in_period, judged, multiple_of
from contracts.text.patterns import parsed_date, strptime_form
from contracts.wording import expected_of
from corpus import batches
from corpus.types import OnFail

FULL = Path(__file__).with_name("full.odcs.yaml").read_text("utf-8")
VALID = Path(__file__).with_name("valid.odcs.yaml").read_text("utf-8")
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def full(*edits: tuple[str, str]) -> Contract:
    text = FULL
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    return parse_contract(text, "full")


def row(doc_id: str, **changes: Any) -> dict[str, Any]:
    base = {
        "doc_id": doc_id,
        "uri": f"file:///guides/{doc_id}",
        "title": f"Guide {doc_id}",
        "text": "How the flange is tightened. " * 3,
        "source_system": "guides",
        "sensitivity_label": "internal",
        "owner": "team",
        "size_bytes": 100,
        "quality_score": 0.9,
        "updated_at": NOW - timedelta(days=3),
        "last_validated_date": "2026-01-31",
        "findings": "[]",
        "quality_reasons": '["few_words"]',
        "metadata": "{}",
        "language": "en",
        "digital_source_type": "unknown",
    }
    return {**base, **changes}


def broken(contract: Contract, *rows: dict[str, Any]) -> dict[str, list[str]]:
    found = row_violations(contract, rows, now=NOW)
    return {doc_id: [f"{item.field}.{item.rule}" for item in items] for doc_id, items in found.items()}


def result_of(contract: Contract, name: str, *rows: dict[str, Any], now: datetime = NOW) -> tuple[Verdict, str]:
    contract = without_drift(contract)
    facts = BatchFacts(documents=len(rows), rows=rows, origins={"unknown": len(rows)})
    result = next(item for item in batch_report(contract, facts, now=now).results if item.spec.name == name)
    return result.verdict, result.actual


def without_drift(contract: Contract) -> Contract:
    return replace(contract, checks=tuple(check for check in contract.checks if check.rule != "drift"))


def test_everything_that_a_full_contract_says_is_in_the_model() -> None:
    contract = full()
    assert contract.repair == RepairSpec(kinds=("encoding", "hyphenation"))
    assert contract.quality == QualitySpec(document_type="reference", weights={"extraction": 2.0, "repetition": 0.5})
    assert contract.triage == TriageSpec(persons=2)
    assert contract.trust == TrustSpec(tier="curated", authors=("Ann", "Bo"))
    assert contract.families == FamilySpec(similarity=0.75)
    assert contract.answers == AnswerSpec(text="hash", retention_days=400)
    assert contract.origin == OriginSpec(detectors=("green-list",), model="house-2026")
    assert contract.golden == (
        GoldenQuestion(
            id="q-torque",
            question="How tight is the flange?",
            answer="40 Nm",
            relevant_doc_ids=("guides/flange.md",),
        ),
        GoldenQuestion(id="question-2", question="Who may open the housing?", answer=""),
    )
    assert contract.team[1] == Member(username="bo@example.com", role="owner")
    assert contract.roles == (Role(role="technician", access="read"), Role(role="editor", access="write"))
    assert contract.relationships == (
        RelationSpec(object="document", columns=("metadata.supersedes",), to_object="document", to=("doc_id",)),
        RelationSpec(object="chunk", columns=("doc_id",), to_object="document", to=("doc_id",)),
    )
    assert [(item.property, item.value, item.unit) for item in contract.sla][2:4] == [
        ("latency", "15", "min"),
        ("availability", "99.5", ""),
    ]
    assert contract.statements == (
        Statement(
            kind="quality",
            text="Written so that a technician in the rain understands it.",
            name="plain-words",
            field="text",
        ),
        Statement(kind="quality", text="A chunk never cuts a table in two."),
        Statement(kind="instruction", text="Answer only from guides that are active."),
        Statement(kind="constraint", text="Never state a price.", name="no-prices"),
    )
    assert (contract.status, contract.tags, contract.retention_days) == ("active", ("rag", "corpus"), 5 * 365)


def test_nothing_is_said_where_a_contract_says_nothing() -> None:
    contract = parse_contract(VALID, "kb")
    assert (contract.repair, contract.quality, contract.triage) == (RepairSpec(), QualitySpec(), TriageSpec())
    assert (contract.trust, contract.families, contract.origin) == (TrustSpec(), FamilySpec(), OriginSpec())
    assert contract.answers == AnswerSpec(text="keep", retention_days=None)
    assert contract.golden[0].relevant_doc_ids == ("policies/refunds.md",)


def test_no_repairs_is_an_empty_list_and_kinds_keep_one_order() -> None:
    assert full(("[encoding, hyphenation]", "[]")).repair.kinds == ()
    assert full(("[encoding, hyphenation]", "[boilerplate, encoding]")).repair.kinds == ("encoding", "boilerplate")


def test_a_team_may_be_a_list_of_members() -> None:
    start, end = FULL.index("team:\n"), FULL.index("roles:\n")
    text = f"{FULL[:start]}team:\n  - username: cy@example.com\n    role: Owner\n{FULL[end:]}"
    contract = parse_contract(text, "full")
    assert (contract.owner_team, contract.team) == (
        "cy@example.com",
        (Member(username="cy@example.com", role="Owner"),),
    )


def test_who_left_the_team_does_not_answer_for_it() -> None:
    assert full(("  name: field-content\n", "")).owner_team == "bo@example.com"


def test_a_check_may_ask_for_repair_where_a_repair_can_help() -> None:
    found = next(check for check in full().checks if check.name == "quality-score")
    assert (found.on_fail, found.scope) == (OnFail.REPAIR, "row")


def test_names_of_engines_are_those_of_the_standard_too() -> None:
    assert set(ENGINE_ALIASES.values()) <= set(ENGINES)
    assert next(check for check in full().checks if check.name == "titles-and-owners").engine == "greatExpectations"


def test_drift_means_the_population_stability_index_unless_it_says_otherwise() -> None:
    found = next(check for check in full().checks if check.rule == "drift")
    assert (found.field, found.arguments) == ("language", {"column": "language", "statistic": "psi"})


BROKEN = {
    "no-uri": ({"uri": "not a uri"}, ["uri.format"]),
    "no-bytes": ({"size_bytes": 0}, ["size_bytes.range"]),
    "zero-score": ({"quality_score": 0.0}, ["quality_score.quality_score", "quality_score.range"]),
    "old": ({"updated_at": datetime(1999, 1, 1, tzinfo=UTC)}, ["updated_at.period"]),
    "early": ({"last_validated_date": "2019-12-31"}, ["last_validated_date.period"]),
    "no-date": (
        {"last_validated_date": "31.01.2026"},
        ["last_validated_date.format", "last_validated_date.period", ".governance_fields"],
    ),
    "no-list": ({"findings": "{}"}, ["findings.items"]),
    "twice": ({"quality_reasons": '["a", "a"]'}, ["quality_reasons.items"]),
    "many-keys": ({"metadata": json.dumps(dict.fromkeys(map(str, range(201))))}, ["metadata.keys"]),
    "own-name": (
        {"title": "own-name"},
        [".expect_select_column_values_to_be_unique_within_record"],
    ),
    "no-source": ({"source_system": None}, ["source_system.nullValues"]),
}


def test_exactly_the_broken_documents_fail_each_by_its_promise() -> None:
    rows = [row("fine"), row("empty", uri=None, size_bytes=None, updated_at=None, last_validated_date=None)]
    rows += [row(doc_id, **changes) for doc_id, (changes, _) in BROKEN.items()]
    assert broken(full(), *rows) == {doc_id: expected for doc_id, (_, expected) in BROKEN.items()}


def test_a_violation_of_a_promise_says_what_was_expected_and_found() -> None:
    found = row_violations(full(), [row("a", uri="not a uri", last_validated_date="soon")], now=NOW)["a"]
    said = {item.rule: (item.expected, item.actual) for item in found}
    assert said["format"] == ("a date in the format yyyy-MM-dd", "'soon'")
    assert ("the format uri", "'not a uri'") in {(item.expected, item.actual) for item in found}


def test_a_reference_to_a_document_that_is_not_there_is_found() -> None:
    contract = full()
    assert "metadata" in batch_columns(contract)
    name = "metadata.supersedes.foreignKey"
    there = row("new", metadata='{"supersedes": "old"}')
    assert result_of(contract, name, there, row("old"))[0] is Verdict.PASS
    verdict, actual = result_of(contract, name, there, row("other", metadata='{"supersedes": ""}'))
    assert (verdict, actual) == (Verdict.WARN, "1 document, new: 'old'")


def test_references_block_unless_the_contract_says_otherwise_and_may_have_several_columns() -> None:
    old = "        from: document.metadata.supersedes\n        to: document.doc_id\n        customProperties:\n"
    old += "          - property: onFail\n            value: warn\n            vendor: stemma\n"
    new = "        from: [document.metadata.series, document.source_system]\n        to: [document.doc_id, document.source_system]\n"
    contract = full((old, new))
    name = "metadata.series+source_system.foreignKey"
    rows = [row("a", metadata='{"series": "b"}'), row("b")]
    assert result_of(contract, name, *rows)[0] is Verdict.PASS
    rows[1]["source_system"] = "elsewhere"
    assert result_of(contract, name, *rows) == (Verdict.BLOCK, "1 document, a: 'b', 'guides'")


def test_ids_of_objects_and_properties_are_references_too() -> None:
    contract = full(("to: document.doc_id", "to: /schema/doc/properties/doc_key"))
    assert contract.relationships[0].to == ("doc_id",)


def test_a_primary_key_beside_the_document_id_is_required_and_unique() -> None:
    contract = full(
        ("        primaryKey: true\n        primaryKeyPosition: 1\n", ""),
        ("      - name: uri\n", "      - name: uri\n        primaryKey: true\n        primaryKeyPosition: 2\n"),
        ("      - name: title\n", "      - name: title\n        primaryKey: true\n        primaryKeyPosition: 1\n"),
    )
    names = [check.name for check in contract.checks]
    assert {"uri.required", "title.required", "document.primaryKey"} <= set(names)
    key = next(check for check in contract.checks if check.name == "document.primaryKey")
    assert key.arguments == {"properties": ["title", "uri"]}
    twins = [row("a", title="x", uri="file:///x"), row("b", title="x", uri="file:///x"), row("c")]
    assert result_of(contract, "document.primaryKey", *twins)[0] is Verdict.BLOCK
    assert result_of(contract, "document.primaryKey", row("a"), row("b"))[0] is Verdict.PASS


def test_a_primary_key_of_one_column_is_unique() -> None:
    contract = full(
        ("        primaryKey: true\n        primaryKeyPosition: 1\n", ""),
        ("      - name: title\n", "      - name: title\n        primaryKey: true\n"),
    )
    assert {"title.required", "title.unique"} <= {check.name for check in contract.checks}


@pytest.mark.parametrize(
    ("day", "verdict", "words"),
    [
        (datetime(2097, 12, 31, tzinfo=UTC), Verdict.PASS, "kept"),
        (datetime(2098, 1, 2, tzinfo=UTC), Verdict.WARN, "support of this contract has ended on 2098-01-01"),
    ],
)
def test_an_end_that_has_passed_is_a_warning_and_never_a_block(day: datetime, verdict: Verdict, words: str) -> None:
    assert result_of(full(), "endOfSupport", row("a"), now=day) == (verdict, words)


def test_rules_on_rows_are_judged_in_a_run_without_documents() -> None:
    contract = full()
    assert result_of(contract, "uri.unique") == (Verdict.PASS, "no documents")
    assert result_of(contract, "document.duplicateValues") == (Verdict.PASS, "no documents")


def test_compound_columns_of_an_expectation_are_asked_for_and_judged() -> None:
    contract = full()
    assert {"title", "uri"} <= set(batch_columns(contract))
    same = [row("a", title="x", uri="file:///x"), row("b", title="x", uri="file:///x")]
    assert result_of(contract, "titles-and-owners", *same)[0] is Verdict.WARN


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("byte", ["", "aGk="], ["aGk", "h!"]),
        ("email", ["a@b.org", "a.b+c@localhost"], ["a@", "@b", "a b@c.org", "a@-b.org@"]),
        ("hostname", ["localhost", "a-b.example.org"], ["-a.org", "a..b", "a_b", "x" * 64]),
        ("ipv4", ["127.0.0.1"], ["127.0.0", "::1", "256.1.1.1"]),
        ("ipv6", ["::1", "2001:db8::"], ["127.0.0.1", ":::"]),
        ("uri", ["https://x.org/a?b#c", "file:///a", "urn:isbn:1", "mailto:a@b.org"], ["a/b", "", "https://a b", "//x"]),
        ("uuid", ["0d8a7d52-2e4a-4b0e-8a0e-6c0f0d3b9a22"], ["0d8a7d522e4a4b0e8a0e6c0f0d3b9a22", "x", ""]),
    ],
)  # fmt: skip
def test_formats_of_text(name: str, good: list[str], bad: list[str]) -> None:
    assert [text for text in good if not formatted(text, {"name": name})] == []
    assert [text for text in bad if formatted(text, {"name": name})] == []


def test_every_format_is_tested_and_every_value_rule_has_words() -> None:
    assert set(STRING_FORMATS) == {"byte", "email", "hostname", "ipv4", "ipv6", "uri", "uuid"}
    rules = {check.rule for check in full().checks}
    assert set(VALUE_RULES) <= rules
    for check in full().checks:
        assert expected_of(check) != check.rule, check.name


@given(st.text(), st.sampled_from(sorted(STRING_FORMATS)))
def test_a_format_answers_for_any_text(text: str, name: str) -> None:
    assert formatted(text, {"name": name}) in (True, False)


@given(st.integers(-(10**9), 10**9), st.integers(1, 1000), st.integers(0, 3))
def test_multiples_are_counted_in_decimals(times: int, step: int, digits: int) -> None:
    scale = 10**digits
    assert multiple_of(times * step / scale, {"step": step / scale})
    if step > 1:
        assert not multiple_of((times * step + 1) / scale, {"step": step / scale})


@given(
    st.dates(min_value=date(1000, 1, 1)),
    st.sampled_from(["yyyy-MM-dd", "dd.MM.uuuu", "yyyyMMdd", "'day' DDD 'of' yyyy"]),
)
def test_dates_survive_their_pattern(day: date, pattern: str) -> None:
    text = day.strftime(strptime_form(pattern)).replace(str(day.year), f"{day.year:04d}")
    assert parsed_date(text, pattern).date() == day


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_a_moment_lies_in_its_period_or_not(moment: datetime, edge: datetime) -> None:
    text = edge.isoformat()
    assert in_period(moment, {"min_value": text}) == (moment >= edge)
    assert in_period(moment, {"max_value": text, "strict_max": True}) == (moment < edge)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists, max_leaves=8))
def test_lists_are_judged_whatever_they_hold(value: Any) -> None:
    spec = CheckSpec(
        name="x", rule="items", engine="library", scope="row", field="findings", arguments={"maxItems": 2, "uniqueItems": True}
    )  # fmt: skip
    found = judged(spec, [{"doc_id": "a", "findings": json.dumps(value)}])
    texts = [json.dumps(item) for item in value] if isinstance(value, list) else []
    keeps = isinstance(value, list) and len(value) <= 2 and len(set(texts)) == len(texts)
    assert bool(found) != keeps


@pytest.mark.parametrize("text", ["yyyy-MM-ddTHH:mm", "QQQ", "'", "d/M/y"])
def test_date_patterns_that_readers_take_differently_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        strptime_form(text)


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [("i8", -128, 128), ("u8", 255, -1), ("u32", 0, -1), ("i32", 2**31 - 1, 2**31), ("i16", 1, -40_000)],
)
def test_a_number_format_is_a_range(form: str, good: int, bad: int) -> None:
    contract = full(
        ("          minimum: 1\n          maximum: 5000000\n          multipleOf: 1\n          format: u32", f"          format: {form}")
    )  # fmt: skip
    assert broken(contract, row("good", size_bytes=good), row("bad", size_bytes=bad)) == {"bad": ["size_bytes.range"]}


def test_tables_of_types_match_the_files() -> None:
    assert set(OTHER_TYPES) <= set(DOCUMENT_COLUMNS)
    assert all(DOCUMENT_COLUMNS[name] == "string" for name in OTHER_TYPES)
    assert set(ENTRY_TYPES) == {name for name, kind in OTHER_TYPES.items() if kind == "array"}
    nullable = {field.name for field in batches.CHUNKS if field.nullable}
    assert set(NEVER_NULL) == set(CHUNK_COLUMNS) - nullable


def test_every_rule_of_ours_has_words_for_what_it_expects() -> None:
    arguments = {"maxAge": 3.0, "allowed": ["x"], "fields": ["owner"], "column": "language", "statistic": "psi"}
    for name, rule in RULES.items():
        spec = CheckSpec(name=name, rule=name, engine="stemma", scope=rule.scope, arguments=arguments)
        assert expected_of(spec) not in ("", name)


EDITS = [
    "",
    "null",
    "[]",
    "{}",
    "0",
    "-1",
    "1e9",
    "true",
    "x",
    "[1, 2]",
    "{a: b}",
    '"  "',
    "document.doc_id",
    "2026-01-31",
]
KEYS = sorted({line.split(":")[0].strip(" -") for line in FULL.splitlines() if ":" in line and "{" not in line})


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(KEYS), st.sampled_from(EDITS), st.integers(0, 20))
def test_any_plain_value_in_any_part_is_a_contract_or_problems_with_places(key: str, value: str, skip: int) -> None:
    lines = FULL.splitlines()
    places = [number for number, line in enumerate(lines) if line.strip(" -").startswith(f"{key}:")]
    number = places[skip % len(places)]
    head = lines[number][: lines[number].index(":") + 1]
    text = "\n".join([*lines[:number], f"{head} {value}", *lines[number + 1 :]])
    found = problems_of(text)
    assert all(1 <= problem.line <= len(lines) and problem.message for problem in found)
    if not found:
        assert yaml.safe_load(text)
        assert parse_contract(text, "x").checks
