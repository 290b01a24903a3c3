"""The repair lane in whole runs: what is mended is admitted as repaired, says so, and can be taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from laws.handbook import NAME, Project

from ingestion.quality import repairs_of, stored_row
from ingestion.splitting.deciding import Wanted, parts_of, split_held, whole_of

MARK = "\u00e2\u20ac\u2122"
"""What a right single quotation mark becomes when its UTF-8 is read as Windows-1252."""
GARBLED = f"The harbour{MARK}s ice broke in March, and the town{MARK}s ships left at once for the south."
NOTICE = "Accept all cookies"
PAGE = f"""<html><head><title>Ships</title></head><body><h1>Ships</h1><p>{NOTICE}</p>
<p>The ships of the town carry salt to the south and bring back oranges and news.</p></body></html>"""
OTHER = "# Other\n\nAnother page, about the lighthouse and the people who keep it burning.\n"
RULE = """
      - name: no-notices
        type: custom
        engine: greatExpectations
        implementation: {type: expect_column_values_to_not_match_regex, kwargs: {column: text, regex: cookies}}
        customProperties: [{property: onFail, value: ON_FAIL}]
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path)


def _declare(project: Project, on_fail: str) -> None:
    head, mark, tail = project.contract_path.read_text().partition("\n    quality:\n")
    text = head + mark.removesuffix("\n") + RULE.replace("ON_FAIL", on_fail) + tail
    assert "**/*.md" in text
    project.contract_path.write_text(text.replace("**/*.md", "**/*.{md,html}"))


def _decided(project: Project, doc_id: str) -> dict[str, Any]:
    return stored_row(project.runtime, NAME, doc_id)


def test_a_garbled_text_is_mended_and_says_so(project: Project) -> None:
    project.write("harbour", f"# Harbour\n\n{GARBLED}\n")
    receipt = project.ingest()
    assert receipt.counts.indexed == 1
    row = _decided(project, "harbour.md")
    assert row["outcome"] == "repair"
    assert "harbour\u2019s ice" in row["text"]
    assert "repair.encoding" in row["reasons"]
    assert GARBLED in repairs_of(project.runtime, NAME, "harbour.md")["original"]
    [hit] = project.search("ice in the harbour", k=1)
    assert "harbour\u2019s" in hit.text


def test_a_contract_may_want_no_repairs(project: Project) -> None:
    text = project.contract_path.read_text()
    assert "customProperties:\n" in text
    wanted = "customProperties:\n  - property: ragRepair\n    value: {kinds: []}\n"
    project.contract_path.write_text(text.replace("customProperties:\n", wanted, 1))
    project.write("harbour", f"# Harbour\n\n{GARBLED}\n")
    project.write("other", OTHER)
    project.ingest()
    row = _decided(project, "harbour.md")
    assert (row["outcome"], GARBLED in row["text"]) == ("quarantine", True)


@pytest.mark.parametrize(("on_fail", "outcome"), [("repair", "repair"), ("quarantine", "quarantine")])
def test_a_rule_may_ask_for_more_repairs_before_it_holds(project: Project, on_fail: str, outcome: str) -> None:
    _declare(project, on_fail)
    (project.inbox / "ships.html").write_text(PAGE)
    project.write("other", OTHER)
    project.ingest()
    row = _decided(project, "ships.html")
    assert row["outcome"] == outcome
    assert (NOTICE in row["text"]) == (outcome == "quarantine")


def test_what_no_repair_helps_is_held(project: Project) -> None:
    _declare(project, "repair")
    project.write("cakes", "# Cakes\n\nWe bake cookies every morning and sell them at noon on the market square.\n")
    project.write("other", OTHER)
    project.ingest()
    assert _decided(project, "cakes.md")["outcome"] == "quarantine"


def test_a_person_can_part_a_document_that_was_mended_for_a_rule(project: Project) -> None:
    _declare(project, "repair")
    page = PAGE.replace("</body>", "<h2>Tides</h2><p>Nobody sails when the tide is out, whatever it costs.</p></body>")
    (project.inbox / "ships.html").write_text(page)
    project.write("other", OTHER)
    assert project.ingest().counts.indexed == 2
    found = parts_of(whole_of(project.runtime, NAME, "ships.html"))
    assert [part.title for part in found] == ["Ships", "Tides"]
    wanted = Wanted(spans=tuple(part.span for part in found), kept=(1,))
    split_held(project.runtime, NAME, "ships.html", wanted, reason="no tides", actor="mara")
    assert project.ingest().counts.indexed == 1
    row = _decided(project, "ships.html")
    assert row["outcome"] == "repair"
    assert (NOTICE in row["text"], "tide is out" in row["text"]) == (False, False)
