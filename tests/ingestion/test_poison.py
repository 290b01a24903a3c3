"""A document that ends the task which reads it never fails its shard twice, and an innocent one is not blamed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from laws.handbook import NAME, Project

from corpus.types import Outcome
from ingestion import staging, trial
from ingestion.stages import acquire, admit, relate, settle, stage
from ingestion.suspects import FOLDER, Attempt

pytestmark = pytest.mark.slow

DEADLY = '''
import os, signal
from pathlib import Path


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


class Deadly:
    """Ends the process that it is inspected for, as the kernel ends a whole container for want of memory."""

    fingerprint = "deadly-1"

    def detect(self, blob, document):
        if "poison" in document.text:
            os.kill(parent_of(os.getppid()), signal.SIGKILL)
            signal.pause()
        if "greed" in document.text:
            taken = bytearray(700_000_000)
            taken[::4096] = b"x" * len(taken[::4096])
        return ()
'''
ASSESS = """
import json, sys
from pathlib import Path
from corpus.settings import Settings
from ingestion.runtime import open_runtime
from ingestion.stages import assess
folder, run_id, shard = sys.argv[1:]
settings = Settings(project=Path(folder), home=folder + "/home", inspect_workers=1)
print(json.dumps(assess.assess(open_runtime(settings), "handbook", run_id, shard).to_json()))
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    info = site / "deadly-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: deadly\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[stemma.detectors]\ndeadly = deadly:Deadly\n")
    (site / "deadly.py").write_text(DEADLY)
    return site


@pytest.fixture
def project(tmp_path: Path, plugin: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.syspath_prepend(plugin)
    made = Project.create(tmp_path / "project")
    made.settings = made.settings.model_copy(update={"shard_bytes": 1_000_000})
    text = made.contract_path.read_text().rstrip("\n")
    made.contract_path.write_text(f"{text}\n  - property: ragOrigin\n    value: {{detectors: [deadly]}}\n")
    made.fill(3)
    return made


def attempt(project: Project, plugin: Path, run_id: str, shard: str) -> subprocess.CompletedProcess[str]:
    """Runs one attempt at the shard, as a task does, in a process of its own."""
    path = os.pathsep.join((str(plugin), str(Path(__file__).parents[2])))
    return subprocess.run(
        [sys.executable, "-c", ASSESS, str(project.folder), run_id, shard],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def test_a_poisoned_document_fails_its_shard_once_and_never_twice(project: Project, plugin: Path) -> None:
    project.write("zz-poisoned", "# Pumps\n\n" + "Some poison stands among ordinary words of a manual. " * 20)
    [shard] = acquire.acquire(project.runtime, NAME, "run-1").outputs
    first = attempt(project, plugin, "run-1", shard)
    assert (first.returncode, first.stdout) == (-signal.SIGKILL, ""), first.stderr
    assert project.runtime.store.names(f"{FOLDER}/{shard}") == ("0",)
    second = attempt(project, plugin, "run-1", shard)
    assert second.returncode == 0, second.stderr
    counts = json.loads(second.stdout)["counts"]
    assert (counts["indexed"], counts["rejected"]) == (3, 1)
    rows = {row["doc_id"]: row for row in staging.read_assessed(project.runtime.store, "run-1", shard)}
    poisoned = rows["zz-poisoned.md"]
    assert poisoned["outcome"] == Outcome.REJECT
    assert "parse.crash" in poisoned["reasons"]
    assert "again when tried apart" in poisoned["reasons"]
    assert project.runtime.store.names(FOLDER) == ()
    shards = relate.relate(project.runtime, NAME, "run-1", [shard]).outputs
    admit.admit(project.runtime, NAME, "run-1", shards)
    staged = [stage.stage(project.runtime, NAME, "run-1", name) for name in shards]
    assert settle.settle(project.runtime, NAME, "run-1", staged).counts.balanced
    again = acquire.acquire(project.runtime, NAME, "run-2")
    assert (again.outputs, again.counts.unchanged) == ((), 4)


def test_a_machine_that_just_died_costs_no_document_its_place(project: Project, plugin: Path) -> None:
    [shard] = acquire.acquire(project.runtime, NAME, "run-1").outputs
    [first, *_] = staging.read_shard(project.runtime.store, "run-1", shard)
    Attempt(project.runtime.store, shard).reading(first)  # and then the power went
    done = attempt(project, plugin, "run-1", shard)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["indexed"] == 3


def test_a_trial_takes_no_more_memory_than_its_container_has_left(project: Project, tmp_path: Path) -> None:
    limit, used = tmp_path / "memory.max", tmp_path / "memory.current"
    assert trial.left_mb(2048, tmp_path) == 2048
    limit.write_text("max\n")
    used.write_text("500000000\n")
    assert trial.left_mb(2048, tmp_path) == 2048
    limit.write_text("2500000000\n")
    assert trial.left_mb(2048, tmp_path) == 1400
    used.write_text("2400000000\n")
    assert trial.left_mb(2048, tmp_path) == 256


def test_a_document_that_the_container_has_no_memory_for_is_deadly(project: Project, tmp_path: Path) -> None:
    """A real document that takes what it can get; without the container's limit its own limit is enough."""
    project.write("greedy", "# Pumps\n\n" + "Some greed stands among ordinary words of a manual. " * 20)
    [shard] = acquire.acquire(project.runtime, NAME, "run-1").outputs
    (tmp_path / "memory.max").write_text("600000000\n")
    (tmp_path / "memory.current").write_text("100000000\n")
    asked = {
        "settings": {**project.settings.model_dump(mode="json"), "inspect_memory_mb": 1024}, "contract": NAME,
        "run_id": "run-1", "shard": shard, "doc_id": "greedy.md", "path": [],
    }  # fmt: skip
    assert not trial.try_out(asked, tmp_path)
    assert trial.try_out(asked, tmp_path / "no container")
    harmless = staging.read_shard(project.runtime.store, "run-1", shard)[0].ref.doc_id
    assert trial.try_out({**asked, "doc_id": harmless}, tmp_path)
