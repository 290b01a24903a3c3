"""Metrics and logs of real runs: what Prometheus reads, the file that a run leaves, and lines about each stage."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from laws.handbook import NAME, Project
from prometheus_client.parser import text_string_to_metric_families

from corpus import logs
from corpus.errors import ConfigurationError, ContractBlocked
from ingestion import metrics

NOTHING_TO_READ = "Please enable JavaScript to continue.\nSign in to continue.\nAll rights reserved.\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project.create(tmp_path / "project")
    project.fill(3)
    project.write("login", NOTHING_TO_READ)
    return project


def figures(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Read as Prometheus reads them: name and labels to value."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_an_empty_project_has_figures(project: Project) -> None:
    text = metrics.text(project.runtime)
    found = figures(text)
    assert found["stemma_answers", ()] == 0
    assert found["stemma_catalog_bytes", ()] > 4096
    for name, (words, _) in metrics.HELP.items():
        assert f"# HELP {name} {words}" in text
        assert f"# TYPE {name} gauge" in text


def test_the_figures_of_a_run_are_those_of_the_catalog(project: Project) -> None:
    receipt = project.ingest()
    found = figures(metrics.text(project.runtime))
    mine, index = (("contract", NAME),), (("alias", "live"), ("index", NAME))
    assert found["stemma_documents", (*mine, ("state", "active"))] == 3
    assert found["stemma_documents", (*mine, ("state", "quarantined"))] == 1
    assert found["stemma_documents_bytes", (*mine, ("state", "quarantined"))] == len(NOTHING_TO_READ)
    assert found["stemma_run_documents", (*mine, ("outcome", "received"))] == receipt.counts.received == 4
    assert found["stemma_runs", (*mine, ("kind", "ingest"), ("state", "succeeded"))] == 1
    now = found["stemma_metrics_timestamp_seconds", ()]
    for name, labels in (
        ("stemma_quarantine_oldest_timestamp_seconds", mine),
        ("stemma_last_success_timestamp_seconds", (*mine, ("kind", "ingest"))),
        ("stemma_index_moved_timestamp_seconds", index),
        ("stemma_index_built_timestamp_seconds", index),
    ):
        assert 0 <= now - found[name, labels] < 600, name
    assert found["stemma_index_version", index] == 1
    assert found["stemma_index_documents", index] == 3
    assert found["stemma_index_chunks", index] == receipt.figures["index_chunks"]
    assert found["stemma_index_versions", (("index", NAME), ("state", "released"))] == 1
    for basis in ("declared", "matched"):
        labels = (("alias", "live"), ("basis", basis), ("index", NAME), ("of", "chunks"))
        assert found["stemma_index_ai_share", labels] == 0
    validated = found["stemma_index_validated_timestamp_seconds", (*index, ("quantile", "min"))]
    assert validated == 1793491200  # 2026-11-01, the contract's default
    assert found["stemma_index_quality", (*index, ("quantile", "p50"))] > 0.5


def test_a_run_leaves_its_figures_in_a_file_also_when_it_fails(project: Project, tmp_path: Path) -> None:
    project.settings = project.settings.model_copy(update={"metrics_file": "metrics/stemma.prom"})
    project.ingest()
    path = project.folder / "metrics" / "stemma.prom"
    labels = (("contract", NAME), ("kind", "ingest"), ("state", "succeeded"))
    assert figures(path.read_text())["stemma_runs", labels] == 1
    for page in project.inbox.glob("*.md"):
        page.unlink()
    with pytest.raises(ContractBlocked):
        project.ingest()
    after = figures(path.read_text())
    assert after["stemma_runs", (*labels[:2], ("state", "failed"))] == 1
    assert (
        after["stemma_last_failure_timestamp_seconds", labels[:2]]
        >= after["stemma_last_success_timestamp_seconds", labels[:2]]
    )
    assert [item.name for item in path.parent.iterdir()] == ["stemma.prom"]


def test_a_file_that_cannot_be_written_stops_no_run(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    (project.folder / "metrics").write_text("in the way")
    project.settings = project.settings.model_copy(update={"metrics_file": "metrics/stemma.prom"})
    metrics._failed.clear()
    with caplog.at_level(logging.WARNING):
        assert project.ingest().figures["status"] == "published"
    assert sum("metrics file could not be written" in message for message in caplog.messages) == 1
    with pytest.raises(ConfigurationError, match="STEMMA_METRICS_FILE"):
        metrics.write(project.runtime, project.folder / "metrics" / "stemma.prom")


def test_every_stage_tells_when_it_starts_and_ends_and_quotes_nothing(project: Project) -> None:
    stream = io.StringIO()
    runtime = project.runtime
    logs.configure("json", stream)
    try:
        receipt = project.ingest()
    finally:
        logs.configure("off")
    assert runtime.settings.log_format == "off"
    lines: list[dict[str, Any]] = [json.loads(line) for line in stream.getvalue().splitlines()]
    ended = [line["stage"] for line in lines if line["message"] == "stage ended"]
    assert list(dict.fromkeys(ended)) == ["acquire", "assess", "relate", "admit", "stage", "settle", "release"]
    assert {line["run_id"] for line in lines} == {receipt.run_id}
    assert {line["contract"] for line in lines} == {NAME}
    [settled] = [line for line in lines if line["message"] == "stage ended" and line["stage"] == "settle"]
    assert settled["counts"] == {"received": 4, "indexed": 3, "quarantined": 1}
    assert "JavaScript" not in stream.getvalue()


def test_a_failure_is_told_with_its_kind(project: Project) -> None:
    project.ingest(publish=False)
    for page in project.inbox.glob("*.md"):
        page.unlink()
    stream = io.StringIO()
    logs.configure("json", stream)
    try:
        with pytest.raises(ContractBlocked):
            project.ingest()
    finally:
        logs.configure("off")
    [failed] = [line for line in map(json.loads, stream.getvalue().splitlines()) if line["level"] == "error"]
    assert (failed["message"], failed["stage"], failed["error"]) == ("stage failed", "acquire", "ContractBlocked")
