"""From and until when a document holds: what cannot be read fails closed, as decision 0008 has it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from laws.handbook import Project

from ingestion.relations.codes import UNREADABLE
from ingestion.relations.families import Member, declared_of, places

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def _code(name: str, value: str) -> str:
    found = places({"a.md": Member(doc_id="a.md", declared=declared_of({name: value}, "a.md", "1"))}, NOW)
    return found["a.md"].code if "a.md" in found else ""


@pytest.mark.parametrize(
    "value", ["31.12.2020", "31/12/2025", "2020", "2020-12", "12/31/2020", "2020/12/31", "December 31, 2020"]
)
@pytest.mark.parametrize("name", ["expires", "valid_until", "effective_from"])
def test_a_date_in_another_form_holds_the_document(name: str, value: str) -> None:
    assert _code(name, value) == UNREADABLE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("expires", "never"),
        ("expires", "0"),
        ("expires", "Tue, 01 Jan 1980 01:00:00 GMT"),
        ("valid_until", "none"),
        ("effective_from", "immediately"),
        ("effective_until", "2099-01-01"),
    ],
)
def test_no_date_and_times_of_caches_hold_nothing(name: str, value: str) -> None:
    assert _code(name, value) == ""


def test_words_instead_of_a_date_hold_the_document() -> None:
    assert _code("effective_from", "next spring") == UNREADABLE


def test_a_held_document_says_what_to_write(tmp_path: Path) -> None:
    project = Project.create(tmp_path)
    project.write("fair", "---\nexpires: 31.12.2020\n---\n# Fair\n\nThe fair opens at noon on the market square.\n")
    project.write("other", "# Other\n\nAnother page, about the lighthouse and the people who keep it burning.\n")
    receipt = project.ingest()
    assert (receipt.counts.indexed, receipt.counts.quarantined) == (1, 1)
    assert project.states()["fair.md"].state == "quarantined"
