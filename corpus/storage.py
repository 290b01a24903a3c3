"""Storage of immutable files and a few pointers under one fsspec URL, the home.

Files are written under a temporary name and published atomically: a reader sees nothing or all.
Published files never change; publishing the same bytes again is a no-op, other bytes under the
same name are an error. Pointers (alias projections) are the one thing that may be replaced.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import fsspec

from corpus.errors import ConfigurationError, DigestMismatch
from corpus.outages import reading, told

_SCRATCH = ".tmp"


@dataclass(frozen=True, slots=True)
class Store:
    """A home. Paths are relative, with `/` between parts.

    Attributes:
        url: The home as it was given.
        fs: The fsspec file system.
        root: The home's path inside `fs`.
    """

    url: str
    fs: Any
    root: str

    @property
    def is_local(self) -> bool:
        """Whether the home is a folder of this machine."""
        return "file" in (self.fs.protocol if isinstance(self.fs.protocol, tuple) else (self.fs.protocol,))

    def path(self, name: str) -> str:
        """Returns the full path of `name` inside the file system.

        Raises:
            ValueError: `name` is absolute or climbs out of the home.
        """
        if name.startswith("/") or ".." in name.split("/"):
            raise ValueError(f"not a path inside a home: {name!r}")
        return f"{self.root}/{name}" if name else self.root

    def _told(self) -> AbstractContextManager[None]:
        """Turns the trouble of the place into `StoreError` and `StoreUnavailable`."""
        return told(self.url, local=self.is_local)

    def exists(self, name: str) -> bool:
        """Returns whether a file or folder of that name is published.

        Raises:
            StoreError: The place refused, or did not answer: nothing is said of the file.
        """
        with self._told():
            if getattr(self.fs, "async_impl", False):
                return bool(self.fs.exists(self.path(name)))
            try:  # not `exists` of these file systems: any trouble of the place is a file that is not there to it
                self.fs.info(self.path(name))
            except (FileNotFoundError, NotADirectoryError):
                return False
            return True

    def read_bytes(self, name: str) -> bytes:
        """Returns all bytes of a file.

        Raises:
            FileNotFoundError: There is no such file.
        """
        with self.open(name) as handle:
            return bytes(handle.read())

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Opens a file for reading, seekable."""
        with self._told():
            handle = self.fs.open(self.path(name), "rb")
        with handle:
            yield handle if self.is_local else reading(handle, self.url)

    def names(self, folder: str, *, every: bool = False) -> tuple[str, ...]:
        """Returns the names directly inside a folder, sorted; empty if it does not exist.

        Temporary names of writers at work are left out, unless `every` name is asked for.
        """
        try:
            # Another process may have published since this one listed: never trust a listing cache.
            with self._told():
                self.fs.invalidate_cache()
                entries = self.fs.ls(self.path(folder), detail=False)
        except FileNotFoundError:
            return ()
        names = (str(entry).rstrip("/").rsplit("/", 1)[-1] for entry in entries)
        return tuple(sorted(name for name in names if every or not name.startswith(".tmp")))

    def links(self, folder: str, names: Iterable[str]) -> tuple[str, ...]:
        """Returns those of a folder and some files in it that are symbolic links; a remote store has none."""
        if not self.is_local:
            return ()
        paths = (folder, *(f"{folder}/{name}" for name in sorted(names)))
        return tuple(name for name in paths if Path(self.path(name)).is_symlink())

    def modified_at(self, name: str) -> datetime | None:
        """Returns when a file, or the youngest file of a folder, was written, aware UTC.

        None where there is nothing, or where the store does not say.
        """
        try:
            with self._told():
                found = self.fs.find(self.path(name), detail=False) or [self.path(name)]
                times = [self.fs.modified(path) for path in found]
        except (FileNotFoundError, NotImplementedError, KeyError, IsADirectoryError):
            return None
        aware = [item.replace(tzinfo=UTC) if item.tzinfo is None else item.astimezone(UTC) for item in times]
        return max(aware, default=None)

    def publish(self, name: str, data: bytes) -> str:
        """Publishes bytes under a name that will never change.

        Args:
            name: Where; it may exist already with the same bytes.
            data: What.

        Returns:
            SHA-256 of the bytes, hexadecimal.

        Raises:
            DigestMismatch: Other bytes are published under this name.
        """
        if self.is_local:
            with self.scratch() as folder:
                (folder / "bytes").write_bytes(data)
                return self.publish_file(name, folder / "bytes")
        digest = hashlib.sha256(data).hexdigest()
        if not self._is_published(name, digest):
            self.replace(name, data)
        return digest

    def publish_file(self, name: str, local: Path) -> str:
        """Publishes a local file under a name that will never change, without loading it whole.

        Args:
            name: Where; an existing file with the same digest is kept.
            local: The file; it is moved where the home is on the same file system.

        Returns:
            SHA-256 of the bytes, hexadecimal.

        Raises:
            DigestMismatch: Other bytes are published under this name.
        """
        digest = file_digest(local)
        if self._is_published(name, digest):
            return digest
        with self._told():
            if not self.is_local:
                self.fs.put_file(str(local), self.path(name))
                return digest
            claimed = _claim(local, Path(self.path(name)))
        if not claimed:
            self._is_published(name, digest)
        return digest

    def replace_file(self, name: str, local: Path) -> str:
        """Puts a local file in the place of another, or of none, at once; for work in progress.

        Returns:
            SHA-256 of the bytes, hexadecimal.
        """
        digest = file_digest(local)
        with self._told():
            if not self.is_local:
                self.fs.put_file(str(local), self.path(name))
                return digest
            target = Path(self.path(name))
            target.parent.mkdir(parents=True, exist_ok=True)
            _sync_file(local)
            local.replace(target)
            _sync_folder(target.parent)
        return digest

    def _is_published(self, name: str, digest: str) -> bool:
        """Whether a file is there already with this digest; with another one it is an error.

        A file that is adopted is as young as a new one: whoever collects old files must leave it alone.
        """
        if not self.exists(name):
            return False
        with self.open(name) as handle:
            found = _stream_digest(handle)
        if found != digest:
            raise DigestMismatch(
                f"{name} in {self.url} is published with sha256 {found[:12]}..., refusing to "
                f"replace it by {digest[:12]}.... Published files never change."
            )
        if self.is_local:
            os.utime(self.path(name))
        return True

    def publish_folder(self, name: str, local: Path, last: str) -> None:
        """Publishes a whole folder as one.

        On a local home this is one rename. Elsewhere the file `last` is the commit mark: it is
        written after all others, and a folder without it is not published.

        Args:
            name: Where; it must not exist.
            local: Folder with the files, made by `scratch`.
            last: Name of the file that completes the folder.

        Raises:
            FileExistsError: A folder of that name is published.
        """
        if self.exists(f"{name}/{last}") or (self.is_local and self.exists(name)):
            raise FileExistsError(f"{name} is already published in {self.url}")
        files = sorted(path for path in local.rglob("*") if path.is_file())
        with self._told():
            if self.is_local:
                for path in files:
                    _sync_file(path)
                self._rename_folder(name, local)
                return
            for path in sorted(files, key=lambda path: path.name == last):
                self.fs.put_file(str(path), self.path(f"{name}/{path.relative_to(local).as_posix()}"))

    def _rename_folder(self, name: str, local: Path) -> None:
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        for folder in (local, *(path for path in local.rglob("*") if path.is_dir())):
            _sync_folder(folder)
        try:
            local.rename(target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            raise FileExistsError(f"{name} is already published in {self.url}") from error
        _sync_folder(target.parent)

    def replace(self, name: str, data: bytes) -> None:
        """Writes a pointer atomically; the one operation that may change what a name holds."""
        with self._told():
            if self.is_local:
                self._replace(Path(self.path(name)), data)
            else:
                self.fs.pipe_file(self.path(name), data)  # one request: an opened file would be seen half written

    @staticmethod
    def _replace(target: Path, data: bytes) -> None:
        folder = target.parent
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".tmp-{uuid.uuid4().hex}"
        try:
            with temporary.open("wb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(folder)

    def remove(self, name: str) -> None:
        """Removes a file or a folder; nothing happens if it is not there."""
        with contextlib.suppress(FileNotFoundError), self._told():
            self.fs.rm(self.path(name), recursive=True)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Gives a local folder for files in the making, removed afterwards.

        On a local home it lies inside the home, so that publishing is a rename.
        """
        with told(self.url if self.is_local else tempfile.gettempdir(), local=True):
            if self.is_local:
                # Not mkdtemp: a folder that is published keeps its mode, and readers may be other users.
                folder = Path(self.path(_SCRATCH)) / uuid.uuid4().hex
                folder.mkdir(parents=True)
            else:
                folder = Path(tempfile.mkdtemp(prefix="stemma-"))
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def local_file(self, name: str) -> Iterator[Path]:
        """Gives a local path with the bytes of a file, for libraries that want a path.

        Raises:
            FileNotFoundError: There is no such file.
        """
        if self.is_local:
            path = Path(self.path(name))
            if not path.is_file():
                raise FileNotFoundError(str(path))
            yield path
            return
        with self.scratch() as folder:
            path = folder / name.rsplit("/", 1)[-1]
            with self._told():
                self.fs.get_file(self.path(name), str(path))
            yield path


def open_store(url: str) -> Store:
    """Opens a home.

    Args:
        url: A local folder or an fsspec URL such as `memory://name` or `s3://bucket/prefix`.

    Raises:
        ConfigurationError: The protocol is unknown or its package is not installed.
        StoreError: The place refused, or did not answer.
    """
    try:
        with told(url, local="://" not in url):
            # Another process publishes too: what was listed before says nothing about what is there now.
            fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except (ValueError, ImportError) as error:
        raise ConfigurationError(
            f"home {url!r} cannot be opened: {error}. Use a folder, or an fsspec URL whose package "
            "is installed (s3:// needs s3fs)."
        ) from error
    return Store(url=url, fs=fs, root=str(root).rstrip("/"))


def file_digest(path: Path) -> str:
    """Returns the SHA-256 of a local file, hexadecimal, in bounded memory."""
    with path.open("rb") as handle:
        return _stream_digest(handle)


def _stream_digest(handle: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := handle.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def _claim(local: Path, target: Path) -> bool:
    """Moves a file to a name that is free; returns whether it was, also when others try at once."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _sync_file(local)
    try:
        target.hardlink_to(local)
        local.unlink()
    except FileExistsError:
        return False
    except OSError as error:
        # No hard links there, or another file system: a rename is atomic still, the last one wins.
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EXDEV, errno.EMLINK):
            raise
        _move(local, target)
    _sync_folder(target.parent)
    return True


def _move(local: Path, target: Path) -> None:
    temporary = target.with_name(f"{_SCRATCH}-{uuid.uuid4().hex}")
    try:
        shutil.move(local, temporary)
        _sync_file(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_file(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
