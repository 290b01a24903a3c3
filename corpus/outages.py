"""What a home that cannot be written, or does not answer, is called: whose error it is, and what comes next.

A full disk, a home that may not be written and an object store that throttles come as a dozen exceptions of
operating system, Arrow, faiss and client libraries. Callers get one of ours, which says whether waiting helps.
"""

from __future__ import annotations

import contextlib
import errno
import io
import sys
from collections.abc import Iterator
from typing import IO, Any

from corpus.errors import StemmaError, StoreError, StoreUnavailable

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)
_DEVICE = (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENOTCONN)
_SAID_FULL = ("No space left on device", "Disk quota exceeded", "File too large")
"""How libraries that lose the number of an error still say it: faiss, Arrow's compression."""
_AGAIN = "Nothing that is served was changed. Run the same command again: what was finished is found."
# What these say of a name is the caller's to judge, not trouble of the place.
_ABOUT_NAMES = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError)
_CLIENTS = (
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "HTTPClientError"),
    ("aiohttp", "ClientError"),
    ("azure.core.exceptions", "AzureError"),
    ("google.api_core.exceptions", "GoogleAPIError"),
)
"""Where libraries below fsspec keep the errors that it passes on as they are."""
_BLOCK_BYTES = 1 << 20


@contextlib.contextmanager
def told(url: str, *, local: bool) -> Iterator[None]:
    """Turns the trouble of a home, raised within, into an error of ours; leaves every other exception alone.

    Args:
        url: The home, for the message.
        local: Whether it is a folder of this machine. Of another place everything but "no such name" is an outage.

    Raises:
        StoreError: The disk is full, or the home may not be written or read.
        StoreUnavailable: The place did not answer, or refused for now.
    """
    try:
        yield
    except (StemmaError, *_ABOUT_NAMES):
        raise
    except Exception as error:
        found = of_disk(url, error) if local else _of_place(url, error)
        if found is None:
            raise
        raise found from error


def of_disk(url: str, error: BaseException) -> StoreError | None:
    """Returns what an exception says about the disk of a home; None where it says nothing about it."""
    number = getattr(error, "errno", None)
    if number in _FULL or (number is None and any(words in str(error) for words in _SAID_FULL)):
        return StoreError(
            f"the disk is full: {_said(error)} (home {url}). {_AGAIN} First make room; `stemma index gc` removes what "
            "the contract keeps no longer."
        )
    if number in _FORBIDDEN:
        return StoreError(
            f"the home {url} cannot be written or read: {_said(error)}. {_AGAIN} First mount it for writing, or give "
            "this user the right to; `stemma doctor` looks at both."
        )
    return (
        StoreUnavailable(f"the disk of {url} did not answer: {_said(error)}. {_AGAIN}") if number in _DEVICE else None
    )


def _of_place(url: str, error: Exception) -> StoreError | None:
    if isinstance(error, PermissionError):
        return StoreError(
            f"the home {url} refused: {_said(error)}. {_AGAIN} First look at the credentials and their rights on it."
        )
    if isinstance(error, causes()):
        return StoreUnavailable(f"the home {url} did not answer: {_said(error)}. {_AGAIN}")
    return None


def causes() -> tuple[type[Exception], ...]:
    """Returns what says that a place did not answer: of the system, and of the client libraries that are loaded."""
    loaded = ((sys.modules.get(module), name) for module, name in _CLIENTS)
    return (OSError, *(getattr(module, name) for module, name in loaded if module is not None))


def _said(error: BaseException) -> str:
    words = str(error).strip().splitlines()
    return (words[0] if words else type(error).__name__)[:300].rstrip(".")


class Reading(io.RawIOBase):
    """A file of a remote home whose reads fail as `told` says, also within a library that reads it.

    Args:
        handle: The opened file.
        url: The home.
    """

    def __init__(self, handle: Any, url: str) -> None:
        self._handle = handle
        self._url = url

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Moves within the file; asks nobody."""
        return int(self._handle.seek(offset, whence))

    def tell(self) -> int:
        """Returns the place within the file."""
        return int(self._handle.tell())

    def readinto(self, buffer: Any, /) -> int:
        """Reads as much as there is, or fits."""
        with told(self._url, local=False):
            data = self._handle.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def reading(handle: Any, url: str) -> IO[bytes]:
    """Returns a file of a remote home, buffered, whose trouble is told in our words."""
    return io.BufferedReader(Reading(handle, url), _BLOCK_BYTES)
