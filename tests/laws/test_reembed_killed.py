"""Killed before every kind of effect of a re-embed and its release: consistent, resumable, nothing embedded twice."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from laws import half_model
from laws.handbook import Project

SCRIPT = Path(__file__).with_name("killed_reembed.py")
TESTS = Path(__file__).parents[1]
BATCH = 8  # as in killed_reembed: what a kill may cost


def _run(*arguments: str) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(TESTS), os.environ.get("PYTHONPATH", "")))}
    command = [sys.executable, str(SCRIPT), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.splitlines()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project at version 1 whose contract has just changed to another model."""
    project = Project.create(tmp_path_factory.mktemp("killed") / "project")
    project.settings = project.settings.model_copy(update={"shard_bytes": 5_000})
    project.fill(5)
    project.write("again", project.inbox.joinpath(sorted(project.inbox.glob("*.md"))[0]).read_text() + "\n\nMore.\n")
    project.ingest()
    half_model.declare(project, "2.0.0")
    return project


def _kind(effect: str) -> str:
    """An effect without the names that differ from run to run or from segment to segment."""
    return re.sub(r"[0-9a-f]{32,64}", "#", effect)


def _chosen(effects: list[str]) -> list[int]:
    """The first and the last effect of each kind, and every commit, by number."""
    commits = [number for number, effect in enumerate(effects, start=1) if effect == "commit"]
    first = {_kind(effect): number for number, effect in reversed(list(enumerate(effects, start=1)))}
    last = {_kind(effect): number for number, effect in enumerate(effects, start=1)}
    return sorted({*commits, *first.values(), *last.values()})


@pytest.fixture(scope="module")
def survivors(prepared: Project, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("copies")
    effects = _run(str(shutil.copytree(prepared.folder, folder / "dry")))
    numbers = _chosen(effects)
    folders = [shutil.copytree(prepared.folder, folder / f"kill-{number}") for number in numbers]
    lines = _run(*(f"{place}:{number}" for place, number in zip(folders, numbers, strict=True)))
    facts = [json.loads(line) for line in lines]
    assert len(facts) == len(numbers)
    return [(effects[number - 1], found) for number, found in zip(numbers, facts, strict=True)]


def test_each_was_killed_and_there_are_at_least_twenty_points(survivors: list[tuple[str, dict[str, Any]]]) -> None:
    assert {found.get("killed") for _, found in survivors} == {-signal.SIGKILL}, survivors
    kinds = {_kind(effect) for effect, _ in survivors}
    assert len(kinds) >= 20, kinds
    for part in (
        "commit",
        "write_vectors",
        "write_index",
        "aliases",
        "os.link .tmp/#/vectors.parquet",
        "os.rename",
        "parts",
    ):
        assert any(part in kind for kind in kinds), (part, kinds)


def test_what_serves_is_whole_before_and_new_after(survivors: list[tuple[str, dict[str, Any]]]) -> None:
    for effect, found in survivors:
        assert tuple(found["before"][:2]) in {(1, 256), (2, 128)}, effect
        # A release that is killed between its row and the alias leaves its number unused.
        assert tuple(found["after"][:2]) in {(2, 128), (3, 128)}, effect
        assert found["after"][0] == 2 or effect == "commit", effect
        assert found["after"][2] == found["before"][2] == found["verified"], effect
        assert found["before"][3], effect
        assert found["after"][3], effect
    assert {found["before"][0] for _, found in survivors} == {1, 2}


def test_nothing_is_lost_and_nothing_is_left(survivors: list[tuple[str, dict[str, Any]]]) -> None:
    for effect, found in survivors:
        assert found["status"] in ("published", "unchanged"), effect
        assert found["again"] == ["unchanged", 0], effect
        assert found["segments"] == found["whole"] > 1, effect
        assert found["same_rows"], effect
        assert found["balanced"], effect
        assert found["audit"], effect
        assert (found["state"], found["parts"]) == ("finished", []), effect


def test_no_text_is_embedded_twice_but_one_batch_at_most(survivors: list[tuple[str, dict[str, Any]]]) -> None:
    texts = {digest for _, found in survivors for digest in found["embedded"]}
    for effect, found in survivors:
        times = Counter(found["embedded"])
        assert set(times) == texts, effect
        repeated = sum(number - 1 for number in times.values())
        # The batch that was lost, and of each part that was kept the last text: it is asked again, to see that the
        # model still gives what it gave.
        assert repeated <= BATCH + len(texts) // BATCH, (effect, repeated)
    assert max(found["done_before"] for _, found in survivors) == len(texts)
    assert any(0 < found["done_before"] < len(texts) for _, found in survivors)
