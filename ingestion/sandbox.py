"""The inside of a worker that inspects documents: its limits, the loop that answers requests, and where it comes from.

The kernel enforces the limits, not Python, so that a parser stuck in C code ends too. The limits are
against documents that run away; they are no wall against somebody who takes a parsing library over.
It knows no contract, no catalog and no store.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import json
import os
import pickle
import platform
import resource
import select
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Any, BinaryIO

WALL_FACTOR = 4
"""A document may take so many times its processor time by the clock: a busy machine is not its fault."""
IDLE_SECONDS = 20
"""A worker without work gives its memory back; one start takes a fifth of a second."""
IDLE_EXIT = 75
WIDTH = 1 << 16
"""Bytes of a request to the process that workers are forked from, or of its answer, at most."""

_LENGTH = struct.Struct("<Q")
# <linux/prctl.h>, <linux/audit.h>, <linux/seccomp.h>, <linux/filter.h>
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
_FILTER_MODE = 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 13  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | EACCES
_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
# Machine to (its number in <linux/audit.h>, its numbers of socket(2), ptrace(2), process_vm_readv(2) and
# process_vm_writev(2)): no connection, and no hand on another process of the same user, which has one.
_MACHINES = {"x86_64": (0xC000003E, (41, 101, 310, 311)), "aarch64": (0xC00000B7, (198, 117, 270, 271))}
_IO_URING_SETUP = 425  # the same on both
_X32 = 0x40000000


class Answer(StrEnum):
    """What a worker says."""

    READY = "ready"
    """With the peak memory that the system counts so far: at first that of the process which started it."""
    BROKEN = "broken"
    """It cannot start; a person must mend the installation."""
    FOUND = "found"
    REFUSED = "refused"
    """`(code, message)` of a ParseError."""
    MISCONFIGURED = "misconfigured"


_TYPES = frozenset({"corpus.types", "ingestion.inspect", "ingestion.repairs.edits"})
_VALUES = frozenset(
    {
        *(("builtins", name) for name in ("frozenset", "set")),
        *(("datetime", name) for name in ("date", "datetime", "time", "timedelta", "timezone")),
        *(("ingestion.sandbox", name) for name in ("Answer", "_frozen")),
    }
)
"""All that an answer can be made of beside texts, numbers, tuples and mappings: our frozen types, enums and these."""


class Forged(Exception):
    """A worker said what no worker of ours says."""


class _Unpickler(pickle.Unpickler):
    """Reads what a worker says, which a document may have put there: makes values of our types, and calls nothing."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _VALUES:
            return super().find_class(module, name)
        found = super().find_class(module, name) if module in _TYPES and "." not in name else None
        if isinstance(found, type) and found.__module__ == module and (is_dataclass(found) or issubclass(found, Enum)):
            return found
        raise pickle.UnpicklingError(f"a worker may not send {module}.{name}")


class _Pickler(pickle.Pickler):
    """Writes read-only mappings, which pickle alone does not."""

    def reducer_override(self, obj: Any) -> Any:
        return (_frozen, (dict(obj),)) if isinstance(obj, MappingProxyType) else NotImplemented


def _frozen(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    """Builds a read-only mapping again; its type itself has no name by which a pickle could find it."""
    return MappingProxyType(values)


def packed(value: Any) -> bytes:
    """Returns a value as one message: its length, then the pickle."""
    body = io.BytesIO()
    body.write(_LENGTH.pack(0))
    _Pickler(body, protocol=5).dump(value)
    body.seek(0)
    body.write(_LENGTH.pack(body.getbuffer().nbytes - _LENGTH.size))
    return body.getvalue()


def missing(message: bytes | bytearray) -> int:
    """Returns how many bytes a message that is being read still lacks."""
    if len(message) < _LENGTH.size:
        return _LENGTH.size - len(message)
    return int(_LENGTH.unpack_from(message)[0]) + _LENGTH.size - len(message)


def unpacked(message: bytes | bytearray) -> Any:
    """Returns the value of a complete message from the process that started this one."""
    return pickle.loads(memoryview(message)[_LENGTH.size :])  # noqa: S301 - whoever starts a worker can do all it can


def answered(message: bytes | bytearray) -> Any:
    """Returns the value of a complete message from a worker; whatever it holds, nothing of it is run.

    Raises:
        Forged: It is none, or holds another type than answers are made of.
    """
    try:
        return _Unpickler(io.BytesIO(memoryview(message)[_LENGTH.size :])).load()
    except Exception as error:
        said = str(error) if isinstance(error, pickle.UnpicklingError) else type(error).__name__
        raise Forged(f"it sent what is no answer ({said[:200]})") from error


def cradle(parent: int) -> None:
    """Loads what reads documents, and forks workers on request until the parent closes the socket or ends.

    Args:
        parent: Process id of who started this process.
    """
    control = socket.socket(fileno=os.dup(0))
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    broken = ""
    try:
        _loaded()
    except BaseException:  # noqa: BLE001 - whatever it is, the parent must be told
        broken = traceback.format_exc(limit=-3)
    gc.collect()
    gc.freeze()  # so that no collection in a worker writes to the pages that it shares
    while os.getppid() == parent:
        message, fds, _, _ = socket.recv_fds(control, WIDTH, 2)
        if not message:
            return
        said = {"broken": broken[-4_000:]} if broken else {"answer": _obeyed(json.loads(message), fds, control)}
        for fd in fds:
            os.close(fd)
        control.sendall(json.dumps(said).encode())


def _obeyed(request: dict[str, Any], fds: list[int], control: socket.socket) -> Any:
    """Starts a worker and returns its process id, or says how one ended: exit status and peak memory."""
    if "wait" in request:
        pid, status, usage = os.wait4(request["wait"], 0 if request["block"] else os.WNOHANG)
        return [os.waitstatus_to_exitcode(status), peak_bytes(usage)] if pid else None
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        control.close()
        os.setsid()  # what the worker starts dies with it
        for fd, place in zip(fds, (0, 1), strict=True):
            os.dup2(fd, place)
            os.close(fd)
        main(parent, request["seconds"], request["memory_mb"])
    finally:
        os._exit(0)


def main(parent: int, seconds: float, memory_mb: int) -> None:
    """Serves inspections until the parent closes the pipe, dies, or asks for nothing for a while.

    Args:
        parent: Process id of who started this worker.
        seconds: Processor time that one document may take.
        memory_mb: Memory that this process may have.
    """
    requests, answers = _private_pipes()
    _die_with(parent)
    try:
        _limit_memory(memory_mb)
        _refuse_network()
        inspect = _loaded()
    except BaseException:  # noqa: BLE001 - whatever it is, the parent must be told
        _say(answers, Answer.BROKEN, traceback.format_exc(limit=-3))
        return
    _say(answers, Answer.READY, peak_bytes(resource.getrusage(resource.RUSAGE_SELF)))
    while (message := _next(requests)) is not None:
        with _time_limit(seconds):
            reply = _packed_reply(*_answer(inspect, message))
        _send(answers, reply)


def peak_bytes(usage: resource.struct_rusage) -> int:
    """Returns the peak memory of a process in bytes: Linux counts kibibytes (getrusage(2)), macOS bytes."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Takes standard input and output away from the parsers: what they print must not become an answer."""
    requests, answers = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return os.fdopen(requests, "rb", buffering=0), os.fdopen(answers, "wb", buffering=0)


def _die_with(parent: int) -> None:
    """Asks the kernel to end this process with its parent (Linux); elsewhere its timers and pipe do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def _limit_memory(memory_mb: int) -> None:
    """Limits private writable memory, files, and leaves no core file.

    RLIMIT_DATA (Linux 4.7 and later counts all private writable mappings) rather than RLIMIT_AS: the
    address space of libraries and of reserved arenas is several times what is used.
    """
    size = memory_mb * 1_000_000
    _lower(resource.RLIMIT_DATA, size)
    _lower(resource.RLIMIT_FSIZE, size)
    _lower(resource.RLIMIT_CORE, 0)
    _prctl(_PR_SET_DUMPABLE, 0)


def _lower(kind: int, size: int) -> None:
    hard = resource.getrlimit(kind)[1]
    size = size if hard == resource.RLIM_INFINITY else min(size, hard)
    resource.setrlimit(kind, (size, size))


class _NetworkRefused(PermissionError):
    """A parser asked for a connection."""


def _refuse_network() -> None:
    """Refuses connections: to Python code by an audit hook, to all code of the process by the kernel."""

    def guard(event: str, args: tuple[Any, ...]) -> None:
        if not event.startswith("socket.") or event == "socket.gethostname":
            return
        is_local = event == "socket.__new__" and len(args) > 1 and args[1] == 1  # a pair of pipes to itself
        if not is_local:
            raise _NetworkRefused("a document is read without a network")

    _filter_system_calls()
    sys.addaudithook(guard)


def _filter_system_calls() -> None:
    """Makes `_MACHINES`' calls fail for this process and the programs it starts; does nothing where it cannot.

    A classic BPF program (seccomp(2)) over `struct seccomp_data`: number at 0, architecture at 4.
    """
    known = _MACHINES.get(platform.machine())
    if known is None or not sys.platform.startswith("linux"):
        return
    machine, calls = known
    refused = (*calls, _IO_URING_SETUP)
    # Each jump counts the steps that it leaps over: those up to `_ALLOW` or to `_REFUSE`, which stand last.
    program = (
        (_LOAD, 0, 0, 4),
        (_JUMP_IF_EQUAL, 0, len(refused) + 2, machine),
        (_LOAD, 0, 0, 0),
        (_JUMP_IF_AT_LEAST, len(refused) + 1, 0, _X32),
        *((_JUMP_IF_EQUAL, len(refused) - place, 0, call) for place, call in enumerate(refused)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    if _prctl(_PR_SET_NO_NEW_PRIVS, 1):
        _prctl(_PR_SET_SECCOMP, _FILTER_MODE, ctypes.c_char_p(header))


def _prctl(option: int, *arguments: Any) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    call = ctypes.CDLL(None).prctl
    given = [arg if isinstance(arg, ctypes.c_char_p) else ctypes.c_ulong(int(arg)) for arg in arguments]
    padding = [ctypes.c_ulong(0)] * (4 - len(given))
    return int(call(option, *given, *padding)) == 0


def _loaded() -> Callable[..., Any]:
    """Imports what every document needs, so that no document pays for it."""
    from ingestion.inspect import inspect, warm  # noqa: PLC0415 - the limits come first

    warm()
    return inspect


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Ends this process when a document takes too long; the parent sees by which signal."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, seconds * WALL_FACTOR)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _answer(inspect: Callable[..., Any], message: bytearray) -> tuple[int, Answer, Any]:
    """Returns the number of the request, so that no answer is taken for another's, and what is found."""
    from corpus.errors import ConfigurationError, ParseError  # noqa: PLC0415 - the limits come first

    number = -1
    try:
        number, recipe, blob = unpacked(message)
        message.clear()
        return number, Answer.FOUND, inspect(recipe, blob)
    except ParseError as error:
        wanted = any(isinstance(cause, _NetworkRefused) for cause in _causes(error))
        return number, Answer.REFUSED, ("network", _NETWORK) if wanted else (error.code, str(error))
    except ConfigurationError as error:
        return number, Answer.MISCONFIGURED, str(error)
    except MemoryError:
        return number, Answer.REFUSED, ("memory", "")
    except BaseException as error:  # noqa: BLE001 - one document never stops its shard
        return number, Answer.REFUSED, ("crash", _place(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


_NETWORK = (
    "Reading the document tried to open a network connection, which is refused. Save it without links to outside "
    "parts, or with another program."
)


def _packed_reply(number: int, answer: Answer, value: Any) -> bytes:
    try:
        return packed((number, answer, value))
    except MemoryError:
        return packed((number, Answer.REFUSED, ("memory", "")))
    except Exception as error:  # noqa: BLE001 - a plug-in may give what cannot be sent
        return packed((number, Answer.REFUSED, ("crash", _place(error))))


def _place(error: BaseException) -> str:
    """Returns an exception in words, with where it came from."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" in {last[0].name} of {os.path.basename(last[0].filename)}" if last else ""  # noqa: PTH119
    return f"{type(error).__name__}{where}: {' '.join(str(error).split())[:200]}"


def _say(answers: BinaryIO, answer: Answer, value: Any) -> None:
    _send(answers, packed((0, answer, value)))


def _send(answers: BinaryIO, message: bytes) -> None:
    view = memoryview(message)
    with contextlib.suppress(BrokenPipeError):
        while view:
            view = view[answers.write(view) :]


def _next(requests: BinaryIO) -> bytearray | None:
    """Returns the next request; None when the parent has closed the pipe."""
    if not select.select([requests], [], [], IDLE_SECONDS)[0]:
        os._exit(IDLE_EXIT)
    message = bytearray()
    while lacking := missing(message):
        part = requests.read(min(lacking, 1 << 20))
        if not part:
            return None
        message += part
    return message
