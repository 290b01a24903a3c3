"""A disk that is full, at every place where it may become full, and one that may only be read."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults.judging import inbox, judge, live, page
from laws.handbook import NAME, Project

from console.cli.main import main
from corpus.errors import CatalogError, StemmaError, StoreError, StoreUnavailable
from corpus.outages import of_disk
from corpus.storage import open_store
from ingestion.stages import reconcile

DISK_BYTES = 48_000_000


def _mounted(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a small file system needs root and mount: run as root, or in `unshare --user --map-root --mount`")
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        _mounted("-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder))
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no small file system can be mounted here: {error.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=False)


@pytest.fixture
def project(disk: Path, tmp_path: Path) -> Iterator[Project]:
    """A released project whose home, catalog included, is on the small disk."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "home").symlink_to(disk)
    project = Project.create(tmp_path / "project")
    (project.folder / "stemma.toml").write_text('home = "home"\n')
    project.fill(3)
    project.ingest()
    yield project
    project.runtime.catalog.close()


def _leave(disk: Path, free: int) -> None:
    """Fills the disk so that this many bytes are left."""
    (disk / "ballast").unlink(missing_ok=True)
    left = shutil.disk_usage(disk).free
    with (disk / "ballast").open("wb") as handle:
        os.posix_fallocate(handle.fileno(), 0, max(1, left - free))


def _trouble(project: Project) -> StemmaError | None:
    try:
        project.ingest()
    except StemmaError as error:
        return error
    return None


def test_a_disk_that_is_full_anywhere_costs_one_more_run(project: Project, disk: Path) -> None:
    troubles: list[StemmaError] = []
    free = 0
    while free < 3_000_000:
        project.write(f"page-{free}", page(f"valve number {free}"))
        before = live(project)
        _leave(disk, free)
        trouble = _trouble(project)
        assert live(project) in (before, before + 1)
        (disk / "ballast").unlink()
        if trouble is not None:
            assert isinstance(trouble, StoreError | CatalogError), trouble
            assert "full" in str(trouble), trouble
            assert "room" in str(trouble), trouble
            assert trouble.exit_code == 4
            troubles.append(trouble)
        assert project.ingest().counts.balanced
        judge(project, inbox(project), every_version=False)
        free = free * 2 if free else 8_192
    judge(project, inbox(project))
    assert {type(trouble) for trouble in troubles} >= {StoreError}
    assert len(troubles) >= 3
    assert reconcile.reconcile(project.runtime, NAME).figures["lost_segments"] == 0


def test_the_command_says_what_to_do_and_not_that_it_is_a_bug(
    project: Project, disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project.write("more", page("more valves"))
    _leave(disk, 0)
    capsys.readouterr()
    assert main(["ingest", NAME, "--project", str(project.folder)]) == 4
    said = capsys.readouterr()
    assert "Make room" in said.err + said.out or "make room" in said.err + said.out
    assert "bug" not in said.err + said.out


def test_a_home_that_may_only_be_read_serves_and_refuses_work(
    project: Project, disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project.write("more", page("more valves"))
    project.runtime.catalog.close()
    with _read_only(project, disk):
        assert live(project) == 1
        capsys.readouterr()
        for command in ("ingest", "reconcile"):
            assert main([command, NAME, "--project", str(project.folder)]) == 4
            said = capsys.readouterr()
            assert "bug" not in said.err + said.out
            assert "writ" in said.err + said.out
        assert project.search("installation")
    assert project.ingest().counts.balanced
    judge(project, inbox(project))


@contextlib.contextmanager
def _read_only(project: Project, disk: Path) -> Iterator[None]:
    """Lets the home of a project be a view of its disk that may only be read."""
    view = disk.parent / "view"
    view.mkdir()
    _mounted("--bind", str(disk), str(view))
    _mounted("-o", "remount,ro,bind", str(view))
    home = project.folder / "home"
    home.unlink()
    home.symlink_to(view)
    try:
        yield
    finally:
        home.unlink()
        home.symlink_to(disk)
        subprocess.run(["umount", "--lazy", str(view)], check=False)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), StoreError),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), StoreError),
        (OSError(errno.EROFS, "Read-only file system"), StoreError),
        (PermissionError(errno.EACCES, "Permission denied"), StoreError),
        (RuntimeError("Error in faiss: write error in index.faiss: No space left on device (28)"), StoreError),
        (OSError(errno.ESTALE, "Stale file handle"), StoreUnavailable),
        (FileNotFoundError(errno.ENOENT, "No such file"), None),
        (ValueError("something else"), None),
    ],
)
def test_what_an_exception_says_about_a_disk(error: Exception, kind: type[StoreError] | None) -> None:
    found = of_disk("/home", error)
    assert (type(found) if found else None) is kind


@pytest.mark.parametrize("write", ["publish", "replace"])
def test_a_place_that_is_not_ours_to_write_is_an_error_of_ours(
    tmp_path: Path, write: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also without a disk to mount: the operating system's own refusal, from a file where a folder should be made."""
    store = open_store(str(tmp_path / "home"))
    store.publish("there", b"first")
    refuse: Callable[..., None] = lambda *_: (_ for _ in ()).throw(OSError(errno.EROFS, "Read-only file system"))  # noqa: E731
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StoreError, match="cannot be written or read"):
        getattr(store, write)("name", b"second")
    monkeypatch.undo()
    assert store.read_bytes("there") == b"first"
    assert not store.exists("name")
