"""Processes of the cluster test: servers beside Airflow, and machines whose every process can be frozen or killed.

A machine is one process session with a home, a project and temporary folders that no other machine has.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import pytest

START_SECONDS = 180
STOP_SECONDS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One machine of the cluster.

    Attributes:
        name: What it is called.
        folder: Its disk: `airflow`, `project`, `tmp` and `home`.
        process: Leader of the session that all its processes are in.
    """

    name: str
    folder: Path
    process: subprocess.Popen[bytes]

    def holds(self, pid: int) -> bool:
        """Whether a process runs on this machine."""
        return pid in self.pids()

    def pids(self) -> tuple[int, ...]:
        """Returns all processes of the machine, those that tasks started too."""
        return _session(self.process.pid)

    def freeze(self) -> None:
        """Stops everything where it is."""
        _signal_all(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets everything go on."""
        _signal_all(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Ends everything at once, as a power cut would."""
        for _ in range(20):  # a process may be forking while the others are looked up
            _signal_all(self.process.pid, signal.SIGKILL)
            self.process.wait()
            if not self.pids():
                return
            time.sleep(0.05)

    def stop(self) -> None:
        """Asks, and after `STOP_SECONDS` ends everything."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
        self.kill()

    def log(self) -> str:
        """Returns the end of what it printed."""
        return (self.folder / "output.log").read_text("utf-8", "replace")[-4000:]


def boot(name: str, folder: Path, command: list[str], environment: Mapping[str, str]) -> Machine:
    """Starts a machine; its disk is a folder that is there.

    Args:
        name: What it is called.
        folder: Its disk.
        command: Its first process.
        environment: Of all its processes; where temporary files go is added.
    """
    for part in ("tmp", "home"):
        (folder / part).mkdir(exist_ok=True)
    own = {"TMPDIR": str(folder / "tmp"), "HOME": str(folder / "home")}
    with (folder / "output.log").open("ab") as output:
        process = subprocess.Popen(
            command, env={**environment, **own}, cwd=folder, stdout=output, stderr=output, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
    return Machine(name=name, folder=folder, process=process)


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """A Redis that keeps nothing on disk, as its URL."""
    found = shutil.which("redis-server")
    if found is None:
        _unavailable("no redis-server: install Redis (Debian: apt-get install redis-server)")
    port, password = free_port(), token_hex(16)
    command = [found, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    command += ["--requirepass", password]
    with _server("redis", folder, command, dict(os.environ), port):
        yield f"redis://:{password}@127.0.0.1:{port}/0"


@contextlib.contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """An S3 server that holds everything in memory, as the URL of its endpoint."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _server("s3", folder, command, dict(os.environ), port):
        yield f"http://127.0.0.1:{port}"


def free_port() -> int:
    """Returns a port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_until(what: str, ready: Callable[[], bool], alive: Callable[[], str], seconds: float = START_SECONDS) -> None:
    """Waits for something.

    Args:
        what: For the message.
        ready: Whether it is there.
        alive: Says what is wrong where it will never be; empty where all is well.
        seconds: How long at most.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        wrong = alive()
        if wrong or time.monotonic() > deadline:
            pytest.fail(f"{what}: not there after {seconds:.0f} s. {wrong}")
        time.sleep(0.2)


@contextlib.contextmanager
def _server(name: str, folder: Path, command: list[str], environment: Mapping[str, str], port: int) -> Iterator[None]:
    disk = folder / name
    disk.mkdir()
    machine = boot(name, disk, command, environment)
    try:
        wait_until(name, lambda: _listens(port), lambda: "" if machine.process.poll() is None else machine.log())
        yield
    finally:
        machine.stop()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _unavailable(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"{reason} (CI is set, so this is no reason to skip)")
    pytest.skip(reason)


def _session(leader: int) -> tuple[int, ...]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(int(entry.name)) == leader and not _is_zombie(entry):
                found.append(int(entry.name))
    return tuple(found)


def _is_zombie(entry: Path) -> bool:
    try:
        return (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (OSError, IndexError):
        return True


def _signal_all(leader: int, number: int) -> None:
    for pid in _session(leader):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
