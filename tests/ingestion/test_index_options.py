"""What a contract says about its index reaches the version, through real runs over real documents."""

from __future__ import annotations

from pathlib import Path

import pytest
from laws.handbook import NAME, Project

from index.embedders.registry import load_embedder
from index.fusion import Hybrid
from index.live import follow_index
from index.plan import what_changed
from index.signing import TrustStore
from ingestion.stages import release


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project.create(tmp_path_factory.mktemp("options") / "project")
    made.fill(25)
    made.ingest()
    return made


def _declare(project: Project, version: str, index: str) -> None:
    text = Path(project.contract_path).read_text("utf-8").splitlines()
    kept = [line for line in text if "ragIndex" not in line and "{factory:" not in line]
    place = kept.index("customProperties:") + 1
    kept[place:place] = ["  - property: ragIndex", f"    value: {index}"]
    kept = [f"version: {version}" if line.startswith("version: ") else line for line in kept]
    project.contract_path.write_text("\n".join(kept) + "\n", "utf-8")


def test_a_release_takes_a_corpus_from_flat_to_an_ivf_with_words_while_it_is_read(project: Project) -> None:
    before = project.reader()
    assert before.manifest.index.factory == "Flat"
    assert "exact search is fast enough" in before.manifest.index.reason
    trust = TrustStore.from_folder(project.settings.trusted_keys)
    with follow_index(
        project.settings.home, NAME, trust=trust, embedder=load_embedder(project.model), poll_s=None
    ) as live:
        query = live.search("how do I install it", 5)
        _declare(project, "2.0.0", "{factory: 'IVF,SQ8', lexical: bm25}")
        receipt = release.release(project.runtime, NAME, "run-2")
        assert receipt.figures["version"] == 2
        assert live.check().version == 2
        manifest = live.reader.manifest
        assert manifest.index.factory.startswith("IVF")
        assert manifest.index.recall_at_10 >= 0.95
        assert manifest.index.reason.startswith("the contract asks for IVF,SQ8")
        assert {"contract", "index"} <= set(what_changed(before.manifest, manifest))
        assert "corpus" not in what_changed(before.manifest, manifest)
        again = live.search("how do I install it", 5)
        assert len({hit.chunk_id for hit in again} & {hit.chunk_id for hit in query}) >= 4
        words = live.search("pytest", 5, hybrid=Hybrid(), where={"owner": "docs-team"})
        assert any(hit.bm25 for hit in words)
