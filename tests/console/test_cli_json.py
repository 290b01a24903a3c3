"""`--json`: one document on stdout and nothing else, with keys that scripts may rely on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

NAME = "handbook"
RECEIPT = {"stage", "contract", "run_id", "key", "inputs", "outputs", "counts", "figures", "fingerprints", "next"}
VERSION = {
    "name",
    "number",
    "aliases",
    "state",
    "documents",
    "chunks",
    "model",
    "embedder_fingerprint",
    "contract_version",
    "created_at",
    "run_id",
    "path",
    "manifest_sha256",
}
WHY = {
    "name",
    "subject",
    "kind",
    "doc_id",
    "version",
    "state",
    "means",
    "answer",
    "since",
    "spans",
    "decision",
    "reasons",
    "rules",
    "people",
    "erasures",
    "relations",
    "near",
    "unreadable",
    "next",
}
BLAME = {
    "name",
    "kind",
    "subject",
    "chunk",
    "first",
    "since",
    "last",
    "versions",
    "created_at",
    "manifest_sha256",
    "released_by",
    "admitted_by",
    "code_version",
    "contract",
    "fingerprints",
    "source",
    "decision",
    "people",
    "approvals",
    "served",
    "passages",
    "unreadable",
}
REPLAY = {
    "name",
    "query",
    "k",
    "where",
    "then",
    "now",
    "how",
    "same_model",
    "before",
    "after",
    "overlap",
    "answer",
}
KEYS: dict[tuple[str, ...], set[str]] = {
    (): {"project", "says", "contracts", "next"},
    ("init",): {"project", "steps", "next"},
    ("contract", "validate"): {"valid", "contracts"},
    ("contract", "new", "other", "--path", "docs/*.md"): {
        "name",
        "version",
        "checks",
        "model",
        "path",
        "documents",
        "unsaid",
        "next",
    },
    ("ingest", NAME): RECEIPT,
    ("quarantine", "list", NAME): {"contract", "outcome", "reasons", "documents", "total", "matching", "next"},
    ("quarantine", "show", NAME, "returns.md"): {
        "contract",
        "document",
        "sha256",
        "override",
        "decisions",
        "persons",
        "rules",
        "evidence",
        "votes",
        "trail",
        "steps",
        "next",
    },
    ("family", NAME, "returns.md"): {"contract", "document", "members", "relations"},
    ("quality", "explain", NAME, "returns.md"): {
        "contract",
        "doc_id",
        "outcome",
        "repairs",
        "value",
        "document_type",
        "fatal",
        "reasons",
        "parts",
        "sentences",
    },
    ("quality", "repairs", NAME, "returns.md"): {"contract", "doc_id", "outcome", "repairs", "original"},
    ("quarantine", "release", NAME, "returns.md", "--reason", "x"): {
        "contract",
        "documents",
        "reason",
        "by",
        "means",
        "outcome",
        "settled",
        "settled_by",
        "waiting",
        "next",
    },
    ("index", "list"): {"versions"},
    ("index", "show", NAME): {
        *VERSION,
        "manifest",
        "signature",
        "served",
        "approvals",
        "ai_share",
        "facets",
        "contamination",
    },
    ("index", "diff", NAME): {
        "name",
        "before",
        "after",
        "changed",
        "added",
        "removed",
        "rewritten",
        "retagged",
        "rescored",
        "governed",
        "chunks",
        "parts",
        "same",
        "causes",
        "documents",
        "clauses",
        "clauses_unknown",
    },
    ("index", "why", NAME, "refunds.md"): WHY,
    ("index", "blame", NAME, "refunds.md"): BLAME,
    ("index", "replay", NAME, "refund"): REPLAY,
    ("index", "export", NAME, "--to", "metadata"): {"name", "folder", "rows", "unreadable"},
    ("index", "croissant", NAME, "--to", "croissant.json"): {"name", "file"},
    ("index", "query", NAME, "refund"): {"name", "version", "manifest_sha256", "query", "where", "hits"},
    ("index", "verify", NAME): {"name", "ok", "versions", "aliases"},
    ("index", "contamination", NAME): {
        "name",
        "version",
        "measured_at",
        "k",
        "questions",
        "answers",
        "answers_without_question",
        "repeated_questions",
        "pool",
        "queries",
        "without_hits",
        "at",
        "groups",
        "citation",
        "change",
        "alarms",
        "notes",
    },
    ("index", "rollback", NAME): {"name", "alias", "from", "to", "reason", "manifest_sha256", "means", "next"},
    ("index", "promote", NAME, "2"): {"name", "alias", "from", "to", "reason", "manifest_sha256", "means", "next"},
    ("index", "release", NAME): RECEIPT,
    ("reembed", NAME): RECEIPT,
    ("reembed", NAME, "--estimate"): RECEIPT,
    ("reconcile", NAME, "--dry-run"): RECEIPT,
    ("audit", "list"): {"entries"},
    ("audit", "verify"): {"intact", "entries", "broken_at", "head"},
    ("doctor", "--skip-models"): {"healthy", "checks"},
    ("version",): {"stemma", "python", "packages"},
}


def test_every_command_has_stable_keys(changed: Any) -> None:
    found = {arguments: set(changed.json(*arguments)) for arguments in KEYS}
    assert found == KEYS


def test_rows_have_stable_keys(changed: Any) -> None:
    [hit] = changed.json("index", "query", NAME, "refund", "--k", "1")["hits"]
    expected = {
        "rank",
        "score",
        "doc_id",
        "text",
        "span",
        "headings",
        "digital_source_type",
        "quality_score",
        "chunk_id",
    }
    assert expected <= set(hit)
    assert set(changed.json("index", "list")["versions"][0]) == VERSION
    [held] = changed.json("quarantine", "list", NAME)["documents"]
    assert set(held) == {
        "doc_id",
        "path",
        "decided_at",
        "quality_score",
        "origin",
        "reasons",
        "owners",
        "released_by",
        "rejected_by",
        "split_by",
        "waits",
        "votes",
        "seen_by",
        "statistics",
    }
    [contract] = changed.json("contract", "validate")["contracts"]
    assert set(contract) == {"path", "valid", "name", "version", "checks", "model", "problems"}
    for check in changed.json("doctor", "--skip-models")["checks"]:
        assert set(check) == {"name", "status", "found", "next"}


@pytest.mark.parametrize(
    "before", [["--json", "index", "list"], ["index", "--json", "list"], ["index", "list", "--json"]]
)
def test_json_may_stand_anywhere(project: Any, before: list[str]) -> None:
    assert project(*before).json["versions"] == []


def test_project_may_stand_before_the_command(
    project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from console.cli.main import main  # noqa: PLC0415

    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    assert main(["--project", str(project.folder), "contract", "validate", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["valid"] is True


def test_a_process_prints_one_document_and_nothing_on_stderr(ingested: Any) -> None:
    program = "import sys; from console.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-P", "-c", program, "index", "query", NAME, "refund", "--json"]
    run = subprocess.run(command, cwd=ingested.folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0
    assert json.loads(run.stdout)["hits"]
    assert run.stderr == ""


def test_text_of_any_script_survives_an_ascii_terminal(ingested: Any) -> None:
    ingested.write(
        "größe", "# Größe\n\nDie Größe der Pakete steht auf dem Lieferschein; die Maße sind Höhe und Breite.\n"
    )
    ingested("ingest", NAME)
    program = "import sys; from console.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-P", "-c", program, "index", "query", NAME, "Größe der Pakete", "--json", "--k", "1"]
    environment = {"PYTHONIOENCODING": "ascii", "PATH": "", "NO_COLOR": "1"}
    run = subprocess.run(command, cwd=ingested.folder, capture_output=True, check=False, env=environment)
    assert run.returncode == 0, run.stderr
    assert "Größe" in json.loads(run.stdout.decode("ascii"))["hits"][0]["text"]
