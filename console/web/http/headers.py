"""Headers that every answer carries: nothing from elsewhere, no inline script or style, no foreign frame, no cache."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = (
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Guarded:
    """ASGI middleware that sets them, and answers what failed unforeseen: outside of it an answer has none of them.

    Args:
        app: What it stands before.
        framed: Whether a page of the same origin may show ours in a frame.
        failed: Makes the answer to a request that failed unforeseen.
    """

    def __init__(self, app: ASGIApp, *, framed: bool, failed: Callable[[Request, Exception], Response]) -> None:
        self._app, self._failed = app, failed
        ancestors = "'self'" if framed else "'none'"
        self._headers = {
            **_HEADERS,
            "content-security-policy": "; ".join((*_POLICY, f"frame-ancestors {ancestors}")),
            "x-frame-options": "SAMEORIGIN" if framed else "DENY",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        static = scope["path"].startswith(scope.get("root_path", "") + "/static/")
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                headers["cache-control"] = "public, max-age=300" if static else "no-store"
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            if begun:
                raise
            await self._failed(Request(scope), error)(scope, receive, sending)
