"""Names that a page's address may have: others are refused, by the page and its twin alike, and no page uses one."""

from __future__ import annotations

import html
import re
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from starlette.testclient import TestClient

from console.web.app import create_app
from console.web.http.access import TokenAccess
from console.web.pages.listed import PAGES
from corpus.settings import load_settings
from ingestion.runtime import open_runtime

TOKEN = "token-of-the-tests-0123456789"
SITE = {"origin": "http://testserver"}
OF_A_KIND = 3
"""Addresses of one page with the same names that are followed."""
KNOWN = {page.path: page for page in PAGES}


@pytest.fixture(scope="module")
def mara(versions_home: Any) -> Iterator[TestClient]:
    """Somebody who is signed in and reads."""
    runtime = open_runtime(load_settings(versions_home.folder))
    with TestClient(create_app(runtime, TokenAccess(TOKEN)), follow_redirects=False) as client:
        assert client.post("/sign-in", data={"name": "Mara", "token": TOKEN}, headers=SITE).status_code == 303
        yield client
    runtime.catalog.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.strip("/"))
def test_a_name_that_a_page_does_not_have_is_refused_by_page_and_twin(mara: TestClient, page: Any) -> None:
    takes = f"This page takes {', '.join(page.takes)}." if page.takes else "This page takes nothing."
    wrong = {"utm_source": "mail", "Contract": "handbook", "": "x"}
    near = {name[:-1]: name for name in page.takes if len(name) > 4 and name[:-1] not in page.takes}
    for form in ("", ".json"):
        for name in (*wrong, *near):
            answer = mara.get(f"{page.path}{form}", params={"contract": "handbook"} | {name: "handbook"}
                              if "contract" in page.takes else {name: "handbook"})  # fmt: skip
            said = html.unescape(answer.text if not form else answer.json()["detail"])
            assert (answer.status_code, f"unknown query {name!r}." in said, takes in said) == (400, True, True), said
            assert name not in near or f"Did you mean {near[name]!r}?" in said
        if "contract" in page.takes:  # the name that is missing is not what one is told of first
            assert "unknown query 'contrct'. Did you mean 'contract'?" in html.unescape(
                mara.get(f"{page.path}{form}", params={"contrct": "handbook"}).text
            )
    if page.posts:
        csrf = mara.get("/contracts").text.partition('name="csrf" value="')[2].partition('"')[0]
        for form in ("", ".json"):
            fields = {"contract": "handbook", "yamll": "x", "csrf": csrf}
            answer = mara.post(f"{page.path}{form}", data=fields, headers=SITE)
            assert (answer.status_code, "Did you mean 'yaml'?" in html.unescape(answer.text)) == (400, True)


def test_strangers_are_not_told_which_names_there_are(mara: TestClient) -> None:
    with TestClient(mara.app, follow_redirects=False) as stranger:
        assert stranger.get("/held.json", params={"contrct": "x"}).status_code == 401
        assert stranger.get("/held", params={"contrct": "x"}).status_code == 303


def test_every_address_and_form_of_every_page_has_known_names_only(mara: TestClient) -> None:
    """From the corpus page through all links, a few of each kind."""
    waiting, kinds, seen = deque(["/corpus"]), Counter[str](), set[str]()
    while waiting:
        address = waiting.popleft()
        answer = mara.get(address)
        assert answer.status_code == 200, (address, answer.text)
        seen.add(urlsplit(address).path)
        for link in _links(answer.text):
            path, names = urlsplit(link).path, sorted(dict(parse_qsl(urlsplit(link).query)))
            kind = f"{path} {names}"
            if path in KNOWN and kinds[kind] < OF_A_KIND:
                kinds[kind] += 1
                waiting.append(link)
        for action, fields in _forms(answer.text):
            assert fields <= {*KNOWN[action].takes, "csrf"}, (address, action, fields)
    assert seen == set(KNOWN), "a page that no page leads to"


def _links(page: str) -> Iterator[str]:
    found = (html.unescape(link) for link in re.findall(r'href="(/[^"]*)"', page))
    yield from (link.partition("#")[0] for link in found if not link.startswith("/static/"))


def _forms(page: str) -> Iterator[tuple[str, set[str]]]:
    """Forms that ask a page, with the names of their fields."""
    for form in page.split("<form")[1:]:
        tag, _, rest = form.partition(">")
        action = re.search(r'action="([^"]*)"', tag)
        path = urlsplit(html.unescape(action[1])).path if action else ""
        asks = 'method="post"' not in tag or (path in KNOWN and KNOWN[path].posts)
        if path in KNOWN and asks:
            body = rest.partition("</form>")[0]
            yield path, set(re.findall(r'<(?:input|select|textarea|button)\b[^>]*?\bname="([^"]+)"', body))
