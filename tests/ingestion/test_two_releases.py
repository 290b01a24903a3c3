"""Two whole releases at once, and one that is overtaken: one wins, the other fails loudly. On both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from laws.handbook import NAME, Project, on_database

from corpus.catalog import audit, versions
from corpus.errors import ConcurrentRelease, ConfigurationError, GateFailed
from index.pointer import read_pointer
from ingestion import publish as publishing
from ingestion.stages import reembed, release


@pytest.fixture(params=["sqlite", "postgresql"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    with on_database(request, tmp_path) as made:
        made.fill(3)
        made.ingest()
        made.write("brand-new", "# Brand new\n\nZanzibar flamingos nest beside the observatory in early spring.\n")
        made.ingest(publish=False)
        yield made


def test_of_two_releases_at_once_one_wins(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have built and passed their gates before either publishes."""
    together, results = threading.Barrier(2), {}
    judged = publishing.require_passed

    def wait(*given: object) -> None:
        judged(*given)  # type: ignore[arg-type]
        together.wait(timeout=120)

    monkeypatch.setattr(publishing, "require_passed", wait)

    def run(name: str) -> None:
        try:
            results[name] = release.release(project.runtime, NAME, name).figures["status"]
        except ConcurrentRelease as error:
            results[name] = error

    threads = [threading.Thread(target=run, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(str(type(result).__name__) for result in results.values()) == ["ConcurrentRelease", "str"]
    assert "published" in results.values()
    with project.runtime.catalog.reading() as tx:
        state = versions.alias(tx, NAME, "live")
        moves = [entry for entry in audit.tail(tx) if entry.action == "alias.move"]
        assert audit.verify(tx).broken_at is None
    assert state is not None
    assert (state.number, state.generation, len(moves)) == (2, 2, 2)
    pointer = read_pointer(project.runtime.store, NAME, "live")
    assert pointer is not None
    assert (pointer.version, pointer.generation) == (2, 2)
    assert {hit.doc_id for hit in project.search("Zanzibar flamingos", k=1)} == {"brand-new.md"}
    monkeypatch.setattr(publishing, "require_passed", judged)
    assert release.release(project.runtime, NAME, "three").figures["status"] == "unchanged"


def test_a_release_that_is_overtaken_by_a_rollback_fails_and_moves_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = publishing.require_passed

    def overtaken(*given: object) -> None:
        judged(*given)  # type: ignore[arg-type]
        release.move(project.runtime, NAME, "live", 1, reason="somebody was faster")

    monkeypatch.setattr(publishing, "require_passed", overtaken)
    with pytest.raises(ConcurrentRelease, match="moved by somebody else: expected generation 1, it is generation 2"):
        release.release(project.runtime, NAME, "late")
    assert project.reader().manifest.number == 1


def test_corpus_and_model_at_once_need_force_and_a_reason(project: Project) -> None:

    project.declare("all-MiniLM-L6-v2", "2.0.0")
    for segment in reembed.pending(project.runtime, NAME):
        reembed.embed_segments(project.runtime, NAME, "re", [segment])
    with pytest.raises(GateFailed, match="one-change: expected corpus or embedder changes, not both"):
        release.release(project.runtime, NAME, "both")
    with pytest.raises(ConfigurationError, match="a forced release needs a reason"):
        release.release(project.runtime, NAME, "both", force=True)
    done = release.release(project.runtime, NAME, "both", force=True, reason="the old model is withdrawn")
    assert done.figures["status"] == "published"
    project.model = "all-MiniLM-L6-v2"
    found = {gate.name: gate for gate in project.reader().manifest.gates}
    assert found["one-change"].actual.endswith("(forced)")
