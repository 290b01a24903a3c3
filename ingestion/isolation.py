"""Inspects documents in worker processes, each document within limits of time and memory.

A worker that overruns is killed and replaced; its document gets a reason, and nobody else notices.
Plain processes over pipes rather than a pool of `multiprocessing`: those start by importing the
parent's main script (the whole command line, or Airflow), share one pipe whose lock dies with a
worker, and are refused inside daemonic processes. It knows nothing of contracts, catalogs or stores.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from corpus.errors import ConfigurationError, ParseError
from corpus.settings import Settings
from corpus.types import RawBlob
from ingestion.cradle import Cradle, CradleError
from ingestion.inspect import Inspection, Recipe
from ingestion.sandbox import IDLE_EXIT, WALL_FACTOR, Answer, Forged, answered, missing, packed

Item = TypeVar("Item")
Result = TypeVar("Result")

# The worker's own timers fire first; this is for one whose timers a library has set anew.
_GRACE_SECONDS = 5.0
_START_SECONDS = 120.0
_READ_BYTES = 1 << 20
# A second worker (a few milliseconds, 60 MB) pays off from about this much work.
_DOCUMENTS_PER_WORKER = 16
_BYTES_PER_WORKER = 100_000
_TIME_SIGNALS = (signal.SIGPROF, signal.SIGALRM, signal.SIGXCPU)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one document, and all of them together, may take.

    Attributes:
        seconds: Processor time of one document; four times as much by the clock.
        memory_mb: Memory of one worker.
        workers: Workers at the same time.
    """

    seconds: float
    memory_mb: int
    workers: int

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Returns what the settings say."""
        return cls(
            seconds=settings.inspect_seconds, memory_mb=settings.inspect_memory_mb, workers=settings.inspect_workers
        )


class _Gone(Exception):
    """A worker ended before it answered.

    Attributes:
        code: `timeout`, `memory`, `crash`, or `idle` where no document can be the reason.
        how: What is known of how.
    """

    def __init__(self, code: str, how: str) -> None:
        super().__init__(code, how)
        self.code = code
        self.how = how


class _Worker:
    """One process and the two pipes to it. Used by one thread at a time."""

    def __init__(self, limits: Limits, cradle: Cradle) -> None:
        self.path = cradle.path
        self.served = 0
        self._asked = 0
        self._limits = limits
        self._first_peak = 0
        try:
            self._process = cradle.child(limits.seconds, limits.memory_mb)
        except CradleError as error:
            raise self._cannot_start(str(error)) from None
        self._await_start()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def ask(self, recipe: Recipe, blob: RawBlob) -> tuple[Answer, Any]:
        """Sends one request and waits for its answer.

        Whatever interrupts the exchange (Ctrl-C, a signal's handler) ends the worker: its answer would be
        taken for that of the next document.

        Raises:
            _Gone: The worker ended, or had to be ended; it is of no more use.
        """
        deadline = time.monotonic() + self._limits.seconds * WALL_FACTOR + _GRACE_SECONDS
        self._asked += 1
        try:
            number, answer, value = self._exchange(packed((self._asked, recipe, blob)), deadline)
        except _Gone:
            raise
        except BaseException:
            self.kill()
            raise
        if number != self._asked:
            self.end()
            raise _Gone("crash", f"it answered request {number} when asked for {self._asked}")
        self.served += 1
        return answer, value

    def kill(self) -> None:
        """Ends the process and what it started; does not wait."""
        self._process.kill()

    def end(self) -> tuple[int, int]:
        """Ends the process, frees what it held, and returns its exit status and its peak memory in bytes."""
        self._process.close()
        if self._process.returncode is not None:
            return self._process.returncode, 0
        self.kill()
        with contextlib.suppress(CradleError):
            ended = self._process.wait(block=True)
            if ended is not None:
                return ended
        self._process.returncode = -signal.SIGKILL
        return self._process.returncode, 0

    def forget(self) -> None:
        """Lets go of a worker that belongs to the process this one was forked from."""
        self._process.close()
        self._process.returncode = 0

    def _await_start(self) -> None:
        try:
            _, answer, said = self._exchange(b"", time.monotonic() + _START_SECONDS)
        except _Gone as gone:
            answer, said = Answer.BROKEN, f"it ended at once ({gone.how})"
        if answer is not Answer.READY:
            self.end()
            raise self._cannot_start(str(said))
        self._first_peak = int(said)

    def _cannot_start(self, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"a worker that reads documents cannot start: {why.strip()}. Mend the installation, or raise "
            f"inspect_memory_mb (now {self._limits.memory_mb})."
        )

    def _exchange(self, request: bytes, deadline: float) -> tuple[int, Answer, Any]:
        """Writes while the worker reads and reads what it writes, until there is a whole answer."""
        out, into = _fd(self._process.stdin), _fd(self._process.stdout)
        unsent, answer = memoryview(request), bytearray()
        poll = select.poll()
        poll.register(into, select.POLLIN)
        if unsent:
            poll.register(out, select.POLLOUT)
        while missing(answer):
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._gone(overdue=True)
            for fd, _ in poll.poll(left * 1000):
                if fd == into:
                    answer += self._read(into, missing(answer))
                elif not (unsent := self._write(out, unsent)):
                    poll.unregister(out)
        try:
            number, said, value = answered(answer)
        except (Forged, TypeError, ValueError) as error:
            self.end()
            raise _Gone("crash", str(error)) from error
        return number, said, value

    def _read(self, fd: int, size: int) -> bytes:
        try:
            part = os.read(fd, min(size, _READ_BYTES))
        except BlockingIOError:
            return b""
        if not part:
            raise self._gone()
        return part

    def _write(self, fd: int, unsent: memoryview) -> memoryview:
        try:
            return unsent[os.write(fd, unsent[:_READ_BYTES]) :]
        except BlockingIOError:
            return unsent
        except BrokenPipeError:
            raise self._gone() from None

    def _gone(self, *, overdue: bool = False) -> _Gone:
        if not overdue:
            # Its pipe is closed, so it is ending by itself: how it ends is the reason.
            try:
                ended = self._reaped()
            except CradleError:  # what it was forked from is gone, and it with that
                self.end()
                return _Gone("idle", "nobody knows how it ended")
            if ended is not None:
                return self._ended(*ended)
        self.end()
        return _Gone("timeout", "it did not answer")

    def _reaped(self) -> tuple[int, int] | None:
        until = time.monotonic() + _GRACE_SECONDS
        while time.monotonic() < until:
            if (ended := self._process.wait(block=False)) is not None:
                self.kill()  # what it started
                self.end()
                return ended
            time.sleep(0.002)
        return None

    def _ended(self, status: int, peak: int) -> _Gone:
        if status == IDLE_EXIT:
            return _Gone("idle", "it had nothing to do")
        if -status in _TIME_SIGNALS:
            return _Gone("timeout", "its time was up")
        name = signal.Signals(-status).name if -status in set(signal.Signals) else f"exit {status}"
        # A library that gets no memory often ends the process by a signal of its own.
        is_full = peak >= 0.8 * self._limits.memory_mb * 1_000_000 and peak > 1.1 * self._first_peak
        is_full = is_full or -status == signal.SIGKILL
        return _Gone("memory" if is_full else "crash", name)


def _import_path() -> tuple[str, ...]:
    """Returns where modules are looked for; some put `Path` objects there, which no import reads nor JSON writes."""
    return tuple(os.fspath(entry) for entry in sys.path)


def _fd(pipe: Any) -> int:
    return int(pipe.fileno())


class Workers:
    """Worker processes that are started when first needed and kept for the next document.

    Args:
        limits: What documents may take.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._own = threading.local()
        self._all: set[_Worker] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._ordered = 0
        self._cradles: list[Cradle] = []
        self._starting = threading.Lock()
        # A worker is told to die with the thread that started it, so the threads live as long as this.
        self._threads = ThreadPoolExecutor(max_workers=limits.workers, thread_name_prefix="inspect")

    @property
    def pids(self) -> tuple[int, ...]:
        """Ids of the processes that run now."""
        with self._lock:
            return tuple(sorted(worker.pid for worker in self._all))

    def inspect(self, recipe: Recipe, blob: RawBlob) -> Inspection:
        """Works out what the bytes of one document are, in this thread's worker; see `ingestion.inspect`.

        Raises:
            ParseError: No text can be had; codes `timeout`, `memory` and `crash` where it overran.
            ConfigurationError: The recipe names something that does not exist, or no worker can start.
        """
        worker = self._worker()
        was_fresh = worker.served == 0
        try:
            return self._value(self._asked(worker, recipe, blob))
        except _Gone as gone:
            self._drop(worker)
            first = gone
        except ParseError as error:
            if error.code != "memory":
                raise
            self._drop(worker)
            first = _Gone("memory", "MemoryError")
        if (first.code == "idle" or (first.code != "timeout" and not was_fresh)) and not self._closed:
            # What an earlier document left behind must not decide about this one, nor how long nothing was asked.
            return self._again(recipe, blob)
        raise _said(first, self.limits)

    def prepare(self, documents: int, size: int) -> None:
        """Starts the workers that documents will need, and does not wait for them.

        Args:
            documents: How many will be inspected.
            size: Their bytes.
        """
        with self._lock:
            missing = self._width(documents, size) - self._ordered
            self._ordered += max(0, missing)
        for _ in range(missing):
            self._threads.submit(self._worker)  # one that cannot start says so when it is first asked

    def map(
        self, work: Callable[[Item], Result], items: Sequence[Item], *, size: Callable[[Item], int]
    ) -> Iterator[Result]:
        """Yields `work(item)` for each item in order, several at a time; `work` may call `inspect`.

        Args:
            work: Called in threads.
            items: What to work on.
            size: Bytes of an item, to tell whether more than one worker pays off.
        """
        width = self._width(len(items), sum(size(item) for item in items))
        running: deque[Future[Result]] = deque()
        try:
            for item in items:
                if len(running) >= width:
                    yield running.popleft().result()
                running.append(self._threads.submit(work, item))
            while running:
                yield running.popleft().result()
        except Exception:
            for future in running:
                future.cancel()
            raise
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends all workers; documents under work end as crashed."""
        self._closed = True
        with self._lock:
            workers = list(self._all)
        for worker in workers:
            worker.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            for worker in {*workers, *self._all}:  # a thread may have been starting one
                worker.end()
            self._all.clear()
        for cradle in self._cradles:
            cradle.close()
        self._cradles.clear()

    def forget(self) -> None:
        """Lets go of everything, in a process that was forked: the workers are the parent's."""
        for worker in self._all:
            worker.forget()
        for cradle in self._cradles:
            cradle.forget()
        self._all, self._cradles = set(), []

    def _width(self, documents: int, size: int) -> int:
        return min(self.limits.workers, 1 + max(documents // _DOCUMENTS_PER_WORKER, size // _BYTES_PER_WORKER))

    def _worker(self) -> _Worker:
        worker: _Worker | None = getattr(self._own, "worker", None)
        if worker is not None and worker.path == _import_path():
            return worker
        if worker is not None:
            self._drop(worker)
        worker = _Worker(self.limits, self._cradle())
        with self._lock:
            self._all.add(worker)
        self._own.worker = worker
        return worker

    def _cradle(self) -> Cradle:
        """Returns the process that workers are forked from, one that finds the plug-ins of this moment."""
        path = _import_path()
        with self._starting:
            if not self._cradles or self._cradles[-1].path != path or not self._cradles[-1].is_alive:
                self._cradles.append(Cradle(path))
            return self._cradles[-1]

    def _drop(self, worker: _Worker) -> None:
        worker.end()
        with self._lock:
            self._all.discard(worker)
        self._own.worker = None

    def _asked(self, worker: _Worker, recipe: Recipe, blob: RawBlob) -> tuple[Answer, Any]:
        """Asks a worker; one whose exchange was interrupted is never asked again."""
        try:
            return worker.ask(recipe, blob)
        except _Gone:
            raise
        except BaseException:
            self._drop(worker)
            raise

    def _again(self, recipe: Recipe, blob: RawBlob) -> Inspection:
        worker = self._worker()
        try:
            return self._value(self._asked(worker, recipe, blob))
        except _Gone as gone:
            self._drop(worker)
            raise _said(gone, self.limits) from None
        except ParseError as error:
            if error.code == "memory":
                self._drop(worker)
            raise

    def _value(self, answered: tuple[Answer, Any]) -> Inspection:
        answer, value = answered
        if answer is Answer.FOUND:
            found: Inspection = value
            return found
        if answer is Answer.MISCONFIGURED:
            raise ConfigurationError(value)
        code, message = value
        if code in ("memory", "crash"):
            raise _said(_Gone(code, message), self.limits)
        raise ParseError(message, code=code)


def _said(gone: _Gone, limits: Limits) -> ParseError:
    """Returns, for the owner of a document, why reading it was given up."""
    if gone.code == "timeout":
        return ParseError(
            f"Reading the document took more than {limits.seconds:g} seconds and was given up. Split it or save it "
            "anew with another program; if it is in order, raise inspect_seconds.",
            code="timeout",
        )
    if gone.code == "memory":
        return ParseError(
            f"Reading the document took more than {limits.memory_mb} MB of memory and was given up. Split it or save "
            "it anew; if it is in order, raise inspect_memory_mb.",
            code="memory",
        )
    return ParseError(
        f"Reading the document ended the program that reads it ({gone.how}). It is probably damaged: save it anew "
        "with another program, and report the file if it opens elsewhere.",
        code="crash",
    )


_open: dict[Limits, Workers] = {}


@contextlib.contextmanager
def workers_for(settings: Settings) -> Iterator[Workers]:
    """Gives the workers of this process for some settings; they stay warm for the next shard.

    No process is started before a document is inspected. Idle ones end by themselves, and all end
    with this process, however it ends.
    """
    limits = Limits.of(settings)
    workers = _open.get(limits)
    if workers is None or workers._closed:
        workers = _open[limits] = Workers(limits)
    yield workers


class Preparation:
    """Makes workers ready while documents are still being listed: told of each that will be inspected.

    Args:
        settings: The settings under which they will be.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._documents = 0
        self._bytes = 0

    def expect(self, size: int) -> None:
        """Notes one more document, of so many bytes."""
        self._documents += 1
        self._bytes += size
        with workers_for(self._settings) as workers:
            workers.prepare(self._documents, self._bytes)


def close_all() -> None:
    """Ends every worker of this process now."""
    for workers in _open.values():
        workers.close()
    _open.clear()


def _forget_all() -> None:
    for workers in _open.values():
        workers.forget()
    _open.clear()


atexit.register(close_all)
os.register_at_fork(after_in_child=_forget_all)
