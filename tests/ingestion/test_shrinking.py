"""A source that lists less than it should deletes nothing; a person can say that it is meant, and why is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractFileSystem
from laws.handbook import NAME, Project

from console.cli.main import main
from corpus.catalog import audit, runs
from corpus.errors import ConfigurationError, ContractBlocked, SourceUnavailable
from corpus.types import SourceRef
from ingestion import pipeline
from ingestion.shrinking import SHRINK, guard_shrink
from ingestion.snapshot import Snapshot
from ingestion.sources.files import FilesSource
from ingestion.sources.remote import RemotePlace

DOCUMENTS = 10


BOTH = pytest.mark.parametrize("project", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    made = Project.create(tmp_path / "project")
    (made.folder / "stemma.toml").write_text('home = "home"\n')
    if getattr(request, "param", "") == "postgresql":
        url = request.getfixturevalue("postgres_url")
        made.settings = made.settings.model_copy(update={"catalog_url": url})
    for number in range(DOCUMENTS):
        folder = "manuals" if number < 7 else "notes"
        made.write(
            f"{folder}/{number}", f"# Part {number}\n\n" + f"Gasket number {number} seals pump {number * 7}. " * 9
        )
    made.ingest()
    yield made
    made.runtime.catalog.close()


def _remove(project: Project, left: int) -> None:
    for path in sorted(project.inbox.rglob("*.md"))[: DOCUMENTS - left]:
        path.unlink()


def _active(project: Project) -> int:
    return sum(state.state == "active" for state in project.states().values())


def _overrides(project: Project) -> list[Any]:
    with project.runtime.catalog.reading() as tx:
        assert audit.verify(tx).broken_at is None
        return [entry for entry in audit.tail(tx, 50) if entry.action == SHRINK]


@BOTH
def test_a_listing_that_lacks_too_much_deletes_nothing_until_a_person_says_why(project: Project) -> None:
    _remove(project, 4)
    said = r"lists 4 documents and 6 of 10 known ones are missing \(60%\).*0\.5 allows; 6 of them were under manuals/"
    with pytest.raises(ContractBlocked, match=said):
        project.ingest()
    with pytest.raises(ConfigurationError, match="needs a reason"):
        pipeline.ingest(project.runtime, NAME, allow_shrink=True, reason="  ")
    assert (_active(project), _overrides(project)) == (DOCUMENTS, [])
    pipeline.ingest(project.runtime, NAME, allow_shrink=True, reason="the old manuals were withdrawn")
    assert _active(project) == 4
    [entry] = _overrides(project)
    told = {"reason": "the old manuals were withdrawn", "known": DOCUMENTS, "listed": 4, "removed": 6}
    assert entry.subject == NAME
    assert {name: entry.detail[name] for name in told} == told
    with project.runtime.catalog.reading() as tx:
        run = runs.get(tx, entry.detail["run_id"])
    assert run is not None
    assert run.state == "succeeded"


def test_the_command_asks_for_a_reason(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("--project", str(project.folder))
    _remove(project, 4)
    assert main(["ingest", NAME, *where]) == 1
    assert "--allow-shrink --reason" in " ".join(capsys.readouterr().err.split())
    assert main(["ingest", NAME, "--allow-shrink", *where]) == 2
    assert "needs a reason" in " ".join(capsys.readouterr().err.split())
    assert main(["ingest", NAME, "--allow-shrink", "--reason", "withdrawn", *where]) == 0
    assert (_active(project), len(_overrides(project))) == (4, 1)


def test_no_declared_share_lets_an_empty_listing_pass(project: Project) -> None:
    text = project.contract_path.read_text()
    assert "maxRemovedShare: 0.5" in text
    declared = text.replace("maxRemovedShare: 0.5", "maxRemovedShare: 1").replace("1.0.0", "1.1.0", 1)
    project.contract_path.write_text(declared)
    _remove(project, 0)
    with pytest.raises(ContractBlocked, match="no document at all"):
        project.ingest()
    project.write("one", "# One\n\n" + "Valve number 1 opens at two bar and closes at one. " * 9)
    assert project.ingest(publish=False).counts.removed == DOCUMENTS


def test_a_source_that_fails_half_way_deletes_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    real = FilesSource.list

    def breaks(self: FilesSource) -> Iterator[SourceRef]:
        for number, ref in enumerate(real(self)):
            if number == 5:
                raise ConnectionResetError("reset by peer")
            yield ref

    monkeypatch.setattr(FilesSource, "list", breaks)
    with pytest.raises(SourceUnavailable, match=r"after listing 5 documents \(10 are known\): reset by peer"):
        project.ingest(allow_shrink=True)
    monkeypatch.undo()
    assert (_active(project), _overrides(project)) == (DOCUMENTS, [])
    assert project.ingest().counts.unchanged == DOCUMENTS


class Folders(MemoryFileSystem):
    """A file system that is listed folder by folder, as sftp is; one folder may refuse."""

    find = AbstractFileSystem.find

    def ls(self, path: str, *args: Any, **kwargs: Any) -> Any:
        if path.rstrip("/").endswith("closed"):
            raise PermissionError("access denied")
        return super().ls(path, *args, **kwargs)


def test_a_remote_folder_that_cannot_be_listed_is_not_passed_over(tmp_path: Path) -> None:
    fs, root = Folders(), f"/{tmp_path.name}/docs"
    for name in ("a.md", "deep/b.md", "deep/er/c.md"):
        fs.pipe(f"{root}/{name}", b"# A")
    place = RemotePlace(fs, root)
    assert sorted(entry.path for entry in place.entries()) == ["a.md", "deep/b.md", "deep/er/c.md"]
    fs.pipe(f"{root}/deep/closed/d.md", b"# A")
    assert len(fs.find(root)) == 3, "fsspec leaves out what it cannot list, without an error"
    with pytest.raises(SourceUnavailable, match="access denied"):
        list(place.entries())


def test_the_guard_is_of_the_run_and_not_of_the_listing() -> None:
    """Documents that are new do not make up for those that are missing."""
    vanished = tuple((f"{number}.md", "") for number in range(60))
    snapshot = Snapshot(listed=500, due=(), unchanged=500, vanished=vanished)
    guard_shrink(snapshot, known=100, max_removed_share=0.6, contract="kb")
    with pytest.raises(ContractBlocked, match=r"60 of 100 known ones are missing \(60%\)"):
        guard_shrink(snapshot, known=100, max_removed_share=0.59, contract="kb")
