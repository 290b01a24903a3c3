"""Long work as processes beside the console: the command line's own command, in a session of its own.

A process outlives the page, the request and the console that started it. What it does is resumable, so nothing here has
to survive: after a restart of the console the catalog says how far a re-embed is, and starting it again goes on.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from typing import Literal

from starlette.requests import Request

from console.web.work.launching import Going, Order
from corpus.errors import ConfigurationError
from corpus.settings import Settings

_LONGEST = 1_200
"""Characters of a message that a page shows."""
_PATIENCE_S = 10.0
"""One batch of texts, and saving it."""


class _Child:
    """A process, what it printed, and a thread that waits for both."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process, self.stopped, self.said = process, False, b""
        self.waiting = threading.Thread(target=self._wait, name=f"stemma-reembed-{process.pid}", daemon=True)
        self.waiting.start()

    def _wait(self) -> None:
        self.said = self.process.communicate()[0]

    @property
    def alive(self) -> bool:
        """Whether it runs, or its last words are not read yet."""
        return self.waiting.is_alive()


class Processes:
    """Runs `stemma reembed` for people, one of each contract at a time.

    Args:
        settings: Of the project.
    """

    place: Literal["process"] = "process"

    def __init__(self, settings: Settings) -> None:
        self._project = str(settings.project)
        self._children: dict[str, _Child] = {}
        self._lock = threading.Lock()

    def of(self, _request: Request) -> Processes:
        """Returns itself: whoever may decide may start."""
        return self

    def start(self, order: Order) -> str:
        """Starts a process and returns at once.

        Raises:
            ConfigurationError: One of this contract is at work.
        """
        with self._lock:
            before = self._children.get(order.contract)
            if before is not None and before.alive:
                raise ConfigurationError(
                    f"process {before.process.pid} works on {order.contract!r} already. Stop it first, or wait."
                )
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and command; -P: a project has a folder `contracts` too
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "console.cli.main",
                    *words_of(order),
                    "--json",
                    "--project",
                    self._project,
                ],
                env={**os.environ, "STEMMA_ACTOR": order.by},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,  # one JSON document, when it ends
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C of the console is not meant for it
            )
            self._children[order.contract] = _Child(process)
        return f"Process {process.pid} works on it: {command_of(order)}"

    def going(self, contract: str) -> Going | None:
        """Returns how the last process of a contract goes, as far as this console started it."""
        with self._lock:
            child = self._children.get(contract)
        if child is None:
            return None
        name = f"process {child.process.pid}"
        if child.alive:
            return Going(name=name, state="working", words="")
        code = child.process.returncode
        if child.stopped:
            return Going(name=name, state="stopped", words="It was stopped from this console.")
        if code < 0:
            return Going(name=name, state="stopped", words=f"It was killed ({_signal(-code)}).")
        if code == 0:
            return Going(name=name, state="ended", words="")
        words = _error(child.said)
        return Going(name=name, state="failed", words=words[:_LONGEST] or f"It ended with exit code {code}.")

    def stop(self, contract: str) -> bool:
        """Interrupts the process of a contract; it keeps what it did."""
        with self._lock:
            child = self._children.get(contract)
            if child is None or not child.alive:
                return False
            child.stopped = True
            child.process.send_signal(signal.SIGINT)
        child.waiting.join(_PATIENCE_S)
        if child.alive:  # inside a library that does not look up
            child.process.kill()
            child.waiting.join()
        return True


def words_of(order: Order) -> list[str]:
    """Returns the words of the command line behind `stemma`."""
    options = {"--model": order.model, "--mode": order.mode, "--rate": order.rate, "--reason": order.reason}
    return ["reembed", order.contract, *(word for name, value in options.items() if value for word in (name, value))]


def command_of(order: Order) -> str:
    """Returns the command line that does the same."""
    return shlex.join(["stemma", *words_of(order)])


def _error(said: bytes) -> str:
    """Returns the message of the error that a command printed; empty where it printed none."""
    try:
        error = json.loads(said)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return ""
    return str(error)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
