"""Marked answers on their way back: a page is known by its mark, with and without the registry."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from laws.handbook import NAME, Project

from corpus.catalog import decisions
from corpus.catalog.records import DecisionRecord
from corpus.types import OriginKind
from index.signing import generate_keypair, load_signer
from ingestion.marking import Marker, judge_text, trusted_keys
from ingestion.recording import AnswerRecorder
from ingestion.stages import forget
from provenance import textmark

HUMAN = (
    "The ferry could not be brought across before the ice had gone, and the carpenter kept the planks dry under a roof "
    "of reed until the baker's boy came with the rope that had been promised in autumn. "
) * 5
ANSWER = (
    "You can send the device back within a month after it reached you, but note three exceptions that often surprise "
    "people: opened battery packs stay with you, activated licence keys cannot be undone, and gift orders are "
    "credited to whoever paid. Start by printing the label from your account page."
)
CONTEXT = [("c1", "Hardware may be returned within thirty days.")]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project.create(tmp_path / "project")
    project.write("policy", "# Policy\n\nHardware may be returned within thirty days. Batteries are excluded.\n")
    return project


def findings(project: Project, doc_id: str, prefix: str = "") -> list[dict[str, Any]]:
    with project.runtime.catalog.reading() as tx:
        found = decisions.of_document(tx, NAME, doc_id)
    return [item for item in found[0].findings if item["code"].startswith(prefix or ("answer.", "mark."))]


def held(project: Project) -> dict[str, DecisionRecord]:
    with project.runtime.catalog.reading() as tx:
        return {item.doc_id: item for item in decisions.standing(tx, NAME, "quarantine")}


def test_pages_are_known_by_their_marks(project: Project, tmp_path: Path) -> None:
    marker = Marker.of(project.settings, system="helpdesk")
    marked = marker.footer(ANSWER, answer_id="a1", index=f"{NAME}/v000001")
    generate_keypair(tmp_path / "foreign.pem", tmp_path / "foreign.pub")
    foreign = Marker(load_signer(tmp_path / "foreign.pem"), system="another").footer(ANSWER, answer_id="a1")
    # A letter of the sketch is changed: the key is ours, the signature is not over this.
    place = marked.mark.index(":", 20) - 3
    forged = marked.mark[:place] + ("a" if marked.mark[place] != "a" else "b") + marked.mark[place + 1 :]
    project.write("whole", f"# Returns\n\n{marked.text}")
    project.write("mixed", f"# Ferry\n\n{HUMAN}\n\n{HUMAN}\n\n{marked.text}")
    project.write("moved", f"# Ferry\n\n{HUMAN}\n\n{marked.footer}\n")
    project.write("foreign", f"# Returns\n\n{foreign.text}")
    project.write("forged", f"# Returns\n\n{ANSWER}\n\n{forged}\n")
    project.ingest()
    assert set(held(project)) == {"whole.md"}, "only what is sure and fills a page is held back"
    [reason] = [item for item in held(project)["whole.md"].reasons if item["rule"] == "self_ingestion"]
    assert "You can send the device back" in reason["quote"]
    names = ("mixed", "moved", "foreign", "forged")
    codes = {name: [item["code"] for item in findings(project, f"{name}.md")] for name in names}
    assert codes == {
        "mixed": ["mark.found", "answer.marked"],
        "moved": ["mark.found", "answer.moved"],
        "foreign": ["mark.found", "answer.foreign"],
        "forged": ["mark.found", "answer.forged"],
    }
    [whole] = findings(project, "whole.md", "answer.marked")
    assert (whole["level"], whole["basis"], whole["scope"]) == ("E2", "matched", "document")
    assert whole["detail"]["registered"] is False, "the registry never heard of it: the signature is enough"
    assert whole["detail"]["words"] == "as signed"
    [mixed] = findings(project, "mixed.md", "answer.marked")
    assert (mixed["basis"], mixed["scope"]) == ("matched", "passage")
    assert mixed["detail"]["answers_share"] < 0.5
    for name in ("moved", "foreign", "forged"):
        assert [item["basis"] for item in findings(project, f"{name}.md") if item["level"] == "E2"] == ["suspected"]


def test_the_registry_names_the_answer_of_a_mark(project: Project) -> None:
    marked = Marker.of(project.settings, system="helpdesk").footer(ANSWER, answer_id="a1")
    recorder = AnswerRecorder.to_project(project.runtime, system="helpdesk")
    recorder.record(ANSWER, answer_id="a1", retrieved=CONTEXT, mark=marked.mark)
    keys = trusted_keys(project.settings)
    [judged] = judge_text(project.runtime, marked.text, keys)
    assert judged.verdict == "signed"
    assert judged.answer is not None
    assert judged.answer.answer_id == "a1"
    forget.erase(project.runtime, "a1", reason="test", actor="ada")
    [after] = judge_text(project.runtime, marked.text, keys)
    assert (after.verdict, after.answer) == ("signed", None), "erased, and still ours by its signature"


def test_a_c2pa_mark_is_known_by_the_registry_alone(project: Project) -> None:
    manifest = b"\x00\x00\x00\x14jumb" + bytes(range(200))
    served = textmark.wrap(ANSWER, manifest)
    recorder = AnswerRecorder.to_project(project.runtime, system="helpdesk")
    recorder.record(ANSWER, answer_id="a1", retrieved=CONTEXT, mark=textmark.mark_of(manifest))
    project.write("copied", f"# Returns\n\n{served}\n")
    project.write("unknown", f"# Ferry\n\n{textmark.wrap(HUMAN, manifest + b'x')}\n")
    project.write("moved", f"# Ferry\n\n{textmark.wrap(HUMAN + HUMAN, manifest)}\n")
    project.ingest()
    [found] = findings(project, "copied.md", "answer.marked")
    assert found["detail"]["answer_id"] == "a1"
    assert [item["code"] for item in findings(project, "unknown.md")] == ["mark.found"]
    assert [item["code"] for item in findings(project, "moved.md")] == ["mark.found", "answer.moved"]


def test_a_manifest_of_a_real_c2pa_library_goes_in_and_out(project: Project) -> None:
    c2pa = pytest.importorskip("c2pa", reason="c2pa-python is not installed")
    import io  # noqa: PLC0415

    from provenance_parts.c2pa_signer import signer  # noqa: PLC0415

    created = {"action": "c2pa.created", "digitalSourceType": OriginKind.AI_GENERATED.value}
    actions = {"label": "c2pa.actions.v2", "data": {"actions": [created]}}
    claim = {"claim_generator_info": [{"name": "helpdesk"}], "title": "answer", "assertions": [actions]}
    builder = c2pa.Builder.from_json(json.dumps(claim))
    builder.set_no_embed()
    manifest = builder.sign(signer(), "text/plain", io.BytesIO(textmark.bound_bytes(ANSWER)), io.BytesIO())
    [found] = textmark.find("Before.\n\n" + textmark.wrap(ANSWER, manifest))
    assert found.manifest == manifest
    reader = c2pa.Reader("text/plain", io.BytesIO(textmark.bound_bytes(ANSWER)), found.manifest)
    codes = {item["code"] for item in json.loads(reader.json()).get("validation_status", [])}
    assert codes == {"signingCredential.untrusted"}, (
        "bound to the text, by a signer that nobody has put into a trust list"
    )


def test_a_mark_that_says_more_than_it_signed(project: Project) -> None:
    marked = Marker.of(project.settings, system="helpdesk").footer(ANSWER, answer_id="a1")
    project.write("lying", f"# Returns\n\n{HUMAN}\n\n{HUMAN}\n\n{marked.text.replace('helpdesk', 'the chief editor')}")
    project.ingest()
    [found] = findings(project, "lying.md", "answer.marked")
    assert found["detail"]["words"] == "changed"
    assert replace(judge_text(project.runtime, marked.text, {})[0], answer=None).verdict == "unknown_key"
