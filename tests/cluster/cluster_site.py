"""A whole Airflow in its production form on this machine: PostgreSQL, Redis, S3, and machines that share no disk."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe

from airflow_api import AirflowApi, AirflowTrouble
from airflow_process import REPOSITORY, AirflowSite, task_errors
from celery import Celery
from cluster_processes import Machine, boot, free_port, wait_until
from cluster_typed import typed

SILENT_SECONDS = 15
"""After so many seconds without a heartbeat a task counts as lost; Airflow's default is 300."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the cluster stands on.

    Attributes:
        metadata: URL of Airflow's database.
        catalog: URL of Stemma's.
        broker: URL of Redis.
        store: What a process needs to reach the object store, as environment.
        home: URL of Stemma's home.
    """

    metadata: str
    catalog: str
    broker: str
    store: dict[str, str]
    home: str


@dataclass(frozen=True, kw_only=True)
class ClusterSite(AirflowSite):
    """The configuration that every machine gets; `home` and `project` are those of the head."""

    services: Services

    def environment(self) -> dict[str, str]:
        """Returns the environment of every Airflow process, without what is a machine's own."""
        on = self.services
        return AirflowSite.environment(self) | on.store | typed().exported(on.broker, on.metadata) | {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": on.metadata,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": on.metadata,
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(SILENT_SECONDS),
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
            "STEMMA_CATALOG_URL": on.catalog,
            "STEMMA_HOME": on.home,
            "STEMMA_LOG_FORMAT": "json",
            "STEMMA_RUN_DEADLINE_MINUTES": "0.05",
            "PYTHONPATH": str(REPOSITORY),
        }  # fmt: skip


@dataclass(kw_only=True)
class Cluster:
    """A running cluster.

    Attributes:
        site: What every machine is told.
        disks: Folder with a disk for each machine.
        image: A project folder that each machine gets a copy of, as from an image.
        api: A client for the API server.
        head: The machine with the scheduler and the like, by name.
        workers: Celery workers that run, by name.
        dead: Those that were killed.
    """

    site: ClusterSite
    disks: Path
    image: Path
    api: AirflowApi
    head: dict[str, Machine] = field(default_factory=dict)
    workers: dict[str, Machine] = field(default_factory=dict)
    dead: dict[str, Machine] = field(default_factory=dict)

    @property
    def machines(self) -> tuple[Machine, ...]:
        return (*self.head.values(), *self.workers.values())

    def deploy(self) -> None:
        """Gives each machine the project of now: contracts, keys, settings."""
        for machine in self.machines:
            shutil.copytree(self.image, machine.folder / "project", dirs_exist_ok=True)

    def start_head(self) -> None:
        """Starts what is no worker and waits until it is well."""
        self.head["head"] = self._boot("head", typed().starting())
        wait_until("the head of the cluster", self._is_healthy, self._wrong, 300)

    def add_worker(self, name: str) -> None:
        """Starts a worker with an empty disk; `await_workers` waits for it."""
        self.workers[name] = self._boot(name, typed().starting(name))

    def await_workers(self) -> None:
        """Waits until all workers take tasks."""
        app = Celery(broker=self.site.services.broker)
        wanted = {f"{name}@127.0.0.1" for name in self.workers}
        try:
            wait_until("the workers", lambda: wanted <= _answering(app), self._wrong)
        finally:
            app.close()

    def kill_worker_at(self, dag_id: str, run_id: str, task_id: str, seconds: float = 300) -> tuple[str, int]:
        """Kills the machine that works on one of the mapped tasks; returns its name and the task's map index.

        It is frozen first, so that the task is certainly at work, and never ends, when the machine dies.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for task in self._running(dag_id, run_id, task_id):
                machine = next((item for item in self.workers.values() if task.pid and item.holds(task.pid)), None)
                if machine is None:
                    continue
                machine.freeze()
                if task in self._running(dag_id, run_id, task_id) and machine.holds(task.pid):
                    machine.kill()
                    self.dead[machine.name] = self.workers.pop(machine.name)
                    return machine.name, task.map_index
                machine.thaw()
            time.sleep(0.05)
        raise AirflowTrouble(
            f"no {task_id} of {run_id} was seen at work within {seconds:.0f} s\n{self.errors(dag_id, run_id)}"
        )

    def errors(self, dag_id: str, run_id: str) -> str:
        """Returns what tasks of a run logged as errors, on whichever machine."""
        logs = (
            AirflowSite(
                home=machine.folder / "airflow", project=self.image, dags=self.site.dags, port=0, log_port=0, secret=""
            )
            for machine in (*self.workers.values(), *self.dead.values())
        )
        return "\n".join(task_errors(site, dag_id, run_id) for site in logs)

    def said(self, words: str) -> list[str]:
        """Returns the lines with some words in the logs of all machines."""
        found = []
        for log in self.disks.rglob("*.log"):
            with log.open(encoding="utf-8", errors="replace") as lines:
                found += [line for line in lines if words in line]
        return found

    def stop(self) -> None:
        """Ends all machines."""
        for machine in self.machines[::-1]:
            machine.stop()

    def _boot(self, name: str, command: list[str]) -> Machine:
        disk = self.disks / name
        lay_disk(disk, self.image)
        own = {"AIRFLOW_HOME": str(disk / "airflow"), "STEMMA_PROJECT": str(disk / "project")}
        return boot(name, disk, command, self.site.environment() | own)

    def _running(self, dag_id: str, run_id: str, task_id: str) -> list:
        tasks = self.api.tasks(dag_id, run_id)
        return [task for task in tasks if task.task_id == task_id and task.state == "running"]

    def _is_healthy(self) -> bool:
        with contextlib.suppress(AirflowTrouble):
            self.api.warm_up()
            health = self.api.health()
            return all(health.get(part) == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))
        return False

    def _wrong(self) -> str:
        ended = [machine for machine in self.machines if machine.process.poll() is not None]
        return "\n".join(f"{machine.name} ended\n{machine.log()}" for machine in ended)


def lay_disk(disk: Path, image: Path) -> None:
    """Makes the disk of a machine: Airflow's configuration, and the project."""
    (disk / "airflow" / "config").mkdir(parents=True)
    shutil.copyfile(REPOSITORY / "airflow.cfg.example", disk / "airflow" / "airflow.cfg")
    preload = REPOSITORY / "examples" / "airflow" / "airflow_local_settings.py"
    shutil.copyfile(preload, disk / "airflow" / "config" / preload.name)
    shutil.copytree(image, disk / "project")


@contextlib.contextmanager
def running_cluster(disks: Path, image: Path, services: Services, workers: tuple[str, ...]) -> Iterator[Cluster]:
    """Runs a cluster for as long as the block lasts."""
    disks.mkdir()
    site = ClusterSite(
        home=disks / "setup" / "airflow", project=image, dags=REPOSITORY / "dags", port=free_port(),
        log_port=free_port(), secret=token_urlsafe(64), services=services,
    )  # fmt: skip
    lay_disk(disks / "setup", image)
    done = subprocess.run(
        ["bash", "-euc", typed().once],
        env=site.environment(),
        cwd=site.home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    cluster = Cluster(site=site, disks=disks, image=image, api=AirflowApi(site.url))
    try:
        for name in workers:
            cluster.add_worker(name)
        cluster.start_head()
        cluster.await_workers()
        yield cluster
    finally:
        cluster.stop()


def eventually(what: str, seen: Callable[[], bool], seconds: float = 60) -> None:
    """Waits for something that Airflow does in its own time."""
    wait_until(what, seen, str, seconds)


def _answering(app: Celery) -> set[str]:
    return {name for reply in app.control.ping(timeout=1.0) for name in reply}
