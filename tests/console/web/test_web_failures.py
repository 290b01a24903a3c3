"""What goes wrong behind a page: said without lies, with the same headers, and never as a fault of the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter
from starlette.testclient import TestClient

from console.web.app import create_app
from console.web.http import routes
from console.web.http.access import TokenAccess
from console.web.page import Action, Done, Form, Visit
from corpus.settings import load_settings
from ingestion.runtime import open_runtime

TOKEN = "token-of-the-tests-0123456789"
SITE = {"origin": "http://testserver"}


def _full(_visit: Visit, _form: Form) -> Done:
    raise OSError(28, "No space left on device")


@pytest.fixture(scope="module")
def client(home: Any) -> Iterator[TestClient]:
    """Somebody who is signed in on a console with one more action, which finds the disk full."""
    runtime = open_runtime(load_settings(home.folder))
    app = create_app(runtime, TokenAccess(TOKEN))
    router = APIRouter()
    routes.add_action(router, Action(path="/full", form=Form, do=_full, back="/corpus"))
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
