"""The rule `paraphrase`: what it takes, what it says, and that its default only warns where the check is a warning."""

from __future__ import annotations

import json

import pytest

from contracts.evaluate import row_violations
from contracts.load import parse_contract, problems_of
from contracts.model import Contract
from contracts.scaffold import new_contract
from corpus.types import OnFail

RULE = "              rule: hidden_text\n              onFail: quarantine\n"


def text_with(options: str, on_fail: str = "warn") -> str:
    text = new_contract("handbook", root="./docs", owner="team")
    assert RULE in text
    return text.replace(RULE, f"              rule: paraphrase\n{options}              onFail: {on_fail}\n")


def contract_with(options: str, on_fail: str = "warn") -> Contract:
    return parse_contract(text_with(options, on_fail), "handbook.odcs.yaml")


def row(*shares: float, code: str = "answer.paraphrase") -> dict[str, str]:
    findings = [
        {
            "code": code,
            "basis": "suspected",
            "quote": "",
            "detail": {"share_of_document": share, "says": f"says {share}"},
        }
        for share in shares
    ]
    return {"doc_id": "d", "findings": json.dumps(findings), "text": "x"}


def broken(contract: Contract, found: dict[str, str]) -> list[str]:
    only = [check for check in contract.checks if check.rule == "paraphrase"]
    assert len(only) == 1
    violations = row_violations(contract, [found]).get("d", ())
    return [item.actual for item in violations if item.rule == "paraphrase"]


def test_any_suspicion_breaks_it_without_a_threshold() -> None:
    assert broken(contract_with(""), row(0.2)) == ["0.20, suspected: says 0.2"]
    assert broken(contract_with(""), row()) == []
    assert broken(contract_with(""), row(0.9, code="answer.match")) == []


def test_a_threshold_is_held_against_the_greatest_share() -> None:
    contract = contract_with("              share: {mustBeLessThan: 0.5}\n")
    assert broken(contract, row(0.2, 0.49)) == []
    assert broken(contract, row(0.2, 0.5)) == ["0.50, suspected: says 0.5"]


@pytest.mark.parametrize(("fate", "wanted"), [("warn", OnFail.WARN), ("quarantine", OnFail.QUARANTINE)])
def test_the_contract_says_what_follows(fate: str, wanted: OnFail) -> None:
    [check] = [check for check in contract_with("", fate).checks if check.rule == "paraphrase"]
    assert check.on_fail is wanted


@pytest.mark.parametrize(
    ("options", "phrase"),
    [
        ("              share: {mustBeLessThan: 7}\n", "7"),
        ("              shares: {mustBeLessThan: 0.5}\n", "unknown key `shares`"),
        ("              model: x\n", "unknown key `model`"),
    ],
)
def test_what_it_does_not_take_is_refused(options: str, phrase: str) -> None:
    problems = problems_of(text_with(options), "handbook.odcs.yaml")
    assert any(phrase in str(problem) for problem in problems), problems
