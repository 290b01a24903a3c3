"""A document that could not be looked at breaks the rule against hidden text: else size would be a hiding place."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.model import CheckSpec
from contracts.rules.evidence import hidden_text

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def judged(*codes: str, quote: str = "", **arguments: Any) -> str | None:
    spec = CheckSpec(name="h", rule="hidden_text", engine="stemma", scope="row", arguments=arguments)
    findings = [{"code": code, "quote": quote, "detail": {}} for code in codes]
    return hidden_text(spec, {"findings": json.dumps(findings)}, NOW)


@pytest.mark.parametrize("code", ["visibility.unchecked", "visibility.pages_unchecked", "visibility.pages_unpainted"])
def test_what_could_not_be_looked_at_is_a_violation_that_says_why(code: str) -> None:
    assert judged(code, quote="a style sheet is too large") == "could not be looked at: a style sheet is too large"
    assert (judged(code) or "").startswith("could not be looked at: ")
    assert len(judged(code) or "") > len("could not be looked at: ")


def test_a_scan_is_information_and_a_narrowed_rule_asks_for_less() -> None:
    assert judged("visibility.ocr_layer") is None
    assert judged("visibility.unchecked", techniques=["colour"]) is None
    assert judged() is None


def test_both_are_said() -> None:
    said = judged("hidden.colour", "visibility.unchecked", quote="q")
    assert said == "hidden text (colour): 'q'; could not be looked at: q"
