"""A folder of any fsspec file system: object stores, sftp, memory.

Confinement is by prefix; such systems have no links that we could follow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from fsspec.asyn import AsyncFileSystem
from fsspec.spec import AbstractFileSystem

from corpus.errors import SourceGone, SourceUnavailable, TornRead
from corpus.outages import causes
from corpus.types import utc_now
from ingestion.sources.listing import Entry, is_hidden
from ingestion.sources.local import too_large

# Under these names file systems say when a file last changed and which revision it is.
_MODIFIED = ("LastModified", "last_modified", "mtime", "modified", "updated", "created")
_TAGS = ("ETag", "etag", "generation", "version_id", "md5Hash")

SETTLED = timedelta(minutes=1)
"""Age that an object must have for its stamp to be kept: as with local files, and its clock is not ours."""


@dataclass(frozen=True, slots=True)
class RemotePlace:
    """A folder of a file system.

    Attributes:
        fs: The fsspec file system.
        root: The folder's path inside it.
        attempts: Reads that are tried before a file counts as torn.
    """

    fs: Any
    root: str
    attempts: int = 3

    def entries(self) -> Iterator[Entry]:
        """Yields every file, in no particular order; hidden ones are left out.

        Raises:
            SourceUnavailable: The folder, or one below it, is not there or did not answer. A partial listing is never
                returned as whole.
        """
        try:
            self.fs.invalidate_cache()
            if not self.fs.isdir(self.root):
                raise FileNotFoundError("there is no such folder")
            found: Mapping[str, Mapping[str, Any]] = (
                self.fs.find(self.root, detail=True) if _lists_at_once(self.fs) else dict(self._walk())
            )
        except causes() as error:
            raise SourceUnavailable(
                f"{self.fs.unstrip_protocol(self.root)} cannot be listed: {error}. Nothing was taken from the "
                "source; check the address in the contract's servers section and your access to it."
            ) from error
        for full, info in found.items():
            path = full[len(self.root) :].lstrip("/")
            if path and not is_hidden(path):
                yield self._entry(full, path, info)

    def _walk(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yields every file, folder by folder; fsspec's own walk passes over a folder that cannot be listed."""
        folders = [self.root]
        while folders:
            folder = folders.pop()
            for info in self.fs.ls(folder, detail=True):
                name = str(info["name"]).rstrip("/")
                if info["type"] != "directory":
                    yield name, info
                elif name != folder.rstrip("/"):
                    folders.append(name)

    def _entry(self, full: str, path: str, info: Mapping[str, Any]) -> Entry:
        return Entry(
            path=path,
            uri=str(self.fs.unstrip_protocol(full)),
            size=int(info.get("size") or 0),
            modified_at=_moment(next((info[name] for name in _MODIFIED if info.get(name)), None)),
            version_tag=_tag(info),
            stamp=_stamp(info),
        )

    def read(self, uri: str, limit: int) -> bytes:
        """Reads one file whole, at one revision; the errors are those of `LocalPlace.read`."""
        path = self.fs._strip_protocol(uri)
        if not path.startswith(self.root.rstrip("/") + "/") or ".." in path.split("/"):
            raise SourceGone(f"{uri} is not inside the source. List the source again.")
        last = ""
        for _ in range(self.attempts):
            data, moved = self._read_once(path, uri, limit)
            digest = hashlib.sha256(data).hexdigest()
            if not moved or digest == last:
                return data
            last = digest
        raise TornRead(f"{uri} changed during each of {self.attempts} reads. Run again when its writer is done.")

    def _read_once(self, path: str, uri: str, limit: int) -> tuple[bytes, bool]:
        try:
            before = self._info(path)
            if int(before.get("size") or 0) > limit:
                raise too_large(int(before["size"]), limit)
            data = bytes(self.fs.cat_file(path, start=0, end=limit + 1))
            after = self._info(path)
        except FileNotFoundError as error:
            raise SourceGone(f"{uri} is no longer there. List the source again.") from error
        except causes() as error:
            raise SourceUnavailable(f"{uri} did not answer: {error}.") from error
        if len(data) > limit:
            raise too_large(len(data), limit)
        return data, _signature(before) != _signature(after) or len(data) != _signature(after)[0]

    def _info(self, path: str) -> Mapping[str, Any]:
        self.fs.invalidate_cache()
        info: Mapping[str, Any] = self.fs.info(path)
        return info


def _lists_at_once(fs: Any) -> bool:
    """Returns whether a file system lists all that is below a folder by itself, as object stores do."""
    if isinstance(fs, AsyncFileSystem):
        return type(fs)._find is not AsyncFileSystem._find
    return type(fs).find is not AbstractFileSystem.find


def _stamp(info: Mapping[str, Any]) -> str:
    """Returns tag, size and time of an object; empty where one is not told, or the last change is too fresh."""
    tag, moment = _tag(info), _moment(next((info[name] for name in _MODIFIED if info.get(name)), None))
    if not tag or moment is None or utc_now() - moment < SETTLED:
        return ""
    return f"{tag}.{int(info.get('size') or 0):x}.{moment.isoformat()}"


def _signature(info: Mapping[str, Any]) -> tuple[int, str, str]:
    moment = _moment(next((info[name] for name in _MODIFIED if info.get(name)), None))
    return (int(info.get("size") or 0), _tag(info), str(moment))


def _tag(info: Mapping[str, Any]) -> str:
    return str(next((info[name] for name in _TAGS if info.get(name)), "")).strip('"')


def _moment(value: Any) -> datetime | None:
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
