"""Templates: one environment, the words that they share for numbers and times, and what every page is given."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from console.web.drawings import charts, curves, drifts
from console.web.http import forms
from console.web.http.access import Person
from console.web.page import Page, View
from corpus.types import utc_now

_HERE = Path(__file__).parents[1]
_NOTHING = "\u2013"
_CODE = re.compile(r"`([^`\n]{1,300})`")
_WRAP = re.compile(r"(?<=[^\n])\n(?=[^\n\s\-*#|>\d])")
Link = Callable[..., str]


class Pen:
    """Writes pages.

    Args:
        pages: All pages, for the menu.
    """

    def __init__(self, pages: Sequence[Page]) -> None:
        self._pages = {page.path: page for page in pages}
        self._menu = tuple(page for page in pages if page.menu)
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"ago": ago, "whole": whole, "percent": percent, "day": day, "moment": moment}
        self._templates.filters |= {"begun": begun, "lasting": lasting, "unwrapped": unwrapped, "coded": coded}
        self._templates.globals |= {"charts": charts, "curves": curves, "drifts": drifts, "static": _static}

    def page(self, request: Request, page: Page, view: View, person: Person, said: Any) -> HTMLResponse:
        """Writes one page."""
        link = link_of(request)
        query = dict(request.query_params)
        twin = link(f"{page.path}.json", **{name: query[name] for name in page.takes if name in query})
        framed = self._framed(request, person, page)
        return self._write(request, page.template, 200, **framed, page=page, view=view, said=said, twin=twin)

    def problem(
        self, request: Request, view: View, status: int, person: Person | None, steps: Sequence[View]
    ) -> HTMLResponse:
        """Writes an error page: with the menu for somebody who is signed in, alone for others.

        Args:
            request: What failed.
            view: What went wrong.
            status: How it is answered.
            person: Who is signed in on a project that is open; None for nobody.
            steps: Where the page leads on.
        """
        if person is None or not self._menu:
            return self.bare(request, "problem_alone.html", status, view=view, steps=steps)
        framed = self._framed(request, person, self.at(request))
        return self._write(request, "problem.html", status, **framed, view=view, steps=steps, said=None, twin="")

    def at(self, request: Request) -> Page | None:
        """Returns the page at the address that is asked for; None where there is none."""
        prefix = str(request.scope.get("root_path", "")).rstrip("/")
        return self._pages.get(request.url.path.removeprefix(prefix))

    def _framed(self, request: Request, person: Person, page: Page | None) -> dict[str, Any]:
        """Returns what the frame around a page is made of."""
        access = request.app.state.access
        return {
            "person": person,
            "csrf": forms.seal(access, person),
            "signs_in": access.signs_in,
            "menu": self._menu,
            "here": (page.under or page.path) if page else "",
            "query": dict(request.query_params),
        }

    def bare(self, request: Request, template: str, status: int, **values: Any) -> HTMLResponse:
        """Writes a page for somebody who may not be signed in: an error, or the way in."""
        return self._write(request, template, status, **values)

    def _write(self, request: Request, template: str, status: int, **values: Any) -> HTMLResponse:
        link = link_of(request)
        body = self._templates.get_template(template).render(link=link, now=utc_now(), **values)
        return HTMLResponse(body, status_code=status)


def link_of(request: Request) -> Link:
    """Returns the function that makes URLs of this console, below whatever prefix it is mounted at."""
    prefix = str(request.scope.get("root_path", "")).rstrip("/")

    def link(path: str, **query: Any) -> str:
        asked = urlencode({name: str(value) for name, value in query.items() if value not in (None, "")})
        return f"{prefix}{path}{'?' if asked else ''}{asked}"

    return link


@lru_cache(maxsize=64)
def _static(name: str) -> str:
    """Returns the path of a file, with its digest, so that a new build is loaded at once."""
    digest = hashlib.sha256((_HERE / "static" / name).read_bytes()).hexdigest()[:10]
    return f"/static/{name}?v={digest}"


def whole(number: float | None) -> str:
    """Returns a count with thin groups of digits; a dash for nothing."""
    return _NOTHING if number is None else f"{number:,.0f}".replace(",", "\u2009")


def percent(share: float | None) -> str:
    """Returns a share as a percentage that does not round something to nothing, nor nearly all to all."""
    if share is None:
        return _NOTHING
    if 0 < share < 0.001:
        return "<0.1\u2009%"
    if 0.999 < share < 1:
        return ">99.9\u2009%"
    shown = f"{share * 100:.1f}".removesuffix(".0")
    return f"{shown}\u2009%"


def unwrapped(text: str) -> str:
    """Returns a text whose lines run on where they were only wrapped: blank lines, lists and headings stay."""
    return _WRAP.sub(" ", text)


def coded(words: str) -> Markup:
    """Returns words in which what stands between backticks, such as a command, is set as code; all is escaped."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(words))))  # noqa: S704 - escaped before


def begun(words: str) -> str:
    """Returns words as the beginning of a sentence; names inside them stay as they are."""
    return words[:1].upper() + words[1:]


def moment(at: datetime | None) -> str:
    """Returns a time to the minute, in UTC."""
    return "never" if at is None else f"{at:%Y-%m-%d %H:%M}"


def day(at: datetime | None) -> str:
    """Returns a date."""
    return "never" if at is None else f"{at:%Y-%m-%d}"


def ago(at: datetime | None, now: datetime) -> str:
    """Returns how long ago something was, in one unit."""
    if at is None:
        return "never"
    return span(now - at) if now > at else "now"


def lasting(seconds: float) -> str:
    """Returns how long something takes, in one unit, rounded up: a time that is left is never nothing."""
    return span(timedelta(seconds=max(1.0, seconds + 0.5)))


def span(length: timedelta) -> str:
    """Returns a length of time in one unit, rounded down."""
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size}\u2009{unit}"
    return f"{max(seconds, 0)}\u2009s"
