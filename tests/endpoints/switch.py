"""One address before two real servers: each request goes on to the server that the test chose last, or in turn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import httpx2


class Switch:
    """Where requests go. `choose` gets the number of a request, from 0, and gives the address to send it to."""

    def __init__(self, choose: Callable[[int], str]) -> None:
        self.choose = choose
        self.numbers = count()
        self.texts: list[str] = []
        self.url = ""


@contextmanager
def switch(choose: Callable[[int], str]) -> Iterator[Switch]:
    """Runs the switch on a free port of this machine."""
    state = Switch(choose)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            target = state.choose(next(state.numbers))
            headers = {"authorization": self.headers["authorization"], "content-type": "application/json"}
            answer = httpx2.post(f"{target}/embeddings", content=body, headers=headers, timeout=120)
            self.send_response(answer.status_code)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
