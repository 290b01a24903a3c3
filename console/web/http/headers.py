"""Headers that every answer carries: nothing from elsewhere, no inline script or style, no foreign frame, no cache."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
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
    """ASGI middleware that sets them.

    Args:
        app: What it stands before.
        framed: Whether a page of the same origin may show ours in a frame.
    """

    def __init__(self, app: ASGIApp, *, framed: bool) -> None:
        self._app = app
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

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                headers["cache-control"] = "public, max-age=300" if static else "no-store"
            await send(message)

        await self._app(scope, receive, sending)
