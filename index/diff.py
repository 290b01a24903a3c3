"""What differs between two versions, and what made the difference. Streams; holds one document at a time.

Both versions are sorted by document id, so the two are merged like two sorted lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from corpus import batches
from corpus.ids import canonical_json
from corpus.storage import Store
from index import layout
from index.manifest import Manifest
from index.plan import ChunkKey, plan_version, what_changed

_DOCUMENT_COLUMNS = [
    "doc_id",
    "content_sha256",
    "digital_source_type",
    "origin_basis",
    "generation_depth",
    "quality_score",
    "owner",
    "source_system",
    "last_validated_date",
    "sensitivity_label",
    "version",
]
_CHUNK_COLUMNS = ["chunk_id", "doc_id", "revision_id", "text_sha256"]
_TAGS = ("digital_source_type", "origin_basis", "generation_depth")
_GOVERNANCE = ("owner", "source_system", "last_validated_date", "sensitivity_label", "version")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkCounts:
    """Chunks by what happened to them; `add + keep` are those of the later version."""

    add: int
    keep: int
    drop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionDiff:
    """What differs between two versions. Document ids are sorted.

    Attributes:
        name: The index.
        before: Number of the one version.
        after: Number of the other.
        changed: What made the difference: names of `index.plan.what_changed`.
        added: Documents that are only in `after`.
        removed: Documents that are only in `before`.
        rewritten: Documents in both whose text changed.
        retagged: Documents in both whose origin changed.
        rescored: Documents in both whose quality score changed.
        governed: Documents in both of which a governance field changed.
        chunks: Chunks by what happened to them.
    """

    name: str
    before: int
    after: int
    changed: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    rewritten: tuple[str, ...]
    retagged: tuple[str, ...]
    rescored: tuple[str, ...]
    governed: tuple[str, ...]
    chunks: ChunkCounts

    def to_json(self) -> dict[str, Any]:
        """Returns the difference as a JSON object."""
        plain = asdict(self)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}

    def to_bytes(self) -> bytes:
        """Returns the canonical bytes of `to_json`."""
        return canonical_json(self.to_json())


def diff_versions(store: Store, before: Manifest, after: Manifest, *, after_folder: str = "") -> VersionDiff:
    """Compares two published versions of one index.

    Args:
        store: The home.
        before: Manifest of the one version, verified by the caller (`index.verify`).
        after: Manifest of the other.
        after_folder: Where its files are; empty for those of the published version of its number.
    """
    folders = (_folder(before), after_folder or _folder(after))
    kinds: dict[str, list[str]] = {
        kind: [] for kind in ("added", "removed", "rewritten", "retagged", "rescored", "governed")
    }
    with ExitStack() as stack:
        old, new = (_documents(store, folder, stack) for folder in folders)
        for doc_id, left, right in _merge(old, new):
            for kind in _kinds(left, right):
                kinds[kind].append(doc_id)
    return VersionDiff(
        name=after.name,
        before=before.number,
        after=after.number,
        changed=what_changed(before, after),
        chunks=_chunk_counts(store, folders),
        **{kind: tuple(ids) for kind, ids in kinds.items()},
    )


def _kinds(old: dict[str, Any] | None, new: dict[str, Any] | None) -> Iterator[str]:
    if old is None or new is None:
        yield "added" if old is None else "removed"
        return
    groups = {
        "rewritten": ("content_sha256",),
        "retagged": _TAGS,
        "rescored": ("quality_score",),
        "governed": _GOVERNANCE,
    }
    for kind, columns in groups.items():
        if any(old[column] != new[column] for column in columns):
            yield kind


def _folder(manifest: Manifest) -> str:
    return layout.version_path(manifest.name, manifest.number)


def _chunk_counts(store: Store, folders: tuple[str, str]) -> ChunkCounts:
    add = keep = drop = 0
    with ExitStack() as stack:
        old, new = (_chunks(store, folder, stack) for folder in folders)
        for _, left, right in _merge(old, new):
            plan = plan_version(left or {}, right or {})
            add, keep, drop = add + len(plan.add), keep + len(plan.keep), drop + len(plan.drop)
    return ChunkCounts(add=add, keep=keep, drop=drop)


def _documents(store: Store, folder: str, stack: ExitStack) -> Iterator[tuple[str, dict[str, Any]]]:
    for row in _rows(store, folder, layout.DOCUMENTS, _DOCUMENT_COLUMNS, stack):
        yield row["doc_id"], row


def _chunks(store: Store, folder: str, stack: ExitStack) -> Iterator[tuple[str, dict[str, ChunkKey]]]:
    rows = _rows(store, folder, layout.CHUNKS, _CHUNK_COLUMNS, stack)
    for doc_id, group in groupby(rows, key=lambda row: str(row["doc_id"])):
        yield doc_id, {row["chunk_id"]: (row["text_sha256"], row["revision_id"]) for row in group}


def _rows(store: Store, folder: str, file: str, columns: list[str], stack: ExitStack) -> Iterator[dict[str, Any]]:
    return batches.stream_rows(stack.enter_context(store.open(f"{folder}/{file}")), columns)


def _merge(
    old: Iterator[tuple[str, dict[str, Any]]], new: Iterator[tuple[str, dict[str, Any]]]
) -> Iterator[tuple[str, dict[str, Any] | None, dict[str, Any] | None]]:
    """Yields each key of two sorted sequences with what either holds for it."""
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
