"""What differs between two versions, and why each document does. Streams; holds a few hundred documents at a time.

Both versions are sorted by document id, so the two are merged like two sorted lists, chunks beside documents. Law:
every document of either version is counted once, as the same or under one kind and one primary cause.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

from corpus import batches
from corpus.ids import canonical_json
from corpus.storage import Store
from index import layout
from index.causes import (
    ABOUT,
    CAUSES,
    COLUMNS,
    Absent,
    Explain,
    PartChange,
    Row,
    Setting,
    Told,
    causes_of,
    kinds_of,
    parts_changed,
    told_from_files,
)
from index.manifest import Manifest
from index.plan import plan_version, what_changed

KINDS = ("rewritten", "retagged", "rescored", "governed", "edited", "moved", "recut", "revectored", "reindexed")
"""What may differ in a document that both versions hold."""

_CHUNK_COLUMNS = [
    "doc_id",
    "chunk_id",
    "text_sha256",
    "revision_id",
    "digital_source_type",
    "origin_basis",
    "generation_depth",
    "quality_score",
]
_BATCH_ROWS = 8_192
_EXPLAINED_AT_ONCE = 512

Chunks = Mapping[str, tuple[Any, ...]]
"""Chunk id to text digest, revision, the three tags and the quality score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkCounts:
    """Chunks by what happened to them; `add + keep` are those of the later version, `drop + keep` of the earlier.

    Attributes:
        add: Only in the later version.
        keep: Same id and text in both.
        drop: Only in the earlier version.
        retagged: Those of `keep` whose origin changed.
        rescored: Those of `keep` whose quality score changed.
    """

    add: int = 0
    keep: int = 0
    drop: int = 0
    retagged: int = 0
    rescored: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentChange:
    """One document that is not in both versions as it is.

    Attributes:
        doc_id: The document.
        change: `added`, `removed` or `changed`.
        kinds: For `changed`: what differs, out of `KINDS`.
        cause: The primary cause, out of `index.causes.CAUSES`.
        also: Further causes.
        why: One sentence for a person.
        chunks: Its chunks.
    """

    doc_id: str
    change: str
    kinds: tuple[str, ...]
    cause: str
    also: tuple[str, ...]
    why: str
    chunks: ChunkCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseCount:
    """Documents under one primary cause, and the chunks that came and went with them."""

    cause: str
    added: int = 0
    removed: int = 0
    changed: int = 0
    chunks_added: int = 0
    chunks_dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionDiff:
    """What differs between two versions. Document ids are sorted.

    Law: `same` and all numbers of documents in `causes` add up to the documents of either version.

    Attributes:
        name: The index.
        before: Number of the one version.
        after: Number of the other.
        changed: What differs as a whole: names of `index.plan.what_changed`.
        parts: Which parameters behind that.
        added: Documents that are only in `after`.
        removed: Documents that are only in `before`.
        rewritten: Documents in both whose text changed.
        retagged: Documents in both whose origin changed.
        rescored: Documents in both whose quality score changed.
        governed: Documents in both of which a governance field changed.
        same: Documents in both in which nothing changed, nor in their chunks and vectors.
        causes: Documents by primary cause, in the order of `index.causes.CAUSES`.
        documents: Every document that is not the same.
        chunks: Chunks by what happened to them.
    """

    name: str
    before: int
    after: int
    changed: tuple[str, ...]
    parts: tuple[PartChange, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    rewritten: tuple[str, ...]
    retagged: tuple[str, ...]
    rescored: tuple[str, ...]
    governed: tuple[str, ...]
    same: int
    causes: tuple[CauseCount, ...]
    documents: tuple[DocumentChange, ...]
    chunks: ChunkCounts

    def to_json(self) -> dict[str, Any]:
        """Returns the difference as a JSON object."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def to_bytes(self) -> bytes:
        """Returns the canonical bytes of `to_json`."""
        return canonical_json(self.to_json())


def setting_of(before: Manifest, after: Manifest, touched: frozenset[str] | None = None) -> Setting:
    """Returns what differs between two versions as a whole.

    Args:
        before: Manifest of the one version.
        after: Manifest of the other.
        touched: What the contract's changes can reach (`index.causes.Setting`).
    """
    return Setting(
        changed=frozenset(what_changed(before, after)),
        software=before.run.code_version != after.run.code_version,
        touched=touched,
    )


def diff_versions(
    store: Store,
    before: Manifest,
    after: Manifest,
    *,
    explain: Explain | None = None,
    touched: frozenset[str] | None = None,
    after_folder: str = "",
) -> VersionDiff:
    """Compares two published versions of one index.

    Args:
        store: The home.
        before: Manifest of the one version, verified by the caller (`index.verify`).
        after: Manifest of the other.
        explain: Says why documents came or went; None tells it from files alone.
        touched: What the contract's changes can reach (`index.causes.Setting`).
        after_folder: Where the later one's files are; empty for those of the published version of its number.
    """
    tally = Tally()
    setting = setting_of(before, after, touched)
    folders = (folder_of(before), after_folder or folder_of(after))
    found = tuple(stream_changes(store, folders, setting, tally, explain=explain))
    listed = {kind: tuple(item.doc_id for item in found if kind in item.kinds) for kind in KINDS}
    return VersionDiff(
        name=after.name,
        before=before.number,
        after=after.number,
        changed=what_changed(before, after),
        parts=parts_changed(before, after),
        added=tuple(item.doc_id for item in found if item.change == "added"),
        removed=tuple(item.doc_id for item in found if item.change == "removed"),
        **{kind: listed[kind] for kind in ("rewritten", "retagged", "rescored", "governed")},
        same=tally.same,
        causes=tally.causes(),
        documents=found,
        chunks=tally.chunks,
    )


@dataclass(slots=True)
class Tally:
    """Counts documents and chunks while they stream by.

    Attributes:
        same: Documents in which nothing changed.
    """

    same: int = 0
    _add: int = 0
    _keep: int = 0
    _drop: int = 0
    _retagged: int = 0
    _rescored: int = 0
    _cells: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def chunks(self) -> ChunkCounts:
        """Chunks of all documents that passed."""
        return ChunkCounts(
            add=self._add, keep=self._keep, drop=self._drop, retagged=self._retagged, rescored=self._rescored
        )

    def pass_chunks(self, counts: ChunkCounts) -> None:
        """Counts the chunks of one document."""
        self._add += counts.add
        self._keep += counts.keep
        self._drop += counts.drop
        self._retagged += counts.retagged
        self._rescored += counts.rescored

    def count(self, change: DocumentChange) -> None:
        """Counts a document that is not the same."""
        self._cells[change.cause, change.change] += 1
        self._cells[change.cause, "chunks_added"] += change.chunks.add
        self._cells[change.cause, "chunks_dropped"] += change.chunks.drop

    def causes(self) -> tuple[CauseCount, ...]:
        """Returns the counts by primary cause, those that occur."""
        names = ("added", "removed", "changed", "chunks_added", "chunks_dropped")
        return tuple(
            CauseCount(cause=cause, **{name: self._cells[cause, name] for name in names})
            for cause in CAUSES
            if any(self._cells[cause, name] for name in names[:3])
        )


def folder_of(manifest: Manifest) -> str:
    """Returns the folder of a published version."""
    return layout.version_path(manifest.name, manifest.number)


def stream_changes(
    store: Store, folders: tuple[str, str], setting: Setting, tally: Tally, *, explain: Explain | None = None
) -> Iterator[DocumentChange]:
    """Yields every document that is not the same in both versions, by document id.

    Args:
        store: The home.
        folders: Where the files of the one version and of the other are (`folder_of`).
        setting: What differs as a whole (`setting_of`).
        tally: Counts what is yielded, and what is not because it is the same.
        explain: Says why documents came or went; asked for a few hundred at once.
    """
    window: list[DocumentChange | Absent] = []
    chunks: dict[str, ChunkCounts] = {}
    for doc_id, old, new, counts in _documents(store, folders):
        tally.pass_chunks(counts)
        if old is None or new is None:
            window.append(Absent(doc_id=doc_id, kind="removed" if new is None else "added", row=old or new or {}))
            chunks[doc_id] = counts
        elif kinds := _kinds(old, new, counts, setting):
            window.append(_changed(doc_id, old, new, kinds, counts, setting))
        else:
            tally.same += 1
        if len(window) >= _EXPLAINED_AT_ONCE:
            yield from _counted(_told(window, chunks, setting, explain), tally)
            window, chunks = [], {}
    yield from _counted(_told(window, chunks, setting, explain), tally)


def _counted(changes: Iterable[DocumentChange], tally: Tally) -> Iterator[DocumentChange]:
    for change in changes:
        tally.count(change)
        yield change


def _kinds(old: Row, new: Row, counts: ChunkCounts, setting: Setting) -> tuple[str, ...]:
    own = kinds_of(old, new)
    found = {
        *own,
        *(("recut",) if (counts.add or counts.drop) and "rewritten" not in own else ()),
        *(("retagged",) if counts.retagged else ()),
        *(("rescored",) if counts.rescored else ()),
        *(("revectored",) if "embedder" in setting.changed and counts.keep else ()),
        *(("reindexed",) if "index" in setting.changed and counts.keep else ()),
    }
    return tuple(kind for kind in KINDS if kind in found)


def _changed(
    doc_id: str, old: Row, new: Row, kinds: tuple[str, ...], counts: ChunkCounts, setting: Setting
) -> DocumentChange:
    causes = causes_of(old, new, kinds, setting)
    return DocumentChange(
        doc_id=doc_id,
        change="changed",
        kinds=kinds,
        cause=causes[0],
        also=causes[1:],
        why=ABOUT[causes[0]],
        chunks=counts,
    )


def _told(
    window: list[DocumentChange | Absent], chunks: Mapping[str, ChunkCounts], setting: Setting, explain: Explain | None
) -> Iterator[DocumentChange]:
    absent = [item for item in window if isinstance(item, Absent)]
    known: Mapping[str, Told] = explain(absent) if explain and absent else {}
    for item in window:
        if isinstance(item, DocumentChange):
            yield item
            continue
        told = known.get(item.doc_id) or told_from_files(item, setting)
        yield DocumentChange(
            doc_id=item.doc_id,
            change=item.kind,
            kinds=(),
            cause=told.cause,
            also=(),
            why=told.why,
            chunks=chunks[item.doc_id],
        )


def _documents(store: Store, folders: tuple[str, str]) -> Iterator[tuple[str, Row | None, Row | None, ChunkCounts]]:
    """Yields each document of either version with its two rows and what happened to its chunks."""
    with ExitStack() as stack:
        rows = _merge(*(_document_rows(store, folder, stack) for folder in folders))
        parts = _merge(*(_chunk_rows(store, folder, stack) for folder in folders))
        part = next(parts, None)
        for doc_id, old, new in rows:
            counts = ChunkCounts()
            if part is not None and part[0] == doc_id:
                counts = _compare(part[1] or {}, part[2] or {})
                part = next(parts, None)
            yield doc_id, old, new, counts


def _compare(old: Chunks, new: Chunks) -> ChunkCounts:
    if old == new:
        return ChunkCounts(keep=len(new))
    plan = plan_version(*({name: (row[0], row[1]) for name, row in side.items()} for side in (old, new)))
    return ChunkCounts(
        add=len(plan.add),
        keep=len(plan.keep),
        drop=len(plan.drop),
        retagged=sum(1 for name in plan.keep if old[name][2:5] != new[name][2:5]),
        rescored=sum(1 for name in plan.keep if old[name][5] != new[name][5]),
    )


def _document_rows(store: Store, folder: str, stack: ExitStack) -> Iterator[tuple[str, Row]]:
    for values in _tuples(store, f"{folder}/{layout.DOCUMENTS}", COLUMNS, stack):
        yield values[0], dict(zip(COLUMNS, values, strict=True))


def _chunk_rows(store: Store, folder: str, stack: ExitStack) -> Iterator[tuple[str, Chunks]]:
    rows = _tuples(store, f"{folder}/{layout.CHUNKS}", _CHUNK_COLUMNS, stack)
    for doc_id, group in groupby(rows, key=lambda row: str(row[0])):
        yield doc_id, {row[1]: row[2:] for row in group}


def _tuples(store: Store, path: str, columns: list[str], stack: ExitStack) -> Iterator[tuple[Any, ...]]:
    """Yields rows as tuples, converted a column at a time, which is several times faster than row by row."""
    handle = stack.enter_context(store.open(path))
    for batch in batches.stream_batches(handle, columns, _BATCH_ROWS):
        yield from zip(*(batch.column(name).to_pylist() for name in columns), strict=True)


def _merge(old: Iterator[tuple[str, Any]], new: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any, Any]]:
    """Yields each key of two sorted sequences with what either holds for it, None where it holds nothing."""
    left, right = next(old, None), next(new, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[0] < right[0]):
            yield left[0], left[1], None  # type: ignore[index]  # one of the two is there
            left = next(old, None)
        elif left is None or right[0] < left[0]:
            yield right[0], None, right[1]
            right = next(new, None)
        else:
            yield left[0], left[1], right[1]
            left, right = next(old, None), next(new, None)
