"""Documents as files under one folder, local or at any fsspec URL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import fsspec

from corpus.errors import ConfigurationError, SourceGone, SourceUnavailable, TornRead
from corpus.ids import fingerprint, sha256_hex
from corpus.types import RawBlob, SourceRef
from ingestion.sources.globs import compile_globs
from ingestion.sources.listing import Entry, refs
from ingestion.sources.local import LocalPlace, too_large
from ingestion.sources.remote import RemotePlace

DEFAULT_MAX_BYTES = 50_000_000
_MAX_SIDECAR_BYTES = 1_000_000
_MAX_MANIFEST_BYTES = 20_000_000
"""A manifest may hold pictures of what it was made from."""


class _Place(Protocol):
    def entries(self) -> Iterator[Entry]: ...

    def read(self, uri: str, limit: int) -> bytes: ...


class FilesSource:
    """Lists and reads the files of one folder.

    Hidden files, sidecars (`NAME.meta.yaml`, `.meta.yml`, `.meta.json` beside NAME), C2PA manifests (`NAME.c2pa`)
    beside a document, and links that lead out of the folder are no documents.

    Args:
        root: Folder, or fsspec URL such as `s3://bucket/prefix` or `memory://docs`.
        include: Globs of documents relative to the root; empty for all.
        exclude: Globs of what to leave out.
        max_bytes: A larger document is refused unread.
        attempts: Reads that are tried before a document counts as torn.

    Raises:
        ConfigurationError: The protocol is unknown, a glob is malformed, or a number is not positive.
    """

    def __init__(
        self,
        root: str,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        max_bytes: int = DEFAULT_MAX_BYTES,
        attempts: int = 3,
    ) -> None:
        if max_bytes < 1 or attempts < 1:
            raise ConfigurationError(f"max_bytes={max_bytes} and attempts={attempts} must both be 1 or more.")
        self._root = str(root)
        self._include = tuple(include) or ("**",)
        self._exclude = tuple(exclude)
        self._max_bytes = max_bytes
        self._included = compile_globs(self._include)
        self._excluded = compile_globs(self._exclude)
        self._place = _place(self._root, attempts)

    @property
    def fingerprint(self) -> str:
        """Digest of the options that change what is listed."""
        parts = {"type": "files/2", "root": self._root, "include": self._include, "exclude": self._exclude}
        return fingerprint("source", {**parts, "max_bytes": self._max_bytes})

    def list(self) -> Iterator[SourceRef]:
        """Yields every document, sorted by path.

        Raises:
            SourceUnavailable: The folder is missing, or a part of it cannot be listed.
            ConfigurationError: Two documents would share an id.
        """
        # The listing is complete before the first document is given out.
        return iter(list(refs(self._place.entries(), self._wanted)))

    def read(self, ref: SourceRef) -> RawBlob:
        """Reads one document, and the sidecar beside it, at a stable revision.

        Raises:
            TornRead: The bytes changed while they were read.
            SourceGone: The document is no longer there.
            SourceUnavailable: The place did not answer.
            ParseError: The document is larger than `max_bytes` (code `too_large`).
        """
        if ref.size > self._max_bytes:
            raise too_large(ref.size, self._max_bytes)
        data = self._place.read(ref.uri, self._max_bytes)
        return RawBlob(
            ref=ref,
            data=data,
            sha256=sha256_hex(data),
            sidecar=self._beside(ref, ref.sidecar_uri, _MAX_SIDECAR_BYTES),
            manifest=self._beside(ref, ref.manifest_uri, _MAX_MANIFEST_BYTES),
        )

    def _beside(self, ref: SourceRef, uri: str, limit: int) -> bytes:
        if not uri:
            return b""
        try:
            return self._place.read(uri, limit)
        except SourceGone as error:
            raise TornRead(f"the sidecar of {ref.path!r} vanished while it was read. Run again.") from error

    def _wanted(self, path: str) -> bool:
        return self._included(path) and not self._excluded(path)


def _place(root: str, attempts: int) -> _Place:
    try:
        fs, path = fsspec.core.url_to_fs(root)
    except (ValueError, ImportError) as error:
        raise ConfigurationError(
            f"source {root!r} cannot be opened: {error}. Use a folder, or an fsspec URL whose package is "
            "installed (s3:// needs s3fs)."
        ) from error
    except OSError as error:
        raise SourceUnavailable(f"source {root!r} did not answer: {error}") from error
    protocols = fs.protocol if isinstance(fs.protocol, tuple) else (fs.protocol,)
    if "file" in protocols:
        return LocalPlace(str(Path(path).absolute()), attempts)
    return RemotePlace(fs, str(path).rstrip("/"), attempts)
