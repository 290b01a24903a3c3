"""`ragGates`, `ragRetention`, `ragApprovals`: read strictly, explained in words, compared by whom a change breaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.explain import parts_in_words
from contracts.lifecycle import (
    ApprovalSpec,
    ChangeGate,
    FreshnessGate,
    OverlapGate,
    QualityGate,
    RecallGate,
    VersionRetention,
)
from contracts.load import parse_contract, problems_of
from contracts.versions.compare import compare

BASE = (Path(__file__).parent / "valid.odcs.yaml").read_text("utf-8").rstrip("\n")


def with_(name: str, value: str) -> str:
    return f"{BASE}\n  - property: {name}\n    vendor: stemma\n    value: {value}\n"


def test_without_a_word_nothing_is_asked_and_nothing_removed() -> None:
    contract = parse_contract(BASE, "kb")
    gates = contract.gates
    assert (gates.recall, gates.overlap, gates.quality, gates.freshness, gates.change) == (RecallGate(), *[None] * 4)
    assert contract.versions == VersionRetention()
    assert not contract.versions.declared
    assert contract.approvals == ApprovalSpec()


def test_every_key_is_read() -> None:
    value = (
        "{recall: {minimum: 0.9}, overlap: {minimum: 0.8, minimumModelChange: 0.5, k: 7, sample: 50}, quality: "
        "{minimum: 0.4, maxShareBelow: 0.1, maxDrop: 0.05, of: documents}, freshness: "
        "{maxAgeDays: 90, maxShareOlder: 0.2}, change: {maxAddedShare: 2, maxRemovedShare: 0.1, maxChangedShare: 0.3}}"
    )
    gates = parse_contract(with_("ragGates", value), "kb").gates
    assert gates.recall == RecallGate(minimum=0.9)
    assert gates.overlap == OverlapGate(minimum=0.8, minimum_model_change=0.5, k=7, sample=50)
    assert gates.quality == QualityGate(minimum=0.4, max_share_below=0.1, max_drop=0.05, of="documents")
    assert gates.freshness == FreshnessGate(max_age_days=90, max_share_older=0.2)
    assert gates.change == ChangeGate(max_added_share=2.0, max_removed_share=0.1, max_changed_share=0.3)
    kept = parse_contract(
        with_("ragRetention", "{versions: 2, days: 7, candidates: 1, candidateDays: 3}"), "kb"
    ).versions
    assert kept == VersionRetention(declared=True, versions=2, days=7, candidates=1, candidate_days=3)
    asked = parse_contract(
        with_("ragApprovals", "{persons: 2, approvers: [Ada, Bo], aliases: [live, beta]}"), "kb"
    ).approvals
    assert asked == ApprovalSpec(persons=2, approvers=("Ada", "Bo"), aliases=("live", "beta"))


def test_names_alone_take_defaults() -> None:
    assert parse_contract(with_("ragGates", "{overlap: {}}"), "kb").gates.overlap == OverlapGate()
    assert parse_contract(with_("ragRetention", "{}"), "kb").versions == VersionRetention(declared=True)
    assert parse_contract(with_("ragApprovals", "{}"), "kb").approvals == ApprovalSpec(persons=1)


@pytest.mark.parametrize(
    ("name", "value", "phrases"),
    [
        ("ragGates", "{overlap: {minimun: 1}}", ("unknown key `minimun`", "minimum")),
        ("ragGates", "{overlap: {k: 0}}", ("from 1 to 100",)),
        ("ragGates", "{overlap: 0.7}", ("must be a mapping",)),
        ("ragGates", "{quality: {}}", ("`quality` has no limit", "minimum", "maxDrop")),
        ("ragGates", "{quality: {maxShareBelow: 0.1, maxDrop: 0.1}}", ("without `minimum`", "below what")),
        ("ragGates", "{quality: {minimum: 0.4, of: tokens}}", ("unknown unit", "chunks")),
        ("ragGates", "{freshness: {maxShareOlder: 0.1}}", ("`freshness` has no limit", "maxAgeDays")),
        ("ragGates", "{freshness: {maxAgeDays: 1.5}}", ("whole number",)),
        ("ragGates", "{change: {}}", ("`change` has no limit", "maxAddedShare")),
        ("ragGates", "{change: {maxRemovedShare: 1.5}}", ("from 0 to 1",)),
        ("ragGates", "{recall: {minimum: 95}}", ("from 0 to 1", "95")),
        ("ragRetention", "{version: 3}", ("unknown key `version`", "versions")),
        ("ragRetention", "{days: -1}", ("from 0",)),
        ("ragApprovals", "{persons: 0}", ("from 1 to 9",)),
        ("ragApprovals", "{persons: 2, approvers: [Ada, ada]}", ("2 approvals of 1 persons",)),
        ("ragApprovals", "{aliases: [Live]}", ("'Live' is no alias",)),
        ("ragApprovals", "{approvers: []}", ("must be a list of texts",)),
    ],
)
def test_what_is_wrong_is_said_at_its_line(name: str, value: str, phrases: tuple[str, ...]) -> None:
    text = with_(name, value)
    found = problems_of(text)
    fitting = [item for item in found if all(phrase in f"{item.message} {item.hint}" for phrase in phrases)]
    assert fitting, found
    assert {item.line for item in fitting} <= {len(text.splitlines()), len(text.splitlines()) - 1}


def test_from_which_share_of_deletions_on_the_index_is_built_again() -> None:
    said = "{factory: Flat}"
    given = parse_contract(BASE.replace(said, "{factory: Flat, rebuildShare: 0.25}"), "kb")
    without = parse_contract(BASE, "kb")
    assert (without.index.rebuild_share, given.index.rebuild_share) == (0.1, 0.25)
    words = {part.part: part.says for part in parts_in_words(given)}
    assert any("more than 25% of the documents are deleted" in sentence for sentence in words.values())
    [change] = [item for item in compare(without, given).changes if item.path == "ragIndex.rebuildShare"]
    assert (change.kind, change.why) == ("compatible", "the index is built again later after deletions.")
    [problem] = problems_of(BASE.replace(said, "{factory: Flat, rebuildShare: 10}"))
    assert "from 0 to 1" in f"{problem.message} {problem.hint}"


def test_each_part_is_explained_in_words() -> None:
    text = with_(
        "ragGates",
        "{overlap: {}, quality: {minimum: 0.5, maxDrop: 0.1}, freshness: {maxAgeDays: 90}, change: {maxAddedShare: 1}}",
    )
    said = {part.part: part.says for part in parts_in_words(parse_contract(text, "kb"))}
    assert "at least 95.0%" in said["gate recall"]
    assert "keeps at least 70.0%, after a change of the model 30.0%" in said["gate overlap"]
    assert said["gate quality"].startswith("at most 0.0% of the chunks score below 0.5; the mean")
    assert "more than 90 days ago" in said["gate freshness"]
    assert said["gate change"].endswith("100.0% added")
    assert said["versions"].startswith("every version is kept; of candidates")
    assert said["approvals"] == "nobody needs to approve a version"
    text = with_("ragApprovals", "{persons: 2, approvers: [Ada, Bo]}")
    [part] = [item for item in parts_in_words(parse_contract(text, "kb")) if item.part == "approvals"]
    assert part.says.startswith("2 persons other than the builder, out of Ada, Bo approve a version before live")
    assert text.splitlines()[part.line - 1].strip() == "- property: ragApprovals"
    kept = {
        part.part: part.says for part in parts_in_words(parse_contract(with_("ragRetention", "{versions: 2}"), "kb"))
    }
    assert "the newest 2 are kept, and every one for 30 days" in kept["versions"]


@pytest.mark.parametrize(
    ("name", "before", "after", "kind", "path"),
    [
        ("ragGates", None, "{overlap: {}}", "breaking", "ragGates.overlap"),
        ("ragGates", "{overlap: {}}", "{overlap: {minimum: 0.8}}", "breaking", "ragGates.overlap.minimum"),
        ("ragGates", "{overlap: {}}", "{overlap: {minimum: 0.6}}", "compatible", "ragGates.overlap.minimum"),
        ("ragGates", "{overlap: {}}", "{overlap: {sample: 9}}", "notice", "ragGates.overlap.sample"),
        (
            "ragGates",
            "{change: {maxAddedShare: 1}}",
            "{change: {maxAddedShare: 2}}",
            "compatible",
            "ragGates.change",
        ),
        (
            "ragGates",
            "{freshness: {maxAgeDays: 9}}",
            "{freshness: {maxAgeDays: 8}}",
            "breaking",
            "ragGates.freshness",
        ),
        ("ragGates", None, "{recall: {minimum: 0.99}}", "breaking", "ragGates.recall.minimum"),
        ("ragRetention", None, "{versions: 2}", "compatible", "ragRetention"),
        ("ragRetention", "{versions: 2}", "{versions: 1}", "compatible", "ragRetention.versions"),
        ("ragApprovals", None, "{persons: 2}", "breaking", "ragApprovals.persons"),
        ("ragApprovals", "{persons: 2}", "{persons: 1}", "compatible", "ragApprovals.persons"),
        ("ragApprovals", "{persons: 1}", "{persons: 1, approvers: [Ada]}", "notice", "ragApprovals.approvers"),
    ],
)
def test_a_change_is_said_with_whom_it_breaks(name: str, before: str | None, after: str, kind: str, path: str) -> None:
    old, new = (BASE if value is None else with_(name, value) for value in (before, after))
    [change] = compare(parse_contract(old, "old"), parse_contract(new, "new")).changes
    assert change.kind == kind
    assert change.path.startswith(path)
