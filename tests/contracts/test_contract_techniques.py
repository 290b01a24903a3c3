"""A rule that is narrowed to ways of hiding text names them rightly: a typo would switch it off."""

from __future__ import annotations

import pytest

from contracts.load import parse_contract
from contracts.scaffold import new_contract
from corpus.errors import ContractError

RULE = "              rule: hidden_text\n"


def _narrowed(techniques: str) -> str:
    text = new_contract("handbook", root="./docs", owner="team")
    assert RULE in text
    return text.replace(RULE, f"{RULE}              techniques: {techniques}\n")


def test_a_rule_may_be_narrowed() -> None:
    contract = parse_contract(_narrowed("[colour, font_size]"), "handbook.odcs.yaml")
    [check] = [check for check in contract.checks if check.rule == "hidden_text"]
    assert check.arguments["techniques"] == ["colour", "font_size"]


def test_a_typo_is_named_with_the_nearest() -> None:
    with pytest.raises(ContractError, match="colr") as caught:
        parse_contract(_narrowed("[colr]"), "handbook.odcs.yaml")
    assert "Did you mean 'colour'?" in str(caught.value)
