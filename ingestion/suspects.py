"""Which documents an attempt at a shard was reading when it ended, and whether one of them was the end of it.

Documents are read in limited workers, and a worker that dies costs one document and nobody else. This is for what gets
past that: a document that ends the whole task, as where a container is killed for the memory of one process in it.
The first attempt leaves a mark of what it is reading. The next tries the marked documents in a process of their own
before it reads them itself; one whose trial dies is given up with a reason, and the shard goes on. So no document fails
its shard twice. A machine that just died costs the trial of a document or two, and no outcome.

attempts/<shard>/<place>    digest of the document that a thread is reading; gone when the shard is assessed
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from corpus.errors import ParseError
from corpus.ids import sha256_hex
from corpus.settings import Settings
from corpus.storage import Store
from corpus.types import RawBlob
from ingestion.inspect import Inspection, Recipe
from ingestion.sandbox import WALL_FACTOR
from ingestion.snapshot import Entry

FOLDER = "attempts"
DEADLY = 9
"""Exit status of `ingestion.trial` for a document that needs more memory than the container has left."""
_START_SECONDS = 300.0
"""For a trial to load what it needs, on a machine that is busy."""


@dataclass(slots=True)
class Attempt:
    """One attempt at a shard.

    Attributes:
        store: The home.
        shard: The shard's name, a digest of its documents: the same in another run over the same ones.
    """

    store: Store
    shard: str
    _own: threading.local = field(default_factory=threading.local)
    _places: list[str] = field(default_factory=list)

    def suspects(self, entries: Sequence[Entry]) -> tuple[Entry, ...]:
        """Returns the documents that an earlier attempt was reading when it ended; none where there was none."""
        marked = {self.store.read_bytes(f"{self._folder}/{name}").decode("ascii", "replace") for name in self._marks()}
        return tuple(entry for entry in entries if _mark(entry) in marked) if marked else ()

    def reading(self, entry: Entry) -> None:
        """Leaves the mark of a document that this thread is about to read."""
        place = getattr(self._own, "place", None)
        if place is None:
            place = self._own.place = f"{len(self._places)}"
            self._places.append(place)
        name, data = f"{self._folder}/{place}", _mark(entry).encode()
        if not self.store.is_local:
            self.store.replace(name, data)
            return
        path = Path(self.store.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)  # not synced: it has to outlive the process, not the machine

    def done(self) -> None:
        """Removes the marks: the shard is assessed."""
        if self.store.is_local:
            shutil.rmtree(self.store.path(self._folder), ignore_errors=True)
        else:
            self.store.remove(self._folder)

    @property
    def _folder(self) -> str:
        return f"{FOLDER}/{self.shard}"

    def _marks(self) -> tuple[str, ...]:
        return self.store.names(self._folder)


def _mark(entry: Entry) -> str:
    """A digest: the name of a document stands nowhere that an erasure does not reach."""
    return sha256_hex(entry.ref.doc_id.encode("utf-8", "surrogateescape"))


def condemned(settings: Settings, contract: str, run_id: str, shard: str, suspects: Sequence[Entry]) -> frozenset[str]:
    """Tries documents one by one, each in a process of its own; returns the ids of those that ended it.

    Args:
        settings: The project.
        contract: Name of the contract.
        run_id: The run.
        shard: The shard that they are of.
        suspects: The documents.
    """
    return frozenset(
        entry.ref.doc_id for entry in suspects if _is_deadly(settings, contract, run_id, shard, entry.ref.doc_id)
    )


def refuse(_recipe: Recipe, _blob: RawBlob) -> Inspection:
    """Takes the place of reading a condemned document.

    Raises:
        ParseError: Always.
    """
    raise ParseError(
        "Reading the document ended the whole task that reads it, and again when tried apart. It was given up so "
        "that the others go on. Split it or save it anew with another program; if it is in order, give the "
        "machine, or the container, more memory than inspect_workers x inspect_memory_mb.",
        code="crash",
    )


def _is_deadly(settings: Settings, contract: str, run_id: str, shard: str, doc_id: str) -> bool:
    asked = {
        "settings": settings.model_dump(mode="json"), "contract": contract, "run_id": run_id, "shard": shard,
        "doc_id": doc_id, "path": [entry for entry in sys.path if entry],
    }  # fmt: skip
    trial = subprocess.Popen(
        [sys.executable, "-m", "ingestion.trial"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    with trial, contextlib.suppress(BrokenPipeError):
        try:
            trial.communicate(json.dumps(asked).encode(), _START_SECONDS + settings.inspect_seconds * WALL_FACTOR)
        except subprocess.TimeoutExpired:
            trial.kill()
    return trial.returncode < 0 or trial.returncode == DEADLY
