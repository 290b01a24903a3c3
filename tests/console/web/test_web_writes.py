"""Every form of the console: a reason, a name, a token of its own, and an entry in the audit log.

The routes are those of the application, so one that is added and not named here fails the first test.
"""

from __future__ import annotations

import hashlib
import html
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import select
from starlette.testclient import TestClient

from console.web.app import create_app
from console.web.http.access import TokenAccess
from console.web.page import WHY
from console.web.views.refused import refused_of
from corpus.catalog import audit, documents, reembeds, versions
from corpus.catalog.erasures import ERASE
from corpus.catalog.tables import Base
from corpus.settings import load_settings
from ingestion.runtime import Runtime, open_runtime

TOKEN = "token-of-the-tests-0123456789"
SITE = {"origin": "http://testserver"}
MODEL = "all-MiniLM-L6-v2"
HANDBOOK, INBOX = {"contract": "handbook"}, {"contract": "inbox"}
WITHOUT_REASON = {
    "/sign-in": "it opens a session and writes nothing",
    "/sign-out": "it ends a session and writes nothing",
    "/change": "the query of a reading page, too long for an address; it writes nothing",
    "/change.json": "the same for programs",
}
"""Routes that take a form and ask for no reason, and why: nothing of the project changes."""
Fields = dict[str, str]


@dataclass
class Desk:
    """A console in this process, on a project of its own, and two people who are signed in on it."""

    runtime: Runtime
    mara: TestClient
    ines: TestClient
    project: Any

    def hidden(self, path: str, holding: str, query: Fields) -> Fields:
        """The hidden fields of the form of a page that is sent to `holding`."""
        page = self.mara.get(path, params=query)
        assert page.status_code == 200, page.text
        form = next(part for part in page.text.split("<form")[1:] if f'action="{holding}"' in part)
        found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form.partition("</form>")[0])
        return {name: html.unescape(value) for name, value in found}

    def csrf(self, who: TestClient) -> str:
        return who.get("/contracts").text.partition('name="csrf" value="')[2].partition('"')[0]

    def send(self, path: str, form: Fields, who: TestClient | None = None) -> Any:
        return (who or self.mara).post(path, data=form, headers=SITE)

    def said(self, answer: Any, who: TestClient | None = None) -> str:
        """What the page that one is sent to says at its top."""
        assert answer.status_code == 303, answer.text
        found = re.search(
            r'<p class="said (\w+)" role="\w+">(.*?)</p>', (who or self.mara).get(answer.headers["location"]).text
        )
        return html.unescape(f"{found[1]}: {found[2]}") if found else ""

    def log(self) -> tuple[Any, ...]:
        with self.runtime.catalog.reading() as tx:
            return audit.tail(tx, 10_000)

    def state(self) -> str:
        """A digest of every row of the catalog."""
        digest = hashlib.sha256()
        with self.runtime.catalog.reading() as tx:
            for table in Base.metadata.sorted_tables:
                digest.update("\n".join(sorted(repr(tuple(row)) for row in tx.execute(select(table)))).encode())
        return digest.hexdigest()


def _open(home: Any, folder: Path) -> Iterator[Desk]:
    shutil.copytree(home.folder, folder)
    runtime = open_runtime(load_settings(folder))
    app = create_app(runtime, TokenAccess(TOKEN))
    mara, ines = (TestClient(app, follow_redirects=False) for _ in range(2))
    for client, name in ((mara, "Mara"), (ines, "Ines")):
        assert client.post("/sign-in", data={"name": name, "token": TOKEN}, headers=SITE).status_code == 303
    yield Desk(runtime, mara, ines, type(home)(folder))
    runtime.catalog.close()


@pytest.fixture
def desk(versions_home: Any, tmp_path: Path) -> Iterator[Desk]:
    """Of the project whose index has a history."""
    yield from _open(versions_home, tmp_path / "own")


@pytest.fixture
def models(home: Any, questions: str, tmp_path: Path) -> Iterator[Desk]:
    """Of the project of one model, with golden questions."""
    for found in _open(home, tmp_path / "own"):
        path = found.project.folder / "contracts" / "handbook.odcs.yaml"
        path.write_text(questions + path.read_text("utf-8").replace("version: 1.0.0", "version: 1.1.0", 1), "utf-8")
        yield found


Maker = Callable[[Desk], Fields]


def _held(path: str, document: str) -> Maker:
    return lambda desk: desk.hidden("/held", path, INBOX | {"id": document})


def _reject(desk: Desk) -> Fields:
    return desk.hidden("/held", "/held/release", INBOX | {"id": "second/offer.html"})


def _split(desk: Desk) -> Fields:
    at = {**INBOX, "id": "offer.html", "at": "40"}
    return desk.hidden("/split", "/split", at) | {"keep1": "1"}


def _seen(desk: Desk) -> Fields:
    with desk.runtime.catalog.reading() as tx:
        states = documents.states(tx, "handbook")
    name, state = next((name, state) for name, state in sorted(states.items()) if state.state == "active")
    return {**HANDBOOK, "seen1": f"{state.judged_sha256}:{name}"}


def _erase(_desk: Desk) -> Fields:
    return {**HANDBOOK, "id": "passwords.md", "confirm": "passwords.md"}


def _version(action: str, number: int) -> Maker:
    return lambda desk: desk.hidden("/version", f"/version/{action}", HANDBOOK | {"number": str(number)})


def _insist(desk: Desk) -> Fields:
    return {**HANDBOOK, "candidate": refused_of(desk.runtime, "handbook")[0].id}


VERSIONS: tuple[tuple[str, Maker], ...] = (
    ("/source/estimate", lambda _: dict(HANDBOOK)),
    ("/held/release", _held("/held/release", "offer.html")),
    ("/held/reject", _reject),
    ("/split", _split),
    ("/review", _seen),
    ("/version/hold", _version("hold", 3)),
    ("/version/unhold", _version("unhold", 3)),
    ("/version/approve", _version("approve", 6)),
    ("/version/promote", _version("promote", 6)),
    ("/version/rollback", _version("rollback", 5)),
    ("/index/insist", _insist),
    ("/index/release", lambda _: HANDBOOK | {"insist": "1"}),
    ("/document/erase", _erase),
)


def _checked(desk: Desk, path: str, form: Fields, *, as_ines: bool = False) -> tuple[list[Any], str]:
    """Sends a form without what it needs, each in turn, then as it should be; returns the new entries of the log."""
    who, other = (desk.ines, desk.mara) if as_ines else (desk.mara, desk.ines)
    own, others = desk.csrf(who), desk.csrf(other)
    why, before, entries = {"reason": f"a reason for {path}"}, desk.state(), len(desk.log())
    form = {name: value for name, value in form.items() if name != "csrf"}
    for reason in ({}, {"reason": " \t "}, {"reason": "\u200b\u2060"}):
        answer = desk.send(path, form | {"csrf": own} | reason, who)
        assert (answer.status_code, html.escape(WHY, quote=False) in answer.text.replace("&#39;", "'")) == (400, True)
        assert "Nothing was done" in answer.text
    for wrong in ({}, {"csrf": ""}, {"csrf": "x"}, {"csrf": others}):
        assert desk.send(path, form | why | wrong, who).status_code == 403, (path, wrong)
    elsewhere = who.post(path, data=form | why | {"csrf": own}, headers={"origin": "https://else.example"})
    assert elsewhere.status_code == 403
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert who.post(path, data=form | why | {"csrf": own}, headers=SITE | bearer).status_code == 403, "no name"
    assert desk.state() == before, f"{path} changed something without all that it asks for"
    said = desk.said(desk.send(path, form | why | {"csrf": own}, who), who)
    assert not said.startswith("bad"), (path, said)
    return [entry for entry in desk.log()[: len(desk.log()) - entries] if why["reason"] in str(entry.detail)], said


def _told(path: str, found: tuple[list[Any], str]) -> Any:
    entries, said = found
    assert entries, f"{path} left no entry with its reason: {said}"
    for entry in entries:
        assert entry.actor.startswith("Mara"), (path, entry)
        assert entry.subject.startswith(("handbook", "inbox")) or path == "/document/erase", (path, entry)
    return entries[0].action


def test_every_route_that_takes_a_form_is_looked_at_here(desk: Desk) -> None:
    app: Any = desk.mara.app
    posts = {route.path for route in _routes(app) if "POST" in (route.methods or ())}
    assert posts == {path for path, _ in VERSIONS} | set(MODELS) | set(WITHOUT_REASON)
    own, before = desk.csrf(desk.mara), desk.state()
    contract = (desk.project.folder / "contracts" / "handbook.odcs.yaml").read_text("utf-8")
    for path in ("/change", "/change.json"):
        assert desk.send(path, HANDBOOK | {"yaml": contract, "csrf": "x"}).status_code == 403
        assert desk.send(path, HANDBOOK | {"yaml": contract, "csrf": own}).status_code == 200
    assert desk.send("/sign-out", {"csrf": "x"}).status_code == 403
    assert desk.mara.post("/sign-in", data={"name": "M", "token": TOKEN}, headers={"origin": "https://e.x"}).is_error
    assert desk.state() == before


def _routes(app: Any) -> list[APIRoute]:
    found = [route for route in app.routes if isinstance(route, APIRoute)]
    assert len(found) > 40, "the routes are elsewhere now: this test looks at nothing"
    return found


def test_every_form_asks_why_and_leaves_who_did_what_and_why(desk: Desk) -> None:
    actions = {path: _told(path, _checked(desk, path, make(desk))) for path, make in VERSIONS}
    assert actions == {
        "/source/estimate": "origin.estimate",
        "/held/release": "decision.vote",
        "/held/reject": "decision.vote",
        "/split": "decision.vote",
        "/review": "decision.vote",
        "/version/hold": "version.hold",
        "/version/unhold": "version.unhold",
        "/version/approve": "version.approve",
        "/version/promote": "alias.move",
        "/version/rollback": "alias.move",
        "/index/insist": "version.propose",
        "/index/release": "version.propose",
        "/document/erase": ERASE,
    }
    with desk.runtime.catalog.reading() as tx:
        assert audit.verify(tx).broken_at is None


MODELS = ("/reembed/start", "/reembed/stop", "/reembed/abandon", "/reembed/ask", "/reembed/approve")


def test_a_re_embed_leaves_who_started_stopped_gave_up_and_asked(models: Desk) -> None:
    start = HANDBOOK | {"model": MODEL, "mode": "shadow"}
    _, said = _checked(models, "/reembed/start", start | {"rate": "1 chunks/s"})
    assert "works on it: stemma reembed handbook" in said
    assert _told("/reembed/start", (_until(lambda: _entries(models, "reembed.begin")), said)) == "reembed.begin"
    assert _told("/reembed/stop", _checked(models, "/reembed/stop", HANDBOOK)) == "reembed.stop"
    nothing = models.send("/reembed/stop", HANDBOOK | {"reason": "again", "csrf": models.csrf(models.mara)})
    assert "Nothing was stopped" in models.said(nothing)
    assert len(_entries(models, "reembed.stop")) == 1, "what is not there is not stopped, and leaves no entry"
    other = HANDBOOK | {"model": "wordllama-256", "reason": "x", "csrf": models.csrf(models.mara)}
    assert "Under way: " in models.said(models.send("/reembed/abandon", other))
    assert _told("/reembed/abandon", _checked(models, "/reembed/abandon", HANDBOOK | {"model": MODEL})) == (
        "reembed.abandon"
    )
    again = start | {"reason": "now in earnest", "csrf": models.csrf(models.mara)}
    assert "works on it" in models.said(models.send("/reembed/start", again))
    twin = _until(lambda: (found := models.mara.get("/reembed.json", params=HANDBOOK).json())["compared"] and found)
    _until(lambda: not _running(models))
    assert _told("/reembed/ask", _checked(models, "/reembed/ask", HANDBOOK)) == "golden.run"
    after = twin["compared"]["after"]
    approval = HANDBOOK | {"version": str(after["version"]), "sha256": after["sha256"]}
    entries, said = _checked(models, "/reembed/approve", approval, as_ines=True)
    assert [(entry.actor, entry.action) for entry in entries] == [("Ines", "version.approve")], said


def test_an_approval_of_a_re_embed_is_of_the_version_that_was_shown(models: Desk) -> None:
    """A home and its catalog are restored from a copy, and the next release takes the number again."""
    project, home = models.project, Path(models.runtime.settings.home)
    copy = home.with_name("copy")
    front = "---\nversion: '3'\nlast_validated_date: 2026-02-01\n---\n"
    models.runtime.catalog.close()
    shutil.copytree(home, copy)

    def released(words: str) -> str:
        project.write("docs/gloves.md", f"{front}# Gloves\n\nGloves are sold in pairs. {words} is not replaced.\n")
        assert project("ingest", "handbook")["figures"]["version"] == 4
        with models.runtime.catalog.reading() as tx:
            return versions.require(tx, "handbook", 4).manifest_sha256

    shown = released("A lost one")
    models.runtime.catalog.close()
    shutil.rmtree(home)
    shutil.copytree(copy, home)
    there = released("A torn one")
    form = HANDBOOK | {"version": "4", "reason": "read it", "csrf": models.csrf(models.ines)}
    assert models.send("/reembed/approve", form, models.ines).status_code == 400, "it names no version by its digest"
    said = models.said(models.send("/reembed/approve", form | {"sha256": shown}, models.ines), models.ines)
    assert said.startswith("bad: v000004 of 'handbook' is not the version that was looked at")
    assert _entries(models, "version.approve") == []
    done = models.send("/reembed/approve", form | {"sha256": there}, models.ines)
    assert "has your approval" in models.said(done, models.ines)
    assert [entry.detail["manifest_sha256"] for entry in _entries(models, "version.approve")] == [there]


def _running(desk: Desk) -> bool:
    with desk.runtime.catalog.reading() as tx:
        return bool(reembeds.running(tx, "handbook"))


def _entries(desk: Desk, action: str) -> list[Any]:
    return [entry for entry in desk.log() if entry.action == action]


def _until(found: Callable[[], Any], seconds: float = 180) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.25)
    return value
