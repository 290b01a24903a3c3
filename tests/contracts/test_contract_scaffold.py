from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.load import parse_contract, problems_of
from contracts.model import Threshold
from contracts.scaffold import new_contract
from corpus.errors import ContractError
from corpus.types import OnFail


@pytest.mark.parametrize("embedder", ["all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2", "wordllama-256"])
def test_a_new_contract_validates_and_says_what_was_asked(embedder: str) -> None:
    text = new_contract(
        "kb",
        root="data/inbox",
        include=("**/*.md", "**/*.html"),
        embedder=embedder,
        owner="docs team",
        schedule="0 2 * * *",
        defaults={"owner": "docs team", "last_validated_date": "2026-01-31", "version": "1"},
    )
    contract = parse_contract(text, "kb.odcs.yaml")
    assert (contract.name, contract.owner_team, contract.schedule) == ("kb", "docs team", "0 2 * * *")
    assert (contract.source.root, contract.source.include) == ("data/inbox", ("**/*.md", "**/*.html"))
    assert contract.governance.defaults["last_validated_date"] == "2026-01-31"
    assert contract.embedder.model in embedder
    assert text.count("#") > 10


def test_a_new_contract_never_makes_up_that_a_human_validated() -> None:
    contract = parse_contract(new_contract("kb", root="in", owner="me"), "kb")
    assert set(contract.governance.defaults) == {"owner", "source_system", "sensitivity_label"}


def test_a_new_contract_looks_for_hidden_text_orders_twins_and_drift() -> None:
    contract = parse_contract(new_contract("kb", root="in", owner="me"), "kb")
    found = {item.rule: item for item in contract.checks}
    assert found["hidden_text"].on_fail is OnFail.QUARANTINE
    assert {found[rule].on_fail for rule in ("instruction_text", "near_duplicate", "drift")} == {OnFail.WARN}
    assert found["near_duplicate"].threshold == Threshold(op="mustBeLessThan", value=0.9)
    assert found["drift"].arguments == {"column": "language", "statistic": "psi"}
    assert found["drift"].threshold == Threshold(op="mustBeLessThan", value=0.25)


def test_no_defaults_are_possible() -> None:
    assert parse_contract(new_contract("kb", root="in", owner="me", defaults={}), "kb").governance.defaults == {}


def test_the_same_question_gives_the_same_text() -> None:
    assert new_contract("kb", root="in", owner="me") == new_contract("kb", root="in", owner="me")


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({"embedder": "no-such-model"}, "is not known"),
        ({"name": "Bad Name"}, "lower-case"),
        ({"schedule": "often"}, "not a schedule"),
        ({"defaults": {"ownr": "x"}}, "unknown key `ownr`"),
        ({"owner": ""}, "nobody answers"),
        ({"include": ("*.{md",)}, "not closed"),
    ],
)
def test_what_does_not_make_a_contract_is_refused(changes: dict[str, object], phrase: str) -> None:
    given: dict[str, object] = {"name": "kb", "root": "in", "owner": "me", **changes}
    with pytest.raises(ContractError, match=phrase):
        new_contract(**given)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(owner=st.text(min_size=1, max_size=20), root=st.text("ab/ '\"#:-&é", min_size=1, max_size=12))
def test_any_text_is_quoted(owner: str, root: str) -> None:
    try:
        text = new_contract("kb", root=root, owner=owner)
    except ContractError:
        assert not owner.strip() or not root.strip("/ ")
        return
    assert problems_of(text) == ()
    assert yaml.safe_load(text)["team"]["name"] == owner
