"""The way of a newcomer, from an empty folder to a rollback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

NAME = "handbook"


def test_from_an_empty_folder_to_a_second_version_and_back(cli: Any) -> None:
    assert "stemma init" in cli().out
    assert "stemma contract new" in cli("init").out
    assert "no contract yet" in cli().out
    cli.write(
        "refunds", "# Refunds\n\nA refund may be asked for within thirty days of delivery, by mail or by telephone.\n"
    )
    made = cli("contract", "new", NAME, "--path", "docs/**/*.md", "--model", "wordllama-256").out
    assert "1 now" in made
    assert "last_validated_date and version" in made
    assert "valid" in cli("contract", "validate").out
    assert f"stemma ingest {NAME}" in cli().out
    first = cli("ingest", NAME)
    assert "published" in first.out
    assert f"stemma index query {NAME}" in first.out
    assert "v000001" in cli().out
    cli.write(
        "refunds", "# Refunds\n\nA refund may be asked for within sixty days of delivery, by mail or by telephone.\n"
    )
    cli.write(
        "shipping", "# Shipping\n\nParcels leave the warehouse in Leipzig on the day after the order was placed.\n"
    )
    cli("ingest", NAME)
    listed = cli("index", "list").out
    assert listed.index("v000002") < listed.index("v000001")
    assert "sixty days" in cli("index", "query", NAME, "how long can I ask for a refund?", "--k", "1").out
    assert "thirty days" in cli("index", "query", NAME, "refund", "--version", "1").out
    compared = cli("index", "diff", NAME).out
    assert "shipping.md" in compared
    assert "v000001 -> v000002" in compared
    assert "v000002 -> v000001" in cli("index", "rollback", NAME, "--reason", "answers got worse").out
    assert "thirty days" in cli("index", "query", NAME, "refund").out
    cli("index", "promote", NAME, "2", "--reason", "they did not")
    assert "sixty days" in cli("index", "query", NAME, "refund").out
    cli("index", "verify", NAME, "--all")
    cli("audit", "verify")
    reasons = [entry["detail"].get("reason") for entry in cli.json("audit", "list")["entries"]]
    assert reasons[:2] == ["they did not", "answers got worse"]


def test_an_unchanged_ingest_publishes_nothing(ingested: Any) -> None:
    again = ingested.json("ingest", NAME)
    assert again["figures"]["status"] == "unchanged"
    assert again["counts"]["unchanged"] == again["counts"]["received"] == 4


def test_ingest_without_release_waits_for_one(project: Any) -> None:
    project("ingest", NAME, "--no-release")
    assert project.json("index", "list", NAME)["versions"] == []
    released = project.json("index", "release", NAME)
    assert released["figures"]["version"] == 1
    assert project.json("index", "list")["versions"][0]["aliases"] == ["live"]


def test_a_person_lets_a_document_out_of_quarantine(ingested: Any) -> None:
    [held] = ingested.json("quarantine", "list", NAME)["documents"]
    assert held["doc_id"] == "returns.md"
    assert "last_validated_date" in held["reasons"][0]["message"]
    assert "last_validated_date" in ingested("quarantine", "show", NAME, "returns.md").out
    said = ingested("quarantine", "release", NAME, "returns.md", "--reason", "read it myself", "--by", "mara").out
    assert "mara" in said
    assert f"stemma ingest {NAME}" in said
    assert ingested.json("quarantine", "list", NAME)["documents"][0]["released_by"] == "mara"
    assert ingested.json("ingest", NAME)["counts"]["indexed"] == 1
    assert ingested.json("quarantine", "list", NAME)["documents"] == []
    hits = ingested.json("index", "query", NAME, "goods come back in their box")["hits"]
    assert hits[0]["doc_id"] == "returns.md"
    [entry] = [e for e in ingested.json("audit", "list")["entries"] if e["action"] == "decision.override"]
    assert (entry["actor"], entry["detail"]["reason"]) == ("mara", "read it myself")


def test_released_bytes_that_change_are_judged_afresh(ingested: Any) -> None:
    ingested("quarantine", "release", NAME, "returns.md", "--reason", "fine", "--by", "mara")
    ingested.write(
        "returns", "# Returns\n\nNow it says something else, and still has no validation date at all.\n", front=""
    )
    assert ingested.json("ingest", NAME)["counts"]["quarantined"] == 1


def test_filters_narrow_a_query(changed: Any) -> None:
    hits = changed.json("index", "query", NAME, "parcel", "--where", "doc_id=invoices.md")["hits"]
    assert {hit["doc_id"] for hit in hits} == {"invoices.md"}
    either = ("--where", "doc_id=invoices.md", "--where", "doc_id=refunds.md")
    hits = changed.json("index", "query", NAME, "parcel", *either)["hits"]
    assert {hit["doc_id"] for hit in hits} == {"invoices.md", "refunds.md"}
    assert changed.json("index", "query", NAME, "parcel", "--where", "origin=digitalCreation")["hits"] == []
    assert "No chunk passes" in changed("index", "query", NAME, "parcel", "--where", "owner=nobody").out


def test_what_a_query_shows(ingested: Any) -> None:
    shown = ingested("index", "query", NAME, "forgotten password", "--k", "1").out
    for part in ("passwords.md", "origin unknown", "quality", "Passwords", "sign-in page"):
        assert part in shown


def test_verify_finds_an_altered_byte(ingested: Any) -> None:
    path = ingested.folder / ".stemma" / "indexes" / NAME / "v000001" / "documents.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    found = ingested.json("index", "verify", NAME, code=3)
    assert not found["ok"]
    assert "altered" in found["versions"][0]["error"]
    refused = ingested("index", "query", NAME, "refund", code=3)
    assert "altered" in refused.err
    assert refused.out == ""


def test_verify_finds_an_alias_file_that_is_behind(changed: Any) -> None:
    path = changed.folder / ".stemma" / "indexes" / NAME / "aliases" / "live.json"
    stale = path.read_bytes()
    changed("index", "rollback", NAME)
    path.write_bytes(stale)
    found = changed.json("index", "verify", NAME, code=3)
    assert [item["ok"] for item in found["aliases"]] == [False]
    assert "stemma reconcile" in found["aliases"][0]["error"]
    changed("reconcile", NAME)
    assert changed.json("index", "verify", NAME)["ok"]


def test_a_shadow_model_is_published_beside_and_promoted(ingested: Any) -> None:
    assert ingested.json("reembed", NAME, "--estimate", "--model", "all-MiniLM-L6-v2")["figures"]["chunks"] == 3
    ingested("reembed", NAME, "--model", "all-MiniLM-L6-v2", "--mode", "shadow")
    models = {tuple(row["aliases"]): row["model"] for row in ingested.json("index", "list")["versions"]}
    assert models == {("shadow",): "all-MiniLM-L6-v2", ("live",): "wordllama-256"}
    compared = ingested.json("index", "diff", NAME, "live", "shadow")
    assert "embedder" in compared["changed"]
    assert [(item["cause"], item["changed"]) for item in compared["causes"]] == [("embedder", 3)]
    assert ingested.json("index", "query", NAME, "refund", "--alias", "shadow")["hits"][0]["doc_id"] == "refunds.md"
    ingested("index", "promote", NAME, "shadow", "--reason", "golden set passed")
    assert ingested.json("index", "show", NAME)["model"] == "all-MiniLM-L6-v2"


def test_answers_are_imported_and_bad_lines_reported(ingested: Any, tmp_path: Path) -> None:
    text = (
        "A customer may ask for a refund within thirty days of delivery, and the support team answers soon after. " * 3
    )
    good = {"answer_id": "a1", "system": "bot", "model": "m", "served_at": "2026-01-01T00:00:00Z", "text": text}
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps(good) + "\nnot json\n")
    found = ingested.json("answers", "import", str(path), code=1)
    assert found["figures"]["refused"] == 1
    assert found["outputs"][0].startswith("line 2")


@pytest.mark.parametrize("command", [("index", "list"), ("quarantine", "list", NAME), ("audit", "list")])
def test_what_is_piped_has_no_escapes_and_no_trailing_blanks(ingested: Any, command: tuple[str, ...]) -> None:
    shown = ingested(*command).out
    assert "\x1b" not in shown
    assert not [line for line in shown.splitlines() if line != line.rstrip()]
