"""An HTTP proxy in front of a real object store that refuses, resets, cuts and delays requests by plan."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Fault = Literal["none", "slow_down", "reset", "unanswered", "cut", "slow"]
SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code>'
    b"<Message>Please reduce your request rate.</Message></Error>"
)
SECONDS = 1.5
"""How long a slow answer takes."""
_HOP = frozenset(("connection", "keep-alive", "transfer-encoding", "host", "content-length"))


@dataclass
class Plan:
    """What goes wrong next.

    Attributes:
        fault: What. `unanswered` is done by the store, and the client is not told; `reset` is not done.
        first: Number, from 1, of the request that it happens to first.
        times: To how many requests; 0 for every one from then on.
        counts: Which requests are counted, by method and path.
        asked: Method and path of every request counted since the plan was made.
    """

    fault: Fault = "none"
    first: int = 0
    times: int = 1
    counts: Callable[[str, str], bool] = lambda method, path: True
    asked: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reset(self, fault: Fault = "none", first: int = 0, times: int = 1) -> None:
        with self.lock:
            self.fault, self.first, self.times, self.asked = fault, first, times, []

    def next(self, method: str, path: str) -> Fault:
        with self.lock:
            if not self.counts(method, path):
                return "none"
            self.asked.append(f"{method} {path}")
            number = len(self.asked)
            struck = number >= self.first and (not self.times or number < self.first + self.times)
            return self.fault if self.first and struck else "none"


class _Handler(BaseHTTPRequestHandler):
    plan: Plan
    target: tuple[str, int]
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        fault = self.plan.next(self.command, self.path)
        if fault == "slow_down":
            return self._answer(503, {"content-type": "application/xml"}, SLOW_DOWN)
        if fault == "reset":
            return self._hang_up()
        if fault == "slow":
            time.sleep(SECONDS)
        status, headers, data = self._ask(body)
        if fault == "unanswered":
            return self._hang_up()
        return self._answer(status, headers, data, cut=fault == "cut")

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815

    def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        asked = http.client.HTTPConnection(*self.target, timeout=60)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            # The signature is over the name that the client used.
            headers |= {"Host": self.headers["host"], "Content-Length": str(len(body))}
            asked.request(self.command, self.path, body=body, headers=headers)
            answer = asked.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
            if self.command == "HEAD":
                kept["Content-Length"] = answer.getheader("content-length") or "0"
            return answer.status, kept, answer.read()
        finally:
            asked.close()

    def _answer(self, status: int, headers: dict[str, str], data: bytes, *, cut: bool = False) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(data[: len(data) // 2] if cut else data)
        if cut and data:
            self._hang_up()

    def _hang_up(self) -> None:
        """Resets the connection: no farewell, so the client sees an error and not an end."""
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Says nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args: object) -> None:
        """Says nothing: a client that hangs up is what some tests want."""


@contextmanager
def injecting(target: tuple[str, int]) -> Iterator[tuple[str, Plan]]:
    """Gives the address of a proxy on this machine, and the plan that it follows."""
    plan = Plan()

    handler = type("Handler", (_Handler,), {"plan": plan, "target": target})
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", plan
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
