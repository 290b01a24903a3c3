"""A small real HTTP server that speaks as an embedding endpoint does, with a real model behind it and faults on demand.

Where `infinity-emb` is the honest server, this one is for what an honest server does not do: 429 and 500 on
demand, answers that are slow, cut off or out of order, and another model behind the same address.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from corpus.endpoints import Endpoint


@dataclass
class Asked:
    """One request as it came in."""

    body: dict[str, Any]
    headers: dict[str, str]
    at: float

    @property
    def texts(self) -> list[str]:
        return list(self.body["input"])


@dataclass
class Reply:
    """An answer, and how it is sent: `cut` bytes are promised but missing, `drip` seconds lie between bytes."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0
    cut: int = 0
    drip: float = 0


Embed = Callable[[list[str]], np.ndarray]
Fault = Callable[[Asked, "Serving"], Reply | None]


class Serving:
    """The server's state: which model answers, what goes wrong next, and what was asked."""

    def __init__(self, embed: Embed, key: str) -> None:
        self.embed = embed
        self.key = key
        self.faults: deque[Fault] = deque()
        self.always: Fault | None = None
        self.asked: list[Asked] = []
        self.url = ""

    def endpoint(self, **changed: Any) -> Endpoint:
        """Returns a declaration of this server for tests: no long waits."""
        usual: dict[str, Any] = {
            "provider": "tests",
            "url": self.url,
            "model": "a-model",
            "dimension": 256,
            "timeout_seconds": 20,
            "longest_wait_seconds": 5,
            "attempts": 3,
            "batch_size": 16,
        }
        return Endpoint(**{**usual, **changed})

    def data(self, asked: Asked) -> list[dict[str, Any]]:
        """Returns the `data` of a right answer."""
        rows = self.embed(asked.texts)
        if asked.body.get("encoding_format") == "base64":
            vectors: list[Any] = [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in rows]
        else:
            vectors = rows.tolist()
        return [{"object": "embedding", "index": place, "embedding": vector} for place, vector in enumerate(vectors)]

    def right(self, asked: Asked, data: list[dict[str, Any]] | None = None) -> Reply:
        """Returns a right answer, or one with other `data`."""
        found = self.data(asked) if data is None else data
        return Reply(json.dumps({"object": "list", "data": found, "model": "a-model-2026"}).encode())

    def reply(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        if self.key and asked.headers.get("authorization") != f"Bearer {self.key}":
            # As a careless server does it: the wrong key is repeated.
            said = {"error": {"message": f"wrong key: {asked.headers.get('authorization')}", "code": "invalid"}}
            return Reply(json.dumps(said).encode(), status=401)
        fault = self.faults.popleft() if self.faults else self.always
        return (fault(asked, self) if fault else None) or self.right(asked)


def refusing(status: int, message: str = "no", code: str = "", **headers: str) -> Fault:
    """Returns a fault that answers with an error."""
    body = json.dumps({"error": {"message": message, "code": code}}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda asked, serving: Reply(body, status=status, headers=named)


def changed(change: Callable[[list[dict[str, Any]]], Any]) -> Fault:
    """Returns a fault that sends the right vectors, changed."""

    def fault(asked: Asked, serving: Serving) -> Reply:
        data = serving.data(asked)
        return serving.right(asked, change(data) or data)

    return fault


def sent(**how: Any) -> Fault:
    """Returns a fault that sends the right answer in a bad way."""

    def fault(asked: Asked, serving: Serving) -> Reply:
        reply = serving.right(asked)
        for name, value in how.items():
            setattr(reply, name, value)
        return reply

    return fault


@contextmanager
def serving(embed: Embed, key: str = "") -> Iterator[Serving]:
    """Runs a server on a free port of this machine."""
    state = Serving(embed, key)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(json.loads(self.rfile.read(length)), headers, time.monotonic())
            reply = state.reply(asked) if self.path.endswith("/embeddings") else Reply(b"{}", status=404)
            time.sleep(reply.delay)
            self.send_response(reply.status)
            for name, value in {"content-type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            try:
                self._send(reply)
            except OSError:
                self.close_connection = True

        def _send(self, reply: Reply) -> None:
            body = reply.body[: len(reply.body) - reply.cut]
            if reply.drip:
                for place in range(len(body)):
                    self.wfile.write(body[place : place + 1])
                    time.sleep(reply.drip)
            else:
                self.wfile.write(body)
            self.close_connection = self.close_connection or bool(reply.cut)

        def log_message(self, *args: Any) -> None:
            """Says nothing: a test reads `asked`."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            """Says nothing: a client that gave up on a slow answer is what some tests want."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
