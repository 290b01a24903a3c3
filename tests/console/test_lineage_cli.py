"""`stemma lineage`: a chain, a loop and a gap, as a tree, as DOT and SVG, and as PROV-JSON that others read."""

from __future__ import annotations

import json
import os
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import prov.model
import pytest

from index.embedders.registry import load_embedder
from index.reader import open_index
from index.signing import TrustStore

NAME = "handbook"
NOW = datetime.now(UTC)
BRASS = """Rinse the brass manifold with warm vinegar before winter, because chalk that settles overnight will crack
every second gasket. Technicians in Tromso swear by cedar wedges; they hold the flange apart while resin cures."""
LEDGER = """Whoever keeps the lighthouse ledger should initial each foghorn test twice, once in pencil and once in
violet ink, so that an auditor arriving by kayak can tell rehearsals from alarms without waking the night crew."""
FRONT = "---\nversion: '3'\nlast_validated_date: 2026-02-01\n---\n"


def _serve(cli: Any, name: str, text: str, of: str, **more: Any) -> None:
    """Registers an answer that was given every chunk of one document, as the live index has it."""
    trust = TrustStore.from_folder(cli.folder / "keys" / "trusted")
    reader = open_index(str(cli.folder / ".stemma"), NAME, trust=trust, embedder=load_embedder("wordllama-256"))
    chunks = [hit for hit in reader.search(text, k=len(reader)) if hit.doc_id == of]
    line = {
        "answer_id": name, "text": text, "system": "support-bot", "model": f"model-of-{name}",
        "index_version": f"{NAME}/v{reader.manifest.number:06d}", "cited": [chunks[0].chunk_id],
        "served_at": (NOW - timedelta(hours=1)).isoformat(),
        "retrieved": [{"chunk_id": hit.chunk_id, "text": hit.text} for hit in chunks],
    } | more  # fmt: skip
    log = cli.folder / f"{name}.jsonl"
    log.write_text(json.dumps(line))
    cli("answers", "import", str(log))


def _write(cli: Any, name: str, text: str) -> None:
    path = cli.write(name, text, FRONT)
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    cli("ingest", NAME)


@pytest.fixture
def looped(project: Any) -> Any:
    """refunds.md -> answer a1 -> copy.md -> answer a2 -> refunds.md again, which now holds a2."""
    project.contract.write_text(project.contract.read_text().replace("value: block", "value: warn"))
    project("ingest", NAME)
    _serve(project, "a1", BRASS, "refunds.md")
    _write(project, "copy", f"# Copy\n\n{BRASS}\n")
    _serve(project, "a2", LEDGER, "copy.md")
    refunds = (project.folder / "docs" / "refunds.md").read_text().removeprefix(FRONT)
    _write(project, "refunds", f"{refunds}\n\n## Ledger\n\n{LEDGER}\n")
    return project


def test_the_story_of_a_loop(looped: Any, tmp_path: Path) -> None:
    _tree(looped)
    _answers(looped)
    _loops(looped)
    _drawings(looped)
    _exports(looped, tmp_path)
    _gaps(looped)


def _tree(cli: Any) -> None:
    shown = cli("lineage", "show", NAME, "refunds.md").out
    order = ["refunds.md", "answer a2", "copy.md", "answer a1", "refunds.md", "Loop: "]
    places = [match.start() for match in (re.search(re.escape(word), shown) for word in order[:4]) if match]
    assert places == sorted(places)
    assert len(places) == 4
    assert "depth 2" in shown.splitlines()[0]
    assert "model-of-a2 of support-bot" in shown
    assert f"Loop: {NAME}/refunds.md <- a2 <- {NAME}/copy.md <- a1 <- {NAME}/refunds.md" in " ".join(shown.split())
    near = cli.json("lineage", "show", NAME, "refunds.md", "--depth", "1")
    assert {node["name"] for node in near["nodes"]} == {"refunds.md", "a2", "copy.md"}
    assert near["hidden"] == 2
    assert near["depth"] == {"value": 2, "known": True, "words": "2"}
    assert json.loads(cli("lineage", "show", NAME, "refunds.md", "--depth", "1", "--format", "json").out) == near
    plain = cli("lineage", "show", NAME, "shipping.md").out
    assert "It repeats no answer that is registered here." in plain


def _answers(cli: Any) -> None:
    for name, depth in (("a1", 0), ("a2", 1)):
        shown = cli.json("answers", "show", name)
        assert (shown["depth"], shown["depth_known"]) == (depth, True)


def _loops(cli: Any) -> None:
    found = cli.json("lineage", "loops", code=1)
    [loop] = found["loops"]
    assert (loop["document"], loop["answers"], loop["state"]) == (f"{NAME}/refunds.md", 2, "active")
    assert loop["models"] == ["model-of-a1", "model-of-a2"]
    assert [step["name"] for step in loop["path"]] == [f"{NAME}/refunds.md", "a2", f"{NAME}/copy.md", "a1"]
    assert "model-of-a1" in cli("lineage", "loops", NAME, code=1).out
    assert "no contract" in cli("lineage", "loops", "handbok", code=2).err.lower()


def _drawings(cli: Any) -> None:
    dot = cli("lineage", "show", NAME, "refunds.md", "--format", "dot").out
    assert dot.startswith("digraph lineage {")
    assert dot.count("->") == 4
    assert '[label="1 chunk, cited"]' in dot
    assert r"a2\ndepth 1, answer of model-of-a2" in dot, "what is cut off a long line is not the depth"
    svg = cli("lineage", "show", NAME, "refunds.md", "--format", "svg").out
    root = ET.fromstring(svg)
    boxes = root.findall(".//{http://www.w3.org/2000/svg}rect")
    corners = [(int(box.attrib["x"]), int(box.attrib["y"])) for box in boxes]
    assert len(corners) == 5
    assert len(set(corners)) == 5, "no box on another"
    assert all(x + 250 <= int(root.attrib["width"]) and y + 46 <= int(root.attrib["height"]) for x, y in corners)
    assert "prefers-color-scheme: dark" in svg
    assert set(re.findall(r"https?://[^\"' )]+", svg)) == {"http://www.w3.org/2000/svg"}, "nothing from outside"


def _exports(cli: Any, folder: Path) -> None:
    for arguments in (("refunds.md",), ("--all",)):
        text = cli("lineage", "export", NAME, *arguments).out
        path = folder / "lineage.json"
        path.write_text(text)
        document = prov.model.ProvDocument.deserialize(str(path), format="json")
        kinds = {type(record).__name__ for record in document.get_records()}
        assert kinds >= {
            "ProvEntity", "ProvActivity", "ProvAgent", "ProvDerivation", "ProvGeneration", "ProvUsage",
            "ProvAttribution", "ProvAssociation", "ProvSpecialization", "ProvInvalidation",
        }  # fmt: skip
        types = {
            str(kind)
            for record in document.get_records(prov.model.ProvDerivation)
            for kind in record.get_asserted_types()
        }
        assert types == {"prov:Quotation", "prov:Revision"}
        [answer] = document.get_record("stemma:answer/a2")
        assert {str(value) for value in answer.get_attribute("stemma:generation_depth")} == {"1"}
        again = json.loads(document.serialize(format="json"))
        assert set(again["entity"]) == set(json.loads(text)["entity"])
    assert "--all" in cli("lineage", "export", NAME, code=2).err
    assert "--all" in cli("lineage", "export", NAME, "copy.md", "--all", code=2).err


def _gaps(cli: Any) -> None:
    _serve(cli, "web", " ".join(reversed(BRASS.split())), "shipping.md", index_version="", cited=[], retrieved=[
        {"chunk_id": "https://example.org/page", "text": "A page of the web."}
    ])  # fmt: skip
    _write(cli, "from-the-web", f"# Web\n\n{' '.join(reversed(BRASS.split()))}\n")
    shown = " ".join(cli("lineage", "show", NAME, "from-the-web.md").out.split())
    assert "depth at least 1" in shown
    assert "1 chunk: found in no version and no segment here" in shown


def test_an_unknown_document_is_answered_with_the_nearest(ingested: Any) -> None:
    assert "refunds.md" in ingested("lineage", "show", NAME, "refund.md", code=2).err
    assert "No document was made of what came of itself." in ingested("lineage", "loops").out
