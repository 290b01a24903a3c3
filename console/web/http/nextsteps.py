"""Where an error page leads on: into the page that a form came from, what this person may see, or the way in."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from starlette.requests import Request

from console.web.http.access import Access, Person
from console.web.http.templating import link_of
from console.web.page import Page, View
from console.web.views.gathering import sources_of
from corpus.errors import StemmaError

_MOST_CONTRACTS = 12


class Step(View):
    """A link that an error page offers."""

    words: str
    href: str
    kind: Literal["step", "contract"] = "step"


def person_of(request: Request) -> Person | None:
    """Returns who asks; None for nobody, and where that cannot be found out: an error page must not fail itself."""
    access: Access = request.app.state.access
    try:
        return access.person(request)
    except Exception:  # noqa: BLE001 - the edge: whoever tells persons may be what failed
        return None


def steps_of(request: Request, status: int, person: Person | None, page: Page | None, back: str = "") -> list[Step]:
    """Returns what somebody can do next, the likeliest first.

    Args:
        request: What failed.
        status: How it is answered.
        person: Who asked; None for nobody.
        page: The page that was asked for; None where there is none of that address.
        back: The page that holds the form which was sent, where the browser does not say which it came from.
    """
    link, access = link_of(request), request.app.state.access
    if person is None:
        return [Step(words="Sign in", href=link("/sign-in"))] if access.signs_in else []
    found = []
    if request.method == "POST" and (origin := _origin(request) or back):
        found.append(Step(words="Back to the page of this form", href=origin))
    if status == 503 and request.method == "GET":
        found.append(Step(words="Try again", href=_own(request)))
    if not access.may(request, "read", ""):
        return [*found, *_visible(request, access)]
    if page is not None and page.under and status != 503:
        found.append(Step(words="To the list", href=link(page.under)))
    return [*found, Step(words="To the corpus", href=link("/corpus"))]


def _visible(request: Request, access: Access) -> list[Step]:
    """Returns the pages of contracts that somebody may see who may not see all; few, and none where that fails."""
    runtime = getattr(request.app.state, "runtime", None)
    if runtime is None:
        return []
    try:
        with runtime.catalog.reading() as tx:
            names = sources_of(runtime, tx)
    except StemmaError:
        return []
    mine = (name for name in names if access.may(request, "read", name))
    link = link_of(request)
    return [
        Step(words=name, href=link("/source", contract=name), kind="contract")
        for name, _ in zip(mine, range(_MOST_CONTRACTS), strict=False)
    ]


def _origin(request: Request) -> str:
    """Returns the address of our page that a form was sent from, as the browser says; empty for none of ours."""
    parts = urlsplit(request.headers.get("referer", ""))
    if parts.netloc != request.headers.get("host", "") or not parts.path.startswith("/") or parts.path[1:2] in "/\\":
        return ""
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _own(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
