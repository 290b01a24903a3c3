"""Which documents an attempt at a shard had in hand when it ended, and which of them was the end of it.

Documents are read in limited workers, and a worker that dies costs one document and nobody else. This is for what gets
past that: a document that ends the whole task, as where a container is killed for the memory of one process in it, or
where a chunker or a tokenizer crashes in the task itself. The first attempt leaves a mark of what it has in hand. The
next tries the marked documents in another process (`ingestion.trial`) before it takes them up itself; one whose trial
dies is given up with a reason, and the shard goes on. So no document fails its shard twice. A machine that just died
costs the trial of a few documents, and no outcome.

attempts/<shard>/<number>    digest of the document that a thread is reading
attempts/<shard>/cut         digests of the documents whose texts are cut or embedded
attempts/<shard>/given_up    digests of those whose trial died

A re-embed reads no documents: what it has in hand are texts, and a folder of attempts is of one segment and space
(`ingestion.sparing`).

Marks are gone when the work is over, what was given up when the shard is assessed, or staged and its run settled.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from corpus.errors import ParseError
from corpus.ids import sha256_hex
from corpus.storage import Store
from ingestion.pacing import UNPACED, Pace

if TYPE_CHECKING:  # a re-embed loads no parser
    from corpus.types import RawBlob
    from ingestion.inspect import Inspection, Recipe

FOLDER = "attempts"
CUT = "cut"
_GIVEN_UP = "given_up"


class Tried(Protocol):
    """Tries documents apart; returns those that ended it."""

    def __call__(self, doc_ids: Sequence[str], *, cut: bool) -> frozenset[str]:
        """Tries documents; with `cut`, cutting and embedding their texts too."""
        ...


@dataclass(slots=True)
class Attempt:
    """One attempt at a shard.

    Attributes:
        store: The home.
        shard: The shard's name, a digest of its documents: the same in another run over the same ones. Or what else
            is taken up again under the same name.
    """

    store: Store
    shard: str
    _own: threading.local = field(default_factory=threading.local)
    _places: list[str] = field(default_factory=list)
    _remembers: bool = False

    @contextlib.contextmanager
    def alive(self) -> Iterator[None]:
        """Removes the marks when the work inside ends, also by an error: whoever can raise one is not dead."""
        try:
            yield
        finally:
            if not self._remembers:
                self.done()
            else:
                for name in self.store.names(self._folder):
                    if name != _GIVEN_UP:
                        self.store.remove(f"{self._folder}/{name}")

    def deadly(self, doc_ids: Sequence[str], tried: Tried) -> frozenset[str]:
        """Returns the documents that end a task, as far as an earlier attempt left marks; none where there was none.

        Args:
            doc_ids: The documents of the shard.
            tried: Tries those that are marked and were not tried before.
        """
        marks = self._marks()
        if not marks:
            return frozenset()
        given_up = marks.pop(_GIVEN_UP, frozenset())
        names = {doc_id: _mark(doc_id) for doc_id in doc_ids}
        known = frozenset(doc_id for doc_id, name in names.items() if name in given_up)
        marked = frozenset().union(*marks.values())
        suspects = [doc_id for doc_id, name in names.items() if name in marked and doc_id not in known]
        found = known | (tried(suspects, cut=CUT in marks) if suspects else frozenset())
        self._remembers = bool(found)
        if found != known:
            self._write(_GIVEN_UP, found)  # the next attempt may die of another one
        return found

    def reading(self, doc_id: str) -> None:
        """Leaves the mark of a document that this thread is about to read."""
        place = getattr(self._own, "place", None)
        if place is None:
            place = self._own.place = f"{len(self._places)}"
            self._places.append(place)
        self._write(place, (doc_id,))

    def cutting(self, doc_ids: Iterable[str]) -> None:
        """Leaves the mark of documents whose texts are about to be cut or embedded."""
        self._write(CUT, doc_ids)

    def done(self) -> None:
        """Removes the marks: there is nothing to be afraid of any more."""
        if self.store.is_local:
            shutil.rmtree(self.store.path(self._folder), ignore_errors=True)
        else:
            self.store.remove(self._folder)

    @property
    def _folder(self) -> str:
        return f"{FOLDER}/{self.shard}"

    def _marks(self) -> dict[str, frozenset[str]]:
        found = {}
        for name in self.store.names(self._folder):
            with contextlib.suppress(FileNotFoundError):  # the same task delivered twice
                data = self.store.read_bytes(f"{self._folder}/{name}")
                found[name] = frozenset(data.decode("ascii", "replace").split())
        return found

    def _write(self, place: str, doc_ids: Iterable[str]) -> None:
        name, data = f"{self._folder}/{place}", "\n".join(sorted(map(_mark, doc_ids))).encode()
        if not self.store.is_local:
            self.store.replace(name, data)
            return
        path = Path(self.store.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)  # not synced: it has to outlive the process, not the machine


def _mark(doc_id: str) -> str:
    """A digest: the name of a document stands nowhere that an erasure does not reach."""
    return sha256_hex(doc_id.encode("utf-8", "surrogateescape"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A pace that leaves the mark of the documents whose texts go through the model next.

    Attributes:
        attempt: The attempt.
        owners: Digest of a text to the documents that it is of; None where the texts themselves are marked.
        pace: Says when the next batch may start.
    """

    attempt: Attempt
    owners: Mapping[str, Iterable[str]] | None
    pace: Pace = UNPACED

    def batches(self, digests: Sequence[str], tokens: Sequence[int]) -> Iterator[list[str]]:
        """Yields the batches of the pace, each when its mark is written."""
        for batch in self.pace.batches(digests, tokens):
            self.attempt.cutting(batch if self.owners is None else self._documents(self.owners, batch))
            yield batch

    @staticmethod
    def _documents(owners: Mapping[str, Iterable[str]], batch: Sequence[str]) -> set[str]:
        return {doc_id for digest in batch for doc_id in owners.get(digest, ())}


def refuse(_recipe: Recipe, _blob: RawBlob) -> Inspection:
    """Takes the place of reading a document that was given up.

    Raises:
        ParseError: Always.
    """
    raise given_up("Reading")


def given_up(work: str) -> ParseError:
    """Returns the reason of a document that ended its task and its trial.

    Args:
        work: What ended them: `Reading`, or `Cutting or embedding`.
    """
    return ParseError(
        f"{work} the document ended the whole task that does it, and again when tried apart. It was given up so "
        "that the others go on. Split it or save it anew with another program; if it is in order, give the "
        "machine, or the container, more memory than inspect_workers x inspect_memory_mb.",
        code="crash",
    )
