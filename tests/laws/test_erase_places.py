"""Erasure reaches what other parts of the system keep of a document: candidates, words, golden items, parts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from laws.erasing import DOC, LINES, holds_document, make, never_found, page, traces
from laws.handbook import NAME, Project

from corpus.catalog import holds, segments
from corpus.errors import GateFailed
from index import layout
from ingestion import checkpoints
from ingestion.checkpoints import Unsaved
from ingestion.stages import erase as erasing
from ingestion.stages import evaluation

QUESTION = "Who keeps the ledger of the boiler?"


def _declare(project: Project, version: str, **values: str) -> None:
    """Adds properties to the contract and gives it another version."""
    text = project.contract_path.read_text().rstrip("\n")
    text = re.sub(r"(?m)^version: [0-9.]+", f"version: {version}", text, count=1)
    added = "".join(f"\n  - property: {name}\n    vendor: stemma\n    value: {value}" for name, value in values.items())
    project.contract_path.write_text(f"{text}{added}\n")


def test_candidates_words_golden_items_and_parts_of_a_re_embed(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    vectors = make(project)
    home, store = Path(project.settings.home), project.runtime.store
    golden = {"id": "q1", "question": QUESTION, "evidence": [{"document": DOC, "quote": LINES[0]}]}
    (project.folder / "golden.jsonl").write_text(json.dumps(golden) + "\n")
    _declare(project, "1.1.0", ragIndex="{factory: Flat, lexical: bm25}", ragEvaluation="{golden: golden.jsonl}")
    number = int(project.ingest().figures["version"])
    evaluation.run(project.runtime, NAME)
    _declare(project, "1.2.0", ragGates="{change: {maxAddedShare: 0.0}}")
    project.write("late", page("The late page"))
    with pytest.raises(GateFailed):
        project.ingest()
    with project.runtime.catalog.transaction() as tx:
        holds.place(tx, NAME, number, actor="ann", reason="audit of May")
        names = [item.segment_id for item in segments.of_contract(tx, NAME) if holds_document(project, item.segment_id)]
    space = project.reader().manifest.fingerprints["embedder"].digest
    for name in names:
        part = Unsaved()
        part.add(["d" * 64], vectors[0][:1])
        checkpoints.save(store, space, name, part)
    words = home / layout.version_path(NAME, number) / layout.LEXICAL
    assert b"quintessa" in words.read_bytes()
    before = traces(home, vectors)
    for place in (f"candidates/{NAME}", f"indexes/{NAME}/v{number:06d}"):
        assert any(found.startswith(place) for found in before), place
    assert any(".parts/" in found for found in before)

    erasing.erase(project.runtime, NAME, DOC, reason="request 17", actor="ann")
    assert traces(home, vectors) == []
    never_found(project, vectors[0])
    with project.runtime.catalog.reading() as tx:
        [hold] = holds.of_index(tx, NAME)
    assert hold.number > number
    words = home / layout.version_path(NAME, hold.number) / layout.LEXICAL
    assert b"quintessa" not in words.read_bytes()
