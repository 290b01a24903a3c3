"""Tombstones: documents and chunks that no reader serves, whatever version it has open.

indexes/<name>/tombstones.dsse.json   one signed statement: the index, a sequence, digests of documents, chunk ids

A deletion counts at once: a reader looks at the file before each query (a local home: one stat; a remote one: every
few seconds, and no query waits long for it) and leaves what it names out before anything is ranked. The file is signed
and counts up. One that is altered, gone, or older than the alias file or this reader knows stops the reader: neither
does a deleted document come back, nor does somebody hide one unnoticed. Old versions keep what was deleted, the
tombstone keeps it from being served; a later version does without it.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from corpus.errors import IntegrityError, SignatureInvalid, StoreError
from corpus.ids import canonical_json, sha256_hex, tomb_digest
from corpus.storage import Store
from index import layout
from index.signing import Signer, TrustStore, is_canonical, predicate_of, sign_statement, verify

PREDICATE_TYPE = "urn:stemma-rag:tombstones:v1"
REMOTE_SECONDS = 5.0
"""How often the file of a remote home is read: so long a deletion may take to reach a reader there."""
GRACE_SECONDS = 60.0
"""How long a remote home may fail to answer before a reader stops: it no longer knows what was deleted."""
PATIENCE_SECONDS = 1.0
"""How long a query waits for a remote home, while what was read last is young enough to go by."""
_LONG_PATIENCE_SECONDS = 10.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 1.0, 10.0

Mask = npt.NDArray[np.bool_]
_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstones:
    """What must not be served of one index.

    Attributes:
        index: Its name.
        sequence: Grows with every change; 0 where there never was a tombstone.
        documents: `corpus.ids.tomb_digest` of documents.
        chunks: Ids of chunks.
    """

    index: str
    sequence: int
    documents: frozenset[str] = frozenset()
    chunks: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.documents) + len(self.chunks)

    def to_bytes(self, signer: Signer) -> bytes:
        """Returns the signed content of the file."""
        return sign_statement(signer, {layout.TOMBSTONES: self._digest()}, self._said(), PREDICATE_TYPE)

    def _said(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "sequence": self.sequence,
            "documents": sorted(self.documents),
            "chunks": sorted(self.chunks),
        }

    def _digest(self) -> str:
        return sha256_hex(canonical_json(self._said()))


def read_tombstones(store: Store, name: str, trust: TrustStore, *, allow_unsigned: bool = False) -> Tombstones:
    """Reads and verifies the tombstones of an index; none where there is no file.

    Args:
        store: The home.
        name: The index.
        trust: The accepted keys.
        allow_unsigned: Do not check the signature where `trust` is empty.

    Raises:
        SignatureInvalid: The file is not signed by a trusted key, was altered, or is that of another index.
    """
    try:
        data = store.read_bytes(layout.tombstones_path(name))
    except FileNotFoundError:
        return Tombstones(index=name, sequence=0)
    return _parse(data, name, trust, unchecked=allow_unsigned and not trust.keys)


def stored_sequence(store: Store, name: str) -> int:
    """Returns the sequence that the file says, without checking it; 0 where there is none, or it is damaged."""
    try:
        return int(predicate_of(store.read_bytes(layout.tombstones_path(name)))["sequence"])
    except (FileNotFoundError, SignatureInvalid, KeyError, TypeError, ValueError):
        return 0


def write_tombstones(store: Store, tombstones: Tombstones, signer: Signer) -> None:
    """Puts the tombstones of an index in place of those that are there, at once."""
    store.replace(layout.tombstones_path(tombstones.index), tombstones.to_bytes(signer))


def _parse(data: bytes, name: str, trust: TrustStore, *, unchecked: bool) -> Tombstones:
    said = predicate_of(data)
    try:
        found = Tombstones(
            index=said["index"],
            sequence=said["sequence"],
            documents=frozenset(said["documents"]),
            chunks=frozenset(said["chunks"]),
        )
    except (KeyError, TypeError) as error:
        raise SignatureInvalid(f"{_named(name)} are damaged: {error!r}. {_NEXT}") from error
    if not unchecked:
        verify(data, trust, {layout.TOMBSTONES: found._digest()}, PREDICATE_TYPE)
        if not is_canonical(data):
            raise SignatureInvalid(f"{_named(name)} were altered. {_NEXT}")
    if found.index != name or type(found.sequence) is not int:
        raise SignatureInvalid(f"{_named(name)} are those of {found.index!r}: they were copied. {_NEXT}")
    return found


_NEXT = "Nothing is served until they hold: run `stemma reconcile NAME`, which writes them again from the catalog."


def _named(name: str) -> str:
    return f"the tombstones of {name!r}"


class Watch:
    """Keeps the tombstones of an index at hand for one open reader; any number of threads may ask.

    Args:
        store: The home.
        name: The index.
        trust: The accepted keys.
        allow_unsigned: As `read_tombstones` says.
        floor: Sequence that they have at least, as the alias file or an earlier look says.

    Raises:
        SignatureInvalid: The file does not hold.
        IntegrityError: It is older than `floor`, or gone.
    """

    def __init__(
        self, store: Store, name: str, trust: TrustStore, *, allow_unsigned: bool = False, floor: int = 0
    ) -> None:
        self._store = store
        self._name = name
        self._trust = trust
        self._allow_unsigned = allow_unsigned
        self._lock = threading.Lock()
        self._stamp: _Stamp | None = None
        self._looked, self._next, self._pause = 0.0, 0.0, 0.0
        self._look: tuple[threading.Thread, float] | None = None
        self._known = Tombstones(index=name, sequence=floor)
        self._broken: IntegrityError | None = None
        self._read(first=True)

    @property
    def known(self) -> Tombstones:
        """What was read last."""
        return self._known

    def current(self) -> Tombstones:
        """Returns the tombstones as they are now; on a remote home as they were a few seconds ago at most.

        Raises:
            SignatureInvalid: The file does not hold.
            IntegrityError: It is older than what was read before, or gone; or a remote home did not answer for long.
        """
        if not self._store.is_local:
            self._ask()
        elif self._is_stale():
            with self._lock:
                if self._is_stale():
                    self._read()
        if self._broken is not None:
            raise self._broken
        return self._known

    def _is_stale(self) -> bool:
        return self._broken is not None or self._stat() != self._stamp

    def _ask(self) -> None:
        """Has a remote home asked by one thread, and waits for it as long as a query may wait.

        A home that does not answer is asked again after a pause, and not by every query.
        """
        now = time.monotonic()
        if now < self._next:
            return
        with self._lock:
            if now < self._next:
                return
            if self._look is None or not self._look[0].is_alive():
                self._look = (
                    threading.Thread(target=self._read, name=f"stemma-tombstones-{self._name}", daemon=True),
                    now,
                )
                self._look[0].start()
            look, since = self._look
        patience = PATIENCE_SECONDS if self._is_young() else _LONG_PATIENCE_SECONDS
        look.join(max(0.0, since + patience - now))
        if look.is_alive() and not self._is_young():
            self._bear(TimeoutError("no answer yet"))

    def _is_young(self) -> bool:
        """Returns whether what was read last is young enough to go by, for want of an answer."""
        return time.monotonic() - self._looked < GRACE_SECONDS

    def _stat(self) -> _Stamp | None:
        """Returns what changes with the file: it is replaced whole, so its inode does."""
        try:
            found = Path(self._store.path(layout.tombstones_path(self._name))).stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _read(self, *, first: bool = False) -> None:
        stamp = self._stat() if self._store.is_local else None
        try:
            found = read_tombstones(self._store, self._name, self._trust, allow_unsigned=self._allow_unsigned)
            self._require_newer(found, first=first)
        except IntegrityError as error:
            self._broken = error
            if first:
                raise
            self._wait()
            return
        except (OSError, StoreError) as error:
            self._bear(error)
            self._wait()
            return
        now = time.monotonic()
        self._known, self._stamp, self._looked, self._broken = found, stamp, now, None
        self._next, self._pause = now + REMOTE_SECONDS, 0.0

    def _wait(self) -> None:
        self._pause = min(_LONGEST_PAUSE, 2 * self._pause or _SHORTEST_PAUSE)
        self._next = time.monotonic() + self._pause

    def _bear(self, error: Exception) -> None:
        if not self._store.is_local and self._is_young():
            return
        self._broken = IntegrityError(
            f"{_named(self._name)} cannot be read ({error}), so what was deleted is not known. Nothing is served until "
            "the home answers."
        )

    def _require_newer(self, found: Tombstones, *, first: bool) -> None:
        known = self._known
        if found.sequence < known.sequence:
            have = f"are at sequence {found.sequence}" if found.sequence else "are gone"
            raise IntegrityError(
                f"{_named(self._name)} {have}, and were at {known.sequence} before: an older file was put back, or it "
                f"was removed. {_NEXT}"
            )
        if not first and found.sequence == known.sequence and found != known:
            raise IntegrityError(f"{_named(self._name)} changed without counting up: they are not ours. {_NEXT}")


class Served:
    """Which rows of one open version may be served, by its tombstones.

    Args:
        watch: The index's tombstones; None where there is no home to ask, as with a candidate.
        index: Name of the index.
        chunks: The version's chunks.
        documents: The version's documents.
        document_of: Row of its document for each chunk.
    """

    def __init__(
        self, watch: Watch | None, index: str, chunks: pa.Table, documents: pa.Table, document_of: Any
    ) -> None:
        self._watch = watch
        self._index = index
        self._chunks = chunks
        self._documents = documents
        self._document_of = document_of
        self._digests: pa.Array | None = None
        self._made: tuple[Tombstones, Mask | None] | None = None

    def among(self, allowed: Mask | None) -> Mask | None:
        """Returns those of the allowed rows (None for all) that no tombstone stands on.

        Raises:
            IntegrityError: The tombstones do not hold (`Watch.current`).
        """
        if self._watch is None:
            return allowed
        tombstones = self._watch.current()
        made = self._made
        if made is None or made[0] is not tombstones:
            made = self._made = tombstones, self._mask(tombstones)
        mask = made[1]
        if mask is None or allowed is None:
            return allowed if mask is None else mask
        kept: Mask = np.logical_and(allowed, mask)
        return kept

    def _mask(self, tombstones: Tombstones) -> Mask | None:
        if not tombstones:
            return None
        mask = np.ones(self._chunks.num_rows, dtype=np.bool_)
        if tombstones.documents:
            gone = pc.is_in(self._document_digests(), value_set=pa.array(sorted(tombstones.documents), pa.string()))
            mask &= ~gone.to_numpy(zero_copy_only=False)[self._document_of]
        if tombstones.chunks:
            wanted = pa.array(sorted(tombstones.chunks), pa.string())
            gone = pc.is_in(self._chunks["chunk_id"].combine_chunks(), value_set=wanted)
            mask &= ~gone.to_numpy(zero_copy_only=False)
        return None if mask.all() else mask

    def _document_digests(self) -> pa.Array:
        if self._digests is None:
            names: list[str] = self._documents["doc_id"].to_pylist()
            self._digests = pa.array([tomb_digest(self._index, name) for name in names], pa.string())
        return self._digests
