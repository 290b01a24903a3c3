"""A real HTTP server on 127.0.0.1 whose answers a test writes, and a source that may ask it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ingestion.web.address import parse_networks
from ingestion.web.policy import Access, WebLimits
from ingestion.web.source import WebSource

LOOPBACK = parse_networks(("127.0.0.0/8",))
QUICK = WebLimits(seconds=0.5, connect_seconds=1.0, attempts=2, longest_wait_seconds=0.2)


@dataclass(frozen=True)
class Page:
    """What is at one path: a document with an entity tag, or a function that answers as it likes."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    act: Callable[[BaseHTTPRequestHandler], None] | None = None


@dataclass
class Site:
    """A running server.

    Attributes:
        pages: Path to what is there.
        asked: Every request: path and headers.
    """

    port: int
    pages: dict[str, Page] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"http://{self.host}{path}"

    def put(self, path: str, body: bytes | str, **headers: str) -> None:
        data = body.encode() if isinstance(body, str) else body
        self.pages[path] = Page(data, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def answer(self, path: str, status: int, **headers: str) -> None:
        self.pages[path] = Page(b"", status, {name.replace("_", "-"): value for name, value in headers.items()})

    def act(self, path: str, act: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.pages[path] = Page(act=act)

    def source(self, *paths: str, access: Access | None = None, **options: Any) -> WebSource:
        urls = tuple(self.url(path) for path in paths)
        given = {"root": urls[0], "urls": urls[1:], **options}
        return WebSource(**given, access=access or Access(networks=LOOPBACK, limits=QUICK))


@pytest.fixture
def site() -> Iterator[Site]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler())
    server.daemon_threads = True
    found = Site(server.server_address[1])
    server.site = found  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)


def _handler() -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site: Site = self.server.site  # type: ignore[attr-defined]
            site.asked.append((self.path, dict(self.headers)))
            page = site.pages.get(self.path, Page(status=404))
            with suppress(BrokenPipeError, ConnectionResetError):
                if page.act:
                    self.close_connection = True
                    page.act(self)
                else:
                    self._plain(page)

        def _plain(self, page: Page) -> None:
            tag, changed = page.headers.get("ETag"), page.headers.get("Last-Modified")
            same = (tag and self.headers.get("If-None-Match") == tag) or (
                changed and self.headers.get("If-Modified-Since") == changed
            )
            self.send_response(304 if same else page.status)
            for name, value in page.headers.items():
                self.send_header(name, value)
            body = b"" if same else page.body
            if not same:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def trickle(handler: BaseHTTPRequestHandler, head: bytes, pieces: bytes, pause: float) -> None:
    """Sends a head, then one byte at a time; gives up after 20 seconds, so that no thread outlives the tests."""
    handler.wfile.write(head)
    until = time.monotonic() + 20
    for number in range(10_000):
        if time.monotonic() > until:
            return
        handler.wfile.write(pieces[number % len(pieces) : number % len(pieces) + 1])
        handler.wfile.flush()
        time.sleep(pause)
