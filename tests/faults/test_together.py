"""The same task delivered twice, or too late; two command lines or schedulers at once. On both databases."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faults.judging import inbox, judge, live, page
from laws.handbook import NAME, Project, on_database, real_texts

from corpus.errors import ConfigurationError, StemmaError
from corpus.receipts import Receipt
from ingestion.stages import acquire, admit, assess, relate, release, settle, stage

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("together.py")


@pytest.fixture(params=["sqlite", "postgresql"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    with on_database(request, tmp_path) as made:
        made.fill(4)
        made.ingest()
        yield made


def _twice(work: Callable[[], Receipt]) -> list[Receipt | StemmaError]:
    """Does something in two threads at once; returns what each came to."""
    together, found = threading.Barrier(2), []

    def run() -> None:
        together.wait(60)
        try:
            found.append(work())
        except StemmaError as error:
            found.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _receipts(found: list[Receipt | StemmaError]) -> list[Receipt]:
    assert all(isinstance(item, Receipt) for item in found), found
    return [item for item in found if isinstance(item, Receipt)]


def test_every_stage_delivered_twice_at_once_counts_once(project: Project) -> None:
    for number in range(3):
        project.write(f"new-{number}", page(f"valve number {number}"))
    (project.inbox / f"{real_texts()[0][0]}.md").unlink()
    runtime, run = project.runtime, "dag.twice"
    first, second = _receipts(_twice(lambda: acquire.acquire(runtime, NAME, run)))
    assert first.outputs == second.outputs
    for shard in first.outputs:
        _receipts(_twice(lambda shard=shard: assess.assess(runtime, NAME, run, shard)))  # type: ignore[misc]
    related = _receipts(_twice(lambda: relate.relate(runtime, NAME, run, first.outputs)))
    assert related[0].outputs == related[1].outputs
    shards = related[0].outputs
    _receipts(_twice(lambda: admit.admit(runtime, NAME, run, shards)))
    staged = [
        _receipts(_twice(lambda shard=shard: stage.stage(runtime, NAME, run, shard)))  # type: ignore[misc]
        for shard in shards
    ]
    assert all(one.counts == other.counts and one.outputs == other.outputs for one, other in staged)
    settled = _twice(lambda: settle.settle(runtime, NAME, run, [one for one, _ in staged]))
    done = [item for item in settled if isinstance(item, Receipt)]
    assert done
    assert {(item.counts.received, item.counts.indexed, item.counts.removed) for item in done} == {(6, 3, 1)}
    assert all(isinstance(item, Receipt | ConfigurationError) for item in settled)
    assert settle.settle(runtime, NAME, run, [one for one, _ in staged]) == done[0]
    released = _twice(lambda: release.release(runtime, NAME, run))
    assert any(isinstance(item, Receipt) for item in released)
    assert all(isinstance(item, Receipt) or item.retryable for item in released), released
    assert live(project) == 2
    judge(project, inbox(project))


def test_what_is_delivered_after_the_run_is_over_changes_nothing(project: Project) -> None:
    project.write("new", page("new valve"))
    runtime, run = project.runtime, "dag.late"
    acquired = acquire.acquire(runtime, NAME, run)
    for shard in acquired.outputs:
        assess.assess(runtime, NAME, run, shard)
    relate.relate(runtime, NAME, run, acquired.outputs)
    admit.admit(runtime, NAME, run, acquired.outputs)
    staged = [stage.stage(runtime, NAME, run, shard) for shard in acquired.outputs]
    settled = settle.settle(runtime, NAME, run, staged)
    release.release(runtime, NAME, run)
    before = project.states()
    for late in (
        lambda: assess.assess(runtime, NAME, run, acquired.outputs[0]),
        lambda: relate.relate(runtime, NAME, run, acquired.outputs),
        lambda: admit.admit(runtime, NAME, run, acquired.outputs),
        lambda: stage.stage(runtime, NAME, run, acquired.outputs[0]),
    ):
        with pytest.raises(ConfigurationError, match=r"settled.*Start a new run"):
            late()
    assert settle.settle(runtime, NAME, run, staged) == settled
    again = release.release(runtime, NAME, run).figures
    assert (again["status"], again["version"]) == ("published", 2)  # for who did not hear of it, not another one
    assert release.release(runtime, NAME, "another").figures["status"] == "unchanged"
    assert acquire.acquire(runtime, NAME, run).counts.unchanged == 5
    assert project.states() == before
    assert live(project) == 2
    assert project.ingest().counts.unchanged == 5
    judge(project, inbox(project))


def test_a_shard_of_an_old_try_does_not_reach_the_catalog_of_the_new_one(project: Project) -> None:
    """The source changed between two deliveries of `acquire`: the mapped tasks of the first hold old shards."""
    project.write("new", page("new valve"))
    runtime, run = project.runtime, "dag.again"
    old = acquire.acquire(runtime, NAME, run)
    assess.assess(runtime, NAME, run, old.outputs[0])
    project.write("newer", page("newer valve"))
    (project.inbox / "new.md").unlink()
    new = acquire.acquire(runtime, NAME, run)
    assert old.outputs != new.outputs
    for shard in new.outputs:
        assess.assess(runtime, NAME, run, shard)
    relate.relate(runtime, NAME, run, new.outputs)
    admit.admit(runtime, NAME, run, new.outputs)
    late = stage.stage(runtime, NAME, run, old.outputs[0])
    staged = [stage.stage(runtime, NAME, run, shard) for shard in new.outputs]
    assert settle.settle(runtime, NAME, run, [late, *staged]).counts.balanced
    release.release(runtime, NAME, run)
    assert project.ingest().counts.balanced
    judge(project, inbox(project))


@contextlib.contextmanager
def _processes(project: Project) -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Gives what does several works at once, each in a process of its own, and returns what they came to."""
    paths = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    command = [sys.executable, str(SCRIPT), str(project.folder), project.runtime.catalog.url]
    with subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": paths}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, answered = process.stdin, process.stdout

        def together(*words: str) -> list[dict[str, Any]]:
            asked.write(" ".join(words) + "\n")
            asked.flush()
            said: list[dict[str, Any]] = json.loads(answered.readline())
            return said

        try:
            yield together
        finally:
            asked.close()
            process.wait(60)


ROUNDS = (
    ("ingest", "ingest", "release"),
    ("ingest", "reembed", "reconcile"),
    ("gc", "release", "ingest"),
    ("erase:{doc}", "ingest"),
)


@pytest.mark.timeout(1_800)
def test_command_lines_at_once_leave_one_whole_corpus(project: Project) -> None:
    gone: set[str] = set()
    with _processes(project) as together:
        for number, words in enumerate(ROUNDS):
            doc = f"round-{number}.md"
            project.write(f"round-{number}", page(f"valve of round {number}"))
            project.ingest(publish="release" not in words)
            project.write(f"also-{number}", page(f"pump of round {number}"))
            said = together(*(word.format(doc=doc) for word in words))
            for word, outcome in zip(words, said, strict=True):
                assert "error" not in outcome or outcome["retryable"], (words, word, outcome)
            assert any("error" not in outcome for outcome in said), (words, said)
            gone |= {doc} if "erase:{doc}" in words else set()
            assert project.ingest().counts.balanced
            judge(project, inbox(project) - gone)
    assert gone
    assert not {hit.doc_id for hit in project.search("valve of round 3", k=50)} & gone
