"""Limits of a worker: another limit has those documents looked at again that overran it, and no others."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from laws.handbook import NAME, Project, real_texts

from corpus.errors import ParseError
from corpus.settings import Settings
from corpus.types import RawBlob
from ingestion.examine import OVERRAN, examine
from ingestion.inspect import Inspection, Recipe, inspect
from ingestion.reading import Reading
from ingestion.rehearsal import no_match
from ingestion.snapshot import Entry, is_due
from ingestion.toolkit import tools_of

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path)
    made.fill(2)
    return made


def _slower(settings: Settings) -> Settings:
    return settings.model_copy(update={"inspect_seconds": settings.inspect_seconds + 7})


def test_a_changed_limit_has_no_document_judged_again_that_kept_it(project: Project) -> None:
    assert project.ingest(publish=False).counts.indexed == 2
    project.settings = _slower(project.settings)
    assert project.ingest(publish=False).counts.unchanged == 2


@pytest.mark.parametrize("code", [*OVERRAN, "empty"])
def test_what_overran_a_limit_is_due_again_under_another(project: Project, code: str) -> None:
    project.ingest(publish=False)
    contract = project.runtime.contract(NAME)
    name, _ = real_texts()[0]

    def entry_under(settings: Settings) -> Entry:
        tools = tools_of(contract, settings)
        return next(Reading(tools, settings, {}).entry(ref) for ref in tools.source.list() if ref.path == f"{name}.md")

    def overrun(_recipe: Recipe, _blob: RawBlob) -> Inspection:
        raise ParseError("no text could be had", code=code)

    listed, later = entry_under(project.settings), entry_under(_slower(project.settings))
    found = examine(contract, tools_of(contract, project.settings), listed, no_match, overrun).assessment
    known = replace(project.states()[f"{name}.md"], state="rejected", state_key=found.state_key, updated_at=NOW)
    assert not is_due(listed, known, NOW)
    assert is_due(later, known, NOW) is (code in OVERRAN)


def test_an_author_is_known_however_a_document_names_it(tmp_path: Path) -> None:
    project = Project.create(tmp_path)
    text = project.contract_path.read_text()
    trust = "value: block\n  - property: ragTrust\n    vendor: stemma\n    value: {tier: open, authors: [Mara Roe]}\n"
    assert "value: block\n" in text
    project.contract_path.write_text(text.replace("value: block\n", trust, 1))
    named = {"a": "author: mara  ROE", "b": "dc.creator: Mara Roe", "c": "author: Marta Roe"}
    for name, front in named.items():
        project.write(name, f"---\n{front}\n---\n{real_texts()[0][1]}")
    contract, tools = project.runtime.contract(NAME), tools_of(project.runtime.contract(NAME), project.settings)
    found = {}
    for ref in tools.source.list():
        entry = Reading(tools, project.settings, {}).entry(ref)
        score = examine(contract, tools, entry, no_match, inspect).assessment.score
        assert score is not None
        found[ref.doc_id] = score.parts["authority"]
    assert found["a.md"] == found["b.md"] == 1.0
    assert found["c.md"] < 1.0
