"""Documents at http and https URLs: those that the contract names, and those that a sitemap or a list names.

Each listing asks for every document, with what the server said of it last time, so that one that is as it was costs a
request and no bytes. A document that the server says is gone (404, 410) is not listed. One that cannot be had is
listed still, and its reading fails: a server in trouble removes nothing. Where a host does not answer, the listing
fails whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit

from corpus.errors import ConfigurationError, ParseError, SourceError, SourceGone, SourceUnavailable, TornRead
from corpus.ids import fingerprint, sha256_hex
from corpus.types import RawBlob, SourceRef
from ingestion.sources.globs import compile_globs
from ingestion.sources.listing import Entry, refs
from ingestion.web.fetch import GONE, Answer, Fetcher, HostSilent, Unanswered, Validators, moment_of
from ingestion.web.policy import Access, Forbidden, authority, normal_url, require_host, shown
from ingestion.web.sitemap import MOST_BYTES, Listed, read_lines, read_sitemap

Kind = Literal["document", "sitemap", "list"]

_MOST_DOCUMENTS = 1_000_000
_MOST_LISTS = 1_000
_KEPT_BYTES = 64_000_000
"""Bytes of documents that were read by a listing and are kept for the reading that follows it."""
_UNANSWERED_IN_A_ROW = 3
_UNREADABLE = "urn:stemma-rag:unreadable-url:"
"""What stands for a URL of a list that must not be asked, and may hold what must not be kept."""
_MAX_BESIDE_BYTES = 20_000_000
_SETTLED = timedelta(seconds=60)
"""Age that a time of modification must have to tell one revision from the next (RFC 9110, 8.8.2.2)."""


class WebSource:
    """Lists and reads documents over HTTP(S).

    Args:
        root: URL of the list, or of the one document.
        include: Globs over `host/path`; empty for all.
        exclude: Globs over `host/path` of what to leave out.
        max_bytes: A larger document is refused.
        kind: What `root` is.
        urls: Further documents.
        hosts: Hosts that may be asked, with `:port` where it is not that of the scheme; empty for the hosts of `root`
            and `urls`.
        access: What the operator allows, and what one document may take.

    Raises:
        ConfigurationError: A URL or a glob is malformed.
    """

    def __init__(
        self,
        root: str,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        max_bytes: int = 50_000_000,
        *,
        kind: Kind = "document",
        urls: Sequence[str] = (),
        hosts: Sequence[str] = (),
        access: Access | None = None,
    ) -> None:
        if max_bytes < 1:
            raise ConfigurationError(f"max_bytes={max_bytes} must be 1 or more.")
        self._root, self._kind, self._max_bytes = _declared(root), kind, max_bytes
        self._urls = tuple(_declared(url) for url in urls)
        named = tuple(host.lower() for host in hosts)
        self._hosts = named or tuple(dict.fromkeys(authority(urlsplit(url)) for url in (self._root, *self._urls)))
        self._include, self._exclude = tuple(include) or ("**",), tuple(exclude)
        self._included, self._excluded = compile_globs(self._include), compile_globs(self._exclude)
        self._fetcher = Fetcher(self._hosts, access or Access())
        self._kept: dict[str, bytes] = {}
        self._kept_bytes = 0
        self._failed: dict[str, SourceError | ParseError] = {}
        self.known: dict[str, Validators] = {}
        """What is known of documents, by URL: given before a listing, and brought up to date by it."""

    @property
    def fingerprint(self) -> str:
        """Digest of the options that change what is listed."""
        parts = {"type": "web/1", "root": self._root, "kind": self._kind, "urls": self._urls, "hosts": self._hosts}
        globs = {"include": self._include, "exclude": self._exclude}
        return fingerprint("source", {**parts, **globs, "max_bytes": self._max_bytes})

    def list(self) -> Iterator[SourceRef]:
        """Yields every document, sorted by path.

        Raises:
            SourceUnavailable: A list cannot be read, or a host does not answer.
            ConfigurationError: Two documents would share an id.
        """
        self._kept, self._kept_bytes, self._failed = {}, 0, {}
        return iter(list(refs(self._entries(), lambda _: True)))

    def read(self, ref: SourceRef) -> RawBlob:
        """Reads one document, and the sidecar beside it.

        Raises:
            TornRead: It ended before it was whole.
            SourceGone: The server says that it is not there.
            SourceUnavailable: It cannot be had, or must not be asked for.
            ParseError: It is larger than `max_bytes` (code `too_large`).
        """
        data = self._bytes(ref.uri, self._max_bytes)
        return RawBlob(
            ref=ref,
            data=data,
            sha256=sha256_hex(data),
            sidecar=self._beside(ref, ref.sidecar_uri),
            manifest=self._beside(ref, ref.manifest_uri),
        )

    def _bytes(self, url: str, limit: int) -> bytes:
        if url in self._failed:
            raise self._failed.pop(url)  # the listing asked a moment ago; who asks again gets another try
        if url in self._kept:
            return self._kept.pop(url)
        if url.startswith(_UNREADABLE):
            raise Forbidden(
                "the list of documents names a URL that must not be asked: it is no plain http or https URL. Mend the "
                "list."
            )
        require_host(url, self._hosts)
        answer = self._fetcher.get(url, limit)
        if answer.status in GONE:
            raise SourceGone(f"{shown(url)} is no longer there. List the source again.")
        return answer.body

    def _beside(self, ref: SourceRef, url: str) -> bytes:
        if not url:
            return b""
        try:
            return self._bytes(url, _MAX_BESIDE_BYTES)
        except SourceGone as error:
            raise TornRead(f"the sidecar of {ref.path!r} vanished while it was read. Run again.") from error

    def _entries(self) -> Iterator[Entry]:
        fresh: dict[str, Validators] = {}
        in_a_row = 0
        for url in self._wanted_urls():
            try:
                entry = self._look(url, fresh)
            except HostSilent:
                raise
            except (SourceError, ParseError) as error:
                in_a_row = in_a_row + 1 if isinstance(error, Unanswered | TornRead) else 0
                if in_a_row >= _UNANSWERED_IN_A_ROW:
                    raise SourceUnavailable(f"{in_a_row} documents in a row did not come; the last: {error}") from error
                self._failed[url] = error
                entry = _entry(url)
                if url in self.known:
                    fresh[url] = self.known[url]
            else:
                in_a_row = 0
            if entry is not None:
                yield entry
        self.known = fresh

    def _look(self, url: str, fresh: dict[str, Validators]) -> Entry | None:
        """Asks for one document; None where it is gone."""
        if url.startswith(_UNREADABLE):
            return _entry(url)
        known = self.known.get(url)
        answer = self._fetcher.get(url, self._max_bytes, known)
        if answer.status in GONE:
            return None
        if answer.status == 304 and known is not None:
            fresh[url] = known
            return _entry(url, known)
        found = _validators(answer)
        fresh[url] = found if _is_settled(answer, found) else replace(found, last_modified="")
        if self._kept_bytes + len(answer.body) <= _KEPT_BYTES:
            self._kept[url] = answer.body
            self._kept_bytes += len(answer.body)
        return _entry(url, found)

    def _wanted_urls(self) -> Iterator[str]:
        seen: set[str] = set()
        for url in self._listed_urls():
            path = path_of(url)
            wanted = url.startswith(_UNREADABLE) or (self._included(path) and not self._excluded(path))
            if url in seen or not wanted:
                continue
            seen.add(url)
            if len(seen) > _MOST_DOCUMENTS:
                raise ConfigurationError(
                    f"{shown(self._root)} lists more than {_MOST_DOCUMENTS} documents. Split the source by globs."
                )
            yield url

    def _listed_urls(self) -> Iterator[str]:
        yield from self._urls
        if self._kind == "document":
            yield self._root
            return
        waiting, done = [self._root], 0
        while waiting:
            listed = self._list_at(waiting.pop(0))
            done += 1
            if done > 1 and listed.lists:
                raise SourceUnavailable(f"{shown(self._root)} names an index of indexes, which no sitemap may.")
            waiting.extend(_list_named(url, self._root) for url in listed.lists)
            if done + len(waiting) > _MOST_LISTS:
                raise ConfigurationError(
                    f"{shown(self._root)} names more than {_MOST_LISTS} sitemaps. Split the source."
                )
            yield from map(_named, listed.pages)

    def _list_at(self, url: str) -> Listed:
        require_host(url, self._hosts)
        try:
            answer = self._fetcher.get(url, MOST_BYTES)
        except ParseError as error:
            raise SourceUnavailable(str(error)) from error
        if answer.status in GONE:
            raise SourceUnavailable(
                f"{shown(url)} answered {answer.status}: the list of documents is not there. Nothing was taken from "
                "the source; mend the location in the contract's servers section."
            )
        read = read_sitemap if self._kind == "sitemap" else read_lines
        return read(answer.body, shown(url))


def path_of(url: str) -> str:
    """Returns the path of a document: host, path, and what tells one query from another."""
    if url.startswith(_UNREADABLE):
        return "unreadable-url/" + url.removeprefix(_UNREADABLE)
    parts = urlsplit(url)
    inner = [part or "%2F" for part in parts.path.split("/")[1:-1]]
    last = parts.path.rpartition("/")[2] or "_index"
    query = f"~{parts.query}" if parts.query else ""
    return "/".join((authority(parts), *inner, last + query.replace("/", "%2F")))


def _declared(url: str) -> str:
    try:
        return normal_url(url)
    except Forbidden as error:
        raise ConfigurationError(str(error)) from error


def _named(url: str) -> str:
    """Returns a URL of a list in its normal form; one that has none becomes a document that fails, and says why."""
    try:
        return normal_url(url)
    except Forbidden:
        return _UNREADABLE + sha256_hex(url.encode("utf-8", "surrogatepass"))[:16]


def _list_named(url: str, root: str) -> str:
    try:
        return normal_url(url)
    except Forbidden as error:
        raise SourceUnavailable(f"{shown(root)} names what is no list: {error}") from error


def _entry(url: str, found: Validators | None = None) -> Entry:
    return Entry(
        path=path_of(url),
        uri=url,
        size=found.size if found else 0,
        modified_at=moment_of(found.last_modified) if found else None,
        version_tag=found.etag if found else "",
        sha256=found.sha256 if found else "",
    )


def _validators(answer: Answer) -> Validators:
    headers: Mapping[str, str] = answer.headers
    return Validators(
        etag=headers.get("etag", "")[:500],
        last_modified=headers.get("last-modified", "")[:100],
        sha256=sha256_hex(answer.body),
        size=len(answer.body),
    )


def _is_settled(answer: Answer, found: Validators) -> bool:
    """Whether a server's word on a document tells it from one that is changed right after: its times are in seconds."""
    sent, modified = moment_of(answer.headers.get("date", "")), moment_of(found.last_modified)
    return bool(found.etag) or (sent is not None and modified is not None and sent - modified >= _SETTLED)
