"""A remote model from contract to answer, with infinity-emb behind it, and the day it serves another model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from endpoints.conftest import KEY, Infinity
from endpoints.switch import Switch, switch
from laws.handbook import NAME, Project

from console.cli.main import main
from corpus.batches import read_table, vectors_from_arrow
from corpus.catalog import canaries as history
from corpus.endpoints import Endpoint
from corpus.errors import ConfigurationError, FingerprintMismatch
from index.canaries import ACROSS_RUNTIMES, CANARY_TEXTS, SAME_RUNTIME, compare
from index.embedders.http import EndpointClient
from index.embedders.registry import load_embedder
from index.embedders.remote import asked_canaries, open_remote
from index.reader import open_index
from index.signing import TrustStore
from ingestion import embedding, models, pipeline
from ingestion.stages import audit

pytestmark = pytest.mark.slow

TEXTS = [f"Shelf {number} holds spare parts in blue boxes. " * (1 + number % 9) for number in range(150)]


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_a_real_server_gives_the_vectors_of_its_model(infinity: Infinity, encoding: str) -> None:
    endpoint = infinity.endpoint(encoding=encoding)
    embedder = open_remote("remote:x", endpoint, asked_canaries(EndpointClient(endpoint)))
    local = load_embedder("all-MiniLM-L6-v2", precision="fp32")
    rows = embedder.embed(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert compare(local.embed(TEXTS), rows).passed(SAME_RUNTIME)
    assert embedder.runtime["answered_as"] == "minilm"
    assert embedder.fingerprint != local.fingerprint


def test_too_many_texts_for_the_server_are_halved(infinity: Infinity) -> None:
    """infinity-emb answers 422 to more than 2,048 texts (0.0.78); the declaration allows no more, so ask beyond it."""
    rows = EndpointClient(infinity.endpoint()).embed(["a"] * 2050)
    assert rows.shape == (2050, 384)


def test_a_wrong_key_is_refused_and_not_shown(infinity: Infinity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRONG", "sk-wrong-key")
    with pytest.raises(ConfigurationError, match=r"401.*WRONG") as caught:
        EndpointClient(infinity.endpoint(api_key_env="WRONG")).embed(["a"])
    assert "sk-wrong-key" not in str(caught.value)


def test_the_server_takes_any_name_for_its_model_so_a_name_proves_nothing(infinity: Infinity) -> None:
    client = EndpointClient(infinity.endpoint(model="no-such-model"))
    assert client.embed(["a"]).shape == (1, 384)
    assert client.answered_as == "minilm"


@pytest.fixture
def switched(infinities: tuple[Infinity, Infinity]) -> Iterator[Switch]:
    with switch(lambda number: infinities[0].url) as found:
        yield found


class Remote(Project):
    """A project whose contract names `remote:shelf`."""

    def declare_endpoint(self, endpoint: Endpoint) -> None:
        lines = ["[embedders.shelf]"]
        for name, value in endpoint.model_dump(exclude_defaults=True).items():
            lines.append(f"{name} = {json.dumps(value)}")
        (self.folder / "stemma.toml").write_text('home = "home"\nshard_bytes = 20000\n' + "\n".join(lines) + "\n")
        self.settings = self.settings.model_copy(update={"embedders": {"shelf": endpoint}})

    def declare(self, model: str, version: str = "1.0.0") -> None:
        super().declare("path:remote", version)
        self.contract_path.write_text(self.contract_path.read_text().replace("path:remote", model))


@pytest.fixture
def project(tmp_path: Path, switched: Switch, infinity: Infinity) -> Remote:
    project = Remote.create(tmp_path / "project", "remote:shelf")
    assert isinstance(project, Remote)
    project.declare_endpoint(infinity.endpoint(url=switched.url, batch_size=32))
    project.fill(1)
    return project


def checks(project: Remote, **only: Any) -> tuple[history.CanaryRecord, ...]:
    with project.runtime.catalog.reading() as tx:
        return history.newest(tx, limit=100, **only)


def files(project: Remote) -> set[str]:
    home = Path(project.settings.home)
    return {str(path.relative_to(home)) for path in home.rglob("*.parquet") if path.parts[-3] == "vectors"}


def test_from_contract_to_answer_and_an_unchanged_run_asks_nothing(project: Remote, switched: Switch) -> None:
    receipt = project.ingest()
    assert receipt.figures["version"] == 1
    asked = next(switched.numbers)
    assert asked > 4
    assert project.ingest().figures["status"] == "unchanged"
    assert next(switched.numbers) == asked + 1

    embedder = models.load_model(project.runtime, "remote:shelf", None, receipt.fingerprints["embedder"])
    trust = TrustStore.from_folder(project.settings.trusted_keys)
    reader = open_index(project.settings.home, NAME, trust=trust, embedder=embedder)
    assert reader.search("how is it installed?", k=3)
    part = reader.manifest.fingerprints["embedder"].parts
    assert {part[name] for name in ("family", "provider", "model_name")} == {"openai-compatible", "infinity", "minilm"}
    assert reader.manifest.runtime["answered_as"] == "minilm"
    assert float(audit.audit(project.runtime, NAME).figures["canary_min_cosine"]) > SAME_RUNTIME
    assert [check.occasion for check in reversed(checks(project))][:2] == ["first", "write"]
    assert all(check.passed for check in checks(project))


def test_a_reader_without_a_project_opens_the_model_from_the_version(
    project: Remote, infinity: Infinity, infinities: tuple[Infinity, Infinity]
) -> None:
    project.ingest()
    with (Path(project.settings.home) / "indexes" / NAME / "v000001" / "canaries.parquet").open("rb") as handle:
        canaries = vectors_from_arrow(read_table(handle, ["vector"])["vector"])
    trust = TrustStore.from_folder(project.settings.trusted_keys)
    embedder = open_remote("remote:anything", infinity.endpoint(), canaries)
    assert open_index(project.settings.home, NAME, trust=trust, embedder=embedder).search("install", k=2)
    changed = open_remote("remote:anything", infinities[1].endpoint(), canaries)
    with pytest.raises(FingerprintMismatch):
        open_index(project.settings.home, NAME, trust=trust, embedder=changed)


def test_a_model_swapped_behind_one_address_is_caught_before_a_vector_is_written(
    project: Remote, switched: Switch, infinities: tuple[Infinity, Infinity], capsys: pytest.CaptureFixture[str]
) -> None:
    project.ingest()
    before = files(project)
    switched.choose = lambda number: infinities[1].url
    project.write("new", "# New\n\n" + TEXTS[8] * 20)
    with pytest.raises(FingerprintMismatch, match="changed while it was being used: canary"):
        project.ingest()
    assert files(project) == before
    [failed] = checks(project, failed=True)
    assert (failed.occasion, failed.texts) == ("write", 1)

    embedding._OPENED.clear()  # as in the next process
    with pytest.raises(FingerprintMismatch, match=r"of 64 canary texts moved below cosine 0.999.*Nothing was written"):
        project.ingest()
    failed = checks(project, failed=True)[0]
    assert failed.occasion == "open"
    assert len(failed.moved) > 32
    assert [item["cosine"] for item in failed.moved] == sorted(item["cosine"] for item in failed.moved)
    assert {"canary", "text", "cosine"} == set(failed.moved[0])
    assert files(project) == before
    with pytest.raises(FingerprintMismatch, match="canary texts moved"):
        audit.audit(project.runtime, NAME)

    assert main(["--project", str(project.folder), "index", "canaries", NAME, "--failed", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["checks"]
    assert shown[0]["moved"][0]["cosine"] < ACROSS_RUNTIMES
    assert shown[0]["moved"][0]["text"] == CANARY_TEXTS[shown[0]["moved"][0]["canary"]][:60]

    switched.choose = lambda number: infinities[0].url
    assert project.ingest().figures["version"] == 2


def test_an_address_before_two_models_is_caught_though_every_other_answer_is_right(
    project: Remote, switched: Switch, infinities: tuple[Infinity, Infinity]
) -> None:
    project.ingest()
    before = files(project)
    for number in range(8):
        project.write(f"new-{number}", f"# New {number}\n\n" + TEXTS[8 + number] * 30)
    start = next(switched.numbers)
    switched.choose = lambda number: infinities[(number - start) % 2].url
    with pytest.raises(FingerprintMismatch, match="the address leads to more than one"):
        project.ingest()
    assert files(project) == before


def test_a_swap_that_is_meant_is_a_new_revision_and_a_new_space(
    project: Remote, switched: Switch, infinities: tuple[Infinity, Infinity]
) -> None:
    first = project.ingest().fingerprints["embedder"]
    switched.choose = lambda number: infinities[1].url
    text = project.contract_path.read_text().replace("version: 1.0.0", "version: 1.1.0", 1)
    labelled, changes = re.subn(r"( +)(embeddingModel: .*)", r"\1\2\n\1embeddingModelVersion: '2026-12'", text)
    assert changes == 1
    project.contract_path.write_text(labelled)
    receipt = pipeline.reembed(project.runtime, NAME)
    assert receipt.figures["version"] == 2
    assert receipt.fingerprints["embedder"] != first


def test_neither_home_nor_catalog_holds_the_key_or_the_address(project: Remote, switched: Switch) -> None:
    project.ingest()
    audit.audit(project.runtime, NAME)
    held = [path for path in Path(project.settings.home).rglob("*") if path.is_file()]
    assert len(held) > 10
    assert [path for path in held if KEY.encode() in path.read_bytes()] == []
    assert [path for path in held if switched.url.encode() in path.read_bytes()] == []


def test_doctor_asks_the_endpoint(project: Remote, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--project", str(project.folder), "doctor", "--json"])
    [found] = [
        check for check in json.loads(capsys.readouterr().out)["checks"] if check["name"] == "model remote:shelf"
    ]
    assert found["status"] == "ok"
    assert "384 numbers" in found["found"]
