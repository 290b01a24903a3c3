"""A dry run: the same decisions as a run, and nothing written."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.load import parse_contract
from contracts.model import Contract
from contracts.scaffold import new_contract
from corpus.errors import ConfigurationError
from corpus.settings import Settings
from corpus.types import OnFail, Outcome, SourceRef
from ingestion.rehearsal import Rehearsal, chosen_of, elsewhere, rehearse

SAID = {"owner": "team", "source_system": "kb", "sensitivity_label": "internal", "version": "1"}
PAGE = "# Page {0}\n\nPage {0} tells how case {0} is handled: the team checks the order and answers in two days.\n"


def contract(**changes: object) -> Contract:
    text = new_contract(
        "kb", root="docs", include=("**/*.md",), owner="team", defaults={**SAID, "last_validated_date": "2026-01-31"}
    )
    return replace(parse_contract(text, "kb.odcs.yaml"), **changes)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    for number in range(6):
        (tmp_path / "docs" / f"p{number}.md").write_text(PAGE.format(number), "utf-8")
    return tmp_path


def tree(folder: Path) -> dict[str, str]:
    """Digest of every file, and every folder, below one."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "" for name, path in paths.items()
    }


def trial(found: Rehearsal, name: str) -> tuple[str, int]:
    item = next(item for item in found.trials if item.result.spec.name == name)
    return item.verdict, len(item.result.failing)


def test_a_contract_that_never_ran_is_tried_and_nothing_is_written(folder: Path) -> None:
    before = tree(folder)
    found = rehearse(contract(), Settings(project=folder))
    assert tree(folder) == before
    assert (found.listed, dict(found.outcomes), found.passes) == (6, {Outcome.ACCEPT: 6}, True)
    assert not found.remembers
    assert trial(found, "self-ingestion") == ("not judged", 0)
    assert {item.result.spec.name for item in found.trials} == {check.name for check in contract().checks}


def test_each_rule_counts_the_documents_that_break_it(folder: Path) -> None:
    (folder / "docs" / "bare.md").write_text("---\nsensitivity_label: ''\n---\n# B\n\nShort.\n", "utf-8")
    (folder / "docs" / "broken.md").write_bytes(b"\x00\x01\x02\x03" * 40)
    strict = contract()
    text = strict.raw_yaml.replace("minLength: 1\n", "minLength: 60\n")
    found = rehearse(parse_contract(text, "kb"), Settings(project=folder))
    assert not found.passes
    assert trial(found, "text.length") == ("fail", 1)
    [length] = [item for item in found.trials if item.result.spec.name == "text.length"]
    assert length.examples == (("bare.md", "12 characters"),)
    assert found.outcomes[Outcome.QUARANTINE] == 1
    assert found.outcomes[Outcome.REJECT] == 1


def test_a_rule_on_the_run_counts_the_whole_listing_in_a_sample(folder: Path) -> None:
    text = contract().raw_yaml.replace("mustBeGreaterThan: 0", "mustBeGreaterThan: 5")
    few = rehearse(parse_contract(text, "kb"), Settings(project=folder), sample=2)
    assert (len(few.assessments), few.listed) == (2, 6)
    assert trial(few, "some-documents") == ("pass", 0)
    text = contract().raw_yaml.replace("mustBeGreaterThan: 0", "mustBeGreaterThan: 6")
    blocked = rehearse(parse_contract(text, "kb"), Settings(project=folder), sample=2)
    assert [item.result.spec.name for item in blocked.blocking] == ["some-documents"]
    assert not blocked.passes


def test_copies_are_judged_where_all_documents_are_looked_at(folder: Path) -> None:
    words = "\n\n".join(PAGE.format(number) for number in range(20, 40))
    for name in ("p6", "p7"):
        (folder / "docs" / f"{name}.md").write_text(words, "utf-8")
    (folder / "docs" / "p8.md").write_text(words.replace("two days", "3 days", 1), "utf-8")
    strict = contract()
    checks = tuple(
        replace(check, on_fail=OnFail.QUARANTINE) if check.rule == "near_duplicate" else check
        for check in strict.checks
    )
    name = next(check.name for check in checks if check.rule == "near_duplicate")
    found = rehearse(replace(strict, checks=checks), Settings(project=folder))
    assert trial(found, name)[1] == 2
    held = {
        item.ref.doc_id: item.decision.reasons[-1] for item in found.assessments if not item.decision.outcome.admitted
    }
    assert sorted(held) == ["p7.md", "p8.md"]
    assert held["p7.md"].quote == "the same text as p6.md"
    sampled = rehearse(replace(strict, checks=checks), Settings(project=folder), sample=5)
    assert trial(sampled, name) == ("not judged", 0)
    warned = rehearse(strict, Settings(project=folder))
    assert trial(warned, name) == ("warn", 2)
    assert set(warned.outcomes) == {Outcome.ACCEPT}


def test_enforcement_warn_holds_nothing_back(folder: Path) -> None:
    text = contract().raw_yaml.replace("minLength: 1\n", "minLength: 6000\n").replace("value: block", "value: warn")
    found = rehearse(parse_contract(text, "kb"), Settings(project=folder))
    assert trial(found, "text.length") == ("warn", 6)
    assert found.passes


def test_documents_may_come_from_elsewhere(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "one.md").write_text(PAGE.format(1), "utf-8")
    (other / "one.txt").write_text(PAGE.format(1), "utf-8")
    assert rehearse(elsewhere(contract(), other), Settings(project=folder)).listed == 1


def test_an_empty_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    with pytest.raises(ConfigurationError, match="no document under docs matches"):
        rehearse(contract(), Settings(project=tmp_path))


def refs(names: list[str]) -> list[SourceRef]:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return [SourceRef(doc_id=name, uri=f"file:///{name}", path=name, size=1, modified_at=now) for name in names]


def test_the_sample_is_the_same_each_time_and_changes_little() -> None:
    listing = refs([f"{number:03d}.md" for number in range(300)])
    chosen = [ref.doc_id for ref in chosen_of(listing, 50)]
    assert len(chosen) == 50
    assert chosen == sorted(chosen) == [ref.doc_id for ref in chosen_of(listing, 50)]
    more = {ref.doc_id for ref in chosen_of([*listing, *refs([f"new{n}.md" for n in range(10)])], 50)}
    assert len(more & set(chosen)) >= 40
    assert chosen_of(listing, None) == chosen_of(listing, 300) == listing
