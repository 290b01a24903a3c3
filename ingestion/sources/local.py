"""A folder of this machine: a fast listing, and reads that are whole or fail.

Links that lead out of the folder are not followed, and links to folders are not followed at all,
so a listing is confined and ends. A hard link does not say where its other names are; one to a file of
another user than the folder's is left out.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

from corpus.errors import ParseError, SourceGone, SourceUnavailable, TornRead
from ingestion.sources.listing import Entry

_SCHEME = "file://"
# Times of files have the granularity of the kernel's timer: 1 to 10 ms (CONFIG_HZ 1000 to 100).
_TICK_SECONDS = 0.02

SETTLED_SECONDS = 2
"""Age that the last change of a file must have for its stamp to be kept: two changes within one tick of a file
system's clock (2 s on FAT, 1 s on some network shares) leave the same time behind, and we may read between them."""


@dataclass(frozen=True, slots=True)
class LocalPlace:
    """A folder.

    Attributes:
        root: Its absolute path.
        attempts: Reads that are tried before a file counts as torn.
    """

    root: str
    attempts: int = 3

    def entries(self) -> Iterator[Entry]:
        """Yields every regular file, in no particular order; hidden ones are left out.

        Raises:
            SourceUnavailable: A folder cannot be listed. A partial listing is never returned as whole.
        """
        real_root = os.path.realpath(self.root)
        folders = [self.root]
        while folders:
            found, below = self._folder(folders.pop(), real_root)
            folders += below
            yield from found

    def _folder(self, folder: str, real_root: str) -> tuple[list[Entry], list[str]]:
        """Returns the files and the folders of one folder that was the same one before and after."""
        for _ in range(self.attempts):
            before = self._identity(folder)
            owner = before[2]
            items = [item for item in self._scan(folder) if not item.name.startswith(".")]
            below = [item.path for item in items if item.is_dir(follow_symlinks=False)]
            files = (self._entry(item, real_root, owner) for item in items if not item.is_dir(follow_symlinks=False))
            found = [entry for entry in files if entry is not None]
            if self._identity(folder) == before:
                return found, below
        raise SourceUnavailable(
            f"folder {folder} was replaced by another each of the {self.attempts} times that it was listed. Nothing "
            "was taken from the source; run again when its writer is done."
        )

    def _identity(self, folder: str) -> tuple[int, int, int]:
        """Returns which folder has a name now, and its owner: one that is swapped may have been emptied half way."""
        try:
            status = os.stat(folder)  # noqa: PTH116 - paths here are strings, as scandir gives them
        except OSError as error:
            raise _unlisted(folder, error) from error
        return status.st_dev, status.st_ino, status.st_uid

    def _scan(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as items:
                return list(items)
        except OSError as error:
            raise _unlisted(folder, error) from error

    def _entry(self, item: os.DirEntry[str], real_root: str, owner: int) -> Entry | None:
        if item.is_symlink() and not is_inside(os.path.realpath(item.path), real_root):
            return None
        try:
            status = item.stat()
        except OSError:  # deleted since the folder was listed, or a link to nothing
            return None
        if not stat.S_ISREG(status.st_mode) or _is_foreign(status, owner):
            return None
        path = os.fsencode(item.path[len(self.root) :].lstrip("/"))
        return Entry(
            path=path.decode("utf-8", "backslashreplace"),
            uri=_SCHEME + quote_from_bytes(os.fsencode(item.path)),
            size=status.st_size,
            modified_at=datetime.fromtimestamp(status.st_mtime, UTC),
            version_tag=f"{status.st_ino:x}-{status.st_mtime_ns:x}",
            stamp=_stamp(status),
        )

    def read(self, uri: str, limit: int) -> bytes:
        """Reads one file whole, at one revision.

        Args:
            uri: As `entries` gave it.
            limit: Most bytes that are read.

        Raises:
            TornRead: It kept changing.
            SourceGone: It is no longer there, or now leads out of the folder.
            SourceUnavailable: It cannot be read.
            ParseError: It is larger than `limit` (code `too_large`).
        """
        path = os.fsdecode(unquote_to_bytes(uri.removeprefix(_SCHEME)))
        last = ""
        for attempt in range(self.attempts):
            if attempt:
                time.sleep(_TICK_SECONDS)
            data, moved = self._read_once(path, limit)
            digest = hashlib.sha256(data).hexdigest()
            if not moved or digest == last:
                return data
            last = digest
        raise TornRead(f"{uri} changed during each of {self.attempts} reads. Run again when its writer is done.")

    def _read_once(self, path: str, limit: int) -> tuple[bytes, bool]:
        try:
            # Not to wait for the writer of a pipe that has taken the place of the file.
            with open(path, "rb", opener=_without_waiting) as handle:
                self._confine(handle.fileno(), path)
                before = _signature(os.fstat(handle.fileno()))
                data = handle.read(limit + 1)
                after = _signature(os.fstat(handle.fileno()))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise SourceGone(f"{path} is no longer there. List the source again.") from error
        except OSError as error:
            raise SourceUnavailable(f"{path} cannot be read: {error.strerror}.") from error
        if len(data) > limit:
            raise too_large(after[0], limit)
        return data, before != after or len(data) != after[0] or _is_fresh(after)

    def _confine(self, descriptor: int, path: str) -> None:
        """Raises SourceGone where an open file lies outside the folder, by way of a link or otherwise."""
        folder = os.open(self.root, os.O_PATH)
        try:
            real_root = _place_of(folder)
        finally:
            os.close(folder)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or _is_foreign(status, _owner(str(Path(path).parent))):
            raise SourceGone(f"{path} is no file of its own in the source any more. List the source again.")
        if not is_inside(_place_of(descriptor), real_root):
            raise SourceGone(f"{path} leads out of the source {self.root}. List the source again.")


def _unlisted(folder: str, error: OSError) -> SourceUnavailable:
    return SourceUnavailable(
        f"folder {folder} cannot be listed: {error.strerror}. Nothing was taken from the source; make the folder "
        "readable, or mend the path in the contract's servers section."
    )


def _owner(folder: str) -> int:
    """Returns who owns a folder; -1 where it is gone."""
    try:
        return os.stat(folder).st_uid  # noqa: PTH116 - the listing has paths as texts
    except OSError:
        return -1


def _is_foreign(status: os.stat_result, owner: int) -> bool:
    """Whether a file has names elsewhere and belongs to somebody else than its folder: somebody linked it in."""
    return status.st_nlink > 1 and status.st_uid != owner


def _place_of(descriptor: int) -> str:
    """Returns where an open file really is: one call, and true of the very file that is read (proc(5))."""
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


def is_inside(path: str, root: str) -> bool:
    """Whether a real path is the root or below it."""
    return path == root or path.startswith(root.rstrip("/") + "/")


def too_large(size: int, limit: int) -> ParseError:
    """Returns the error for a document of more bytes than are read."""
    return ParseError(
        f"The document has {size} bytes; at most {limit} are read. Split it, or raise max_document_bytes.",
        code="too_large",
    )


def _stamp(status: os.stat_result) -> str:
    """Returns what changes with every write, also with one that puts the time of modification back.

    That is the time of the last status change, which no program can set. Empty where it is too fresh, or lies ahead of
    our clock.
    """
    if time.time_ns() - status.st_ctime_ns < SETTLED_SECONDS * 1_000_000_000:
        return ""
    return f"{status.st_ino:x}.{status.st_size:x}.{status.st_mtime_ns:x}.{status.st_ctime_ns:x}"


def _signature(status: os.stat_result) -> tuple[int, int, int]:
    if not stat.S_ISREG(status.st_mode):
        raise FileNotFoundError("what has its name now is no file")
    return (status.st_size, status.st_mtime_ns, status.st_ino)


def _is_fresh(signature: tuple[int, int, int]) -> bool:
    """Whether a file was written so lately that another write may leave its time as it is: the kernel counts ticks."""
    return abs(time.time_ns() - signature[1]) < _TICK_SECONDS * 1e9


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
