"""Killed before every effect of an ingest and its release, a reader sees the old version or the new one."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from laws.handbook import Project

SCRIPT = Path(__file__).with_name("killed_ingest.py")
PROBE = "emergency generator of hall seven"


def _run(folder: Path, number: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), str(folder), str(number)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project at version 1 with an addition and a removal waiting; each kill starts from a copy."""
    project = Project.create(tmp_path_factory.mktemp("killed") / "project")
    project.fill(4)
    project.ingest()
    project.write("new", "# New page\n\n" + f"A page about the {PROBE}. " * 12)
    sorted(project.inbox.glob("*.md"))[0].unlink()
    return project


def test_killed_anywhere_the_reader_sees_old_or_new_and_a_second_run_completes(
    prepared: Project, tmp_path: Path
) -> None:
    effects = _effects(prepared, tmp_path / "dry")
    assert sum("publish" in effect for effect in effects) >= 4
    seen = set()
    for number, effect in enumerate(effects, start=1):
        folder = tmp_path / f"kill-{number}"
        shutil.copytree(prepared.folder, folder)
        assert _run(folder, number).returncode == -signal.SIGKILL, effect
        seen.add(_check_survivor(Project(folder), effect))
        shutil.rmtree(folder)
    assert seen == {1, 2}


def _effects(prepared: Project, folder: Path) -> list[str]:
    shutil.copytree(prepared.folder, folder)
    counted = _run(folder, 0)
    assert counted.returncode == 0, counted.stderr
    return counted.stdout.splitlines()


def _check_survivor(project: Project, effect: str) -> int:
    reader = project.reader()
    assert _is_new(project) == (reader.manifest.number == 2), effect
    assert project.ingest().counts.balanced
    after = project.reader()
    assert _is_new(project), effect
    assert len({hit.doc_id for hit in after.search("page", k=len(after))}) == 4
    return reader.manifest.number


def _is_new(project: Project) -> bool:
    return "new.md" in {hit.doc_id for hit in project.search(PROBE, k=3)}
