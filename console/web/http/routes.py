"""Turns pages and actions into routes: who asks, what is asked, the page or its twin, and what a form does."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from console.web.http import entrance, forms
from console.web.http.access import Access, Person, Right
from console.web.http.failures import Forbidden, Refused
from console.web.http.templating import Pen, link_of
from console.web.page import Action, Done, Form, Page, Visit
from corpus.errors import StemmaError
from corpus.naming import nearest
from corpus.types import utc_now

Endpoint = Callable[..., Response]
LONGEST_QUERY = 400_000
"""Bytes of a query that comes as a form: a contract of some 200,000 characters, percent-encoded."""


class SignInNeeded(Exception):
    """Nobody is signed in."""


def add_page(router: APIRouter, page: Page) -> None:
    """Adds a page and its twin."""
    router.add_api_route(page.path, _html(page), methods=["GET"], include_in_schema=False)
    router.add_api_route(
        f"{page.path}.json",
        _twin(page),
        methods=["GET"],
        dependencies=[Depends(_known(page))],
        name=page.path.strip("/"),
        summary=page.title,
        description=inspect.getdoc(page.model),
        response_model=page.model,
    )
    if page.posts:
        router.add_api_route(page.path, _asked_by_form(page), methods=["POST"], include_in_schema=False)
        router.add_api_route(
            f"{page.path}.json",
            _asked_by_form(page),
            methods=["POST"],
            name=f"{page.path.strip('/')}-by-form",
            summary=f"{page.title}, asked by a form",
            description="The same as by address, for a query that is too long for one.",
            response_model=page.model,
            openapi_extra={
                "requestBody": {
                    "required": True,
                    "content": {"application/x-www-form-urlencoded": {"schema": page.query.model_json_schema()}},
                }
            },
        )


def add_action(router: APIRouter, action: Action) -> None:
    """Adds what answers an action's form."""
    router.add_api_route(action.path, _acting(action), methods=["POST"], include_in_schema=False)


def add_entrance(router: APIRouter, access: Access) -> None:
    """Adds the way in: `/` leads to the first page; the page to sign in on, where there is one."""
    router.add_api_route("/", _first, methods=["GET"], include_in_schema=False)
    if access.signs_in:
        router.add_api_route(entrance.PATH, entrance.show, methods=["GET"], include_in_schema=False)
        router.add_api_route(entrance.PATH, entrance.enter, methods=["POST"], include_in_schema=False)
        router.add_api_route(entrance.OUT, entrance.leave, methods=["POST"], include_in_schema=False)


def add_schema(router: APIRouter, app: FastAPI) -> None:
    """Adds `/openapi.json`: the models of all twins, for those who are signed in."""

    def schema(request: Request) -> Response:
        require_person(request)
        found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        return JSONResponse(found)

    router.add_api_route("/openapi.json", schema, methods=["GET"], include_in_schema=False)


def require_person(request: Request) -> Person:
    """Returns who asks.

    Raises:
        SignInNeeded: Nobody is signed in.
    """
    access: Access = request.app.state.access
    person = access.person(request)
    if person is None:
        raise SignInNeeded
    return person


def require_right(request: Request, right: Right, asked_for: BaseModel) -> None:
    """Refuses who may not do this: on the contract that a query or a form names, or on all where it names none.

    Raises:
        Forbidden: They may not.
    """
    access: Access = request.app.state.access
    contract = str(getattr(asked_for, "contract", "") or "")
    if not access.may(request, right, contract):
        what = f"contract {contract!r}" if contract else "all contracts"
        word = {"read": "see", "write": "decide about"}[right]
        raise Forbidden(f"You may not {word} {what}. Whoever gives out rights in Airflow can change that.")


def _first(request: Request) -> Response:
    require_person(request)
    return RedirectResponse(link_of(request)("/corpus"), status_code=303)


def _known(page: Page) -> Callable[[Request], Awaitable[None]]:
    """Refuses strangers and names that a query does not have, before FastAPI says which names are missing."""

    async def look(request: Request) -> None:
        require_person(request)
        require_fields(page, request.query_params)

    return look


def _html(page: Page) -> Endpoint:
    def endpoint(request: Request) -> Response:
        person = require_person(request)
        require_fields(page, request.query_params)
        query = asked(page.query, dict(request.query_params))
        require_right(request, "read", query)
        view = page.load(_visit(request, person), query)
        pen: Pen = request.app.state.pen
        said = entrance.said(request)
        answer = pen.page(request, page, view, person, said)
        if said:
            answer.delete_cookie(entrance.SAID, path=link_of(request)("/"))
        return answer

    return endpoint


def _twin(page: Page) -> Endpoint:
    def endpoint(request: Request, query: BaseModel) -> Response:
        person = require_person(request)
        _require_text(request.query_params.values())
        require_right(request, "read", query)
        view = page.load(_visit(request, person), query)
        return Response(view.model_dump_json(indent=2), media_type="application/json")

    # FastAPI reads the query's fields, for the schema, out of the signature.
    endpoint.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request),
            inspect.Parameter(
                "query", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Annotated[page.query, Query()]
            ),
        ]
    )
    return endpoint


def _asked_by_form(page: Page) -> Callable[[Request], Awaitable[Response]]:
    """Answers a page, or its twin, whose query comes as a form: its fields go before those of the address."""

    async def endpoint(request: Request) -> Response:
        person = require_person(request)
        fields = await forms.read_form(request, LONGEST_QUERY)
        sealed = fields.pop("csrf", "")
        if person.session:  # a program shows its token on purpose; a browser sends its cookie whoever made the form
            forms.require_ours(request, request.app.state.access, person, sealed)
        require_fields(page, (*request.query_params, *fields))
        query = asked(page.query, {**request.query_params, **fields})
        require_right(request, "read", query)
        view = await run_in_threadpool(page.load, _visit(request, person), query)
        if request.url.path.endswith(".json"):
            return Response(view.model_dump_json(indent=2), media_type="application/json")
        pen: Pen = request.app.state.pen
        return pen.page(request, page, view, person, None)

    return endpoint


def _acting(action: Action) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        person = require_person(request)
        fields = await forms.read_form(request)
        forms.require_ours(request, request.app.state.access, person, fields.get("csrf", ""))

        back = {name: fields[name] for name in action.back_query if fields.get(name)}
        form = _fitting(action, fields, link_of(request)(action.back, **back))

        def act() -> Done:
            require_right(request, "write", form)
            return action.do(_visit(request, person), form)

        try:
            done = await run_in_threadpool(act)
        except Forbidden:
            raise
        except (StemmaError, Refused) as error:
            words = error.words if isinstance(error, Refused) else f"{error}"
            done = Done(words=words, path=action.back, query=back, tone="bad")
        return entrance.sent_on(request, done)

    return endpoint


def _fitting(action: Action, fields: dict[str, str], back: str) -> Form:
    """Reads the form of an action.

    Raises:
        Refused: A field is missing, such as the reason, or does not fit; nothing was done, and the way back is named.
    """
    try:
        form: Form = asked(action.form, fields)
    except Refused as error:
        raise Refused(error.status, "This form cannot be taken", f"{error.words} Nothing was done.", back) from error
    return form


def require_fields(page: Page, names: Iterable[str]) -> None:
    """Refuses names that a query does not have: who mistypes one must not get another page than they asked for.

    Nothing is let pass: the console links to itself only, and no tool adds names to its addresses.

    Raises:
        Refused: The message holds the names that there are, and the nearest first.
    """
    wrong = next((name for name in names if name not in page.takes), None)
    if wrong is None:
        return
    near = nearest(wrong, page.takes)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    takes = f"takes {', '.join(page.takes)}" if page.takes else "takes nothing"
    raise Refused(400, "This cannot be asked", f"unknown query {wrong!r}.{hint} This page {takes}.")


def asked(model: type[BaseModel], values: dict[str, str]) -> Any:
    """Reads a query or a form.

    Raises:
        Refused: It does not fit; the message names each field.
    """
    _require_text(values.values())
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise Refused(400, "This cannot be asked", f"{problems}.") from error


def _require_text(values: Iterable[str]) -> None:
    """Refuses null characters: PostgreSQL stores none, so nothing that is asked for or kept holds one."""
    if any("\0" in value for value in values):
        raise Refused(400, "This cannot be asked", "It holds a character that is no text (U+0000). Take it out.")


def _visit(request: Request, person: Person) -> Visit:
    state = request.app.state
    return Visit(
        runtime=state.runtime,
        person=person,
        now=utc_now(),
        work=state.launcher.of(request),
        sees=partial(state.access.may, request, "read"),
    )
