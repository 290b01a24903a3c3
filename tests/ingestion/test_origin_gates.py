"""Limits on origin at the release: on what is served as it is, whoever let it in."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from laws.handbook import NAME, Project

from contracts.load import parse_contract
from contracts.model import Contract
from corpus.errors import GateFailed
from index.manifest import GateResult
from ingestion.origin_gates import origin_gates
from ingestion.stages import release
from ingestion.stages.answers import import_answers
from ingestion.triage import release_held

NOW = datetime.now(UTC)
SERVED = """Rinse the brass manifold with warm vinegar before winter, because chalk that settles overnight will crack
every second gasket. Technicians in Tromso swear by cedar wedges; they hold the flange apart while resin cures."""
AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
SHARE = "measure: share_of_documents\n          threshold: {mustBeLessOrEqualTo: 0.2}\n          onFail: warn"
CHUNKS = "measure: share_of_accepted_chunks\n          threshold: {mustBeLessOrEqualTo: 0.4}\n          onFail: block"
DEPTH = """      - name: depth
        type: custom
        engine: stemma
        implementation: {rule: generation_depth, threshold: {mustBeLessOrEqualTo: 0}, onFail: quarantine}
      - name: near-duplicate
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path)
    made.fill(3)
    text = made.contract_path.read_text().replace("      - name: near-duplicate\n", DEPTH)
    made.contract_path.write_text(text)
    made.ingest()
    line = {
        "answer_id": "ours", "text": SERVED, "served_at": (NOW - timedelta(hours=1)).isoformat(),
        "retrieved": [{"chunk_id": "c", "text": "Nothing that the answer quotes."}],
    }  # fmt: skip
    log = made.folder / "answers.jsonl"
    log.write_text(json.dumps(line))
    import_answers(made.runtime, log)
    return made


def put(project: Project, name: str, text: str) -> None:
    path = project.write(name, text)
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))


def gates_of(project: Project) -> dict[str, dict[str, object]]:
    return {gate.name: gate for gate in project.reader().manifest.gates}


def test_what_a_person_let_in_is_served_and_named(project: Project) -> None:
    put(project, "back", f"# Back\n\n{SERVED}\n")
    project.ingest()
    assert project.states()["back.md"].state == "quarantined"
    release_held(project.runtime, NAME, ["back.md"], reason="it is right", actor="Ann")
    project.ingest()
    told = gates_of(project)
    for name in ("depth", "self-ingestion"):
        assert told[name].passed
        assert "1 of them let in by a person: back.md" in told[name].actual
    assert "back.md (1, of answer ours)" in told["depth"].actual


BINDING = [
    ({}, True, "let in by a person"),
    ({"onFail: quarantine}": "onFail: block}"}, False, "let in by a person"),
    ({"onFail: quarantine}": "onFail: warn}"}, True, "let in by a person"),
    ({"onFail: quarantine}": "onFail: block}", "value: block": "value: warn"}, True, "only a warning"),
    ({"mustBeLessOrEqualTo: 0}": "mustBeLessOrEqualTo: 1}"}, True, "kept by every document"),
]
"""What is changed in the contract, whether the gate passes then, and what it says."""


def test_how_far_a_limit_binds_is_said_in_the_contract(project: Project) -> None:
    put(project, "back", f"# Back\n\n{SERVED}\n")
    project.ingest()
    release_held(project.runtime, NAME, ["back.md"], reason="it is right", actor="Ann")
    project.ingest()
    folder = Path(project.settings.home, "indexes", NAME, "v000002")
    for change, passed, note in BINDING:
        result = depth_gate(_contract(project, change), folder)
        assert (result.passed, note in result.actual) == (passed, True), (change, result.message)
        if not passed:
            assert "stemma quarantine reject" in result.message
            forced = depth_gate(_contract(project, change), folder, forced=True)
            assert forced.passed
            assert "(forced)" in forced.actual


def depth_gate(contract: Contract, folder: Path, *, forced: bool = False) -> GateResult:
    [found] = [gate for gate in origin_gates(contract, folder, forced=forced) if gate.name == "depth"]
    return found


def _contract(project: Project, change: dict[str, str]) -> Contract:
    text = project.contract_path.read_text()
    for before, after in change.items():
        assert before in text
        text = text.replace(before, after)
    return parse_contract(text, "handbook.odcs.yaml")


def test_a_passage_counts_and_a_suspicion_does_not(project: Project) -> None:
    human = " ".join(f"Paragraph {n} is about valves, hinges and the weather of the {n}th week." for n in range(60))
    put(project, "mixed", f"# Mixed\n\n{human}\n\n{SERVED}\n")
    project.ingest()
    assert project.states()["mixed.md"].state == "quarantined", "the depth of a passage is over the limit"
    line = {"answer_id": "blind", "text": human, "served_at": (NOW - timedelta(hours=1)).isoformat()}
    log = project.folder / "blind.jsonl"
    log.write_text(json.dumps(line))
    import_answers(project.runtime, log)
    put(project, "suspect", f"# Suspect\n\n{human}\n")
    project.ingest()
    assert project.states()["suspect.md"].state == "active", (
        "what the answer retrieved is not known: it decides nothing"
    )
    assert gates_of(project)["depth"].actual == "kept by every document"
    assert gates_of(project)["ai-share"].actual.startswith("0.000 of")


def test_a_share_of_chunks_is_judged_once_they_are_cut_and_a_failed_gate_leaves_the_alias(project: Project) -> None:
    text = project.contract_path.read_text()
    assert SHARE in text
    project.contract_path.write_text(text.replace(SHARE, CHUNKS).replace("version: 1.0.0", "version: 1.1.0"))
    project.ingest()
    before = project.reader().manifest.number
    long = "\n\n".join(f"## Part {n}\n\n" + f"Line {n} of a long page that a model wrote. " * 40 for n in range(60))
    put(project, "made", f"---\ndigital_source_type: {AI}\n---\n# Made\n\n{long}\n")
    with pytest.raises(
        GateFailed, match=r"ai-share: expected AI-generated share of chunks at most 0.4, found 0\.\d+ of"
    ):
        project.ingest()
    assert project.reader().manifest.number == before
    release.release(project.runtime, NAME, "0199-forced", force=True, reason="a test of the gate")
    assert "(forced)" in gates_of(project)["ai-share"].actual
