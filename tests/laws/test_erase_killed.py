"""Killed before every effect of an erasure: readers stay whole, and what comes next completes it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from laws.erasing import DOC, LINES, TEXT, make, never_found, page, traces
from laws.handbook import NAME, Project
from laws.killing import run_script

from corpus.catalog import audit, erasures, versions
from index.pointer import version_numbers
from ingestion.stages import erase, reconcile

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("killed_erase.py")
POINTS = 20
"""Effects before which it is killed, spread over all, the first and the last among them."""


def _points(effects: list[str]) -> list[int]:
    """Numbers of effects, from 1: spread evenly, and every effect of another kind than the one before."""
    spread = {1 + place * (len(effects) - 1) // (POINTS - 1) for place in range(POINTS)}
    return sorted(spread)


def _served(project: Project) -> bool:
    return DOC in {hit.doc_id for hit in project.search(LINES[0], k=100)}


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_killed_anywhere_it_is_completed_and_readers_stay_whole(tmp_path: Path) -> None:
    prepared = Project.create(tmp_path / "prepared")
    vectors = make(prepared)
    prepared.runtime.catalog.close()
    dry = shutil.copytree(prepared.folder, tmp_path / "dry", symlinks=True)
    effects = run_script(SCRIPT, dry)
    kinds = {effect.partition(" ")[0] for effect in effects}
    assert kinds >= {"commit", "compact", "publish_folder", "replace", "replace_file", "remove"}
    points = _points(effects)
    assert len(points) >= 20
    folders = [shutil.copytree(prepared.folder, tmp_path / f"kill-{number}", symlinks=True) for number in points]
    assert run_script(SCRIPT, f"--at={','.join(map(str, points))}", *folders) == [str(-signal.SIGKILL)] * len(points)
    seen = set()
    for place, folder in enumerate(folders):
        effect = f"{points[place]} of {len(effects)}: {effects[points[place] - 1]}"
        project = Project(folder)
        reader = project.reader()  # whatever was done, what the alias points to opens and verifies
        hits = reader.search(LINES[0], k=100)
        assert len(hits) >= 5, effect
        seen.add(DOC in {hit.doc_id for hit in hits})
        asked = _pending(project)
        _complete(project, place)
        if not asked:  # killed before it was asked for: nobody was told anything
            erase.erase(project.runtime, NAME, DOC, reason="request 17", actor="ann")
        assert not _served(project), effect
        assert DOC not in {hit.doc_id for hit in reader.search(LINES[0], k=100)}, effect
        assert traces(folder / "home", vectors) == [], effect
        never_found(project, vectors[0])
        with project.runtime.catalog.reading() as tx:
            assert audit.verify(tx).broken_at is None
            assert [record.state for record in erasures.of_contract(tx, NAME)] == ["done"]
            left = {item.number for item in versions.all_of(tx, NAME) if item.state != "retired"}
        assert left <= set(version_numbers(project.runtime.store, NAME)), effect
        if place % 7 == 0:
            assert project.ingest().counts.balanced, effect
            assert not _served(project), effect
        project.runtime.catalog.close()
    assert seen == {True, False}


def _pending(project: Project) -> bool:
    with project.runtime.catalog.reading() as tx:
        return bool(erasures.of_contract(tx, NAME))


def _complete(project: Project, place: int) -> None:
    """Each in turn: the same command again, the command without a document, reconcile, the next ingest."""
    if not _pending(project):
        return
    way = place % 4
    if way == 0:
        erase.erase(project.runtime, NAME, DOC, reason="request 17", actor="ann")
    elif way == 1:
        erase.complete(project.runtime, NAME)
    elif way == 2:
        reconcile.reconcile(project.runtime, NAME)
    else:
        project.ingest()


def test_an_ingest_at_work_is_waited_for(tmp_path: Path) -> None:
    """Whoever adds holds the gate: the erasure begins when a stage has ended, and a later stage finds nothing."""
    project = Project.create(tmp_path / "project")
    project.fill(2)
    project.write("people/mara", TEXT)
    project.write("pump", page("The pump"))
    project.ingest()
    script = (
        "import sys, time; from corpus.catalog.exclusive import gate; from corpus.catalog.session import open_catalog\n"
        "with gate(open_catalog(sys.argv[1])):\n print('held', flush=True); time.sleep(3)\n"
    )
    url = f"sqlite:///{project.settings.home}/catalog.db"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", script, url], stdout=subprocess.PIPE, text=True, env=environment
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        erase.erase(project.runtime, NAME, DOC, reason="request 17", actor="ann")
        assert other.poll() is not None, "it ended before the erasure did anything"
    assert traces(Path(project.settings.home), []) == []
