"""Somebody who is in, and may see only some contracts: every page and every twin asks before it reads anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from console.web.app import create_app
from console.web.http.access import Right, TokenAccess
from console.web.page import OfContract
from console.web.pages.listed import PAGES
from corpus.settings import load_settings
from ingestion.runtime import open_runtime

TOKEN = "token-of-the-tests-0123456789"
NEEDED = {"id": "x", "number": "1", "from": "1", "to": "2"}


class OnlyDrafts(TokenAccess):
    """Lets people read what is about `drafts`."""

    def may(self, _request: Request, right: Right, contract: str) -> bool:
        """Knows one contract."""
        return right == "read" and contract == "drafts"


@pytest.fixture(scope="module")
def limited(home: Any) -> Iterator[TestClient]:
    runtime = open_runtime(load_settings(home.folder))
    app = create_app(runtime, OnlyDrafts(TOKEN))
    with TestClient(app, headers={"authorization": f"Bearer {TOKEN}"}, follow_redirects=False) as client:
        yield client
    runtime.catalog.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.strip("/"))
def test_a_page_of_a_contract_that_one_may_not_see_is_refused(limited: TestClient, page: Any) -> None:
    needed = {name: value for name, value in NEEDED.items() if name in page.takes}
    query = {**needed, "contract": "handbook"} if issubclass(page.query, OfContract) else {}
    for path in (page.path, f"{page.path}.json"):
        answer = limited.get(path, params=query)
        assert (answer.status_code, "You may not see" in answer.text) == (403, True), answer.text
        if page.posts:
            answer = limited.post(path, data={"contract": "handbook", "yaml": "kind: DataContract"})
            assert (answer.status_code, "You may not see" in answer.text) == (403, True), answer.text


def test_a_refusal_leads_to_what_one_may_see_and_to_nothing_else(limited: TestClient) -> None:
    for path in ("/corpus", "/contracts", "/source?contract=handbook"):
        told = limited.get(path).text.partition("<main")[2]
        assert re.findall(r'href="([^"]+)"', told.partition("</main>")[0]) == ["/source?contract=drafts"]
        assert "inbox" not in told


def test_what_one_may_see_is_shown(limited: TestClient) -> None:
    answer = limited.get("/source.json", params={"contract": "drafts"})
    assert answer.status_code == 200
    assert "handbook" not in answer.text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.strip("/"))
def test_no_page_tells_of_contracts_that_one_may_not_see(limited: TestClient, page: Any) -> None:
    takes = {field.alias or name for name, field in page.query.model_fields.items()}
    query = {name: value for name, value in {**NEEDED, "contract": "drafts"}.items() if name in takes}
    for path in (page.path, f"{page.path}.json"):
        answer = limited.get(path, params=query)
        assert answer.status_code in ((200, 404) if "contract" in page.query.model_fields else (403,))
        assert ("handbook" in answer.text, "inbox" in answer.text) == (False, False), answer.text


@pytest.mark.parametrize("path", ["/index", "/documents", "/query", "/quarantine"])
def test_where_there_is_one_contract_nothing_asks_for_it(limited: TestClient, path: str) -> None:
    answer = limited.get(path, params={"contract": "drafts"})
    assert (answer.status_code, 'class="inline choose"' in answer.text) == (200, False), answer.text


def test_a_pasted_contract_tells_nothing_of_another_of_its_name(limited: TestClient, home: Any) -> None:
    text = (home.folder / "contracts" / "handbook.odcs.yaml").read_text("utf-8").replace("support-team", "other-team")
    answer = limited.post("/change.json", data={"contract": "drafts", "yaml": text, "sample": "0"})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["problems"], bool(found["changes"]), found["refused"]) == ([], True, "")
