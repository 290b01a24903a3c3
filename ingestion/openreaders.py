"""Versions that are kept open between questions, so that only the first one waits for files and a model.

A few readers are kept, the one asked longest ago goes first. Each is verified when it is opened, as any reader is, and
follows tombstones; what the catalog does not keep any more is closed when somebody next asks its index.

Nobody waits for another index: of one version one thread opens, of one model one thread loads or computes, and those
who ask for something else go on.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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


class Turns:
    """Lets one thread at a time do something about one thing; those who do it about another thing go on.

    A thread that has a turn must not ask for it again. A lock is there while somebody holds it or waits for it.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken: dict[Hashable, _Turn] = {}

    @contextlib.contextmanager
    def of(self, thing: Hashable) -> Iterator[None]:
        """Waits for the turn of a thing, and holds it."""
        with self._guard:
            turn = self._taken.setdefault(thing, _Turn())
            turn.wanted += 1
        try:
            with turn.lock:
                yield
        finally:
            with self._guard:
                turn.wanted -= 1
                if not turn.wanted:
                    del self._taken[thing]

    def __len__(self) -> int:
        return len(self._taken)


@dataclass(slots=True)
class _Turn:
    lock: threading.Lock = field(default_factory=threading.Lock)
    wanted: int = 0


class InTurn:
    """A model that computes for one thread at a time: models need not be safe for threads.

    Args:
        model: The model.
        turns: Where the turn of its space is; every instance of that space shares it.
    """

    def __init__(self, model: Embedder, turns: Turns) -> None:
        self._model, self._turns = model, turns

    @property
    def fingerprint(self) -> str:
        """Identity of the space."""
        return self._model.fingerprint

    @property
    def parts(self) -> Mapping[str, Any]:
        """What the fingerprint is made of."""
        return self._model.parts

    @property
    def model(self) -> str:
        """The name it was asked for by."""
        return self._model.model

    @property
    def dimension(self) -> int:
        """Numbers per vector."""
        return self._model.dimension

    @property
    def max_tokens(self) -> int:
        """Tokens that the model reads; 0 where a text of any length is read whole."""
        return self._model.max_tokens

    @property
    def runtime(self) -> Mapping[str, str]:
        """What computes."""
        return self._model.runtime

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embeds texts when it is this thread's turn; shape `(len(texts), dimension)`."""
        with self._turns.of(self.fingerprint):
            return self._model.embed(texts)


class Readers:
    """Keeps readers open. Any number of threads may ask; of one version one at a time opens.

    Args:
        most: How many are kept.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[Key, Open] = OrderedDict()
        self._keeping = threading.Lock()
        self._opening = Turns()
        self._models = Turns()

    def get(self, key: Key, opener: Callable[[], Open]) -> tuple[Open, bool]:
        """Returns an open version, and whether it was opened only now.

        Args:
            key: Which.
            opener: Opens it; what it raises is the caller's, and nothing is kept then.
        """
        found = self._found(key)
        if found is not None:
            return found, False
        with self._opening.of(key):
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

    def model(self, space: str, load: Callable[[], Embedder]) -> Embedder:
        """Loads the model of a space, in its turn, and returns it as one that computes in its turn.

        Args:
            space: Fingerprint of the space.
            load: Loads it; what it raises is the caller's.
        """
        with self._models.of(space):
            return InTurn(load(), self._models)

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
