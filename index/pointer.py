"""Alias projections: what `live` points to, for readers without a database.

The catalog's row is the truth and moves by compare-and-swap; the projection is a copy of it beside
the versions. It is not signed: the version it names is.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Self

from corpus.errors import IntegrityError
from corpus.ids import canonical_json
from corpus.storage import Store
from index import layout


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasPointer:
    """One alias projection. `AliasPointer.from_bytes(pointer.to_bytes()) == pointer`.

    Attributes:
        alias: Its name.
        version: Number of the version it points to.
        manifest_sha256: Digest of that version's manifest.json.
        generation: How often the alias was moved; larger is later.
        moved_at: When, ISO 8601.
        actor: Who moved it.
    """

    alias: str
    version: int
    manifest_sha256: str
    generation: int
    moved_at: str
    actor: str

    def to_bytes(self) -> bytes:
        """Returns the content of the projection's file."""
        return canonical_json(asdict(self))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Reads what `to_bytes` wrote.

        Raises:
            IntegrityError: It is no alias projection.
        """
        try:
            pointer = cls(**json.loads(data))
        except (ValueError, TypeError) as error:
            raise IntegrityError(
                f"alias file is damaged: {error}. Run `stemma reconcile` to write it again."
            ) from error
        if type(pointer.version) is not int or type(pointer.generation) is not int:
            raise IntegrityError("alias file is damaged: version and generation are numbers. Run `stemma reconcile`.")
        return pointer


def read_pointer(store: Store, name: str, alias: str) -> AliasPointer | None:
    """Returns an alias's projection, None where there is none.

    Raises:
        IntegrityError: The file is damaged.
    """
    try:
        return AliasPointer.from_bytes(store.read_bytes(layout.alias_path(name, alias)))
    except FileNotFoundError:
        return None


def alias_names(store: Store, name: str) -> tuple[str, ...]:
    """Returns the names of the aliases that have a projection, sorted."""
    files = store.names(layout.aliases_path(name))
    return tuple(file.removesuffix(".json") for file in files if file.endswith(".json"))


def version_numbers(store: Store, name: str) -> tuple[int, ...]:
    """Returns the numbers of the version folders of an index, ascending."""
    found = (layout.version_number(folder) for folder in store.names(layout.index_path(name)))
    return tuple(sorted(number for number in found if number is not None))
