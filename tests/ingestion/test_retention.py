"""Retention and garbage collection: what goes, what stays whatever is asked, and what a cut-short removal leaves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from laws.handbook import NAME, Project, on_database

from corpus.catalog import audit, holds, segments, versions
from corpus.errors import ConfigurationError, ReleaseError
from index import layout
from index.pointer import version_numbers
from ingestion.stages import collect, reembed, release
from ingestion.stages.collect import Limits
from ingestion.stages.reconcile import reconcile

NOW = timedelta(0)
KEEP_ONE = Limits(keep=1, days=0)


@pytest.fixture(params=["sqlite", "postgresql"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    """An index with four versions, the last one live; a document of its own in each segment."""
    with on_database(request, tmp_path) as made:
        made.fill(2)
        made.ingest()
        for number in range(3):
            made.write("changing", f"# Changing\n\nThe {number}th flamingo of Zanzibar nests beside the observatory.\n")
            made.ingest()
        assert numbers(made) == (1, 2, 3, 4)
        yield made


def numbers(project: Project) -> tuple[int, ...]:
    return version_numbers(project.runtime.store, NAME)


def retain(project: Project, value: str) -> None:
    text = project.contract_path.read_text().rstrip("\n")
    project.contract_path.write_text(f"{text}\n  - property: ragRetention\n    vendor: stemma\n    value: {value}\n")


def files(project: Project) -> set[str]:
    home = Path(project.settings.home)
    found = (path for path in home.rglob("*") if path.is_file() and "catalog" not in path.name)
    return {path.relative_to(home).as_posix() for path in found}


def test_without_a_word_in_the_contract_every_version_stays(project: Project) -> None:
    receipt = collect.gc(project.runtime, NAME, grace=NOW)
    assert (receipt.outputs, receipt.figures["kept"], numbers(project)) == ((), 4, (1, 2, 3, 4))
    assert "no ragRetention" in str(receipt.figures["rule"])


def test_the_newest_stay_and_what_served_lately_and_a_dry_run_changes_nothing(project: Project) -> None:
    retain(project, "{versions: 1, days: 30}")
    assert collect.prune(project.runtime, NAME).outputs == (), "all of them served within 30 days"
    before = files(project)
    dry = collect.prune(project.runtime, NAME, limits=Limits(days=0), dry_run=True)
    assert [dry.figures[name] for name in ("versions", "kept", "dry_run")] == [2, 2, "yes"]
    assert int(dry.figures["bytes"]) > 10_000
    assert files(project) == before
    done = collect.prune(project.runtime, NAME, limits=Limits(days=0))
    assert done.outputs == dry.outputs == ("indexes/handbook/v000001", "indexes/handbook/v000002")
    assert numbers(project) == (3, 4)
    with project.runtime.catalog.reading() as tx:
        states = {item.number: item.state for item in versions.all_of(tx, NAME)}
        retired = [entry.subject for entry in audit.tail(tx) if entry.action == "version.retire"]
    assert states == {1: "retired", 2: "retired", 3: "released", 4: "released"}
    assert sorted(retired) == [f"{NAME}@v000001", f"{NAME}@v000002"]
    with pytest.raises(ConfigurationError, match="no version v000001"):
        release.move(project.runtime, NAME, "live", 1, reason="too late")
    assert release.move(project.runtime, NAME, "live", 3, reason="roll back").figures["status"] == "moved"


def test_what_an_alias_points_to_and_what_is_held_stays(project: Project) -> None:
    release.move(project.runtime, NAME, "pinned", 2, reason="a reader needs it")
    with project.runtime.catalog.transaction() as tx:
        holds.place(tx, NAME, 1, actor="ada", reason="audit of May")
        with pytest.raises(ConfigurationError, match="protected already"):
            holds.place(tx, NAME, 1, actor="ada", reason="again")
    receipt = collect.prune(project.runtime, NAME, limits=Limits(keep=0, days=0))
    assert (receipt.outputs, numbers(project)) == (("indexes/handbook/v000003",), (1, 2, 4))
    assert receipt.figures["held"] == 1
    with project.runtime.catalog.transaction() as tx:
        assert not holds.retire(tx, NAME, 1, actor="ada", why="by hand")
        assert not holds.retire(tx, NAME, 2, actor="ada", why="by hand")
        holds.lift(tx, NAME, 1, actor="ada", reason="audit is over")
        with pytest.raises(ConfigurationError, match=r"v000001 is not protected\. Protected: none"):
            holds.lift(tx, NAME, 1, actor="ada", reason="again")
    assert collect.prune(project.runtime, NAME, limits=Limits(keep=0, days=0)).outputs == ("indexes/handbook/v000001",)
    with project.runtime.catalog.transaction() as tx, pytest.raises(ConfigurationError, match="removed already"):
        holds.place(tx, NAME, 1, actor="ada", reason="too late")


def test_a_removal_that_was_cut_short_is_finished(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(collect, "remove_version", killed)
        with pytest.raises(KeyboardInterrupt):
            collect.prune(project.runtime, NAME, limits=KEEP_ONE)
    assert numbers(project) == (1, 2, 3, 4)
    with pytest.raises(ReleaseError, match="was retired"):
        release.move(project.runtime, NAME, "live", 1, reason="half removed")
    assert set(collect.prune(project.runtime, NAME).outputs) == {"indexes/handbook/v000001", "indexes/handbook/v000002"}
    assert numbers(project) == (3, 4)


def test_segments_and_vectors_that_nobody_needs_go_and_nothing_served_is_lost(project: Project) -> None:
    with project.runtime.catalog.reading() as tx:
        known = {item.segment_id for item in segments.of_contract(tx, NAME)}
        live = {item.segment_id for item in segments.live(tx, NAME)}
    assert len(known) == 4
    assert len(live) == 2
    before = files(project)
    dry = collect.gc(project.runtime, NAME, limits=KEEP_ONE, dry_run=True, grace=NOW)
    assert [dry.figures[name] for name in ("versions", "segments", "vectors")] == [2, 2, 2]
    assert files(project) == before
    done = collect.gc(project.runtime, NAME, limits=KEEP_ONE, grace=NOW)
    assert done.outputs == dry.outputs
    with project.runtime.catalog.reading() as tx:
        assert {item.segment_id for item in segments.of_contract(tx, NAME)} == live
    home = Path(project.settings.home)
    assert {path.name for path in (home / "segments").iterdir()} == live
    [space] = (home / "vectors").iterdir()
    assert {path.stem for path in space.iterdir()} == {*live, "canaries"}
    assert "The 2th flamingo" in project.search("flamingo of Zanzibar", k=1)[0].text
    release.move(project.runtime, NAME, "live", 3, reason="roll back")
    assert "The 1th flamingo" in project.search("flamingo of Zanzibar", k=1)[0].text
    figures = reconcile(project.runtime, NAME, grace=NOW).figures
    assert [figures[name] for name in ("orphans", "lost_segments", "lost_vectors")] == [0, 0, 0]
    project.write("changing", "# Changing\n\nThe 0th flamingo of Zanzibar nests beside the observatory.\n")
    assert project.ingest().figures["status"] == "published"
    assert "The 0th flamingo" in project.search("flamingo of Zanzibar", k=1)[0].text


def test_a_document_that_came_back_after_its_segment_went_is_read_again(project: Project) -> None:
    text = (project.inbox / "changing.md").read_text()
    (project.inbox / "changing.md").unlink()
    project.ingest()
    collect.gc(project.runtime, NAME, limits=Limits(keep=0, days=0), grace=NOW)
    assert len(list(Path(project.settings.home, "segments").iterdir())) == 1
    project.write("changing", text)
    assert project.ingest().counts.indexed == 1
    assert "The 2th flamingo" in project.search("flamingo of Zanzibar", k=1)[0].text


def test_young_files_stay(project: Project) -> None:
    receipt = collect.gc(project.runtime, NAME, limits=KEEP_ONE)
    assert [receipt.figures[name] for name in ("versions", "segments", "vectors")] == [2, 0, 0]
    assert len(list(Path(project.settings.home, "segments").iterdir())) == 4


def test_vectors_of_a_model_that_no_version_uses_any_more_go(project: Project) -> None:

    for segment in reembed.pending(project.runtime, NAME, "all-MiniLM-L6-v2"):
        reembed.embed_segments(project.runtime, NAME, "trial", [segment], model="all-MiniLM-L6-v2")
    home = Path(project.settings.home)
    spaces = {path.name for path in (home / "vectors").iterdir()}
    assert len(spaces) == 2
    release.release(project.runtime, NAME, "trial", alias="shadow", model="all-MiniLM-L6-v2")
    collect.gc(project.runtime, NAME, limits=Limits(keep=0, days=0), grace=NOW)
    assert all(len(list((home / "vectors" / space).iterdir())) > 1 for space in spaces), "shadow uses it"
    release.move(project.runtime, NAME, "shadow", 4, reason="trial is over")
    with project.runtime.catalog.reading() as tx:
        newest = versions.require(tx, NAME, 5)
    assert newest.state == "released"
    project.write("changing", "# Changing\n\nThe last flamingo of Zanzibar nests beside the observatory.\n")
    project.ingest()
    receipt = collect.gc(project.runtime, NAME, limits=Limits(keep=0, days=0), grace=NOW)
    assert layout.version_path(NAME, 5) in receipt.outputs
    left = {space: len(list((home / "vectors" / space).iterdir())) for space in spaces}
    [kept] = spaces - {newest.embedder_fingerprint}
    assert left == {newest.embedder_fingerprint: 1, kept: 3}, "of the trial's model only the canaries stay"
