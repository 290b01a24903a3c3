"""What the two kinds of place have in common: entries, sidecars, and the step from entry to ref."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from corpus.errors import ConfigurationError
from corpus.ids import normalise_doc_id
from corpus.types import SourceRef

SIDECARS = (".meta.yaml", ".meta.yml", ".meta.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file as a place lists it; the fields are those of `SourceRef`."""

    path: str
    uri: str
    size: int
    modified_at: datetime | None
    version_tag: str


def is_hidden(path: str) -> bool:
    """Whether a part of a relative path starts with a dot."""
    return path.startswith(".") or "/." in path


def refs(entries: Iterable[Entry], wanted: Callable[[str], bool]) -> Iterator[SourceRef]:
    """Turns entries into listing entries of documents, sorted by path.

    Sidecars are no documents: each is attached to the document beside it.

    Raises:
        ConfigurationError: Two paths fold to one document id.
    """
    entries = list(entries)
    beside = {entry.path: entry.uri for entry in entries if entry.path.endswith(SIDECARS)}
    seen: dict[str, str] = {}
    documents = (entry for entry in entries if not entry.path.endswith(SIDECARS) and wanted(entry.path))
    for entry in sorted(documents, key=lambda entry: entry.path):
        doc_id = normalise_doc_id(entry.path)
        if seen.setdefault(doc_id, entry.uri) != entry.uri:
            raise ConfigurationError(
                f"the documents {seen[doc_id]} and {entry.uri} get the same id {doc_id!r}. Rename one of them."
            )
        yield SourceRef(
            doc_id=doc_id,
            uri=entry.uri,
            path=entry.path,
            size=entry.size,
            modified_at=entry.modified_at,
            version_tag=entry.version_tag,
            sidecar_uri=next((beside[entry.path + end] for end in SIDECARS if entry.path + end in beside), ""),
        )
