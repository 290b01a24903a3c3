"""`contracts.versions.compare`: each kind of change, told apart by what it does to documents and readers."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.load import parse_contract
from contracts.model import (
    AnswerSpec,
    CheckSpec,
    Contract,
    EmbedderSpec,
    FamilySpec,
    GoldenQuestion,
    GuardSpec,
    Member,
    OriginSpec,
    QualitySpec,
    RepairSpec,
    Role,
    Threshold,
    TriageSpec,
    TrustSpec,
)
from contracts.text.thresholds import holds
from contracts.versions.checks import _covers
from contracts.versions.compare import DIFFERS, Comparison, compare, step_of
from corpus.types import OnFail

BASE = (Path(__file__).parent / "valid.odcs.yaml").read_text("utf-8")
AS_TEXT = {"description", "sla", "statements", "tags", "status"}
UNCOMPARED = {"version", "digest", "path", "raw_yaml"} | AS_TEXT


def made(edit: Any) -> Comparison:
    """Compares the valid contract with one that `edit` changed in place."""
    value = yaml.safe_load(BASE)
    edit(value)
    return compare(parse_contract(BASE, "old"), parse_contract(yaml.safe_dump(value, sort_keys=False), "new"))


def column(value: Any, name: str) -> Any:
    return next(item for item in value["schema"][0]["properties"] if item["name"] == name)


def chunk(value: Any, name: str) -> Any:
    return next(item for item in value["schema"][1]["properties"] if item["name"] == name)


def option(value: Any, name: str) -> Any:
    return next(item["value"] for item in value["customProperties"] if item["property"] == name)


def check(value: Any, name: str) -> Any:
    lists = [value["schema"][0].get("quality", []), *(c.get("quality", []) for c in value["schema"][0]["properties"])]
    return next(item for checks in lists for item in checks if item.get("name") == name)


def test_every_part_of_a_contract_is_compared() -> None:
    assert {field.name for field in fields(Contract)} == DIFFERS.keys() | UNCOMPARED


def test_the_same_contract_asks_for_nothing() -> None:
    found = compare(parse_contract(BASE, "a"), parse_contract(BASE + "\n# a comment\n", "b"))
    assert (found.verdict, found.required, found.made, found.sufficient) == ("same", "none", "none", True)


ORIGINS = "http://cv.iptc.org/newscodes/digitalsourcetype/"

BREAKING: dict[str, tuple[Any, str]] = {
    "a column is gone": (lambda v: v["schema"][0]["properties"].remove(column(v, "content_sha256")), "content_sha256"),
    "a column is required now": (lambda v: column(v, "digital_source_type").update(required=True), "required"),
    "a new column is required": (
        lambda v: v["schema"][0]["properties"].append({"name": "title", "logicalType": "string", "required": True}),
        "schema.document.title",
    ),
    "values are unique now": (lambda v: column(v, "content_sha256").update(unique=True), "unique"),
    "another pattern": (
        lambda v: column(v, "doc_id").update(logicalTypeOptions={"pattern": "^[a-z/.]+$"}),
        "doc_id.pattern",
    ),
    "a longer text": (lambda v: column(v, "text")["logicalTypeOptions"].update(minLength=300), "minLength"),
    "a shorter text": (lambda v: column(v, "text")["logicalTypeOptions"].update(maxLength=300), "maxLength"),
    "an origin is gone": (lambda v: column(v, "digital_source_type")["enum"].pop(), "digital_source_type.enum"),
    "a tighter threshold": (
        lambda v: check(v, "quality-score")["implementation"].update(threshold={"mustBeGreaterOrEqualTo": 0.7}),
        "quality-score.threshold",
    ),
    "an open end where the end was closed": (
        lambda v: check(v, "quality-score")["implementation"].update(threshold={"mustBeGreaterThan": 0.6}),
        "quality-score.threshold",
    ),
    "a rule that stops the run": (
        lambda v: check(v, "quality-score")["implementation"].update(onFail="block"),
        "quality-score.onFail",
    ),
    "a new rule": (
        lambda v: v["schema"][0]["quality"].append(
            {"metric": "duplicateValues", "mustBe": 0, "arguments": {"properties": ["content_sha256"]}}
        ),
        "duplicateValues",
    ),
    "a language is gone": (
        lambda v: column(v, "language")["quality"][0]["arguments"].update(validValues=["en"]),
        "validValues",
    ),
    "more governance fields": (
        lambda v: option(v, "ragGovernance").update(required=["owner", "sensitivity_label", "version"]),
        "governance_fields.fields",
    ),
    "a validation expires sooner": (
        lambda v: option(v, "ragGovernance").update(maxValidationAgeDays=30),
        "governance_fields.maxAge",
    ),
    "a default is gone": (lambda v: option(v, "ragGovernance").update(defaults={}), "defaults.owner"),
    "another model": (
        lambda v: (
            v["customProperties"].pop(0),
            chunk(v, "embedding")["logicalTypeOptions"].update(embeddingModel="wordllama-256", dimensions=256),
        ),
        "chunk.embedding.embeddingModel",
    ),
    "larger chunks": (lambda v: option(v, "ragEmbedding")["chunker"].update(maxTokens=128), "ragChunker.maxTokens"),
    "the source moved": (
        lambda v: v["servers"][0].update(path="./elsewhere/**/*.{md,html,pdf,docx}"),
        "servers[0].path",
    ),
    "fewer formats": (
        lambda v: v["servers"][0].update(path="./data/inbox/support_kb/**/*.{md,html,pdf}"),
        "servers[0].path",
    ),
    "some are left out": (
        lambda v: v["servers"][0].update(customProperties=[{"property": "exclude", "value": ["drafts/**"]}]),
        "servers[0].exclude",
    ),
    "kept for less long": (lambda v: v["slaProperties"][1].update(value=1), "slaProperties.retention"),
    "another name": (lambda v: v.update(name="kb"), "name"),
    "a column of chunks is gone": (lambda v: v["schema"][1]["properties"].pop(1), "schema.chunk.doc_id"),
}

COMPATIBLE: dict[str, tuple[Any, str]] = {
    "a new optional column": (
        lambda v: v["schema"][0]["properties"].append({"name": "title", "logicalType": "string"}),
        "schema.document.title",
    ),
    "a looser threshold": (
        lambda v: check(v, "quality-score")["implementation"].update(threshold={"mustBeGreaterOrEqualTo": 0.5}),
        "quality-score.threshold",
    ),
    "a rule that only warns": (
        lambda v: check(v, "quality-score")["implementation"].update(onFail="warn"),
        "quality-score.onFail",
    ),
    "a tighter rule that only warns": (
        lambda v: check(v, "ai-share")["implementation"].update(threshold={"mustBeLessOrEqualTo": 0.1}),
        "ai-share.threshold",
    ),
    "a rule is gone": (lambda v: v["schema"][0]["quality"].remove(check(v, "self-ingestion")), "rule self-ingestion"),
    "one more language": (
        lambda v: column(v, "language")["quality"][0]["arguments"].update(validValues=["en", "de", "fr"]),
        "validValues",
    ),
    "not required any more": (lambda v: column(v, "updated_at").pop("required"), "updated_at.required"),
    "more formats": (
        lambda v: v["servers"][0].update(path="./data/inbox/support_kb/**/*.{md,html,pdf,docx,txt}"),
        "servers[0].path",
    ),
    "a default more": (
        lambda v: option(v, "ragGovernance")["defaults"].update(version="1"),
        "ragGovernance.defaults.version",
    ),
    "failures are only reported": (
        lambda v: next(i for i in v["customProperties"] if i["property"] == "ragEnforcement").update(value="warn"),
        "ragEnforcement",
    ),
}

NOTICES: dict[str, tuple[Any, str]] = {
    "another team": (lambda v: v["team"].update(name="docs"), "team.name"),
    "a description": (lambda v: column(v, "digital_source_type").update(description="words"), "description"),
    "another status": (lambda v: v.update(status="deprecated"), "status"),
    "a label": (lambda v: column(v, "digital_source_type")["enum"][0].update(label="People"), "label"),
    "the name of a rule": (lambda v: check(v, "quality-score").update(name="readable"), "quality-score.name"),
    "a schedule": (lambda v: v["slaProperties"][2].update(schedule="0 3 * * *"), "slaProperties.frequency"),
    "freshness without a rule": (lambda v: v["slaProperties"][0].update(value=30), "slaProperties.freshness"),
    "what only people read of a rule": (lambda v: check(v, "quality-score").update(description="why"), ""),
}

CASES = [
    pytest.param(edit, place, kind, id=name)
    for kind, table in (("breaking", BREAKING), ("compatible", COMPATIBLE), ("notice", NOTICES))
    for name, (edit, place) in table.items()
]


@pytest.mark.parametrize(("edit", "place", "kind"), CASES)
def test_each_change_is_told_for_what_it_does(edit: Any, place: str, kind: str) -> None:
    found = made(edit)
    assert found.verdict == kind, found.changes
    assert [change for change in found.changes if place in change.path and change.kind == kind], found.changes
    assert found.required == {"breaking": "major", "compatible": "minor", "notice": "patch"}[kind]
    assert not found.sufficient
    assert all(change.why and "owner support-content" in change.tell for change in found.changes)


@pytest.mark.parametrize(
    ("version", "made_", "enough"),
    [("2.0.0", "major", True), ("1.1.0", "minor", False), ("1.0.1", "patch", False), ("0.9.0", "none", False)],
)
def test_the_number_must_be_raised_far_enough(version: str, made_: str, enough: bool) -> None:
    found = made(lambda v: (v.update(version=version), BREAKING["a tighter threshold"][0](v)))
    assert (found.required, found.made, found.sufficient) == ("major", made_, enough)


def test_a_raised_number_alone_asks_for_nothing() -> None:
    found = made(lambda v: v.update(version="1.0.1"))
    assert (found.changes, found.required, found.sufficient) == ((), "none", True)


def test_readers_are_told_of_what_they_read_and_authors_of_what_they_write() -> None:
    model = made(BREAKING["another model"][0]).changes[0]
    assert {"owner support-content", "role reader", "readers of the index support-kb"} < set(model.tell)
    rule = made(BREAKING["a tighter threshold"][0]).changes[0]
    assert "authors of the documents of support-kb" in rule.tell
    assert "readers of the index support-kb" not in rule.tell


def test_who_loses_a_role_is_told_by_its_name() -> None:
    found = made(lambda v: v.update(roles=[{"role": "auditor", "access": "read"}]))
    assert {"role reader", "role auditor"} <= set(found.tell)


def test_steps_of_versions() -> None:
    pairs = {("1.0.0", "1.0.0"): "none", ("1.2.3", "1.3.0"): "minor", ("1.2.3", "1.2.4"): "patch"}
    pairs |= {("1.2.3", "2.0.0"): "major", ("2.0.0", "1.9.9"): "none", ("1.0.0-rc1", "1.0.0"): "patch"}
    pairs |= {("1.0.0", "1.0.0-alpha"): "none", ("1.0.0-alpha.2", "1.0.0-alpha.10"): "patch"}
    pairs |= {
        ("1.0.0+b1", "1.0.0+b2"): "none",
        ("1.0.0", "9" * 5000 + ".0.0"): "none",
        ("\uff11.0.0", "\uff12.0.0"): "none",
    }
    assert {pair: step_of(*pair) for pair in pairs} == pairs


PARTS: dict[str, tuple[dict[str, Any], str]] = {
    "repair": ({"repair": RepairSpec(kinds=("encoding",))}, "breaking"),
    "quality type": ({"quality": QualitySpec(document_type="faq")}, "breaking"),
    "quality weights": ({"quality": QualitySpec(weights={"extraction": 2.0})}, "breaking"),
    "triage": ({"triage": TriageSpec(persons=2)}, "notice"),
    "trust tier": ({"trust": TrustSpec(tier="open")}, "compatible"),
    "trust authors": ({"trust": TrustSpec(authors=("mara",))}, "compatible"),
    "a statistical model": ({"origin": OriginSpec(model="house")}, "notice"),
    "a registered detector": ({"origin": OriginSpec(detectors=("green-list",))}, "compatible"),
    "families": ({"families": FamilySpec(similarity=0.7)}, "compatible"),
    "answers as hashes": ({"answers": AnswerSpec(text="hash")}, "notice"),
    "answers forgotten sooner": ({"answers": AnswerSpec(retention_days=30)}, "notice"),
    "fewer may vanish": ({"guards": GuardSpec(max_removed_share=0.1)}, "breaking"),
    "more may vanish": ({"guards": GuardSpec(max_removed_share=0.9)}, "compatible"),
    "more must stand": ({"guards": GuardSpec(min_documents=50)}, "breaking"),
    "golden": ({"golden": (GoldenQuestion(id="q", question="Q?", answer="A"),)}, "compatible"),
    "a member": ({"team": (Member(username="mara", role="steward"),)}, "notice"),
    "no role": ({"roles": ()}, "breaking"),
    "another access": ({"roles": (Role(role="reader", access="write"),)}, "breaking"),
    "parsers": ({"parsers": {}}, "compatible"),
    "a pinned revision": (
        {"embedder": EmbedderSpec(model="all-MiniLM-L6-v2", revision="2", dimension=384)},
        "breaking",
    ),
    "no retention": ({"retention_days": None}, "compatible"),
    "another id": ({"id": "11111111-8a3a-5b0e-9a0e-0d6c0f3b9a11"}, "breaking"),
}


@pytest.mark.parametrize(("changes", "kind"), PARTS.values(), ids=PARTS)
def test_each_part_beside_rules_and_columns(changes: dict[str, Any], kind: str) -> None:
    old = parse_contract(BASE, "old")
    found = compare(old, replace(old, digest="another", **changes))
    assert found.verdict == kind, found.changes


def test_scores_that_only_warn_may_be_weighed_otherwise() -> None:
    old = parse_contract(BASE.replace("onFail: quarantine", "onFail: warn"), "old")
    assert compare(old, replace(old, digest="x", quality=QualitySpec(document_type="faq"))).verdict == "compatible"


def test_more_near_duplicates_break_where_the_rule_holds_them() -> None:
    twin = CheckSpec(name="twins", rule="near_duplicate", engine="stemma", scope="row", on_fail=OnFail.QUARANTINE)
    old = parse_contract(BASE, "old")
    old = replace(old, checks=(*old.checks, twin))
    assert compare(old, replace(old, digest="x", families=FamilySpec(similarity=0.7))).verdict == "breaking"
    assert compare(old, replace(old, digest="x", families=FamilySpec(similarity=0.9))).verdict == "compatible"


@pytest.mark.parametrize(("edit", "place", "kind"), CASES)
def test_no_change_is_silent_on_the_way_back(edit: Any, place: str, kind: str) -> None:
    value = yaml.safe_load(BASE)
    edit(value)
    back = compare(parse_contract(yaml.safe_dump(value, sort_keys=False), "old"), parse_contract(BASE, "new"))
    assert back.verdict != "same"


OPERATORS = {
    "mustBe": 3.0, "mustNotBe": 3.0, "mustBeGreaterThan": 3.0, "mustBeGreaterOrEqualTo": 3.0, "mustBeLessThan": 3.0,
    "mustBeLessOrEqualTo": 3.0, "mustBeBetween": (2.0, 4.0), "mustNotBeBetween": (2.0, 4.0),
}  # fmt: skip
NUMBERS = [number / 2 for number in range(-4, 16)]


@pytest.mark.parametrize("wide", OPERATORS)
@pytest.mark.parametrize("narrow", OPERATORS)
def test_one_threshold_covers_another_exactly_when_it_lets_all_its_numbers_through(wide: str, narrow: str) -> None:
    first, second = (Threshold(op=op, value=OPERATORS[op]) for op in (wide, narrow))
    lets_all = all(holds(first, number) for number in NUMBERS if holds(second, number))
    assert _covers(first, second) == lets_all


def _with(old: Any, new: Any) -> Comparison:
    """Compares two contracts that differ from the valid one by `old` and, of that, by `new`."""
    before = yaml.safe_load(BASE)
    old(before)
    after = yaml.safe_load(yaml.safe_dump(before))
    new(after)
    return compare(*(parse_contract(yaml.safe_dump(value, sort_keys=False), "x") for value in (before, after)))


def _rule(on_fail: str, **body: Any) -> Any:
    check = {"name": "extra", "type": "custom", "engine": "stemma", "implementation": {**body, "onFail": on_fail}}
    return lambda value: value["schema"][0]["quality"].append(check)


def _default(label: str) -> Any:
    return lambda value: option(value, "ragGovernance")["defaults"].update(sensitivity_label=label)


@pytest.mark.parametrize(
    ("on_fail", "label", "verdict"),
    [
        ("quarantine", "restricted", "breaking"),
        ("quarantine", "internal", "compatible"),
        ("warn", "restricted", "compatible"),
    ],
)
def test_a_default_breaks_where_a_rule_reads_it(on_fail: str, label: str, verdict: str) -> None:
    def without(value: Any) -> None:
        for part in (value["schema"][0], *value["schema"][0]["properties"]):
            kept = [item for item in part.get("quality", []) if "sensitivity" not in str(item)]
            part["quality"] = kept

    rule = _rule(on_fail, rule="sensitivity", allowed=["public", "internal"])
    found = _with(
        lambda value: (
            without(value),
            rule(value),
            _default("public")(value),
            column(value, "text").update(classification="restricted"),
        ),
        _default(label),
    )
    assert found.verdict == verdict
    assert any("extra" in change.why for change in found.changes) is (verdict == "breaking")


@pytest.mark.parametrize(("tier", "verdict"), [("open", "breaking"), ("curated", "compatible")])
def test_less_trust_breaks_where_poisoning_is_held(tier: str, verdict: str) -> None:
    old = parse_contract(BASE, "old")
    held = CheckSpec(name="p", rule="poisoning", engine="stemma", scope="row", on_fail=OnFail.QUARANTINE)
    old = replace(old, checks=(*old.checks, held), digest="a")
    assert compare(old, replace(old, trust=TrustSpec(tier=tier), digest="b")).verdict == verdict  # type: ignore[arg-type]


def test_a_new_rule_breaks_nobody_where_failures_are_only_reported() -> None:
    old = replace(parse_contract(BASE, "old"), enforcement="warn", digest="a")
    held = CheckSpec(name="p", rule="hidden_text", engine="stemma", scope="row", on_fail=OnFail.QUARANTINE)
    assert compare(old, replace(old, checks=(*old.checks, held), digest="b")).verdict == "compatible"
    both = replace(old, checks=(*old.checks, held), enforcement="block", digest="b")
    assert compare(old, both).verdict == "breaking"


@pytest.mark.parametrize(
    ("narrow", "wide", "verdict"),
    [
        ("docs/**/*.md", "docs/**/*", "compatible"),
        ("docs/a/*.md", "docs/**/*.md", "compatible"),
        ("docs/**/*", "docs/*", "breaking"),
        ("docs/**/*.md", "docs/**/*.html", "breaking"),
    ],
)
def test_a_wider_glob_breaks_nobody(narrow: str, wide: str, verdict: str) -> None:
    old = parse_contract(BASE, "old")
    old = replace(old, source=replace(old.source, include=(narrow,)), digest="a")
    assert compare(old, replace(old, source=replace(old.source, include=(wide,)), digest="b")).verdict == verdict


def test_a_threshold_that_ends_where_the_numbers_end_is_not_stricter() -> None:
    upper = {"threshold": {"mustBeBetween": [0.6, 1]}}
    found = made(lambda value: check(value, "quality-score")["implementation"].update(upper))
    assert found.verdict == "compatible"


def test_a_column_that_fewer_may_see_names_its_readers() -> None:
    found = made(lambda value: column(value, "text").update(classification="restricted"))
    [change] = [change for change in found.changes if change.path.endswith("classification")]
    assert change.kind == "breaking"
    assert "restricted" in change.why
    assert any("readers of the index" in who or "role" in who for who in change.tell)
