"""Looks at listed documents one by one, and reads those that their listing does not show to be unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from corpus.catalog.records import DocumentState
from corpus.errors import ParseError, SourceGone, SourceUnavailable, TornRead
from corpus.settings import Settings
from corpus.types import RawBlob, SourceRef
from ingestion.examine import Tools, key_of, limited_key, sidecar_digest, unread_key
from ingestion.snapshot import Entry


@dataclass(slots=True)
class Reading:
    """Looks at listed documents, and reads those that the listing does not show to be unchanged.

    Attributes:
        tools: What assessing them needs.
        settings: Whether listings are trusted, and how large a document may be.
        known: Standing rows by document id.
        read: Documents that were read.
        stamps: What the listing says now of documents that were read and are what they were: id, stamp, digests.
    """

    tools: Tools
    settings: Settings
    known: Mapping[str, DocumentState]
    read: int = 0
    stamps: list[tuple[str, str, str, str]] = field(default_factory=list)

    def entry(self, ref: SourceRef) -> Entry:
        """Returns what is known of one listed document."""
        if ref.size > self.settings.max_document_bytes:
            return Entry(ref=ref, raw_sha256="", state_key=unread_key(self.tools, ref))
        standing = self.known.get(ref.doc_id)
        listed_as_before = standing is not None and standing.raw_sha256 and ref.stamp and standing.stamp == ref.stamp
        if standing is not None and listed_as_before and self.settings.trust_listing:
            return self._entry(ref, standing.raw_sha256, standing.sidecar_sha256)
        return self._read(ref, standing)

    def _read(self, ref: SourceRef, standing: DocumentState | None) -> Entry:
        try:
            blob = self._blob(ref)
        except ParseError:
            return Entry(ref=ref, raw_sha256="", state_key=unread_key(self.tools, ref))
        except (TornRead, SourceGone, SourceUnavailable):
            # Assess reads again and turns what is still wrong into a Decision.
            return Entry(ref=ref, raw_sha256="", state_key="")
        beside = sidecar_digest(blob)
        if _is_as_before(standing, blob.sha256, beside) and ref.stamp:
            self.stamps.append((ref.doc_id, ref.stamp, blob.sha256, beside))
        return self._entry(blob.ref, blob.sha256, beside)

    def _blob(self, ref: SourceRef) -> RawBlob:
        if ref.sha256:
            return RawBlob(ref=ref, data=b"", sha256=ref.sha256)
        self.read += 1
        return self.tools.source.read(ref)

    def _entry(self, ref: SourceRef, raw_sha256: str, sidecar_sha256: str) -> Entry:
        key = key_of(self.tools, ref, raw_sha256, sidecar_sha256)
        return Entry(
            ref=ref,
            raw_sha256=raw_sha256,
            sidecar_sha256=sidecar_sha256,
            state_key=key,
            limited_key=limited_key(self.tools, key),
        )


def _is_as_before(standing: DocumentState | None, raw_sha256: str, sidecar_sha256: str) -> bool:
    """Returns whether the digests are known; one that changed gets its stamp when it is staged."""
    return standing is not None and (standing.raw_sha256, standing.sidecar_sha256) == (raw_sha256, sidecar_sha256)
