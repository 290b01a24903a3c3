"""Error pages, and their twins (RFC 9457): what is wrong, why, the next step. Broad excepts end here, at the edge."""

from __future__ import annotations

import logging
from urllib.parse import urlencode

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.web.http import entrance
from console.web.http.access import Access
from console.web.http.failures import Refused
from console.web.http.nextsteps import person_of, steps_of
from console.web.http.routes import SignInNeeded
from console.web.http.templating import Pen, link_of
from console.web.page import View
from corpus.errors import CatalogError, ConfigurationError, IntegrityError, StemmaError

_log = logging.getLogger("stemma.console")


class Problem(View):
    """What went wrong, as RFC 9457 writes it."""

    title: str = Field(description="What is wrong, in a few words.")
    status: int = Field(description="HTTP status.")
    detail: str = Field(description="Why, and the next step.")
    back: str = Field(default="", exclude=True)


_TITLES: tuple[tuple[type[StemmaError], int, str], ...] = (
    (ConfigurationError, 404, "Not found"),
    (IntegrityError, 500, "Something is not what its digest says"),
    (CatalogError, 503, "The catalog does not answer"),
    (StemmaError, 500, "This did not work"),
)


_ENDED = "The session of this form has ended. Nothing was done. Sign in, go back to the page, and send it again."


def register(app: FastAPI) -> None:
    """Makes the application answer every foreseen failure with a page or its twin; `Guarded` is given the others."""
    app.add_exception_handler(SignInNeeded, _sign_in)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(StemmaError, _failed)
    app.add_exception_handler(RequestValidationError, _not_fitting)
    app.add_exception_handler(HTTPException, _unrouted)


def _sign_in(request: Request, _error: Exception) -> Response:
    access: Access = request.app.state.access
    if access.signs_in and not _wants_json(request) and request.method == "GET":
        goal = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{link_of(request)(entrance.PATH)}?{urlencode({'next': goal})}", status_code=303)
    words = access.how if _wants_json(request) or not access.signs_in else _ENDED
    return _answer(request, Problem(title="Sign in first", status=401, detail=words))


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101 - narrows what Starlette types as any exception
    return _answer(request, Problem(title=error.title, status=error.status, detail=error.words, back=error.back))


def _failed(request: Request, error: Exception) -> Response:
    status, title = next((status, title) for kind, status, title in _TITLES if isinstance(error, kind))
    if status >= 500:
        _log.error("%s %s: %s", request.method, request.url.path, type(error).__name__)
    return _answer(request, Problem(title=title, status=status, detail=str(error)))


def _not_fitting(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    problems = "; ".join(f"{'.'.join(map(str, item['loc'][1:]))}: {item['msg']}" for item in error.errors())
    return _answer(request, Problem(title="This cannot be asked", status=400, detail=f"{problems}."))


def _unrouted(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    known = {404: ("Not found", "There is no such page. The address may be mistyped, or of an older release."),
             405: ("Not this way", "This address takes forms of its own page only.")}  # fmt: skip
    title, words = known.get(error.status_code, ("This did not work", str(error.detail)))
    return _answer(request, Problem(title=title, status=error.status_code, detail=words))


def unexpected(request: Request, error: Exception) -> Response:
    """Answers what nobody foresaw; an action may have been done in part by then."""
    _log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
    words = "This is a bug of the console, or of what it runs on; the log of its server has the traceback."
    if request.method == "POST":
        words += " Before you send the form again, look whether it was done."
    return _answer(request, Problem(title="This did not work", status=500, detail=words))


def _answer(request: Request, problem: Problem) -> Response:
    if _wants_json(request):
        body = problem.model_dump_json(indent=2)
        return Response(body, status_code=problem.status, media_type="application/problem+json")
    pen: Pen = request.app.state.pen
    person = person_of(request)
    steps = steps_of(request, problem.status, person, pen.at(request), problem.back)
    opened = person if problem.status != 503 else None  # behind the menu nothing would open either
    return pen.problem(request, problem, problem.status, opened, steps)


def _wants_json(request: Request) -> bool:
    return request.url.path.endswith(".json")
