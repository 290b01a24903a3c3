"""`ragGates`: read strictly, explained in words, and compared by whom a change breaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.evaluation import EvaluationSpec, GoldenEvidence, GoldenGate
from contracts.explain import parts_in_words
from contracts.gates import ContaminationGate, GateSpec
from contracts.load import parse_contract, problems_of
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


def evaluated(value: str, gate: str = "") -> str:
    text = f"{BASE}\n  - property: ragEvaluation\n    vendor: stemma\n    value: {value}\n"
    return text + (f"  - property: ragGates\n    value: {{golden: {gate}}}\n" if gate else "")


def test_the_golden_gate_has_the_limits_of_the_design_unless_it_says_others() -> None:
    assert parse_contract(gated("{golden: {}}"), "kb").gates.golden == GoldenGate()
    usual = GoldenGate()
    assert (usual.max_recall_drop, usual.max_interval_drop, usual.max_slice_drop) == (0.01, 0.03, 0.05)
    value = (
        "{golden: {maxRecallDrop: 0.02, maxMrrDrop: off, maxIntervalDrop: 0.1, maxSliceDrop: 'off', minRecall: 0.8, "
        "minMrr: 1, maxInvalid: 0.25}}"
    )
    assert parse_contract(gated(value), "kb").gates.golden == GoldenGate(
        max_recall_drop=0.02,
        max_mrr_drop=None,
        max_interval_drop=0.1,
        max_slice_drop=None,
        min_recall=0.8,
        min_mrr=1.0,
        max_invalid=0.25,
    )


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        (gated("{golden: {maxRecallDrop: 2}}"), ("from 0 to 1",)),
        (gated("{golden: {maxRecallDrop: 'of'}}"), ("number from 0 to 1 or `off`",)),
        (gated("{golden: {maxRecallDrop: true}}"), ("number from 0 to 1 or `off`",)),
        (gated("{golden: {maxIntervalDrop: off}}"), ("from 0 to 1",)),
        (gated("{golden: {minRecal: 0.5}}"), ("unknown key `minRecal`", "minRecall")),
        (gated("{golden: {maxRecallDrop: off, maxMrrDrop: off, maxSliceDrop: off}}"), ("no limit left",)),
        (evaluated("{golden: items.csv}"), ("no file of golden items", ".jsonl, .yaml, .yml")),
        (evaluated("{golden: ''}"), ("must be text",)),
        (evaluated("{k: 0}"), ("from 1 to 100",)),
        (evaluated("{minScore: 2}"), ("from -1 to 1",)),
        (evaluated("{minValid: 80}"), ("from 0 to 1",)),
        (evaluated("{goldn: a.jsonl}"), ("unknown key `goldn`", "golden")),
    ],
)
def test_what_is_wrong_with_evaluation_is_said_at_its_line(text: str, phrases: tuple[str, ...]) -> None:
    fitting = [item for item in problems_of(text) if all(phrase in f"{item.message} {item.hint}" for phrase in phrases)]
    assert fitting, problems_of(text)
    assert {item.line for item in fitting} <= {len(text.splitlines()), len(text.splitlines()) - 1}


def test_evaluation_is_read_explained_and_compared() -> None:
    text = evaluated("{golden: golden/kb.jsonl, k: 5, minScore: 0.3, minValid: 0.9}", "{minRecall: 0.7}")
    contract = parse_contract(text, "kb")
    assert contract.evaluation == EvaluationSpec(golden="golden/kb.jsonl", k=5, min_score=0.3, min_valid=0.9)
    says = {part.part: part.says for part in parts_in_words(contract)}
    for words in ("golden/kb.jsonl", "first 5 hits", "below 0.3", "less than 90%"):
        assert words in says["evaluation"]
    for words in ("first 5 hits", "recall falls by at most 0.01", "recall is 0.7 at least", "0.03 below 0"):
        assert words in says["gates"]
    assert "evaluation" not in {part.part for part in parts_in_words(parse_contract(BASE, "kb"))}
    changes = compare(parse_contract(BASE, "old"), contract).changes
    assert {change.path for change in changes if change.kind == "notice"} == {
        f"ragEvaluation.{key}" for key in ("golden", "k", "minScore", "minValid")
    }
    assert {change.kind for change in changes if change.path.startswith("ragGates.golden.")} == {"breaking"}


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (gated("{golden: {}}"), BASE, "compatible"),
        (gated("{golden: {}}"), gated("{golden: {maxRecallDrop: 0.005}}"), "breaking"),
        (gated("{golden: {}}"), gated("{golden: {maxRecallDrop: 0.1}}"), "compatible"),
        (gated("{golden: {}}"), gated("{golden: {maxSliceDrop: off}}"), "compatible"),
        (gated("{golden: {minMrr: 0.5}}"), gated("{golden: {minMrr: 0.6}}"), "breaking"),
        (gated("{golden: {minMrr: 0.5}}"), gated("{golden: {}}"), "compatible"),
    ],
)
def test_a_tighter_golden_gate_breaks(before: str, after: str, kind: str) -> None:
    changes = compare(parse_contract(before, "old"), parse_contract(after, "new")).changes
    assert {change.kind for change in changes} == {kind}


STATEMENT = """context:
  verifiedStatements:
    - id: q1
      question: Why?
      answer: Because.
      customProperties:
        - property: evidence
          vendor: stemma
          value: {}
        - property: tags
          value: [refunds, "lang:en"]
"""


def test_a_verified_statement_may_pin_its_evidence() -> None:
    text = f"{BASE}\n{STATEMENT.format('[{document: a.md, quote: Because.}, {document: b.md}]')}"
    [item] = [item for item in parse_contract(text, "kb").golden if item.id == "q1"]
    assert item.evidence == (GoldenEvidence(document="a.md", quote="Because."), GoldenEvidence(document="b.md"))
    assert item.tags == ("refunds", "lang:en")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("[]", "must be a list of {document, quote}"),
        ("a.md", "must be a list of {document, quote}"),
        ("[{quote: x}]", "`document` must be text"),
        ("[{document: a.md, quote: ''}]", "`quote` must be text"),
        ("[{document: a.md, page: 3}]", "unknown key `page`"),
    ],
)
def test_evidence_that_pins_nothing_is_refused(value: str, words: str) -> None:
    found = problems_of(f"{BASE}\n{STATEMENT.format(value)}")
    assert any(words in item.message for item in found), found
