"""`contracts.explain`: every rule has words, and every word has its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts import wording
from contracts.explain import SHAPES, checks_words, expectation_words, parts_in_words, rules_in_words
from contracts.load import parse_contract
from contracts.model import CheckSpec, Contract
from contracts.reading.expectationtable import BATCH_EXPECTATIONS, ROW_EXPECTATIONS
from contracts.rules.table import RULES
from contracts.scaffold import new_contract

BASE = (Path(__file__).parent / "valid.odcs.yaml").read_text("utf-8")


@pytest.fixture(scope="module")
def contract() -> Contract:
    return parse_contract(BASE, "kb.odcs.yaml")


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_of_ours_has_words(rule: str) -> None:
    words = checks_words(CheckSpec(name=rule, rule=rule, engine="stemma", scope=RULES[rule].scope))
    assert words.endswith(".")
    assert len(words.split()) >= 4


def test_no_rule_is_left_without_a_sentence() -> None:
    assert set(wording._WORDS) == {*RULES, *SHAPES}


@pytest.mark.parametrize("rule", SHAPES)
def test_every_shape_has_words(rule: str) -> None:
    words = checks_words(CheckSpec(name=rule, rule=rule, engine="library", scope="row"))
    assert words.endswith(".")
    assert len(words.split()) >= 4


@pytest.mark.parametrize("name", [*ROW_EXPECTATIONS, *BATCH_EXPECTATIONS])
def test_every_expectation_has_words(name: str) -> None:
    words = expectation_words(name)
    assert words.endswith(".")
    assert "_" not in words


def test_every_check_of_a_contract_is_explained_in_order(contract: Contract) -> None:
    words = rules_in_words(contract)
    assert [item.name for item in words] == [check.name for check in contract.checks]
    assert all(item.checks and item.expects and item.fails and item.tells == "support-content" for item in words)


def test_lines_are_those_of_the_file(contract: Contract) -> None:
    lines = BASE.splitlines()
    words = {item.name: item for item in rules_in_words(contract)}
    wanted = {
        "quality-score": "name: quality-score",
        "self-ingestion": "name: self-ingestion",
        "text.length": "logicalTypeOptions:",
        "doc_id.pattern": "logicalTypeOptions:",
        "language.invalidValues": "metric: invalidValues",
        "document.rowCount": "metric: rowCount",
        "digital_source_type.enum": "enum:",
        "governance_fields": "property: ragGovernance",
    }
    assert {name: text in lines[words[name].line - 1] for name, text in wanted.items()} == dict.fromkeys(wanted, True)


def test_what_a_failure_leads_to_depends_on_the_mode(contract: Contract) -> None:
    held = {item.name: item for item in rules_in_words(contract)}["quality-score"]
    assert "quarantine" in held.fails
    assert "at least 0.6" in held.expects
    text = BASE.replace("property: ragEnforcement\n    value: block", "property: ragEnforcement\n    value: warn")
    lenient = {item.name: item for item in rules_in_words(parse_contract(text, "kb"))}["quality-score"]
    assert lenient.fails.startswith("it is reported and nothing is held back, because ragEnforcement is warn")


def test_parts_say_their_figures_and_lines(contract: Contract) -> None:
    parts = {item.part: item for item in parts_in_words(contract)}
    lines = BASE.splitlines()
    assert "owner, sensitivity_label" in parts["governance"].says
    assert "400 days" in parts["governance"].says
    assert "254 tokens" in parts["chunking"].says
    assert "384 numbers" in parts["embedding"].says
    assert (parts["schedule"].says, parts["freshness"].says) == ("0 2 * * *", "updated_at at most 90 days ago")
    assert parts["trust"].line == 0
    assert "property: frequency" in lines[parts["schedule"].line - 1]
    assert "server: inbox" in lines[parts["source"].line - 1]


def test_checks_without_a_name_and_with_a_name_given_twice_keep_their_places() -> None:
    text = new_contract("kb", root="docs", owner="me").replace(
        "    quality:\n      - name: some-documents\n",
        "    quality:\n      - metric: rowCount\n        mustBeLessThan: 1000\n      - name: some-documents\n",
    )
    contract = parse_contract(text, "kb")
    words = {item.name: item for item in rules_in_words(contract)}
    lines = text.splitlines()
    assert "metric: rowCount" in lines[words["document.rowCount"].line - 1]
    assert "some-documents" in lines[words["some-documents"].line - 1]
