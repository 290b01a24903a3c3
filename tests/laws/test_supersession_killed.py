"""Killed before every effect of a run in which one document supersedes another: never are both served."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

from laws.handbook import Project
from laws.killing import run_script

SCRIPT = Path(__file__).with_name("killed_ingest.py")
OLD = "# Generators\n\n" + "The emergency generator of hall seven is tested on the first Monday of the month. " * 12
NEW = "---\nsupersedes: old.md\n---\n\n" + OLD.replace("first Monday", "second Tuesday")


def _served(project: Project) -> set[str]:
    return {hit.doc_id for hit in project.search("emergency generator", k=50)} & {"old.md", "new.md"}


def test_killed_anywhere_exactly_one_version_is_served_and_a_second_run_completes(tmp_path: Path) -> None:
    prepared = Project.create(tmp_path / "prepared")
    prepared.fill(2)
    prepared.write("old", OLD)
    prepared.ingest()
    prepared.write("new", NEW)
    dry = shutil.copytree(prepared.folder, tmp_path / "dry")
    effects = run_script(SCRIPT, dry)
    folders = [shutil.copytree(prepared.folder, tmp_path / f"kill-{number}") for number in range(len(effects))]
    assert run_script(SCRIPT, *folders) == [str(-signal.SIGKILL)] * len(effects)
    assert any("relations.json" in effect for effect in effects)
    seen = set()
    for folder, effect in zip(folders, effects, strict=True):
        project = Project(folder)
        [served] = _served(project)
        seen.add(served)
        assert project.ingest().counts.balanced
        assert _served(project) == {"new.md"}, effect
        assert project.states()["old.md"].state == "quarantined"
        assert project.ingest().counts.unchanged == 4
    assert seen == {"old.md", "new.md"}
