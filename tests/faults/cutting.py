"""A proxy in front of a real PostgreSQL that cuts a connection at a chosen step of a chosen transaction.

It knows of the protocol what it needs: messages of a client that ask for changes, the COMMIT after them, and the
server's word that it was done. Sources: PostgreSQL documentation, chapter "Frontend/Backend Protocol".
"""

from __future__ import annotations

import re
import selectors
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import URL, make_url

When = Literal["before", "after"]
_CHANGES = re.compile(rb"\b(INSERT|UPDATE|DELETE)\b")
_QUERY, _PARSE, _READY = ord("Q"), ord("P"), ord("Z")


@dataclass
class Plan:
    """What goes wrong next.

    Attributes:
        at: Number, from 1, of the COMMIT after changes that it happens at; 0 for never.
        when: `before` the server sees that COMMIT, or `after` it was done and before the client hears of it.
        act: Done instead of cutting, before the COMMIT is passed on.
        seen: How many such COMMITs were asked for.
    """

    at: int = 0
    when: When = "before"
    act: Callable[[], None] | None = None
    seen: int = 0
    struck: bool = field(default=False, init=False)

    def reset(self, at: int, when: When = "before", act: Callable[[], None] | None = None) -> None:
        self.at, self.when, self.act, self.seen, self.struck = at, when, act, 0, False


class _Session(threading.Thread):
    """One connection: passes messages on, whole, until the plan says otherwise."""

    def __init__(self, client: socket.socket, server: socket.socket, plan: Plan) -> None:
        super().__init__(daemon=True)
        self._client, self._server, self._plan = client, server, plan
        self._pending, self._greeted, self._changed = b"", False, False

    def run(self) -> None:
        with self._client, self._server, selectors.DefaultSelector() as ready, suppress(OSError):
            ready.register(self._client, selectors.EVENT_READ)
            ready.register(self._server, selectors.EVENT_READ)
            while all(self._pass(key.fileobj) for key, _ in ready.select()):  # type: ignore[arg-type]
                pass

    def close(self) -> None:
        """Ends both sides; the thread ends with them."""
        for side in (self._client, self._server):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
        self.join(10)

    def _pass(self, side: socket.socket) -> bool:
        data = side.recv(1 << 16)
        if not data:
            return False
        if side is self._server:
            self._client.sendall(data)
            return True
        self._pending += data
        return self._messages()

    def _messages(self) -> bool:
        """Passes whole messages of the client on; returns whether the connection lives."""
        while (size := self._size()) and len(self._pending) >= size:
            message, self._pending = self._pending[:size], self._pending[size:]
            if not self._one(message):
                return False
        return True

    def _size(self) -> int:
        if not self._greeted:  # the first message has no type
            return struct.unpack("!I", self._pending[:4])[0] if len(self._pending) >= 4 else 0
        return 1 + struct.unpack("!I", self._pending[1:5])[0] if len(self._pending) >= 5 else 0

    def _one(self, message: bytes) -> bool:
        asks = self._greeted and message[0] in (_QUERY, _PARSE)
        self._greeted = True
        if asks and _CHANGES.search(message):
            self._changed = True
        if not (asks and b"COMMIT" in message and self._changed):
            self._server.sendall(message)
            return True
        self._changed = False
        self._plan.seen += 1
        if self._plan.seen != self._plan.at:
            self._server.sendall(message)
            return True
        return self._strike(message)

    def _strike(self, message: bytes) -> bool:
        self._plan.struck = True
        if self._plan.act is not None:
            self._plan.act()
        elif self._plan.when == "before":
            return False
        else:
            self._server.sendall(message)
            self._drain()
            return False
        with suppress(OSError):
            self._server.sendall(message)
        return True

    def _drain(self) -> None:
        """Waits until the server has answered, and keeps the answer."""
        answer = b""
        while not (len(answer) >= 6 and answer[-6] == _READY):
            answer += self._server.recv(1 << 16)


@contextmanager
def cutting(url: str) -> Iterator[tuple[str, Plan]]:
    """Gives the URL of a proxy on this machine in front of a database, and the plan that it follows."""
    target, plan = make_url(url), Plan()
    sessions: list[_Session] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = threading.Thread(target=_serve, args=(listening, target, plan, sessions), daemon=True)
        serving.start()
        port = listening.getsockname()[1]
        # TLS would hide what is said; the server is on this machine.
        query = {"sslmode": "disable", "gssencmode": "disable"}
        proxied = target.set(host="127.0.0.1", port=port, query=query)
        try:
            yield proxied.render_as_string(hide_password=False), plan
        finally:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            serving.join(10)
            for session in sessions:
                session.close()


def _serve(listening: socket.socket, target: URL, plan: Plan, sessions: list[_Session]) -> None:
    while True:
        try:
            client, _ = listening.accept()
        except OSError:
            return
        try:
            server = _connected(target)
        except OSError:
            client.close()
            continue
        session = _Session(client, server, plan)
        session.start()
        sessions.append(session)


def _connected(target: URL) -> socket.socket:
    folder = str(target.query.get("host", "") or "")
    if not folder.startswith("/"):
        return socket.create_connection((target.host or "127.0.0.1", target.port or 5432), timeout=30)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        server.connect(f"{folder}/.s.PGSQL.{target.port or 5432}")
    except OSError:
        server.close()
        raise
    return server
