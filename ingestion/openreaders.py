"""Versions that are kept open between questions, so that only the first one waits for files and a model.

A few readers are kept, the one asked longest ago goes first. Each is verified when it is opened, as any reader is, and
follows tombstones; what the catalog does not keep any more is closed when somebody next asks its index.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass

from corpus.seams import Embedder, Vectors
from index.reader import IndexReader

MOST = 4
"""Readers that are kept: two indexes, side by side with another version each. What is large in them is mapped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What is open: a version, or a candidate that a gate held back.

    Attributes:
        home: The home.
        name: The index.
        digest: Digest of its manifest, or the identity of a candidate: what was built again is another one.
    """

    home: str
    name: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """An open version with its model.

    Attributes:
        reader: The reader.
        embedder: The model of its space.
    """

    reader: IndexReader
    embedder: Embedder


class Readers:
    """Keeps readers open. Any number of threads may ask; one at a time opens.

    Args:
        most: How many are kept.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[Key, Open] = OrderedDict()
        self._keeping = threading.Lock()
        self._opening = threading.Lock()
        self._embedding = threading.Lock()

    def get(self, key: Key, opener: Callable[[], Open]) -> tuple[Open, bool]:
        """Returns an open version, and whether it was opened only now.

        Args:
            key: Which.
            opener: Opens it; what it raises is the caller's, and nothing is kept then.
        """
        found = self._found(key)
        if found is not None:
            return found, False
        with self._opening:
            found = self._found(key)
            if found is not None:
                return found, False
            made = opener()
            with self._keeping:
                self._kept[key] = made
                while len(self._kept) > self._most:
                    self._kept.popitem(last=False)
            return made, True

    def close_others(self, home: str, name: str, known: Collection[str]) -> None:
        """Closes what is open of an index and not known any more.

        Args:
            home: The home.
            name: The index.
            known: Digests of what may stay.
        """
        with self._keeping:
            for key in [key for key in self._kept if (key.home, key.name) == (home, name)]:
                if key.digest not in known:
                    del self._kept[key]

    def embed(self, embedder: Embedder, text: str) -> Vectors:
        """Returns the vector of a text; models need not be safe for threads, so one computes at a time."""
        with self._embedding:
            vector: Vectors = embedder.embed([text])[0]
        return vector

    def _found(self, key: Key) -> Open | None:
        with self._keeping:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def __len__(self) -> int:
        return len(self._kept)


READERS = Readers()
"""Those of this process."""
