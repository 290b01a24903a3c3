"""`ragGates`: read strictly, explained in words, and compared by whom a change breaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.explain import parts_in_words
from contracts.load import parse_contract, problems_of
from contracts.model import ContaminationGate, GateSpec
from contracts.versions.compare import compare

BASE = (Path(__file__).parent / "valid.odcs.yaml").read_text("utf-8").rstrip("\n")


def gated(value: str) -> str:
    return f"{BASE}\n  - property: ragGates\n    vendor: stemma\n    value: {value}\n"


def test_without_the_property_no_gate_is_added() -> None:
    assert parse_contract(BASE, "kb").gates == GateSpec()
    assert "gates" not in {part.part for part in parts_in_words(parse_contract(BASE, "kb"))}


def test_every_limit_is_read() -> None:
    value = (
        "{contamination: {maxExposure: 0.2, maxAmplification: 1.5, maxExposureRise: 0.05, maxAllAiShare: 0.1, k: 5}}"
    )
    wanted = ContaminationGate(
        max_exposure=0.2, max_amplification=1.5, max_exposure_rise=0.05, max_all_ai_share=0.1, k=5
    )
    assert parse_contract(gated(value), "kb").gates.contamination == wanted
    few = parse_contract(gated("{contamination: {maxExposure: 0}}"), "kb").gates.contamination
    assert few == ContaminationGate(max_exposure=0.0)


@pytest.mark.parametrize(
    ("value", "phrases"),
    [
        ("{contamination: {}}", ("has no limit", "maxExposure")),
        ("{contamination: null}", ("has no limit",)),
        ("{contamination: {k: 5}}", ("has no limit",)),
        ("{contamination: {maxExposure: 20}}", ("from 0 to 1", "20")),
        ("{contamination: {maxExposure: true}}", ("from 0 to 1",)),
        ("{contamination: {maxAmplification: 0.5}}", ("from 1 to 100",)),
        ("{contamination: {maxExposure: 0.2, k: 0}}", ("from 1 to 100",)),
        ("{contamination: {maxExposur: 0.2}}", ("unknown key `maxExposur`", "maxExposure")),
        ("{contaminaton: {maxExposure: 0.2}}", ("unknown key `contaminaton`", "contamination")),
        ("{contamination: 0.2}", ("must be a mapping",)),
    ],
)
def test_what_is_wrong_is_said_at_its_line(value: str, phrases: tuple[str, ...]) -> None:
    text = gated(value)
    found = problems_of(text)
    fitting = [item for item in found if all(phrase in f"{item.message} {item.hint}" for phrase in phrases)]
    assert fitting, found
    assert {item.line for item in fitting} <= {len(text.splitlines()), len(text.splitlines()) - 1}


def test_the_gate_is_explained_in_words_with_its_line() -> None:
    text = gated("{contamination: {maxExposure: 0.2, maxAmplification: 1.5, maxExposureRise: 0.05, maxAllAiShare: 0}}")
    [part] = [item for item in parts_in_words(parse_contract(text, "kb")) if item.part == "gates"]
    for words in ("first 10 hits", "at most 20.0% of the hits", "1.5 times", "5.0% more than", "0.0% of the questions"):
        assert words in part.says
    assert text.splitlines()[part.line - 1].strip() == "- property: ragGates"


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (BASE, gated("{contamination: {maxExposure: 0.2}}"), "breaking"),
        (gated("{contamination: {maxExposure: 0.2}}"), BASE, "compatible"),
        (gated("{contamination: {maxExposure: 0.2}}"), gated("{contamination: {maxExposure: 0.1}}"), "breaking"),
        (gated("{contamination: {maxExposure: 0.2}}"), gated("{contamination: {maxExposure: 0.3}}"), "compatible"),
        (gated("{contamination: {maxExposure: 0.2}}"), gated("{contamination: {maxExposure: 0.2, k: 3}}"), "notice"),
    ],
)
def test_a_tighter_limit_breaks_and_a_looser_one_does_not(before: str, after: str, kind: str) -> None:
    changes = compare(parse_contract(before, "old"), parse_contract(after, "new")).changes
    assert {change.kind for change in changes} == {kind}
    assert all(change.path.startswith("ragGates.contamination.") for change in changes)
