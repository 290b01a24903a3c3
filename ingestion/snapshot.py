"""What changed in a source since the last run: a pure comparison of listing and catalog.

Law: every listed document is either unchanged or due; every known document that is not listed is
vanished. Whether so many may vanish is for `ingestion.shrinking` to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from corpus.catalog.records import DocumentState
from corpus.ids import judged_digest
from corpus.types import SourceRef

# What reading, judging and recording a document costs beside its bytes, as bytes of text.
_LEAST_BYTES = 256


# Clocks that are kept by NTP differ by milliseconds; `stemma doctor` bears as much.
_SKEW = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One listed document with the digests that were read.

    Attributes:
        ref: The listing entry.
        raw_sha256: Digest of the bytes; empty when they could not be read.
        state_key: Digest of content, sidecar and everything that would change the outcome; empty
            when the bytes could not be read.
        seen: Mark of the document's standing row when the source was listed; empty for none.
        sidecar_sha256: Digest of the metadata beside it; empty where there is none.
        limited_key: State key that it has where it overran the limits of a worker; empty when it could not be read.
    """

    ref: SourceRef
    raw_sha256: str
    state_key: str
    seen: str = ""
    sidecar_sha256: str = ""
    limited_key: str = ""

    @property
    def judged_sha256(self) -> str:
        """What people's decisions are kept under."""
        return judged_digest(self.raw_sha256, self.sidecar_sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The comparison of one listing with the catalog.

    Attributes:
        listed: Number of documents listed.
        due: Entries whose outcome has to be worked out.
        unchanged: Number of documents whose standing decision holds.
        vanished: Id and mark of each known document that is not listed, sorted by id.
    """

    listed: int
    due: tuple[Entry, ...]
    unchanged: int
    vanished: tuple[tuple[str, str], ...]


def mark_of(state: DocumentState | None) -> str:
    """Returns what tells one standing row of a document from the next; empty where there is none.

    A run acts on what it saw. Where the mark is another by then, a faster run has decided, and its
    word stands.
    """
    return f"{state.run_id}/{state.state}/{state.state_key}" if state else ""


def is_due(entry: Entry, known: DocumentState | None, now: datetime) -> bool:
    """Returns whether a document's outcome has to be worked out (again).

    What was decided in the future was decided under a clock that was ahead: it may have taken for over what is not.
    """
    if known is None or known.state == "gone" or not (known.state_key and entry.state_key):
        return True
    if known.state_key not in (entry.state_key, entry.limited_key):
        return True
    return (known.due_at is not None and known.due_at <= now) or known.updated_at > now + _SKEW


def plan_snapshot(
    entries: Iterator[Entry],
    known: Mapping[str, DocumentState],
    now: datetime,
    on_due: Callable[[Entry], None] = lambda _: None,
) -> Snapshot:
    """Compares a listing with what is known, in one pass.

    Args:
        entries: The listing, read once; only due entries are kept in memory.
        known: The catalog's states by document id.
        now: The moment of the run, aware.
        on_due: Told of each due entry as it is found.
    """
    due: list[Entry] = []
    seen: set[str] = set()
    for entry in entries:
        standing = known.get(entry.ref.doc_id)
        seen.add(entry.ref.doc_id)
        if is_due(entry, standing, now):
            due.append(replace(entry, seen=mark_of(standing)))
            on_due(entry)
    gone = (state for doc_id, state in known.items() if state.state != "gone" and doc_id not in seen)
    vanished = tuple(sorted((state.doc_id, mark_of(state)) for state in gone))
    return Snapshot(listed=len(seen), due=tuple(due), unchanged=len(seen) - len(due), vanished=vanished)


def shard_size(entries: Sequence[Entry], *, least: int, most: int, shards: int) -> int:
    """Returns the bytes of a shard: the least that is asked, or more where it would take too many.

    Args:
        entries: What is to be cut.
        least: Bytes of a shard, as set.
        most: Bytes that one may have, unless `least` is more.
        shards: How many there may be; more only where even shards of `most` bytes do not hold everything.
    """
    # A shard may stay nearly half empty where a large document follows, so room for twice as many is left.
    wanted = -(-2 * sum(weight(entry) for entry in entries) // shards)
    return max(least, min(wanted, most))


def weight(entry: Entry) -> int:
    """Returns the bytes that a document counts: an empty one has its price too."""
    return max(entry.ref.size, _LEAST_BYTES)


def cut_shards(entries: Sequence[Entry], shard_bytes: int) -> Iterator[tuple[Entry, ...]]:
    """Yields groups of entries of about `shard_bytes` each, in listing order, none empty."""
    shard: list[Entry] = []
    size = 0
    for entry in entries:
        if shard and size + weight(entry) > shard_bytes:
            yield tuple(shard)
            shard, size = [], 0
        shard.append(entry)
        size += weight(entry)
    if shard:
        yield tuple(shard)
