"""The console as a part of another server: opened by the first request of somebody who is signed in.

Whatever is wrong with the project, the server around it starts and goes on; the page says what is wrong, and the next
request tries again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from console.web.app import STATIC, create_app
from console.web.http import problems
from console.web.http.access import Access
from console.web.http.failures import Refused
from console.web.http.headers import Guarded
from console.web.http.routes import require_person
from console.web.http.templating import Pen
from console.web.work.launching import Launcher
from corpus.errors import StemmaError
from ingestion.runtime import Runtime

AGAIN_S = 5.0
"""How long a project that could not be opened is not tried again: a catalog that is down takes seconds to say so."""

_log = logging.getLogger("stemma.console")


class Mounted:
    """An ASGI application that is the console of a project, once the project can be opened.

    Args:
        opening: Opens the project.
        access: Who may come in.
        launcher: Where long work runs.
    """

    def __init__(self, opening: Callable[[], Runtime], access: Access, launcher: Launcher | None = None) -> None:
        self._opening, self._access, self._launcher = opening, access, launcher
        self._lock = threading.Lock()
        self._console: FastAPI | None = None
        self._failed: tuple[float, FastAPI] | None = None
        self._strangers = _closed(access, "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        app = self._console
        if app is None and self._access.person(Request(scope)) is None:
            app = self._strangers  # nobody makes us open a catalog without having signed in
        elif app is None:
            app = await run_in_threadpool(self._opened)
        await app(scope, receive, send)

    def _opened(self) -> FastAPI:
        with self._lock:
            if self._console is not None:
                return self._console
            if self._failed is not None and time.monotonic() < self._failed[0]:
                return self._failed[1]
            try:
                self._console = create_app(self._opening(), self._access, framed=True, launcher=self._launcher)
            except StemmaError as error:
                words = str(error)
            except Exception as error:  # noqa: BLE001 - the edge: whatever it is, the server around us goes on
                _log.exception("the console could not be opened", exc_info=error)
                words = "This is a bug of the console; the log of this server has the traceback."
            else:
                return self._console
            self._failed = (time.monotonic() + AGAIN_S, _closed(self._access, words))
            return self._failed[1]


def _closed(access: Access, words: str) -> FastAPI:
    """Returns what answers while there is no project: how to get in, or what is wrong."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.access, app.state.pen = access, Pen(())
    app.mount("/static", StaticFiles(directory=STATIC), name="static")

    def say(request: Request) -> Response:
        require_person(request)
        raise Refused(503, "The project cannot be opened", words)

    app.add_api_route("/{path:path}", say, methods=["GET", "POST"])
    problems.register(app)
    app.add_middleware(Guarded, framed=True, failed=problems.unexpected)
    return app
