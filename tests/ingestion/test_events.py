"""OpenLineage events: what each kind of run emits, that it is well formed, and that it never gets in the way.

The published schemas come in no package, so events are read back into the client's own classes, which refuse what is
missing or unknown; our facets are held against our published JSON Schemas.
"""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from laws.handbook import NAME, Project
from openlineage.client import event_v2, facet_v2
from referencing import Registry, Resource

from corpus.errors import ConfigurationError, ContractBlocked
from corpus.settings import Settings
from ingestion import pipeline
from ingestion.events import describe, emit, facets
from ingestion.stages import answers, reconcile, release

NOTHING_TO_READ = "Please enable JavaScript to continue.\nSign in to continue.\nAll rights reserved.\n"
SCHEMAS = Path(facets.__file__).with_name("schemas")
STANDARD = {
    "dataQualityAssertions": facet_v2.data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet,
    "version": facet_v2.dataset_version_dataset.DatasetVersionDatasetFacet,
    "outputStatistics": facet_v2.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
    "parent": facet_v2.parent_run.ParentRunFacet,
    "errorMessage": facet_v2.error_message_run.ErrorMessageRunFacet,
    "processing_engine": facet_v2.processing_engine_run.ProcessingEngineRunFacet,
    "tags": facet_v2.tags_run.TagsRunFacet,
    "jobType": facet_v2.job_type_job.JobTypeJobFacet,
}


@pytest.fixture(autouse=True)
def own_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Nothing of this machine's OpenLineage configuration, and a client of the test's own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG", "OPENLINEAGE_PARENT_ID", "OPENLINEAGE_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    emit._client.cache_clear()
    emit._failed.clear()
    yield
    emit._client.cache_clear()


@pytest.fixture
def lined(tmp_path: Path) -> Project:
    project = Project.create(tmp_path / "project")
    project.settings = _with(project.settings)
    project.fill(3)
    return project


def _with(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update={"openlineage": True, **changes})


def events(project: Project) -> list[dict[str, Any]]:
    path = project.folder / emit.EVENTS
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def told(project: Project) -> list[tuple[str, str]]:
    return [(item["job"]["name"], item["eventType"]) for item in events(project)]


def test_ingest_and_release_emit_start_and_complete_with_our_facets(lined: Project) -> None:
    receipt = lined.ingest()
    assert told(lined) == [
        ("handbook.ingest", "START"),
        ("handbook.ingest", "COMPLETE"),
        ("handbook.release", "START"),
        ("handbook.release", "COMPLETE"),
    ]
    start, complete, _, released = events(lined)
    assert start["run"]["runId"] == complete["run"]["runId"] != released["run"]["runId"]
    assert complete["run"]["facets"]["stemma_run"]["runId"] == receipt.run_id
    [source], [corpus] = complete["inputs"], complete["outputs"]
    assert (source["namespace"], source["name"]) == ("file", str(lined.inbox))
    assert (corpus["namespace"], corpus["name"]) == ("stemma", "corpus/handbook")
    held = corpus["facets"]["stemma_corpus"]
    assert held["documents"] == {"active": 3}
    assert held["counts"]["received"] == held["counts"]["indexed"] == 3
    assert sum(item["documents"] for item in held["originMix"]) == 3
    assert held["quality"]["scored"] == held["quality"]["atMost"]["1.0"] == 3
    [index] = released["outputs"]
    published = index["facets"]["stemma_index"]
    assert published["manifestSha256"] == index["facets"]["version"]["datasetVersion"]
    assert published["manifestSha256"] == receipt.figures["manifest_sha256"]
    assert index["outputFacets"]["outputStatistics"]["rowCount"] == published["contents"]["chunks"]
    assert {gate["name"] for gate in published["gates"] if gate["passed"]} >= {"conservation", "parity"}
    assert released["inputs"][0]["name"] == "corpus/handbook"


def test_the_rules_of_the_contract_are_standard_assertions(lined: Project) -> None:
    receipt = lined.ingest()
    complete = events(lined)[1]
    found = complete["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    report = json.loads((Path(lined.settings.home) / "reports" / NAME / f"{receipt.run_id}.json").read_bytes())
    assert [item["name"] for item in found] == [rule["name"] for rule in report["rules"]]
    assert {item["success"] for item in found} == {True}
    assert all(item["actual"] == "0 documents fail" for item in found)


@pytest.mark.parametrize("configured", [False, True])
def test_the_repository_around_a_run_is_not_told(
    lined: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, configured: bool
) -> None:
    """OpenLineage's client reads the remote of the repository that it runs in, credentials and all."""
    git = tmp_path / ".git"
    git.mkdir()
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "config").write_text('[remote "origin"]\n\turl = https://ada:s3cr3t-token@git.example.org/corpus.git\n')
    if configured:
        place = lined.folder / emit.EVENTS
        place.parent.mkdir()
        said = f"transport: {{type: file, append: true, log_file_path: {place}}}\n"
        (tmp_path / "openlineage.yml").write_text(said)
    reconcile.reconcile(lined.runtime, NAME)
    assert len(events(lined)) == 2
    assert "s3cr3t" not in json.dumps(events(lined))


@pytest.mark.parametrize(
    ("root", "named"),
    [
        ("s3://key:s3cr3t@bucket/docs/kb", ("s3://bucket", "docs/kb")),
        ("https://ada:s3cr3t@example.org:8443/docs/", ("https://example.org:8443", "docs")),
        ("file:///srv/docs", ("file", "/srv/docs")),
        ("/srv/docs", ("file", "/srv/docs")),
        ("gs://bucket", ("gs://bucket", "/")),
    ],
)
def test_a_source_is_named_without_credentials(lined: Project, root: str, named: tuple[str, str]) -> None:
    contract = lined.runtime.contract(NAME)
    moved = replace(contract, source=replace(contract.source, root=root))
    assert describe.source_of(lined.runtime, moved) == named


def test_a_document_that_fails_a_rule_is_counted_and_not_quoted(lined: Project) -> None:
    lined.write("secret-plan", NOTHING_TO_READ)
    receipt = lined.ingest()
    assert receipt.counts.quarantined == 1
    failed = [
        item
        for item in events(lined)[1]["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
        if not item["success"]
    ]
    assert [(item["actual"], item["severity"]) for item in failed] == [("1 documents fail", "error")] * len(failed)
    assert failed
    text = (lined.folder / emit.EVENTS).read_text("utf-8")
    assert "JavaScript" not in text
    assert "secret-plan" not in text


def test_reembed_holds_the_release_as_its_child(lined: Project) -> None:
    lined.ingest()
    before = len(events(lined))
    lined.declare("all-MiniLM-L6-v2", version="1.1.0")
    pipeline.reembed(lined.runtime, NAME)
    found = events(lined)[before:]
    assert [(item["job"]["name"], item["eventType"]) for item in found] == [
        ("handbook.reembed", "START"),
        ("handbook.release", "START"),
        ("handbook.release", "COMPLETE"),
        ("handbook.reembed", "COMPLETE"),
    ]
    start, child, _, complete = found
    assert start["run"]["runId"] == complete["run"]["runId"]
    parent = child["run"]["facets"]["parent"]
    assert (parent["run"]["runId"], parent["job"]["name"]) == (start["run"]["runId"], "handbook.reembed")
    assert complete["outputs"][0]["facets"]["stemma_index"]["embedder"]["model"] == "all-MiniLM-L6-v2"


def test_reconcile_answers_and_a_move_emit_too(lined: Project) -> None:
    lined.ingest()
    before = len(events(lined))
    reconcile.reconcile(lined.runtime, NAME, dry_run=True)
    assert len(events(lined)) == before
    reconcile.reconcile(lined.runtime, NAME)
    log = lined.folder / "answers.jsonl"
    log.write_text(
        json.dumps({"answer_id": "a-1", "system": "bot", "text": "Kettles boil water at one bar in four minutes. " * 3,
                    "served_at": "2026-11-01T10:00:00Z"}) + "\n{broken\n"
    )  # fmt: skip
    answers.import_answers(lined.runtime, log)
    release.move(lined.runtime, NAME, "live", 1, reason="again")
    found = events(lined)[before:]
    assert [(item["job"]["name"], item["eventType"]) for item in found] == [
        (job, state) for job in ("handbook.reconcile", "answers", "handbook.release") for state in ("START", "COMPLETE")
    ]
    assert found[3]["run"]["facets"]["stemma_run"]["figures"]["refused"] == 1
    assert "Kettles" not in json.dumps(found)


def test_a_run_that_fails_says_so_once_and_quotes_nothing(lined: Project) -> None:
    lined.ingest()
    before = len(events(lined))
    for path in lined.inbox.glob("*.md"):
        path.unlink()
    with pytest.raises(ContractBlocked):
        lined.ingest()
    start, fail = events(lined)[before:]
    assert (start["eventType"], fail["eventType"]) == ("START", "FAIL")
    assert start["run"]["runId"] == fail["run"]["runId"]
    assert fail["run"]["facets"]["errorMessage"]["message"] == "ContractBlocked"
    assert fail["run"]["facets"]["stemma_run"]["errorKind"] == "ContractBlocked"
    assert fail["run"]["facets"]["stemma_run"]["retryable"] is False


def test_a_failed_release_says_what_is_missing(lined: Project) -> None:
    lined.settings.signing_key.unlink()
    with pytest.raises(ConfigurationError):
        lined.ingest()
    assert told(lined)[2:] == [("handbook.release", "START"), ("handbook.release", "FAIL")]
    fail = events(lined)[-1]
    check(fail)
    assert "stemma init" in fail["run"]["facets"]["errorMessage"]["message"]


def test_every_event_is_well_formed(lined: Project) -> None:
    lined.ingest()
    lined.write("broken", NOTHING_TO_READ)
    lined.ingest()
    reconcile.reconcile(lined.runtime, NAME)
    found = events(lined)
    assert len(found) == 10
    for item in found:
        check(item)


def check(item: dict[str, Any]) -> None:
    """Holds an event against the client's classes and our schemas."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", item["eventTime"])
    assert item["schemaURL"].startswith("https://openlineage.io/spec/2-")
    uuid.UUID(item["run"]["runId"])
    event_v2.RunEvent(
        eventTime=item["eventTime"],
        producer=item["producer"],
        eventType=event_v2.RunState[item["eventType"]],
        run=event_v2.Run(**{**item["run"], "facets": _facets(item["run"]["facets"])}),
        job=event_v2.Job(**{**item["job"], "facets": _facets(item["job"]["facets"])}),
        inputs=[event_v2.InputDataset(**_data_set(part, "inputFacets")) for part in item["inputs"]],
        outputs=[event_v2.OutputDataset(**_data_set(part, "outputFacets")) for part in item["outputs"]],
    )


def _data_set(part: dict[str, Any], own: str) -> dict[str, Any]:
    return {**part, "facets": _facets(part.get("facets", {})), own: _facets(part.get(own, {}))}


def _facets(found: dict[str, Any]) -> dict[str, Any]:
    return {name: _facet(name, dict(value)) for name, value in found.items()}


def _facet(name: str, value: dict[str, Any]) -> Any:
    if name.startswith("stemma_"):
        _validator(value["_schemaURL"]).validate(value)
        return facets.StemmaRunFacet(runId="", contract="", stage="", figures={})
    kind, url = STANDARD[name], value.pop("_schemaURL")
    assert url == kind._get_schema()
    by_client = name == "tags"  # which the client adds to say its own version
    assert value.pop("_producer").startswith("https://" if by_client else "urn:stemma-rag:producer:")
    if name == "dataQualityAssertions":
        value["assertions"] = [facet_v2.data_quality_assertions_dataset.Assertion(**one) for one in value["assertions"]]
    return kind(**value)


def _validator(url: str) -> Draft202012Validator:
    schemas = [json.loads(path.read_bytes()) for path in sorted(SCHEMAS.glob("*.json"))]
    for schema in schemas:
        Draft202012Validator.check_schema(schema)
    known = Registry().with_resources([(schema["$id"], Resource.from_contents(schema)) for schema in schemas])
    return Draft202012Validator({"$ref": url}, registry=known)


def test_our_schemas_refuse_what_they_should(lined: Project) -> None:
    lined.ingest()
    facet = events(lined)[1]["outputs"][0]["facets"]["stemma_corpus"]
    validator = _validator(facet["_schemaURL"])
    validator.validate(facet)
    assert not validator.is_valid(facet | {"text": "what a document says"})
    assert not validator.is_valid(facet | {"contract": {"name": "x", "version": "1", "digest": "short"}})
    assert not validator.is_valid({name: value for name, value in facet.items() if name != "originMix"})


def test_nothing_is_written_or_loaded_while_events_are_off(lined: Project) -> None:
    (lined.folder / "stemma.toml").write_text('home = "home"\n')
    code = (
        "import sys; from ingestion import pipeline; from ingestion.runtime import open_runtime\n"
        f"pipeline.ingest(open_runtime(), {NAME!r})\n"
        "print(sorted({n.split('.')[0] for n in sys.modules} & {'openlineage', 'prometheus_client'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=lined.folder, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin", "HOME": str(lined.folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert not (lined.folder / "openlineage").exists()


def test_a_file_that_cannot_be_written_stops_no_run_and_is_told_once(
    lined: Project, caplog: pytest.LogCaptureFixture
) -> None:
    (lined.folder / "openlineage").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        receipt = lined.ingest()
    assert receipt.figures["status"] == "published"
    assert sum("OpenLineage event could not be emitted" in message for message in caplog.messages) == 1


class _Collector(BaseHTTPRequestHandler):
    got: list[dict[str, Any]]
    answer = 201

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.got.append(json.loads(self.rfile.read(length)))
        self.send_response(self.answer)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[tuple[str, Callable[[], list[dict[str, Any]]]]]:
    """A real HTTP server that takes events."""
    handler = type("Collector", (_Collector,), {"got": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", lambda: handler.got
    server.shutdown()
    server.server_close()


def test_the_clients_own_configuration_says_where_events_go(lined: Project, collector: Any, tmp_path: Path) -> None:
    url, got = collector
    (tmp_path / "openlineage.yml").write_text(f"transport:\n  type: http\n  url: {url}\n")
    lined.ingest()
    assert [item["eventType"] for item in got()] == ["START", "COMPLETE"] * 2
    assert events(lined) == []
    for item in got():
        check(item)


def test_the_run_that_airflow_is_in_is_the_parent(lined: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    outer = str(uuid.uuid4())
    monkeypatch.setenv("OPENLINEAGE_PARENT_ID", f"airflow/prod/corpus_ingest__handbook.acquire/{outer}")
    lined.ingest(publish=False)
    parent = events(lined)[0]["run"]["facets"]["parent"]
    assert parent["run"]["runId"] == outer
    assert (parent["job"]["namespace"], parent["job"]["name"]) == ("airflow/prod", "corpus_ingest__handbook.acquire")
