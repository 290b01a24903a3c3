"""`stemma metrics`, and the log of a command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from corpus import logs


def test_metrics_are_printed_as_they_are_and_written_into_a_file(ingested: Any, tmp_path: Path) -> None:
    shown = ingested("metrics").out
    assert '\nstemma_documents{contract="handbook",state="quarantined"} 1.0\n' in shown
    assert shown.startswith("# HELP stemma_build_info ")
    assert ingested.json("metrics")["metrics"].splitlines()[0] == shown.splitlines()[0]
    path = tmp_path / "node" / "stemma.prom"
    assert ingested.json("metrics", "--output", str(path)) == {"file": str(path)}
    assert "stemma_index_version" in path.read_text("utf-8")
    (tmp_path / "blocked").write_text("")
    error = ingested.json("metrics", "--output", str(tmp_path / "blocked" / "x.prom"), code=2)["error"]
    assert "cannot be written" in error["message"]


def test_a_command_logs_json_lines_on_stderr_and_its_result_on_stdout(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEMMA_LOG_FORMAT", "json")
    try:
        ran = project("ingest", "handbook", "--json")
    finally:
        logs.configure("off")
    lines = [json.loads(line) for line in ran.err.splitlines() if line.startswith("{")]
    assert {line["run_id"] for line in lines} == {ran.json["run_id"]}
    assert lines[-1]["stage"] == "release"
