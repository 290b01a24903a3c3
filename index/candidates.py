"""Candidates that failed a gate: kept for a while, to be looked at, asked and compared. Never served.

They lie outside `indexes/`, carry no signature and no row, so no alias can point to one and no reader opens one, even
if its folder is copied among the versions. Their manifest holds what every gate found.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa

from corpus import batches
from corpus.errors import ConfigurationError, IntegrityError
from corpus.ids import sha256_hex
from corpus.seams import Embedder
from corpus.storage import Store
from index import layout, search
from index.fields import DOCUMENT_COLUMNS
from index.manifest import Manifest
from index.reader import IndexReader
from index.release import seal
from index.verify import Verified, read_checked

_ID_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A candidate that is kept.

    Attributes:
        id: Its name: the beginning of its identity.
        manifest: What it holds and how it was judged; None where that cannot be read.
        problem: Why it cannot be read, empty where it can.
        created_at: When it was built; of one that cannot be read, when its files were written.
        size: Bytes of its files, as its manifest says.
    """

    id: str
    manifest: Manifest | None
    problem: str
    created_at: datetime | None
    size: int

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the gates that it failed."""
        return tuple(gate.name for gate in self.manifest.gates if not gate.passed) if self.manifest else ()


def candidate_id(manifest: Manifest) -> str:
    """Returns the name under which a candidate is kept; one with the same content takes the place of the one before."""
    return manifest.identity[:_ID_LENGTH]


def keep_candidate(store: Store, manifest: Manifest, folder: Path) -> str:
    """Keeps a built candidate.

    Args:
        store: The home.
        manifest: What it holds, with what the gates found.
        folder: Its files, inside `Store.scratch`. On a local home it is moved.

    Returns:
        Its name.
    """
    name = candidate_id(manifest)
    place = layout.candidate_path(manifest.name, name)
    seal(folder, manifest, None)
    remove_candidate(store, manifest.name, name)
    store.publish_folder(place, folder, layout.MANIFEST)
    return name


def kept_candidates(store: Store, name: str) -> tuple[Kept, ...]:
    """Returns the candidates of an index that are kept, newest first, those that cannot be read last."""
    found = [_kept(store, name, candidate) for candidate in store.names(layout.candidates_path(name))]
    return tuple(sorted(found, key=_age_key, reverse=True))


def _age_key(kept: Kept) -> tuple[bool, float, str]:
    return kept.manifest is not None, kept.created_at.timestamp() if kept.created_at else 0.0, kept.id


def _kept(store: Store, name: str, candidate: str) -> Kept:
    try:
        manifest = read_candidate(store, name, candidate)
    except (IntegrityError, ConfigurationError) as error:
        written = store.modified_at(layout.candidate_path(name, candidate))
        return Kept(id=candidate, manifest=None, problem=str(error), created_at=written, size=0)
    size = sum(ref.size for ref in manifest.files.values())
    return Kept(id=candidate, manifest=manifest, problem="", created_at=manifest.created_at, size=size)


def read_candidate(store: Store, name: str, candidate: str) -> Manifest:
    """Reads the manifest of a candidate.

    Args:
        store: The home.
        name: The index.
        candidate: Its name, or the beginning of it where that is enough to tell it.

    Raises:
        ConfigurationError: There is no such candidate, or more than one.
        IntegrityError: Its manifest is damaged.
    """
    found = _resolve(store, name, candidate)
    try:
        data = store.read_bytes(f"{layout.candidate_path(name, found)}/{layout.MANIFEST}")
    except FileNotFoundError as error:
        raise IntegrityError(
            f"candidate {found} of {name!r} has no manifest: it was removed half way. Run `stemma index prune {name}`."
        ) from error
    return Manifest.from_bytes(data)


def _resolve(store: Store, name: str, candidate: str) -> str:
    known = store.names(layout.candidates_path(name))
    if candidate in known:
        return candidate
    fitting = [item for item in known if candidate and item.startswith(candidate)]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(known) or "none"
    what = "more than one candidate" if fitting else "no candidate"
    raise ConfigurationError(f"index {name!r} keeps {what} {candidate!r}. Candidates: {listed}.")


def open_candidate(store: Store, manifest: Manifest, embedder: Embedder | None = None) -> IndexReader:
    """Opens a candidate for searches. Every file is compared with its digest; nothing is signed.

    Args:
        store: The home.
        manifest: What `read_candidate` returned.
        embedder: The model, for text queries.

    Raises:
        DigestMismatch: A file is missing or altered.
    """
    folder = layout.candidate_path(manifest.name, candidate_id(manifest))
    data = {file: read_checked(store, folder, file, ref) for file, ref in manifest.files.items()}
    chunks = batches.read_table(pa.BufferReader(data[layout.CHUNKS])).combine_chunks()
    documents = batches.read_table(pa.BufferReader(data[layout.DOCUMENTS]), list(DOCUMENT_COLUMNS)).combine_chunks()
    verified = Verified(manifest=manifest, manifest_sha256=sha256_hex(manifest.to_bytes()), keyid="")
    return IndexReader(verified, search.load_index(data[layout.INDEX]), chunks, documents, embedder)


def plan_candidates(kept: Collection[Kept], *, keep: int, days: int, now: datetime) -> tuple[str, ...]:
    """Says which candidates are removed: all but the newest, those that are too old, those that cannot be read.

    Args:
        kept: Candidates of one index, newest first.
        keep: How many stay.
        days: How long they stay.
        now: The moment.
    """
    readable = [item for item in kept if item.manifest is not None]
    old = now - timedelta(days=days)
    staying = {item.id for item in readable[:keep] if item.created_at is None or item.created_at > old}
    return tuple(item.id for item in kept if item.id not in staying)


def remove_candidate(store: Store, name: str, candidate: str) -> None:
    """Removes a candidate; its manifest goes first, so that one that is removed half way cannot be opened."""
    folder = layout.candidate_path(name, candidate)
    store.remove(f"{folder}/{layout.MANIFEST}")
    store.remove(folder)
