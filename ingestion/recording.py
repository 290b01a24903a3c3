"""What a RAG application calls when it has served an answer, so that it is known when it comes back.

```python
from ingestion.recording import AnswerRecorder

answers = AnswerRecorder.to_file("answers.jsonl", system="support-bot")
answers.record(text, question=question, retrieved=hits, index=reader)
```

An application that can reach the project records straight into it (`AnswerRecorder.to_project`); one that
cannot appends to a spool file, which `stemma answers import` reads. Both are idempotent: an answer without an
id gets the digest of system, time and text. Importing this module loads no database, no model and no index.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import logging
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from corpus.errors import ConfigurationError
from corpus.types import utc_now
from provenance.answers import AnswerInput, RetrievedText
from provenance.importers.native import answer_id_of
from provenance.importers.spans import clean

if TYPE_CHECKING:
    from ingestion.runtime import Runtime

_log = logging.getLogger(__name__)

MOST_WAITING = 10_000
"""Answers that wait at the most while they cannot be written (our choice)."""

Write = Callable[[Sequence[AnswerInput]], None]
"""Takes answers over for good, or raises; called by one thread at a time."""


class Named(Protocol):
    """What an index version is known by: an `index.reader.IndexReader` holds such a manifest."""

    @property
    def name(self) -> str:
        """Name of the index."""
        ...

    @property
    def number(self) -> int:
        """Number of the version."""
        ...


class Open(Protocol):
    """An open index, such as `index.reader.IndexReader`."""

    @property
    def manifest(self) -> Named:
        """What is inside."""
        ...


class AnswerRecorder:
    """Records served answers. Any number of threads may share one.

    Args:
        write: Where answers go; make a recorder with `to_file` or `to_project` instead.
        system: Which RAG system serves, unless an answer says otherwise.
        model: Which model writes, likewise.
        buffer: Answers that may wait before they are written. 1 writes each at once; more cost less per answer,
            and what waits is lost if the process is killed. `flush`, `close` and a normal exit write what waits.

    Raises:
        ConfigurationError: `buffer` is below 1.
    """

    def __init__(self, write: Write, *, system: str = "", model: str = "", buffer: int = 1):
        if buffer < 1:
            raise ConfigurationError(f"buffer is {buffer}; at least 1 answer is held until it is written.")
        self._write = write
        self._system = system
        self._model = model
        self._buffer = buffer
        self._waiting: list[AnswerInput] = []
        self._lock = threading.Lock()
        if buffer > 1:
            atexit.register(self.flush)

    @classmethod
    def to_file(cls, path: str | Path, *, system: str = "", model: str = "", buffer: int = 1) -> Self:
        """Makes a recorder that appends to a spool file, for `stemma answers import`.

        Each write is one append that is on disk when `record` returns; several processes may share the file. It
        holds the text of answers: it is readable by its owner only, and is yours to remove once it is imported.

        Args:
            path: The file; it is made where it is missing.
            system: Which RAG system serves.
            model: Which model writes.
            buffer: Answers that may wait before they are written.
        """
        return cls(_Spool(Path(path)), system=system, model=model, buffer=buffer)

    @classmethod
    def to_project(cls, runtime: Runtime | None = None, *, system: str = "", model: str = "", buffer: int = 1) -> Self:
        """Makes a recorder that registers answers in a project.

        Args:
            runtime: The project; None opens the one that `stemma` would find from the working directory.
            system: Which RAG system serves.
            model: Which model writes.
            buffer: Answers that may wait before they are registered.

        Raises:
            ConfigurationError: There is no project, or it cannot work.
            CatalogError: The catalog cannot be reached.
        """
        from ingestion.runtime import open_runtime  # noqa: PLC0415 - a recorder to a file loads no database

        return cls(_Registry(runtime or open_runtime()), system=system, model=model, buffer=buffer)

    def record(
        self,
        text: str,
        *,
        retrieved: Iterable[Any] = (),
        index: str | Open = "",
        question: str | None = None,
        answer_id: str = "",
        cited: Iterable[str] = (),
        served_at: datetime | None = None,
        **said: str,
    ) -> str:
        """Records one answer.

        Args:
            text: What was served.
            retrieved: What the model was given: hits of `index.reader`, `RetrievedText`, `(chunk id, text)`,
                mappings with `chunk_id` and `text`, or chunk ids.
            index: The index version it was retrieved from: an open reader, or `NAME/v000001`.
            question: What was asked.
            answer_id: Unique in the RAG system; empty for the digest of system, time and text.
            cited: Ids of the chunks that the answer cites.
            served_at: When, aware; None for now.
            **said: `system`, `model`, `trace_id` and `mark`, where they differ from the recorder's.

        Returns:
            The answer's id.

        Raises:
            ConfigurationError: Something is of the wrong kind; nothing was recorded.
            CatalogError: The catalog refused or cannot be reached; the answer waits and is tried again. Once
                `MOST_WAITING` wait, the next is not taken: memory must not grow for as long as a catalog is down.
        """
        answer = self._answer(text, list(retrieved), index, list(cited), served_at, question, answer_id, said)
        with self._lock:
            if len(self._waiting) >= max(MOST_WAITING, self._buffer):
                self._written()  # raises where nothing can be written still: this answer is not taken then
            self._waiting.append(answer)
            if len(self._waiting) >= self._buffer:
                self._written()
        return answer.answer_id

    def flush(self) -> None:
        """Writes what waits."""
        with self._lock:
            self._written()

    def close(self) -> None:
        """Writes what waits; the recorder can be used again."""
        self.flush()
        atexit.unregister(self.flush)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _written(self) -> None:
        """Writes what waits; it still waits where that failed, and idempotence makes a second try safe."""
        if self._waiting:
            self._write(self._waiting)
            self._waiting = []

    def _answer(
        self,
        text: str,
        retrieved: list[Any],
        index: str | Open,
        cited: list[str],
        served_at: datetime | None,
        question: str | None,
        answer_id: str,
        said: Mapping[str, str],
    ) -> AnswerInput:
        version = index_version(index)
        _require_texts(text=text, question=question or "", answer_id=answer_id, index=version, **said)
        unknown = sorted(said.keys() - {"system", "model", "trace_id", "mark"})
        if unknown:
            raise ConfigurationError(f"an answer has no {unknown[0]!r}. Valid: system, model, trace_id, mark.")
        if not text.strip():
            raise ConfigurationError("the answer is empty; record what was served.")
        moment = _moment(served_at)
        system = said.get("system", self._system)
        return AnswerInput(
            answer_id=answer_id or answer_id_of(system, moment, text),
            text=text,
            system=system,
            model=said.get("model", self._model),
            served_at=moment,
            retrieved=tuple(_retrieved(item) for item in retrieved),
            cited=tuple(_chunk_id(item) for item in cited),
            index_version=version,
            question=question,
            trace_id=said.get("trace_id", ""),
            mark=said.get("mark", ""),
        )


def index_version(index: str | Open) -> str:
    """Returns the name of an index version, `NAME/v000001`, from an open reader or as it is.

    Raises:
        ConfigurationError: It is neither.
    """
    if isinstance(index, str):
        return index
    manifest = getattr(index, "manifest", None)
    name, number = getattr(manifest, "name", None), getattr(manifest, "number", None)
    if not isinstance(name, str) or not isinstance(number, int):
        raise ConfigurationError(
            f"index is {type(index).__name__}; give an open reader, or text such as handbook/v000001."
        )
    return f"{name}/v{number:06d}"


def to_line(answer: AnswerInput) -> dict[str, Any]:
    """Returns an answer as an object of the native format; what it does not say is left out."""
    values: dict[str, Any] = {
        "answer_id": answer.answer_id,
        "system": answer.system,
        "model": answer.model,
        "served_at": answer.served_at.isoformat(),
        "question": answer.question,
        "text": answer.text,
        "retrieved": [{"chunk_id": item.chunk_id, "text": item.text} for item in answer.retrieved],
        "cited": list(answer.cited),
        "index_version": answer.index_version,
        "trace_id": answer.trace_id,
        "mark": answer.mark,
    }
    return {name: value for name, value in values.items() if value}


class _Spool:
    """Appends answers to a file of the native format."""

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()  # an application may change its working directory

    def __call__(self, answers: Sequence[AnswerInput]) -> None:
        lines = "".join(json.dumps(to_line(answer), ensure_ascii=True) + "\n" for answer in answers)
        try:
            self._append(lines.encode("ascii"))
        except OSError as error:
            raise ConfigurationError(
                f"the spool file {self._path} cannot be written: {error.strerror}. Nothing of the answers is lost yet; "
                "make room or another place, and record again."
            ) from error

    def _append(self, data: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as handle:
            # One append may still be cut in two by another process, and a killed one leaves half a line.
            fcntl.flock(handle, fcntl.LOCK_EX)
            size = handle.seek(0, os.SEEK_END)
            if size and os.pread(handle.fileno(), 1, size - 1) != b"\n":
                data = b"\n" + data
            while data:
                data = data[handle.write(data) :]
            os.fsync(handle.fileno())


class _Registry:
    """Registers answers in the catalog of a project."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def __call__(self, answers: Sequence[AnswerInput]) -> None:
        from ingestion.stages.answers import record_answers  # noqa: PLC0415 - numpy and the importers come with it

        figures = record_answers(self._runtime, answers).figures
        refused = {name: figures[name] for name in ("erased", "expired") if figures[name]}
        if refused:
            _log.warning("answers that were not registered, since they may not be kept: %s", refused)


def _require_texts(**values: object) -> None:
    for name, value in values.items():
        if not isinstance(value, str):
            raise ConfigurationError(f"{name} must be text, got {type(value).__name__}.")
        with contextlib.suppress(UnicodeEncodeError):
            value.encode("utf-8")
            if "\x00" not in value:
                continue
        raise ConfigurationError(f"{name} holds a lone surrogate or NUL, which no database can keep. Decode it first.")


def _moment(served_at: datetime | None) -> datetime:
    moment = utc_now() if served_at is None else served_at
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise ConfigurationError(f"served_at must be an aware time, got {moment!r}. Use datetime.now(UTC).")
    return moment.astimezone(UTC)


def _retrieved(item: Any) -> RetrievedText:
    if isinstance(item, RetrievedText):
        # As a framework read it from anywhere; it is compared and not kept, so it need not be refused.
        text = clean(item.text) if item.text is not None else None
        return RetrievedText(chunk_id=_chunk_id(item.chunk_id), text=text)
    if isinstance(item, str):
        return RetrievedText(chunk_id=_chunk_id(item))
    if isinstance(item, Mapping):
        chunk, text = item.get("chunk_id"), item.get("text")
    elif isinstance(item, tuple) and len(item) == 2:
        chunk, text = item
    else:
        chunk, text = getattr(item, "chunk_id", None), getattr(item, "text", None)
    if text is not None:
        _require_texts(text=text)
    return RetrievedText(chunk_id=_chunk_id(chunk), text=text)


def _chunk_id(item: Any) -> str:
    if not isinstance(item, str) or not item:
        raise ConfigurationError(f"a chunk id is text that is not empty, got {item!r:.80}.")
    _require_texts(chunk_id=item)
    return item
