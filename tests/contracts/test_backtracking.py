"""Patterns of contracts that could take for ever are refused; those that people write are not."""

from __future__ import annotations

import pytest

from contracts.load import parse_contract
from contracts.scaffold import new_contract
from contracts.text.backtracking import runs_away
from corpus.errors import ContractError

ENDLESS = [
    r"^(\w+\s?)*$", r"(a+)+$", r"(a|a)*b", r"(ab|ab)*c", r"(.*,)*x", r"([a-z]+-?)*$", r"(\s*\w+)*$", r"(?:(?:x+)y?)*z",
    r"((a+)|b)*c", r"([^/]+/?)+$", r"(x+x+)+y", r"(\w{1,50}\s?)*!", r"(\w\w?)*!", r"(?=(a+)+b)c", r"(\d{1,3},?)*$",
]  # fmt: skip
FINE = [
    r"^[a-z/.]+$", r"^\w+(\.\w+)*$", r"^[\w.+-]+@[\w-]+(\.[\w-]+)+$", r"(\s+\w+)*", r"(a|b)*", r"^(?:[A-Z]{2}-\d+,)*$",
    r"(?>a+)+", r"(a++)+", r"\d{4}-\d{2}-\d{2}", r"^(foo|bar)+$", r"(\w+\s)*", r".*foo.*", r"^(?!.*draft)[\s\S]*$",
    r"([a-z]+/)*[a-z]+\.md$", r"(\d|[0-9])+$", r"(?i)(a|A)*b", r"(a?b)*", r"^(\w+\s?){1,5}$",
]  # fmt: skip


@pytest.mark.parametrize("pattern", ENDLESS)
def test_a_pattern_without_end_is_told(pattern: str) -> None:
    assert runs_away(pattern)


@pytest.mark.parametrize("pattern", FINE)
def test_a_pattern_that_people_write_is_let_be(pattern: str) -> None:
    assert not runs_away(pattern)


def test_a_contract_with_a_pattern_without_end_is_refused_and_told_what_to_write() -> None:
    text = new_contract("handbook", root="./docs", owner="team")
    assert "minLength: 1\n" in text
    with pytest.raises(ContractError, match="can take for ever") as caught:
        parse_contract(text.replace("minLength: 1\n", "pattern: '^(\\w+\\s?)*$'\n", 1), "handbook.odcs.yaml")
    assert r"(\w+\s?)*" in str(caught.value)
    assert "Say what must stand between two rounds" in str(caught.value)


def test_a_duration_of_four_hundred_digits_is_a_problem_and_no_crash() -> None:
    text = new_contract("handbook", root="./docs", owner="team")
    text = text.replace(
        "slaProperties:\n", f"slaProperties:\n  - {{property: retention, value: {'9' * 400}, unit: d}}\n", 1
    )
    with pytest.raises(ContractError, match="is not a duration"):
        parse_contract(text, "handbook.odcs.yaml")
