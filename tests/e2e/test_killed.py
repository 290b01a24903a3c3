"""SIGKILL of a task process and of the scheduler, in the middle of an ingest, under a real Airflow, started once."""

from __future__ import annotations

import configparser
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("airflow", reason="apache-airflow is not installed (pip install 'stemma-rag[airflow]')")

import psutil
from airflow_api import FINISHED, AirflowApi
from airflow_process import AirflowSite, lay_out, running, task_errors
from faults.judging import inbox, judge, page
from laws.handbook import NAME, Project

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

INGEST, RELEASE = f"corpus_ingest__{NAME}", f"corpus_release__{NAME}"
TASK = re.compile(r"^airflow worker -- [0-9a-f]{8}-[0-9a-f-]{27}$")
SECONDS = 300


def _patient(site: AirflowSite) -> None:
    """Lets Airflow notice what died within seconds, and try again at once; by default it takes five minutes."""
    path = site.home / "airflow.cfg"
    config = configparser.RawConfigParser(delimiters=("=",), comment_prefixes=("#",), strict=False)
    config.read(path)
    if not config.has_section("scheduler"):
        config.add_section("scheduler")
    for name, value in {
        "scheduler_health_check_threshold": "15",
        "orphaned_tasks_check_interval": "10",
        "task_instance_heartbeat_timeout": "20",
        "task_instance_heartbeat_timeout_detection_interval": "5",
        "task_instance_heartbeat_sec": "2",
    }.items():
        config.set("scheduler", name, value)
    with path.open("w") as handle:
        config.write(handle)


def _children(match: Callable[[list[str]], bool]) -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if match(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def _task_processes() -> list[psutil.Process]:
    return _children(lambda words: bool(TASK.match(" ".join(words).strip())))


def _scheduler() -> psutil.Process:
    [found] = [
        process
        for process in _children(lambda words: words[-1:] == ["scheduler"] and "airflow" in " ".join(words))
        if process.ppid() == os.getpid()
    ]
    return found


def _until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _is_running(api: AirflowApi, run_id: str, task_id: str) -> bool:
    return any(task.task_id == task_id and task.state == "running" for task in api.tasks(INGEST, run_id))


def _end(api: AirflowApi, site: AirflowSite, run_id: str) -> str:
    _until(lambda: api.runs(INGEST).get(run_id) in FINISHED)
    print(task_errors(site, INGEST, run_id))
    return api.runs(INGEST)[run_id]


@contextmanager
def _another_scheduler(site: AirflowSite) -> Iterator[None]:
    with site.log_of("scheduler").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "scheduler"], env=site.environment(), cwd=site.home,
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        yield
    finally:
        for each in (*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)):
            each.kill()
        process.wait(30)


def _settle_and_judge(api: AirflowApi, site: AirflowSite, project: Project) -> None:
    """Whatever became of the run that was hit, the next one leaves everything as if nothing had been."""
    known = frozenset(api.runs(RELEASE))
    run_id = api.trigger(INGEST)
    assert _end(api, site, run_id) == "success"
    counts = api.result(INGEST, run_id, "settle")["counts"]
    accounted = ("indexed", "unchanged", "quarantined", "rejected", "failed")
    assert counts["received"] == sum(counts[name] for name in accounted) == len(inbox(project))
    released = api.wait_for_new_run(RELEASE, known, SECONDS)
    _until(lambda: api.runs(RELEASE)[released] in FINISHED)
    _until(lambda: not {"running", "queued"} & set(api.runs(RELEASE).values()))
    judge(project, inbox(project))


def test_a_killed_task_and_a_killed_scheduler_cost_no_document(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    (project.folder / "stemma.toml").write_text('home = "home"\nshard_bytes = 8000\n')
    project.fill(6)
    site = lay_out(tmp_path / "airflow", project.folder)
    _patient(site)
    with running(site, INGEST, RELEASE) as api:
        for dag_id in (INGEST, RELEASE):
            api.unpause(dag_id)
        first = api.trigger(INGEST)
        _until(lambda: _is_running(api, first, "assess") and bool(_task_processes()))
        _task_processes()[-1].send_signal(signal.SIGKILL)
        print("a task was killed:", _end(api, site, first))
        _settle_and_judge(api, site, project)
        project.fill(9)
        project.write("last", page("last valve"))
        second = api.trigger(INGEST)
        _until(lambda: _is_running(api, second, "assess") or _is_running(api, second, "stage"))
        _scheduler().kill()
        with _another_scheduler(site):
            print("the scheduler was killed:", _end(api, site, second))
            _settle_and_judge(api, site, project)
