"""An index in the making, kept in the home so that several tasks can add to it (`index.shards`).

builds/<name>/<key>/vectors.f32          all vectors, in the order of the version, float32, little-endian
builds/<name>/<key>/trained.faiss        the trained, empty index
builds/<name>/<key>/plan.json            the ranges with digests of what they hold; written last
builds/<name>/<key>/<start>-<stop>.faiss one range of rows, added

The key is a digest of the vectors and the factory, so whoever begins the same work again writes the same names, and a
release knows whether a build is that of its own vectors. Nothing here has to be believed: whoever puts parts
together compares digests, and builds alone where one does not fit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np

from corpus.errors import IntegrityError
from corpus.ids import canonical_json, fingerprint
from corpus.seams import Vectors
from corpus.storage import Store, file_digest
from index import layout, search, shards
from index.shards import Rows

_VECTORS, _TRAINED, _PLAN = "vectors.f32", "trained.faiss", "plan.json"
_NUMBER = np.dtype("<f4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """A range that a task added.

    Attributes:
        shard: Which, as `KEY/START-STOP`.
        sha256: Digest of its file.
        trained: Digest of the trained index that it was added to.
    """

    shard: str
    sha256: str
    trained: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What `prepare` left: digests of the trained index and of the vectors of each range."""

    dimension: int
    trained: str
    ranges: dict[str, str]


def key_of(factory: str, vectors: Vectors) -> str:
    """Returns the name of the build of vectors, shape `(n, dimension)`, with a factory: a digest of both."""
    parts = {"vectors": _digest_of(vectors), "dimension": vectors.shape[1], "factory": factory}
    return fingerprint("build", parts)[:32]


def prepare(
    store: Store, name: str, factory: str, vectors: Vectors, file: Path, ranges: Sequence[Rows]
) -> tuple[str, ...]:
    """Trains an index and leaves it in the home with its vectors, for tasks that add a range each.

    Args:
        store: The home.
        name: The index.
        factory: FAISS factory string that can be merged (`shards.can_merge`).
        vectors: All vectors, shape `(n, dimension)`, in the order of the version.
        file: The same, in a file in a scratch folder of the store; it is moved into the home.
        ranges: What the tasks add, as `shards.plan` cuts it.

    Returns:
        The shards, as `KEY/START-STOP`, in order.

    Raises:
        ConfigurationError: The factory needs more vectors than there are.
    """
    key = key_of(factory, vectors)
    folder, trained = layout.build_path(name, key), file.with_suffix(".faiss")
    search.write_index(search.train_index(factory, vectors), trained)
    digests = {str(rows): _digest_of(vectors[rows.start : rows.stop]) for rows in ranges}
    store.replace_file(f"{folder}/{_VECTORS}", file)
    made = store.replace_file(f"{folder}/{_TRAINED}", trained)
    plan = {"factory": factory, "dimension": vectors.shape[1], "trained": made, "ranges": digests}
    store.replace(f"{folder}/{_PLAN}", canonical_json(plan))
    return tuple(f"{key}/{rows}" for rows in ranges)


def add(store: Store, name: str, shard: str) -> Added:
    """Adds one range of rows to a copy of the trained index, and leaves that in the home.

    Memory: the range as it is stored, and blocks of vectors. Only the range is read of the vectors.

    Args:
        store: The home.
        name: The index.
        shard: Which, as `prepare` returned it.

    Raises:
        IntegrityError: A file of the build is gone, or is not what the plan says.
    """
    key, _, named = shard.partition("/")
    folder, rows = layout.build_path(name, key), Rows.parse(named)
    plan = _read_plan(store, folder)
    if named not in plan.ranges:
        raise IntegrityError(f"{folder} has no rows {named}, it was planned otherwise since")
    index = _read_index(store, f"{folder}/{_TRAINED}", plan.trained)
    digest = hashlib.sha256()
    try:
        with store.open(f"{folder}/{_VECTORS}") as handle:
            handle.seek(rows.start * plan.dimension * _NUMBER.itemsize)
            search.add_blocks(index, rows.count, _blocks(handle, rows, plan.dimension, digest))
    except FileNotFoundError as error:
        raise IntegrityError(f"{folder}/{_VECTORS} is gone") from error
    if digest.hexdigest() != plan.ranges[named]:
        raise IntegrityError(f"rows {named} of {folder}/{_VECTORS} are not those of the plan")
    with store.scratch() as scratch:
        search.write_index(index, scratch / "part.faiss")
        made = store.replace_file(_part(folder, rows), scratch / "part.faiss")
    return Added(shard=shard, sha256=made, trained=plan.trained)


def discard(store: Store, name: str, shards_of: Sequence[str]) -> None:
    """Removes the builds that shards belong to."""
    for key in sorted({shard.partition("/")[0] for shard in shards_of}):
        store.remove(layout.build_path(name, key))


class Merging:
    """Makes an index of what tasks have added, where that is of its vectors; else alone, and says why.

    Attributes:
        told: What was done for each factory that was asked for, in words.
    """

    def __init__(self, store: Store, name: str, added: Sequence[Added], lost: Sequence[str] = ()) -> None:
        """Takes what was added.

        Args:
            store: The home.
            name: The index.
            added: The ranges, in any order.
            lost: Why tasks added nothing.
        """
        self._store = store
        self._name = name
        self._added = sorted(added, key=lambda item: _rows(item).start)
        self._lost = tuple(lost)
        self.told: list[str] = []

    def make(self, factory: str, vectors: Vectors) -> Any:
        """Returns the index of a factory over vectors, with the bytes of `search.make_index` either way."""
        if not self._added and not self._lost:
            return search.make_index(factory, vectors)  # nobody was asked
        try:
            index = self._merged(factory, vectors)
        except (IntegrityError, RuntimeError) as error:  # FAISS raises the latter, of a file that it cannot read
            self.told.append(f"{factory} built alone: {str(error).rstrip('.')}")
            return search.make_index(factory, vectors)
        self.told.append(f"{factory} merged from {len(self._added)} shards")
        return index

    def _merged(self, factory: str, vectors: Vectors) -> Any:
        if self._lost:
            raise IntegrityError(self._lost[0])
        key, rows = key_of(factory, vectors), len(vectors)
        foreign = next((item.shard for item in self._added if item.shard.partition("/")[0] != key), None)
        if foreign:
            raise IntegrityError(f"shard {foreign} is of other vectors or another factory, not of {key}")
        gap = shards.gap_in((_rows(item) for item in self._added), rows)
        if gap:
            raise IntegrityError(f"the shards do not fit together at rows {gap}")
        folder = layout.build_path(self._name, key)
        one = self._added[0].trained
        if any(before.trained != after.trained for before, after in pairwise(self._added)):
            raise IntegrityError("the shards were not added to one trained index")
        trained = _read_index(self._store, f"{folder}/{_TRAINED}", one)
        return shards.merge(trained, (self._part(folder, item) for item in self._added), rows)

    def _part(self, folder: str, item: Added) -> Any:
        index = _read_index(self._store, _part(folder, _rows(item)), item.sha256)
        if index.ntotal != _rows(item).count:
            raise IntegrityError(f"shard {item.shard} holds {index.ntotal} rows")
        return index


def _rows(item: Added) -> Rows:
    return Rows.parse(item.shard.partition("/")[2])


def _part(folder: str, rows: Rows) -> str:
    return f"{folder}/{rows}.faiss"


def _digest_of(vectors: Vectors) -> str:
    digest = hashlib.sha256()
    for block in search.blocks(vectors):
        digest.update(np.ascontiguousarray(block, dtype=_NUMBER).tobytes())
    return digest.hexdigest()


def _blocks(handle: IO[bytes], rows: Rows, dimension: int, digest: Any) -> Iterator[Vectors]:
    """Yields the vectors of a range a block at a time, as `search.blocks` cuts them, and takes their digest."""
    for start in range(rows.start, rows.stop, search.BLOCK):
        count = min(search.BLOCK, rows.stop - start)
        data = handle.read(count * dimension * _NUMBER.itemsize)
        if len(data) != count * dimension * _NUMBER.itemsize:
            raise IntegrityError(f"the file of vectors ends before row {start + count}")
        digest.update(data)
        yield np.frombuffer(data, dtype=_NUMBER).reshape(count, dimension)


def _read_plan(store: Store, folder: str) -> _Plan:
    try:
        said = json.loads(store.read_bytes(f"{folder}/{_PLAN}"))
        return _Plan(dimension=said["dimension"], trained=said["trained"], ranges=said["ranges"])
    except FileNotFoundError as error:
        raise IntegrityError(f"{folder} is gone: it was released, collected, or taken out by an erasure") from error
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{folder}/{_PLAN} cannot be read: {error}") from error


def _read_index(store: Store, name: str, expected: str) -> Any:
    try:
        with store.local_file(name) as path:
            if file_digest(path) != expected:
                raise IntegrityError(f"{name} is torn, or of another try: its digest is not the one that was told")
            return search.read_index(path)
    except FileNotFoundError as error:
        raise IntegrityError(f"{name} is gone") from error
