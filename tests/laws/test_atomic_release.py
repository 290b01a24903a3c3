"""Killed before every effect of an ingest and its release, a reader sees the old version or the new one."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest
from laws.handbook import Project
from laws.killing import run_script

SCRIPT = Path(__file__).with_name("killed_ingest.py")
PROBE = "emergency generator of hall seven"


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
    [dry] = _copies(prepared, tmp_path, "dry", 1)
    effects = run_script(SCRIPT, dry)
    assert sum("publish" in effect for effect in effects) >= 4
    folders = _copies(prepared, tmp_path, "kill", len(effects))
    assert run_script(SCRIPT, *folders) == [str(-signal.SIGKILL)] * len(effects)
    seen = {_check_survivor(Project(folder), effect) for folder, effect in zip(folders, effects, strict=True)}
    assert seen == {1, 2}


def _copies(prepared: Project, folder: Path, name: str, number: int) -> list[Path]:
    return [shutil.copytree(prepared.folder, folder / f"{name}-{copy}") for copy in range(number)]


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
