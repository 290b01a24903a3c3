"""What goes wrong behind a page: said without lies, with the same headers, and never as a fault of the catalog."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter
from starlette.testclient import TestClient

from console.web.app import create_app
from console.web.http import routes
from console.web.http.access import TokenAccess
from console.web.page import Action, Asked, Done, Form, Page, View, Visit
from corpus.errors import CatalogError, IntegrityError
from corpus.settings import load_settings
from ingestion.runtime import open_runtime

TOKEN = "token-of-the-tests-0123456789"
SITE = {"origin": "http://testserver"}


def _full(_visit: Visit, _form: Form) -> Done:
    raise OSError(28, "No space left on device")


def _down(_visit: Visit, _query: Asked) -> View:
    raise CatalogError("the catalog does not answer: connection refused")


def _tampered(_visit: Visit, _query: Asked) -> View:
    raise IntegrityError("manifest.json is not what was signed")


@pytest.fixture(scope="module")
def client(home: Any) -> Iterator[TestClient]:
    """Somebody who is signed in on a console with an action that finds the disk full, and pages that fail."""
    runtime = open_runtime(load_settings(home.folder))
    app = create_app(runtime, TokenAccess(TOKEN))
    router = APIRouter()
    routes.add_action(router, Action(path="/full", form=Form, do=_full, back="/corpus"))
    for path, load in (("/down", _down), ("/tampered", _tampered)):
        routes.add_page(router, Page(path=path, title="Fails", template="corpus.html", model=View, load=load))
    app.include_router(router)
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as found:
        assert found.post("/sign-in", data={"name": "Mara", "token": TOKEN}, headers=SITE).status_code == 303
        yield found
    runtime.catalog.close()


def test_an_action_that_broke_off_does_not_say_that_nothing_was_done(client: TestClient) -> None:
    page = client.get("/corpus").text
    csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
    answer = client.post("/full", data={"csrf": csrf, "reason": "to see"}, headers=SITE)
    assert answer.status_code == 500
    assert "No space" not in answer.text
    assert "Nothing was changed" not in answer.text
    assert "look whether it was done" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(("path", "name"), [("/documents", "q"), ("/held", "id")])
@pytest.mark.parametrize("form", ["", ".json"])
def test_a_character_that_no_catalog_can_look_for_is_no_fault_of_the_catalog(
    client: TestClient, path: str, name: str, form: str
) -> None:
    answer = client.get(f"{path}{form}", params={"contract": "handbook", name: "a\0b"})
    assert (answer.status_code, "holds a character" in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("path", "status", "marked", "leads"),
    [
        ("/nowhere", 404, "", "/corpus"),
        ("/held?contract=handbook&id=none.md", 404, "/quarantine", "/quarantine"),
        ("/version?contract=handbook&number=99", 404, "/index", "/index"),
        ("/documents?contract=handbook&page=none", 400, "/documents", "/corpus"),
        ("/held/release", 405, "", "/corpus"),
        ("/tampered", 500, "", "/corpus"),
    ],
)
def test_an_error_page_keeps_the_menu_and_leads_on(
    client: TestClient, path: str, status: int, marked: str, leads: str
) -> None:
    answer = client.get(path)
    text = answer.text
    assert (answer.status_code, '<nav aria-label="Pages">' in text, "Sign out" in text) == (status, True, True), text
    assert re.findall(r'<a href="([^"]+)" aria-current="page"', text) == ([marked] if marked else [])
    assert f'<li><a href="{leads}">' in text.partition("<main")[2]
    assert "This page as JSON" not in text


def test_a_form_that_is_refused_leads_back_to_its_page_and_to_none_elsewhere(client: TestClient) -> None:
    own = "http://testserver/held?contract=inbox&id=offer.html"
    for referer, back in ((own, True), ("http://elsewhere/held", False), ("http://testserver//elsewhere/", False)):
        answer = client.post("/held/release", data={"csrf": "old"}, headers=SITE | {"referer": referer})
        assert (answer.status_code, "Nothing was done" in answer.text) == (403, True)
        assert ('<li><a href="/held?contract=inbox&amp;id=offer.html">Back to the page' in answer.text) == back, referer
        assert "elsewhere" not in answer.text


def test_strangers_and_a_project_that_does_not_open_get_no_menu(client: TestClient) -> None:
    down = client.get("/down")
    assert (down.status_code, "<nav" in down.text, '<a href="/down">Try again</a>' in down.text) == (503, False, True)
    stranger = TestClient(client.app, raise_server_exceptions=False, follow_redirects=False)
    for method, path, status in (("GET", "/nowhere", 404), ("POST", "/held/release", 401)):
        answer = stranger.request(method, path, headers=SITE)
        assert (answer.status_code, "<nav" in answer.text, "handbook" in answer.text) == (status, False, False)
        assert '<a href="/sign-in">Sign in</a>' in answer.text
