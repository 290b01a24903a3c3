"""What a killed re-embed of a large segment had done already.

vectors/<space>/<segment>.parts/<digest>.parquet   vectors of some of the segment's texts

Only while a segment is being embedded: once its vectors file is whole, the parts are removed. What a part holds
is keyed by the digest of the text, so it does not matter how the texts were cut into batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from corpus import batches
from corpus.ids import fingerprint
from corpus.seams import Vectors
from corpus.storage import Store

SECONDS = 5.0
"""What is lost when a process is killed: the work of so long, and one batch of texts. Saving more often costs more
than a hundredth of a quick model's time (measured with wordllama-256, 2026)."""

_SUFFIX = ".parts"


@dataclass(slots=True)
class Unsaved:
    """Vectors that were made since the last part was written."""

    digests: list[str] = field(default_factory=list)
    vectors: list[Vectors] = field(default_factory=list)

    def add(self, digests: Sequence[str], vectors: Vectors) -> None:
        """Notes one batch, vectors of shape `(len(digests), dimension)`."""
        self.digests += digests
        self.vectors.append(vectors)

    def clear(self) -> None:
        """Forgets what is saved."""
        self.digests.clear()
        self.vectors.clear()


def save(store: Store, space: str, segment_id: str, unsaved: Unsaved) -> None:
    """Writes what was made since the last time as one part, if it is anything."""
    if not unsaved.digests:
        return
    vectors = np.concatenate(unsaved.vectors)
    name = fingerprint("part", {"digests": unsaved.digests})[:32]
    with store.scratch() as folder:
        path = folder / "part.parquet"
        batches.write_vectors(path, [(tuple(unsaved.digests), vectors)], vectors.shape[1])
        store.replace_file(f"{_folder(space, segment_id)}/{name}.parquet", path)
    unsaved.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Vectors of some texts, in the order in which they were made.

    Attributes:
        digests: Of the texts, at least one.
        vectors: Array of shape `(len(digests), dimension)`.
    """

    digests: tuple[str, ...]
    vectors: Vectors


def parts(store: Store, space: str, segment_id: str) -> list[Part]:
    """Returns the parts of a segment; one that cannot be read counts as never made."""
    found: list[Part] = []
    folder = _folder(space, segment_id)
    for name in store.names(folder):
        try:
            with store.open(f"{folder}/{name}") as handle:
                table = batches.read_table(handle)
        except (OSError, ValueError):
            continue
        digests = tuple(table["text_sha256"].to_pylist())
        if digests:
            found.append(Part(digests=digests, vectors=batches.vectors_from_arrow(table["vector"])))
    return found


def saved_digests(store: Store, space: str, segment_id: str) -> set[str]:
    """Returns the digests of the texts that parts hold vectors of."""
    if segment_id not in unfinished(store, space):
        return set()
    return {digest for part in parts(store, space, segment_id) for digest in part.digests}


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """How much one part holds.

    Attributes:
        texts: Texts with vectors.
        at: When it was written.
    """

    texts: int
    at: datetime


def saved(store: Store, space: str, segment_id: str) -> list[Saved]:
    """Returns how much the parts of a segment hold, without reading a vector; one that is gone by then is left out."""
    found = []
    folder = _folder(space, segment_id)
    for name in store.names(folder):
        try:
            at = store.modified_at(f"{folder}/{name}")
            with store.open(f"{folder}/{name}") as handle:
                texts = batches.row_count(handle)
        except (OSError, ValueError):
            continue
        if at is not None:
            found.append(Saved(texts=texts, at=at))
    return found


def discard(store: Store, space: str, segment_id: str) -> None:
    """Removes the parts of a segment whose vectors file is whole."""
    if store.exists(_folder(space, segment_id)):
        store.remove(_folder(space, segment_id))


def unfinished(store: Store, space: str) -> tuple[str, ...]:
    """Returns the segments that have parts in a space."""
    names = store.names(f"vectors/{space}")
    return tuple(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))


def _folder(space: str, segment_id: str) -> str:
    return f"vectors/{space}/{segment_id}{_SUFFIX}"
