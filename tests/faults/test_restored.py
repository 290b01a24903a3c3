"""A catalog that is older than its home: what `reconcile` brings back, what it says is lost, and what it refuses."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from faults.judging import inbox, judge, live, page
from laws.handbook import NAME, Project

from console.cli.main import main
from corpus.catalog import audit, versions
from corpus.errors import ReleaseError
from index import layout
from index.pointer import read_pointer
from index.signing import generate_keypair, load_signer
from ingestion.stages import reconcile, release, tombstone


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project at version 3 with a catalog of the time of version 1 beside it."""
    project = Project.create(tmp_path / "project")
    (project.folder / "stemma.toml").write_text('home = "home"\n')
    project.fill(3)
    project.ingest()
    catalog = Path(project.settings.home) / "catalog.db"
    with closing(sqlite3.connect(catalog)) as source, closing(sqlite3.connect(tmp_path / "old.db")) as copy:
        source.backup(copy)
    for name in ("second", "third"):
        project.write(name, page(f"{name} valve"))
        project.ingest()
    assert live(project) == 3
    yield project
    project.runtime.catalog.close()


def _restore(project: Project) -> None:
    """Puts the old copy in the place of the catalog, as after a loss."""
    project.runtime.catalog.close()
    catalog = Path(project.settings.home) / "catalog.db"
    for end in ("", "-wal", "-shm"):
        Path(f"{catalog}{end}").unlink(missing_ok=True)
    shutil.copy(project.folder.parent / "old.db", catalog)
    project.settings = project.settings.model_copy()


def test_an_older_catalog_catches_up_with_the_home_and_says_what_it_lost(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    _restore(project)
    folder = str(project.folder)
    capsys.readouterr()
    assert main(["doctor", "--skip-models", "--json", "--project", folder]) == 1
    assert "stemma reconcile handbook" in capsys.readouterr().out
    planned = reconcile.reconcile(project.runtime, NAME, dry_run=True).figures
    assert (planned["restored_versions"], planned["restored_aliases"]) == (2, 1)
    found = reconcile.reconcile(project.runtime, NAME, grace=timedelta(0)).figures
    assert (found["restored_versions"], found["restored_aliases"], found["lost_runs"]) == (2, 1, 2)
    with project.runtime.catalog.reading() as tx:
        assert [version.number for version in versions.all_of(tx, NAME)] == [1, 2, 3]
        state = versions.alias(tx, NAME, "live")
        assert state is not None
        assert (state.number, state.generation) == (3, 3)
        assert audit.tail(tx)[0].action == "alias.restore"
        assert audit.verify(tx).broken_at is None
    assert live(project) == 3
    third = project.inbox / "third.md"
    third.rename(project.folder / "third.md")
    alone = project.ingest(publish=False)  # as it came before: in a shard, and so in a segment, of its own
    (project.folder / "third.md").rename(third)
    receipt = project.ingest()
    assert (alone.counts.indexed, alone.figures["embedded"]) == (1, 0)
    assert (receipt.counts.indexed, receipt.figures["embedded"]) == (1, 0)
    assert receipt.counts.balanced
    assert receipt.figures["status"] == "unchanged"
    judge(project, inbox(project))
    assert main(["doctor", "--skip-models", "--project", folder]) == 0
    assert main(["index", "verify", NAME, "--all", "--project", folder]) == 0
    assert "restored_versions" not in reconcile.reconcile(project.runtime, NAME).figures


def test_no_release_starts_from_a_catalog_that_is_behind(project: Project) -> None:
    _restore(project)
    project.write("fourth", page("fourth valve"))
    with pytest.raises(ReleaseError, match=r"ahead of the catalog's 1.*stemma reconcile handbook"):
        project.ingest()
    with pytest.raises(ReleaseError, match="ahead of the catalog's 1"):
        release.move(project.runtime, NAME, "live", 1, reason="try")
    with project.runtime.catalog.reading() as tx:
        state = versions.alias(tx, NAME, "live")
    assert state is not None
    assert (state.number, state.generation) == (1, 1)  # nothing moved behind the back of who reads files
    assert live(project) == 3
    reconcile.reconcile(project.runtime, NAME)
    assert project.ingest().figures["version"] == 4
    judge(project, inbox(project))


def test_deletions_since_the_copy_stay_deleted(project: Project) -> None:
    tombstone.delete(project.runtime, NAME, "second.md", reason="asked for", actor="ann")
    assert "second.md" not in {hit.doc_id for hit in project.search("second valve", k=50)}
    _restore(project)
    reconcile.reconcile(project.runtime, NAME)
    assert "second.md" not in {hit.doc_id for hit in project.search("second valve", k=50)}
    project.write("fourth", page("fourth valve"))
    project.ingest()
    assert "second.md" not in {hit.doc_id for hit in project.search("second valve", k=50)}


def test_a_rollback_after_catching_up_goes_where_the_file_was(project: Project) -> None:
    _restore(project)
    reconcile.reconcile(project.runtime, NAME)
    release.move(project.runtime, NAME, "live", 2, reason="bad page")
    assert live(project) == 2
    with project.runtime.catalog.reading() as tx:
        assert versions.served(tx, NAME, "live") == (1, 3, 2)


def test_a_file_that_is_ahead_and_not_signed_by_us_is_not_followed(project: Project, tmp_path: Path) -> None:
    store = project.runtime.store
    found = read_pointer(store, NAME, "live")
    assert found is not None
    ours = store.read_bytes(layout.alias_path(NAME, "live"))
    forged = replace(found, version=1, generation=9)
    generate_keypair(tmp_path / "strange.pem", tmp_path / "strange.pub")
    for signer in (None, load_signer(tmp_path / "strange.pem")):
        store.replace(layout.alias_path(NAME, "live"), forged.to_bytes(signer, NAME))
        with pytest.raises(ReleaseError, match=r"not followed.*remove it"):
            reconcile.reconcile(project.runtime, NAME)
        with project.runtime.catalog.reading() as tx:
            state = versions.alias(tx, NAME, "live")
        assert state is not None
        assert state.number == 3
    store.remove(layout.alias_path(NAME, "live"))
    assert reconcile.reconcile(project.runtime, NAME).figures["projections"] == 1
    assert store.read_bytes(layout.alias_path(NAME, "live")) == ours


def test_versions_whose_folders_are_gone_are_named(project: Project) -> None:
    shutil.rmtree(Path(project.settings.home) / layout.version_path(NAME, 2))
    assert reconcile.reconcile(project.runtime, NAME).figures["lost_versions"] == "v000002"
    assert live(project) == 3
    judge(project, inbox(project))


def test_what_an_alias_file_points_to_is_never_collected(project: Project) -> None:
    """An orphan of a killed release goes; what somebody reads does not, also where nothing else speaks for it."""
    store = project.runtime.store
    home = Path(project.settings.home)
    shutil.copytree(home / layout.version_path(NAME, 2), home / layout.version_path(NAME, 9))
    found = read_pointer(store, NAME, "live")
    assert found is not None
    store.replace(layout.alias_path(NAME, "odd"), replace(found, alias="odd", version=9, generation=0).to_bytes())
    reconcile.reconcile(project.runtime, NAME, grace=timedelta(0))
    assert store.exists(layout.version_path(NAME, 9))
    store.remove(layout.alias_path(NAME, "odd"))
    reconcile.reconcile(project.runtime, NAME, grace=timedelta(0))
    assert not store.exists(layout.version_path(NAME, 9))
