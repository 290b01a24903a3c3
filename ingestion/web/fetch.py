"""One GET over HTTP(S), within limits: of redirects, bytes sent, bytes unpacked, time, and tries.

Each redirect is judged like the first URL, connects to an address of its own that is checked, and gets no token but
that of its own host. Proxies of the environment are not used: they would connect where we cannot look.
"""

from __future__ import annotations

import random
import ssl
import threading
import time
import weakref
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

import httpcore2

from corpus.errors import ParseError, SourceUnavailable, TornRead
from ingestion.web.pinned import PinnedBackend
from ingestion.web.policy import Access, Forbidden, normal_url, require_host, shown

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_OVERLOADED = frozenset({429, 503})
GONE = frozenset({404, 410})
_AGENT = "stemma-rag"
_FIRST_PAUSE_SECONDS = 0.5


class HostSilent(SourceUnavailable):
    """A whole host does not answer, or wants to be left alone: no single document is the reason."""


class Unanswered(SourceUnavailable):
    """A document that did not come in time, or broke off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """What a server said of a document when it was read, and what was read.

    Attributes:
        etag: Its entity tag, with quotes; empty for none.
        last_modified: The header `Last-Modified`, as it was sent; empty for none.
        sha256: Digest of the bytes.
        size: Number of the bytes.
    """

    etag: str
    last_modified: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server answered in the end.

    Attributes:
        status: 200, 304, 404 or 410.
        body: The bytes, unpacked; empty unless the status is 200.
        headers: Lower-case names; of one that was sent twice, the last.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class _Again(Exception):
    """A try that failed in a way that may pass."""

    def __init__(self, error: Exception, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


class Fetcher:
    """Asks hosts for documents, one at a time.

    Args:
        hosts: Hosts that may be asked, as the contract names them.
        access: What the operator allows, and what one document may take.
        sleep: Waits before another try.
    """

    def __init__(
        self,
        hosts: Sequence[str],
        access: Access,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._hosts = tuple(hosts)
        self._access = access
        self._limits = access.limits
        self._sleep = sleep
        self._backend = PinnedBackend(access)
        self._pool = httpcore2.ConnectionPool(
            ssl_context=ssl.create_default_context(), network_backend=self._backend, max_connections=8
        )
        self._one = threading.Lock()
        weakref.finalize(self, self._pool.close)

    def get(self, url: str, max_bytes: int, known: Validators | None = None) -> Answer:
        """Asks for one document.

        Args:
            url: A URL in its normal form.
            max_bytes: A longer document is refused, unread.
            known: What is known of it; where it is as it was, the answer is 304 and has no body.

        Raises:
            Forbidden: The URL, a redirect, or an address must not be asked.
            HostSilent: The host does not answer, or asks not to be asked now.
            Unanswered: The document did not come in time, or broke off.
            SourceUnavailable: The document cannot be had.
            TornRead: It ended before it was whole.
            ParseError: It is larger than `max_bytes` (code `too_large`).
        """
        with self._one:
            for attempt in range(self._limits.attempts):
                try:
                    return self._follow(url, max_bytes, known)
                except _Again as again:
                    last = again
                if attempt + 1 < self._limits.attempts:
                    self._sleep(self._pause(last.wait, attempt))
        raise last.error

    def _pause(self, asked: float | None, attempt: int) -> float:
        wanted = asked if asked is not None else _FIRST_PAUSE_SECONDS * 2.0**attempt
        # Spread, so that runs that failed together do not come back together.
        return min(wanted, self._limits.longest_wait_seconds) + random.uniform(0, 0.1)  # noqa: S311 - no secret

    def _follow(self, url: str, max_bytes: int, known: Validators | None) -> Answer:
        self._backend.deadline = time.monotonic() + self._limits.seconds
        asked = url
        for _ in range(self._limits.redirects + 1):
            require_host(asked, self._hosts)
            answer = self._once(asked, max_bytes, known)
            if isinstance(answer, Answer):
                return answer
            asked = _onwards(asked, answer)
        raise SourceUnavailable(f"{shown(url)} leads on more than {self._limits.redirects} times. Mend the server.")

    def _once(self, url: str, max_bytes: int, known: Validators | None) -> Answer | str:
        """Sends one request; returns its answer, or where it leads on to."""
        try:
            with self._pool.stream("GET", url, headers=self._headers(url, known)) as response:
                headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
                if response.status in _REDIRECTS and headers.get("location"):
                    return headers["location"]
                return self._read(url, response, headers, max_bytes, known)
        except (httpcore2.ConnectError, httpcore2.ConnectTimeout, ssl.SSLError) as error:
            raise _Again(HostSilent(f"{shown(url)} cannot be reached: {error or type(error).__name__}.")) from error
        except httpcore2.TimeoutException as error:
            seconds = self._limits.seconds
            raise _Again(Unanswered(f"{shown(url)} took more than {seconds:g} s and was given up.")) from error
        except httpcore2.RemoteProtocolError as error:
            raise _Again(TornRead(f"{shown(url)} ended before it was whole: {error}.")) from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise _Again(Unanswered(f"{shown(url)} was cut off: {error or type(error).__name__}.")) from error

    def _headers(self, url: str, known: Validators | None) -> list[tuple[str, str]]:
        headers = [
            ("Host", urlsplit(url).netloc),
            ("User-Agent", _AGENT),
            ("Accept", "*/*"),
            ("Accept-Encoding", "gzip"),
        ]
        if known and known.etag:
            headers.append(("If-None-Match", known.etag))
        if known and known.last_modified:
            headers.append(("If-Modified-Since", known.last_modified))
        token = self._access.token(url)
        return [*headers, ("Authorization", f"Bearer {token}")] if token else headers

    def _read(
        self, url: str, response: httpcore2.Response, headers: dict[str, str], max_bytes: int, known: Validators | None
    ) -> Answer:
        status = response.status
        if status == 200:
            return Answer(status=status, body=_body(url, response, headers, max_bytes), headers=headers)
        if status in GONE or (status == 304 and known and (known.etag or known.last_modified)):
            return Answer(status=status, headers=headers)
        said = f"{shown(url)} answered {status}"
        if status not in _AGAIN:
            raise SourceUnavailable(f"{said}. Nothing was taken; look at the server, or leave the document out.")
        wait = _seconds(headers.get("retry-after", ""))
        if status not in _OVERLOADED:
            raise _Again(SourceUnavailable(f"{said}. Nothing was taken; run again later."), wait)
        asks = f" and asks to wait {wait:.0f} s" if wait is not None else ""
        silent = HostSilent(f"{said}{asks}. Nothing was taken; run again later.")
        if wait is not None and wait > self._limits.longest_wait_seconds:
            raise silent
        raise _Again(silent, wait)


def _onwards(url: str, location: str) -> str:
    """Returns where a redirect leads, in its normal form; never from TLS to none."""
    try:
        target = urljoin(url, location)
    except ValueError as error:
        raise Forbidden(f"{shown(url)} leads on to a URL that cannot be read. Nothing more was asked.") from error
    found = normal_url(target)
    if url.startswith("https://") and not found.startswith("https://"):
        raise Forbidden(f"{shown(url)} leads on to {shown(found)}, without TLS. Nothing more was asked.")
    return found


def _body(url: str, response: httpcore2.Response, headers: Mapping[str, str], max_bytes: int) -> bytes:
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise SourceUnavailable(f"{shown(url)} is packed as {coding[:40]!r}, which was not asked for. Mend the server.")
    length = headers.get("content-length", "")
    if length.isascii() and length.isdecimal() and int(length[:20]) > max_bytes:
        raise _too_large(url, max_bytes)
    unpack = _gunzipped if coding.endswith("gzip") else iter
    body = bytearray()
    try:
        for part in unpack(response.iter_stream()):
            body += part
            if len(body) > max_bytes:
                raise _too_large(url, max_bytes)
    except (zlib.error, EOFError) as error:
        raise _Again(TornRead(f"{shown(url)} is packed wrongly or was cut off: {error}.")) from error
    return bytes(body)


def _gunzipped(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Unpacks gzip, however much it unpacks to, in pieces of at most 64 KiB.

    Raises:
        EOFError: It ends in the middle.
        zlib.error: It is no gzip.
    """
    unpacker = zlib.decompressobj(31)
    fed = False
    for part in parts:
        rest, fed = part, fed or bool(part)
        while rest:
            if unpacker.eof:  # RFC 1952, 2.2: members follow each other
                unpacker = zlib.decompressobj(31)
            yield unpacker.decompress(rest, 1 << 16)
            rest = unpacker.unconsumed_tail or unpacker.unused_data
    if fed and not unpacker.eof:
        tail = unpacker.flush()
        yield tail
        if not unpacker.eof:
            raise EOFError("the packed data ends in the middle")


def _too_large(url: str, max_bytes: int) -> ParseError:
    return ParseError(
        f"{shown(url)} has more than {max_bytes} bytes, which is the most that is read. Split it, or raise "
        "max_document_bytes.",
        code="too_large",
    )


def _seconds(value: str) -> float | None:
    """Returns the seconds of a `Retry-After` (RFC 9110, 10.2.3); None where it says nothing."""
    text = value.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:12])
    at = moment_of(text)
    return None if at is None else max(0.0, (at - datetime.now(UTC)).total_seconds())


def moment_of(text: str) -> datetime | None:
    """Returns the time of a header that has one (RFC 9110, 5.6.7), aware UTC; None where it says none that there is."""
    try:
        found = parsedate_to_datetime(text[:100])
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # a year or a zone beyond all calendars
        return None
