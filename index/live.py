"""A handle for a service that runs for months: it follows an alias from version to version.

```python
with follow_index(home, "handbook", trust=trust, embedder=embedder) as live:
    hits = live.search("how long is the refund window?", 5)
```

A thread reads the alias file, some hundred bytes, every few seconds. Where it moved, the version that it names is
verified and opened beside the one that serves, and then takes its place in one assignment. A query works on the
version on which it began, to its end. A version that does not verify, or belongs to another model, is not served:
the old one stays, and that is logged as an error, told to `on_event`, and to be read in `status`.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np

from corpus.errors import ConfigurationError, IntegrityError
from corpus.seams import Embedder, Vectors
from corpus.storage import Store, open_store
from corpus.types import utc_now
from index import layout
from index.pointer import AliasPointer
from index.reader import Hit, IndexReader, Opening, open_pointer, require_pointer
from index.signing import TrustStore

_log = logging.getLogger(__name__)

POLL_S = 2.0
"""Seconds between two looks at the alias file."""
_LONGEST_RETRY_S = 60.0
# Canaries are 64 texts: in small batches a query of another thread waits for a few of them, not for all.
_BATCH = 8

EventKind = Literal["opened", "swapped", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveStatus:
    """How a live index stands.

    Attributes:
        name: The index.
        alias: The alias that is followed.
        version: Number of the version that serves.
        manifest_sha256: Digest of its manifest.
        generation: Generation of the alias at which it was opened.
        opened_at: When it began to serve.
        checked_at: When the alias file was last read.
        wanted: Number of the version that the alias names, where that one was refused; else None.
        problem: Why it was refused, or why the alias file cannot be read; empty where all is well.
        swaps: How often another version took over.
        refusals: How often a version or an alias file was refused.
    """

    name: str
    alias: str
    version: int
    manifest_sha256: str
    generation: int
    opened_at: datetime
    checked_at: datetime
    wanted: int | None = None
    problem: str = ""
    swaps: int = 0
    refusals: int = 0

    @property
    def ok(self) -> bool:
        """Whether what serves is what the alias names."""
        return not self.problem


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveEvent:
    """Something happened: a version was opened, took over, or was refused; with how things stand then."""

    kind: EventKind
    status: LiveStatus


def follow_index(  # noqa: PLR0913 - what `open_index` takes, and how to follow
    home: str | Store,
    name: str,
    *,
    alias: str = "live",
    trust: TrustStore,
    embedder: Embedder | None = None,
    allow_unsigned: bool = False,
    mmap: bool = False,
    seen: Path | None = None,
    poll_s: float | None = POLL_S,
    on_event: Callable[[LiveEvent], None] | None = None,
) -> LiveIndex:
    """Opens the version that an alias names, and follows the alias from then on.

    Args:
        home: A folder or fsspec URL, or an open store.
        name: The index.
        alias: The alias.
        trust: Keys whose signatures are accepted.
        embedder: The model for text queries; it may be one that is not safe for threads.
        allow_unsigned: As for `open_index`.
        mmap: As for `open_index`.
        seen: As for `open_index`.
        poll_s: Seconds between two looks at the alias file; None for no thread: call `check` yourself.
        on_event: Called from the thread that looks, after the version is in its place. It may close the index.

    Raises:
        ConfigurationError: There is no such alias or version, or `poll_s` is not above 0.
        IntegrityError: The first version is not what it should be; there is nothing older to go on with.
    """
    if poll_s is not None and poll_s <= 0:
        raise ConfigurationError(f"poll_s is {poll_s}; give seconds above 0, or None to call check() yourself.")
    store = open_store(home) if isinstance(home, str) else home
    shared = None if embedder is None else _Shared(embedder)
    how = Opening(trust=trust, embedder=shared, allow_unsigned=allow_unsigned, mmap=mmap, seen=seen)

    def opener(pointer: AliasPointer, signed: bool) -> IndexReader:  # noqa: FBT001 - what `read` returned
        return open_pointer(store, name, pointer, how, signed=signed)

    def read() -> tuple[AliasPointer, bool]:
        return require_pointer(store, name, alias, trust, allow_unsigned=allow_unsigned)

    live = LiveIndex(store, name, alias, read, opener, on_event)
    if poll_s is not None:
        live._start(poll_s)
    return live


class LiveIndex:
    """An index whose version moves with its alias; `follow_index` makes one. Any number of threads may search."""

    def __init__(
        self,
        store: Store,
        name: str,
        alias: str,
        read: Callable[[], tuple[AliasPointer, bool]],
        opener: Callable[[AliasPointer, bool], IndexReader],
        on_event: Callable[[LiveEvent], None] | None,
    ) -> None:
        self._store, self._name, self._alias = store, name, alias
        self._read, self._opener, self._on_event = read, opener, on_event
        # One that its holder may take again: `on_event` is called from inside `check`, and may close the index.
        self._checking = threading.RLock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._retry_at, self._wait_s = 0.0, 0.0
        self._retired: IndexReader | None = None
        pointer, signed = read()
        self._seen: bytes | None = None  # the first look compares, and finds the version that serves
        reader = opener(pointer, signed)
        self._reader: IndexReader | None = reader
        self._status = LiveStatus(
            name=name,
            alias=alias,
            version=reader.manifest.number,
            manifest_sha256=reader.manifest_sha256,
            generation=pointer.generation,
            opened_at=utc_now(),
            checked_at=utc_now(),
        )
        self._tell("opened")

    @property
    def reader(self) -> IndexReader:
        """The version that serves now. Take it once for all that has to come from one version.

        Raises:
            ConfigurationError: The index is closed.
        """
        reader = self._reader
        if reader is None:
            raise ConfigurationError(f"the live index {self._name!r} is closed. Open it again with follow_index.")
        return reader

    @property
    def status(self) -> LiveStatus:
        """How it stands."""
        return self._status

    def search(self, query: str | Vectors, k: int = 10, **options: Any) -> tuple[Hit, ...]:
        """Finds chunks in the version that serves when the call begins; arguments are those of `IndexReader.search`."""
        return self.reader.search(query, k, **options)

    def check(self) -> LiveStatus:
        """Looks at the alias now, and opens the version that it names where that is another one.

        Returns:
            How things stand afterwards. What is wrong with a new version stands there, and is not raised.
        """
        with self._checking:
            self._retired = None
            if not self._closing.is_set():
                self._look()
            return self._status

    def close(self) -> None:
        """Stops following and lets go of the version; queries that have begun end as they would have."""
        self._closing.set()
        atexit.unregister(self.close)
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        with self._checking:
            self._reader = self._retired = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.reader)

    def _start(self, poll_s: float) -> None:
        self._thread = threading.Thread(
            target=self._follow, args=(poll_s,), name=f"stemma-live-{self._name}", daemon=True
        )
        self._thread.start()
        atexit.register(self.close)  # Python would end the thread amid native code, which aborts the process

    def _follow(self, poll_s: float) -> None:
        while not self._closing.wait(poll_s):
            self.check()

    def _look(self) -> None:
        pointer: AliasPointer | None = None
        try:
            data = self._store.read_bytes(layout.alias_path(self._name, self._alias))
            self._status = replace(self._status, checked_at=utc_now())
            if data == self._seen and self._status.ok:
                return
            if data == self._seen and time.monotonic() < self._retry_at:
                return
            if data != self._seen:
                self._seen, self._wait_s = data, 0.0
            pointer, signed = self._read()
            self._take(pointer, signed)
        # Whatever it is, the old version goes on; a thread that died of it would never see the alias move again.
        except Exception as error:  # noqa: BLE001
            self._refuse(pointer, error)

    def _take(self, pointer: AliasPointer, signed: bool) -> None:  # noqa: FBT001 - as it was read
        """Opens what a pointer names and puts it in its place."""
        now = self._status
        if pointer.generation < now.generation:
            raise IntegrityError(
                f"alias {self._alias!r} has generation {pointer.generation}, and {now.generation} was served before: "
                "an old alias file was put back. Roll back with `stemma index rollback`, which makes a new one."
            )
        same = (pointer.version, pointer.manifest_sha256) == (now.version, now.manifest_sha256)
        reader = self.reader if same else self._opener(pointer, signed)
        if self._closing.is_set():
            return
        if not same:
            self._retired, self._reader = self._reader, reader
        self._retry_at = self._wait_s = 0.0
        self._status = replace(
            now,
            version=reader.manifest.number,
            manifest_sha256=reader.manifest_sha256,
            generation=pointer.generation,
            opened_at=now.opened_at if same else utc_now(),
            wanted=None,
            problem="",
            swaps=now.swaps + (not same),
        )
        if not same:
            _log.info("index %s: %s serves now", self._name, layout.version_name(reader.manifest.number))
            self._tell("swapped")

    def _refuse(self, pointer: AliasPointer | None, error: Exception) -> None:
        self._wait_s = min(_LONGEST_RETRY_S, self._wait_s * 2 or POLL_S)
        self._retry_at = time.monotonic() + self._wait_s
        problem = f"{type(error).__name__}: {error}"
        again = problem == self._status.problem
        wanted = pointer.version if pointer else None
        self._status = replace(
            self._status, problem=problem, wanted=wanted, refusals=self._status.refusals + (not again)
        )
        if again:
            return
        what = "its alias file" if wanted is None else layout.version_name(wanted)
        _log.error(
            "index %s: %s is refused, %s goes on serving. %s",
            self._name,
            what,
            layout.version_name(self._status.version),
            problem,
        )
        self._tell("refused")

    def _tell(self, kind: EventKind) -> None:
        if self._on_event is None:
            return
        try:
            self._on_event(LiveEvent(kind=kind, status=self._status))
        except Exception:  # noqa: BLE001 - the caller's own code; its trouble is logged and stops nothing
            _log.exception("on_event of the live index %s failed", self._name)


class _Shared:
    """One model for two versions that are open at once: one thread at a time, in small batches."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._embedding = threading.Lock()

    @property
    def model(self) -> str:
        return self._embedder.model

    @property
    def fingerprint(self) -> str:
        return self._embedder.fingerprint

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    @property
    def max_tokens(self) -> int:
        return self._embedder.max_tokens

    @property
    def parts(self) -> Mapping[str, Any]:
        return self._embedder.parts

    @property
    def runtime(self) -> Mapping[str, str]:
        return self._embedder.runtime

    def embed(self, texts: Sequence[str]) -> Vectors:
        parts = []
        for start in range(0, max(len(texts), 1), _BATCH):
            with self._embedding:
                parts.append(self._embedder.embed(texts[start : start + _BATCH]))
            if len(texts) > _BATCH:
                time.sleep(0.001)  # lets a waiting query in
        found: Vectors = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return found
