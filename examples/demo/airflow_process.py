"""Starts a real Airflow beside this process and always takes it down again.

SQLite, LocalExecutor, an API server with one worker, a DAG processor and a scheduler, each a child
process in a session of its own, on free ports, with logs as files. The configuration is the
repository's `airflow.cfg.example`; only what differs from machine to machine comes in by environment.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe

from airflow_api import AirflowApi, AirflowTrouble

REPOSITORY = Path(__file__).resolve().parents[2]
COMPONENTS = ("api-server", "dag-processor", "scheduler")
BOOT_SECONDS = 120
STOP_SECONDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AirflowSite:
    """Where one Airflow lives and what it works on.

    Attributes:
        home: AIRFLOW_HOME: configuration, database and logs.
        project: The Stemma project that the DAGs serve.
        dags: Folder of DAG files.
        port: Port of the API server.
        log_port: Port of the scheduler's log server.
        secret: Shared by the components to sign tokens; drawn anew for each site.
        slots: Tasks that run at once.
        preload: Whether the scheduler imports heavy libraries before it forks tasks.
    """

    home: Path
    project: Path
    dags: Path
    port: int
    log_port: int
    secret: str
    slots: int = 2
    preload: bool = True

    @property
    def url(self) -> str:
        """Base address of the API server."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """Returns the environment of every Airflow process of this site.

        Settings of another Airflow that happen to be in the caller's environment do not leak in.
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "STEMMA_"))}
        return kept | {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "dags" / "plugins"),
            # On a busy machine a writer may wait longer than the five seconds that SQLite is given otherwise.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home}/airflow.db?timeout=60",
            "AIRFLOW__CORE__PARALLELISM": str(self.slots),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__SECRET_KEY": self.secret,
            "AIRFLOW__API_AUTH__JWT_SECRET": self.secret,
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(self.log_port),
            "OMP_NUM_THREADS": "1",
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))),
            "STEMMA_PROJECT": str(self.project),
        }

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs one `airflow` command to its end, with its output captured.

        Raises:
            AirflowTrouble: `check` is set and the command failed.
        """
        done = subprocess.run(  # noqa: S603 - our own interpreter and arguments
            [sys.executable, "-m", "airflow", *arguments],
            env=self.environment(), cwd=self.home, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise AirflowTrouble(f"airflow {' '.join(arguments)} ended with {done.returncode}\n{done.stderr[-4000:]}")
        return done

    def log_of(self, component: str) -> Path:
        """Returns the file that holds a component's output."""
        return self.home / f"{component}.log"


def lay_out(
    home: Path, project: Path, *, dags: Path | None = None, slots: int = 2, preload: bool = True
) -> AirflowSite:
    """Makes a home with configuration and a migrated database.

    Args:
        home: A folder that is made; what it holds of an earlier site stays.
        project: The Stemma project.
        dags: Folder of DAG files; None takes the repository's.
        slots: Tasks that run at once.
        preload: Whether the scheduler imports heavy libraries first.
    """
    (home / "config").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(REPOSITORY / "airflow.cfg.example", home / "airflow.cfg")
    if preload:
        local_settings = REPOSITORY / "examples" / "airflow" / "airflow_local_settings.py"
        shutil.copyfile(local_settings, home / "config" / "airflow_local_settings.py")
    port, log_port = free_ports(2)
    site = AirflowSite(
        home=home.absolute(), project=project.absolute(), dags=(dags or REPOSITORY / "dags").absolute(),
        port=port, log_port=log_port, secret=token_urlsafe(64), slots=slots, preload=preload,
    )  # fmt: skip
    site.run("db", "migrate")
    return site


def start(
    site: AirflowSite,
    name: str,
    command: list[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Starts a command of a site in a session of its own, with its output in the log of its name.

    Args:
        site: Whose log it is.
        name: What it is called.
        command: Its words.
        environment: None takes that of the site.
        folder: Where it works; None takes the home of the site.
    """
    with site.log_of(name).open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            command, env=environment or site.environment(), cwd=folder or site.home, stdout=log, stderr=log,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip


def start_components(site: AirflowSite) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Starts the components of a site one after the other; yields each with its name."""
    for component in COMPONENTS:
        yield component, start(site, component, [sys.executable, "-m", "airflow", component])


@contextmanager
def running(
    site: AirflowSite,
    *dag_ids: str,
    starting: Callable[[AirflowSite], Iterator[tuple[str, subprocess.Popen[bytes]]]] = start_components,
) -> Iterator[AirflowApi]:
    """Runs the components of a site for as long as the block lasts.

    Args:
        site: From `lay_out`.
        *dag_ids: DAGs that must be known, without import errors, before the block begins.
        starting: Starts them, each as leader of a session.

    Yields:
        A client for the API server.

    Raises:
        AirflowTrouble: A component died, or the site is not ready after `BOOT_SECONDS`; the message
            holds the tail of its log.
    """
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        processes.update(starting(site))  # one by one: those before one that cannot start are stopped too
        api = AirflowApi(site.url)
        _await_ready(site, api, processes, frozenset(dag_ids))
        yield api
    finally:
        _stop(processes)


def task_errors(site: AirflowSite, dag_id: str, run_id: str) -> str:
    """Returns what the tasks of a run logged as errors: per task the exception and where it arose."""
    folder = site.home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}"
    logs = sorted(folder.rglob("*.log"), key=lambda path: path.stat().st_mtime)
    return "\n".join(line for path in logs for line in _errors(path, path.parent.relative_to(folder)))


def _await_ready(
    site: AirflowSite, api: AirflowApi, processes: Mapping[str, subprocess.Popen[bytes]], wanted: frozenset[str]
) -> None:
    deadline = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < deadline:
        for component, process in processes.items():
            if process.poll() is not None:
                raise AirflowTrouble(f"{component} ended with {process.returncode}\n{_tail(site.log_of(component))}")
        with suppress(AirflowTrouble):
            if _healthy(api) and wanted <= set(api.dag_ids()):
                return
        time.sleep(0.3)
    tails = "\n".join(f"--- {name}\n{_tail(site.log_of(name))}" for name in processes)
    raise AirflowTrouble(f"Airflow is not ready after {BOOT_SECONDS} s: {_why_not(api, wanted)}\n{tails}")


def _healthy(api: AirflowApi) -> bool:
    api.warm_up()
    health = api.health()
    return all(health.get(part) == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))


def _why_not(api: AirflowApi, wanted: frozenset[str]) -> str:
    try:
        errors = "\n".join(api.import_errors())
        return f"health {dict(api.health())}, missing DAGs {sorted(wanted - set(api.dag_ids()))}\n{errors}"
    except AirflowTrouble as error:
        return str(error)


def _stop(processes: Mapping[str, subprocess.Popen[bytes]]) -> None:
    """Asks (SIGINT), then tells (SIGTERM), then ends the whole session of each component (SIGKILL)."""
    for process in reversed(list(processes.values())):
        _signal(process, signal.SIGINT)
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes.values():
        _wait(process, deadline - time.monotonic())
    for process in processes.values():
        _signal(process, signal.SIGTERM)
        _wait(process, 5)
        _kill_session(process.pid)
        process.wait()


def _kill_session(session: int) -> None:
    """Ends what is left of a component: tasks are in process groups of their own, but in its session."""
    for pid in (int(entry.name) for entry in Path("/proc").glob("[0-9]*")):
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == session:
                os.kill(pid, signal.SIGKILL)


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    if process.poll() is None:
        process.send_signal(number)


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(max(seconds, 0.1))


def _errors(path: Path, task: Path) -> Iterator[str]:
    for line in path.read_text("utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if not isinstance(entry, dict) or entry.get("level") not in {"error", "critical"}:
            continue
        yield f"--- {task}: {entry.get('event')}"
        for error in entry.get("error_detail") or ():
            frames = error.get("frames") or [{}]
            place = f"{frames[-1].get('filename')}:{frames[-1].get('lineno')}"
            yield f"{error.get('exc_type')}: {error.get('exc_value')}\n    at {place}"


def _tail(path: Path, lines: int = 30) -> str:
    return "\n".join(path.read_text("utf-8", errors="replace").splitlines()[-lines:]) if path.is_file() else ""


def free_ports(count: int) -> list[int]:
    """Returns ports of this machine that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [listener.getsockname()[1] for listener in sockets]
    finally:
        for listener in sockets:
            listener.close()
