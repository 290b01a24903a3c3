"""Time passes for some rules: a document that was fresh grows old in a source where nothing changes."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from laws.handbook import DEFAULTS, NAME, Project, real_texts

from contracts.expiry import expires_at
from contracts.load import parse_contract
from contracts.model import Contract
from contracts.scaffold import new_contract
from corpus.catalog import documents
from corpus.types import utc_now

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RULE = """
      - name: fresh
        type: custom
        engine: stemma
        severity: error
        implementation:
          rule: freshness
          maxAge: {value: AGE, unit: d}
          onFail: quarantine
"""


def _with_age(text: str, days: float) -> str:
    head, mark, tail = text.partition("\n    quality:\n")
    assert mark, "the scaffold has rules on documents"
    return head + mark.removesuffix("\n") + RULE.replace("AGE", f"{days:.7f}") + tail


def _contract(days: float) -> Contract:
    text = new_contract(NAME, root="./inbox", owner="team", defaults=DEFAULTS)
    return parse_contract(_with_age(text, days), "handbook.odcs.yaml")


def test_a_document_is_due_again_when_it_will_be_too_old() -> None:
    row = {"updated_at": NOW - timedelta(days=2)}
    assert expires_at(_contract(10), row, NOW) == NOW + timedelta(days=8)


@pytest.mark.parametrize("changed", [None, NOW - timedelta(days=11)])
def test_what_is_too_old_already_never_changes_by_waiting(changed: datetime | None) -> None:
    assert expires_at(_contract(10), {"updated_at": changed}, NOW) is None


def test_a_fresh_document_is_held_once_it_is_old_and_nothing_else_is_touched(tmp_path: Path) -> None:
    project = Project.create(tmp_path)
    project.contract_path.write_text(_with_age(project.contract_path.read_text(), 40 / 86_400))
    (young, young_text), (_, other_text) = real_texts()[-2:]
    path = project.write(young, young_text)
    lasting = project.write("lasting", other_text)
    os.utime(path, (time.time() - 15, time.time() - 15))
    os.utime(lasting, (time.time() + 86_400, time.time() + 86_400))

    first = project.ingest()
    assert first.counts.indexed == 2
    due_at = project.states()[f"{young}.md"].due_at
    assert due_at is not None
    while utc_now() <= due_at:
        time.sleep(0.2)

    second = project.ingest()
    assert (second.counts.quarantined, second.counts.unchanged) == (1, 1)
    assert second.figures["embedded"] == 0
    assert {hit.doc_id for hit in project.search("anything", k=50)} == {"lasting.md"}
    third = project.ingest()
    assert third.counts.unchanged == 2


WEIGHED = "value: block\n  - property: ragQuality\n    vendor: stemma\n    value: {weights: {freshness: 5}}\n"


@pytest.mark.parametrize(
    ("weighed", "score", "fresh", "due"),
    [(True, 0.9, 0.8, True), (True, 0.9, 0.1, False), (True, 0.2, 0.1, False), (False, 0.9, 0.8, False)],
)
def test_a_score_that_age_can_take_below_its_bound_is_looked_at_weekly(
    score: float, fresh: float, *, weighed: bool, due: bool
) -> None:
    text = new_contract(NAME, root="./inbox", owner="team", defaults=DEFAULTS)
    assert "value: block\n" in text
    assert "rule: quality_score" in text
    contract = parse_contract(text.replace("value: block\n", WEIGHED, 1) if weighed else text, "handbook.odcs.yaml")
    row = {"updated_at": NOW, "quality_score": score, "quality_parts": json.dumps({"freshness": fresh})}
    assert expires_at(contract, row, NOW) == (NOW + timedelta(days=7) if due else None)


def test_a_document_whose_score_counts_its_age_is_due_again(tmp_path: Path) -> None:
    project = Project.create(tmp_path)
    project.contract_path.write_text(project.contract_path.read_text().replace("value: block\n", WEIGHED, 1))
    name, text = real_texts()[-1]
    project.write(name, f"---\nupdated: {utc_now().date().isoformat()}\n---\n{text}")
    project.ingest(publish=False)
    due_at = project.states()[f"{name}.md"].due_at
    assert due_at is not None
    assert timedelta(days=6) < due_at - utc_now() < timedelta(days=7)


def test_an_unchanged_document_whose_time_has_not_come_is_left_alone(tmp_path: Path) -> None:
    project = Project.create(tmp_path)
    project.contract_path.write_text(_with_age(project.contract_path.read_text(), 30))
    project.fill(2)
    project.ingest()
    before = project.states()
    assert all(state.due_at is not None and state.due_at > utc_now() for state in before.values())
    assert project.ingest().counts.unchanged == 2
    assert project.states() == before
    with project.runtime.catalog.reading() as tx:
        assert documents.count_by_state(tx, NAME) == {"active": 2}
