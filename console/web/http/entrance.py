"""The way in and out, and the one sentence that the next page says about what was just done."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.web.http import forms
from console.web.http.access import COOKIE, SESSION_SECONDS, Access, TokenAccess
from console.web.http.templating import Pen, link_of
from console.web.page import Done, Tone, View
from corpus.errors import ConfigurationError

PATH = "/sign-in"
OUT = "/sign-out"
SAID = "stemma_said"
_SAID_SECONDS = 60
_LONGEST = 1_500
"""Characters of a sentence in a cookie: browsers take 4,096 bytes, signature and encoding included."""


class Said(View):
    """What the page says at its top, once."""

    words: str
    tone: Tone


class SignIn(View):
    """What the page to sign in on shows."""

    name: str
    next: str
    problem: str


def show(request: Request) -> Response:
    """Shows the page to sign in on."""
    wanted = SignIn(name="", next=_inside(request.query_params.get("next", "")), problem="")
    return _shown(request, wanted, 200)


async def enter(request: Request) -> Response:
    """Signs somebody in who knows the token; the name that they give stands in the audit log."""
    access: TokenAccess = request.app.state.access
    forms.require_same_origin(request)
    fields = await forms.read_form(request)
    name, goal = fields.get("name", ""), _inside(fields.get("next", ""))
    try:
        if not access.accepts(fields.get("token", "").strip()):
            raise ConfigurationError("That is not the token. `stemma serve` printed it, or console_token has it.")
        session = access.open(name)
    except ConfigurationError as error:
        return _shown(request, SignIn(name=name[:200], next=goal, problem=str(error)), 403)
    answer = RedirectResponse(goal or link_of(request)("/corpus"), status_code=303)
    answer.set_cookie(COOKIE, session, max_age=SESSION_SECONDS, **_cookie(request))
    return answer


async def leave(request: Request) -> Response:
    """Signs somebody out."""
    access: Access = request.app.state.access
    person = access.person(request)
    if person is not None:
        fields = await forms.read_form(request)
        forms.require_ours(request, access, person, fields.get("csrf", ""))
    answer = RedirectResponse(link_of(request)(PATH), status_code=303)
    answer.delete_cookie(COOKIE, path=link_of(request)("/"))
    return answer


def sent_on(request: Request, done: Done) -> Response:
    """Sends a browser to the page that says how an action ended."""
    answer = RedirectResponse(link_of(request)(done.path, **done.query), status_code=303)
    sealed = _sealer(request).dumps([done.words[:_LONGEST], done.tone])
    answer.set_cookie(SAID, sealed, max_age=_SAID_SECONDS, **_cookie(request))
    return answer


def said(request: Request) -> Said | None:
    """Returns what the last action left to be said; None where there is nothing."""
    try:
        words, tone = _sealer(request).loads(request.cookies.get(SAID, ""), max_age=_SAID_SECONDS)
    except (BadData, ValueError, TypeError):
        return None
    return Said(words=words, tone=tone)


def _shown(request: Request, wanted: SignIn, status: int) -> Response:
    pen: Pen = request.app.state.pen
    return pen.bare(request, "sign_in.html", status, view=wanted)


def _cookie(request: Request) -> dict[str, Any]:
    return {"path": link_of(request)("/"), "httponly": True, "samesite": "strict", "secure": _encrypted(request)}


def _encrypted(request: Request) -> bool:
    """Whether the browser speaks TLS, to us or, as it says, to the proxy on this machine."""
    if request.url.scheme == "https":
        return True
    host = request.client.host if request.client else ""
    try:
        near = ipaddress.ip_address(host).is_loopback
    except ValueError:
        near = False
    return near and request.headers.get("x-forwarded-proto", "") == "https"


def _inside(goal: str) -> str:
    """Returns a path of this console; empty for anything that would lead away from it."""
    parts = urlsplit(goal)
    inside = goal.startswith("/") and not goal.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme
    return goal if inside and goal.isprintable() and len(goal) < 2_000 else ""


def _sealer(request: Request) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(request.app.state.access.key, salt="said")
