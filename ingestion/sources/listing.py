"""What the two kinds of place have in common: entries, sidecars, and the step from entry to ref."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from corpus.errors import ConfigurationError
from corpus.ids import normalise_doc_id
from corpus.types import SourceRef

SIDECARS = (".meta.yaml", ".meta.yml", ".meta.json")
MANIFEST = ".c2pa"
"""A C2PA manifest store beside a document: `NAME.EXT.c2pa`, or `NAME.c2pa` as C2PA 2.4, 11.4 names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file as a place lists it; the fields are those of `SourceRef`, the stamp for this file alone."""

    path: str
    uri: str
    size: int
    modified_at: datetime | None
    version_tag: str
    stamp: str = ""
    sha256: str = ""


def is_hidden(path: str) -> bool:
    """Whether a part of a relative path starts with a dot."""
    return path.startswith(".") or "/." in path


def refs(entries: Iterable[Entry], wanted: Callable[[str], bool]) -> Iterator[SourceRef]:
    """Turns entries into listing entries of documents, sorted by path.

    Sidecars and C2PA manifests are no documents: each is attached to the document beside it.

    Raises:
        ConfigurationError: Two paths fold to one document id.
    """
    entries = list(entries)
    beside = {entry.path: entry for entry in entries if entry.path.endswith((*SIDECARS, MANIFEST))}
    manifests = _manifests([entry.path for entry in entries])
    attached = set(manifests.values())
    seen: dict[str, str] = {}
    documents = (
        entry
        for entry in entries
        if not entry.path.endswith(SIDECARS) and entry.path not in attached and wanted(entry.path)
    )
    for entry in sorted(documents, key=lambda entry: entry.path):
        doc_id = normalise_doc_id(entry.path)
        if seen.setdefault(doc_id, entry.uri) != entry.uri:
            raise ConfigurationError(
                f"the documents {seen[doc_id]} and {entry.uri} get the same id {doc_id!r}. Rename one of them."
            )
        sidecar = next((beside[entry.path + end] for end in SIDECARS if entry.path + end in beside), None)
        manifest = beside.get(manifests.get(entry.path, ""))
        yield SourceRef(
            doc_id=doc_id,
            uri=entry.uri,
            path=entry.path,
            size=entry.size,
            modified_at=entry.modified_at,
            version_tag=entry.version_tag,
            sidecar_uri=sidecar.uri if sidecar else "",
            manifest_uri=manifest.uri if manifest else "",
            stamp=_stamp(entry, sidecar, manifest),
            sha256="" if sidecar or manifest else entry.sha256,
        )


def _stamp(entry: Entry, sidecar: Entry | None, manifest: Entry | None) -> str:
    """Returns the stamps of a document and what is beside it; empty where one of them has none."""
    if not entry.stamp or (sidecar and not sidecar.stamp) or (manifest and not manifest.stamp):
        return ""
    parts = [entry.stamp]
    if sidecar:
        parts.append(f"s{sidecar.stamp}{sidecar.path.rpartition('.')[2]}")
    if manifest:
        parts.append(f"m{manifest.stamp}")
    return "|".join(parts)


def _manifests(paths: Sequence[str]) -> dict[str, str]:
    """Returns document to the manifest beside it; one whose document cannot be told stays a document itself."""
    others = [path for path in paths if not path.endswith((*SIDECARS, MANIFEST))]
    known = set(others)
    stems: dict[str, list[str]] = {}
    for path in others:
        stems.setdefault(_stem(path), []).append(path)
    found: dict[str, str] = {}
    for path in sorted(path for path in paths if path.endswith(MANIFEST)):
        named = path.removesuffix(MANIFEST)
        candidates = [named] if named in known else stems.get(named, [])
        if len(candidates) == 1:
            found.setdefault(candidates[0], path)
    return found


def _stem(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return folder + slash + (name.rpartition(".")[0] or name)
