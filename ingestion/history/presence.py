"""In which versions a document or a chunk is: newest first where it is looked for, oldest first in what is returned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from corpus.catalog.records import VersionRecord
from index import lookup
from index.manifest import Manifest
from ingestion.history.trusted import Unreadable, sort_out
from ingestion.runtime import Runtime

DOCUMENT_COLUMNS = (
    "doc_id",
    "revision_id",
    "uri",
    "title",
    "content_sha256",
    "raw_sha256",
    "media_type",
    "updated_at",
    "size_bytes",
    "owner",
    "source_system",
    "last_validated_date",
    "sensitivity_label",
    "version",
    "digital_source_type",
    "origin_basis",
    "generation_depth",
    "quality_score",
    "outcome",
    "reasons",
    "parser",
)
CHUNK_FACTS = tuple(name for name in lookup.CHUNK_COLUMNS if name != "text")
"""Columns of a chunk without its text, which is most of the file."""
_CHUNK_ID = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A version that holds the subject.

    Attributes:
        record: The version.
        manifest: Its manifest, its signature checked.
        document: The document's row (`DOCUMENT_COLUMNS`).
        chunk: The chunk's row (`CHUNK_FACTS`); None where the subject is a document.
    """

    record: VersionRecord
    manifest: Manifest
    document: dict[str, Any]
    chunk: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Where a document or a chunk is.

    Attributes:
        kind: `document` or `chunk`.
        doc_id: The document; of a chunk that no version holds, empty.
        held: The versions that hold it, oldest first.
        looked: Numbers of the versions that were looked into, oldest first.
        unreadable: The others, with the reason.
    """

    kind: str
    doc_id: str
    held: tuple[Held, ...]
    looked: tuple[int, ...]
    unreadable: tuple[Unreadable, ...]

    def holds(self, number: int) -> Held | None:
        """Returns the version of that number, if it holds the subject."""
        return next((held for held in self.held if held.record.number == number), None)

    def run_to(self, number: int) -> tuple[Held, ...]:
        """Returns the unbroken run of versions up to one that holds the subject, oldest first."""
        run: list[Held] = []
        for looked in reversed([each for each in self.looked if each <= number]):
            held = self.holds(looked)
            if held is None:
                break
            run.append(held)
        return tuple(reversed(run))

    def spans(self) -> list[tuple[int, int]]:
        """Returns the first and the last version of each unbroken run, oldest first."""
        found: list[tuple[int, int]] = []
        holding = {held.record.number for held in self.held}
        open_run: list[int] = []
        for number in (*self.looked, None):
            if number in holding and number is not None:
                open_run.append(number)
            elif open_run:
                found.append((open_run[0], open_run[-1]))
                open_run = []
        return found


def is_chunk_id(text: str) -> bool:
    """Returns whether a text looks like a chunk id; a document may be called so as well."""
    return len(text) == _CHUNK_ID and all(char in "0123456789abcdef" for char in text)


def find(runtime: Runtime, versions: Sequence[VersionRecord], subject: str) -> Presence:
    """Looks a document or a chunk up in every version.

    Args:
        runtime: The project.
        versions: The versions of one index, newest first.
        subject: A document id or a chunk id; where both exist, the chunk is meant.
    """
    trusted, unreadable = sort_out(runtime, versions)
    doc_id = _document_of(runtime, trusted, subject) if is_chunk_id(subject) else ""
    kind = "chunk" if doc_id or is_chunk_id(subject) else "document"
    held = [_held(runtime, record, manifest, doc_id or subject, subject, kind) for record, manifest in trusted]
    if kind == "chunk" and not doc_id and any(held):
        kind = "document"  # a document that is called like a chunk
    found = tuple(sorted((item for item in held if item), key=lambda item: item.record.number))
    return Presence(
        kind=kind,
        doc_id=doc_id or (subject if kind == "document" else ""),
        held=found,
        looked=tuple(sorted(record.number for record, _ in trusted)),
        unreadable=tuple(unreadable),
    )


def _document_of(runtime: Runtime, trusted: Sequence[tuple[VersionRecord, Manifest]], chunk_id: str) -> str:
    for record, _ in trusted:
        row = lookup.find_chunk(runtime.store, record.name, record.number, chunk_id, ("doc_id",))
        if row is not None:
            return str(row["doc_id"])
    return ""


def _held(
    runtime: Runtime, record: VersionRecord, manifest: Manifest, doc_id: str, subject: str, kind: str
) -> Held | None:
    chunk = None
    if kind == "chunk" and doc_id != subject:
        rows = lookup.chunk_rows(runtime.store, record.name, record.number, doc_id, CHUNK_FACTS)
        chunk = next((row for row in rows if row["chunk_id"] == subject), None)
        if chunk is None:
            return None
    document = lookup.document_row(runtime.store, record.name, record.number, doc_id, DOCUMENT_COLUMNS)
    return Held(record=record, manifest=manifest, document=document, chunk=chunk) if document else None
