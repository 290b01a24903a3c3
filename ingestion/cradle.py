"""Starts workers by forking a process that has loaded what reads documents: the loading is paid once, not per worker.

The process is started fresh, never forked from this one, which may have threads, a database connection or the whole
of Airflow in it. It has one thread, opens no document and obeys requests on a socket; when this process ends, however
it ends, the socket closes, the process ends, and the kernel ends its workers with it. It knows nothing of documents.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from typing import Any, BinaryIO

from ingestion.sandbox import WIDTH

_BOOT = (
    "import json, sys; given = json.loads(sys.argv[1]); sys.path[:] = given['path']; "
    "from ingestion.sandbox import cradle; cradle(given['parent'])"
)
# One document, one core: a library's own threads would only take memory and other documents' time, and outlive no fork.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
_END_SECONDS = 5.0
_ANSWER_SECONDS = 120.0


class CradleError(Exception):
    """No worker can be started, or nothing more is known of one; the message says what is known of why."""


class Child:
    """A worker process and the two pipes to it.

    Attributes:
        pid: Its process id, and that of the group of processes that it starts.
        stdin: What it reads.
        stdout: What it writes.
        returncode: How it ended, once that is known.
    """

    def __init__(self, cradle: Cradle, pid: int, stdin: BinaryIO, stdout: BinaryIO) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self.returncode: int | None = None
        self._cradle = cradle

    def kill(self) -> None:
        """Ends the process and what it started; does not wait."""
        for end in (os.killpg, os.kill):  # at first it has no group of its own yet
            with contextlib.suppress(ProcessLookupError, PermissionError):
                end(self.pid, signal.SIGKILL)
                return

    def wait(self, *, block: bool) -> tuple[int, int] | None:
        """Returns exit status and peak memory in bytes; None where it runs and is not waited for.

        Raises:
            CradleError: Nobody knows any more.
        """
        ended = self._cradle.ask({"wait": self.pid, "block": block})
        if ended is None:
            return None
        self.returncode = int(ended[0])
        return self.returncode, int(ended[1])

    def close(self) -> None:
        """Closes the pipes."""
        self.stdin.close()
        self.stdout.close()


class Cradle:
    """The process that workers are forked from. May be used by several threads.

    Args:
        path: Where it looks for modules.
    """

    def __init__(self, path: tuple[str, ...]) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(_ANSWER_SECONDS)
        given = {"path": path, "parent": os.getpid()}
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, our own module
                [sys.executable, "-W", "ignore", "-c", _BOOT, json.dumps(given)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), "TOKENIZERS_PARALLELISM": "false"},
                start_new_session=True,  # Ctrl-C is the parent's
            )

    @property
    def pid(self) -> int:
        """The id of the process."""
        return int(self._process.pid)

    @property
    def is_alive(self) -> bool:
        """Whether workers can be had from it."""
        return self._socket.fileno() >= 0 and self._process.poll() is None

    def child(self, seconds: float, memory_mb: int) -> Child:
        """Starts a worker; waits until everything is loaded.

        Args:
            seconds: Processor time that one document may take.
            memory_mb: Memory that the worker may have.

        Raises:
            CradleError: It cannot start.
        """
        requests, ours = os.pipe()
        answers, theirs = os.pipe()
        try:
            pid = self.ask({"seconds": seconds, "memory_mb": memory_mb}, (requests, theirs))
        except BaseException:
            for fd in (ours, answers):
                os.close(fd)
            raise
        finally:
            for fd in (requests, theirs):
                os.close(fd)
        for fd in (ours, answers):
            os.set_blocking(fd, False)
        return Child(self, int(pid), os.fdopen(ours, "wb", buffering=0), os.fdopen(answers, "rb", buffering=0))

    def ask(self, request: dict[str, Any], fds: tuple[int, ...] = ()) -> Any:
        """Sends a request and returns its answer.

        Raises:
            CradleError: It cannot be answered.
        """
        with self._lock:
            try:
                socket.send_fds(self._socket, [json.dumps(request).encode()], fds)
                answer = self._socket.recv(WIDTH)
            except OSError as error:
                self._socket.close()
                raise CradleError(f"it ended at once ({error.strerror or 'no answer'})") from error
            except BaseException:
                self._socket.close()  # an answer that nobody read would be taken for the next one's
                raise
        if not answer:
            raise CradleError("it ended at once")
        said = json.loads(answer)
        if "broken" in said:
            raise CradleError(said["broken"])
        return said["answer"]

    def close(self) -> None:
        """Ends the process, and with it what workers it still has."""
        self._socket.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def forget(self) -> None:
        """Lets go of a process that belongs to the one which this was forked from."""
        self._socket.close()
        self._process.returncode = 0
