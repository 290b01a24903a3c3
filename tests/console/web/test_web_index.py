"""Pages of index versions: the timeline, one version, a difference; what one may do there, and what is refused."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import event

from console.web.http.access import Person
from console.web.page import Visit
from console.web.pages.listed import PAGES
from console.web.views import seals
from corpus.catalog import contamination, evaluations, versions
from corpus.settings import load_settings
from corpus.types import utc_now
from ingestion.runtime import Runtime, open_runtime

HANDBOOK = {"contract": "handbook"}


@pytest.fixture(scope="module")
def reader(versions_site: Any) -> Iterator[httpx2.Client]:
    """Somebody who only looks."""
    with versions_site.client() as client:
        yield client


def _twin(client: httpx2.Client, path: str, **query: Any) -> Any:
    answer = client.get(f"{path}.json", params={**HANDBOOK, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def _page(client: httpx2.Client, path: str, **query: Any) -> str:
    answer = client.get(path, params={**HANDBOOK, **query})
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", answer.text)


def test_the_timeline_says_in_which_state_every_version_is(reader: httpx2.Client) -> None:
    twin = _twin(reader, "/index")
    stages = {row["number"]: row["stage"] for row in twin["rows"]}
    assert stages == {
        6: "candidate",
        5: "live",
        4: "rolled back",
        3: "superseded",
        2: "superseded",
        1: "superseded",
    }
    rows = {row["number"]: row for row in twin["rows"]}
    assert rows[2]["held"] == "the audit of May looks at it"
    assert rows[6]["approving"] == {"asked": 1, "noted": [], "missing": 1}
    assert rows[5]["approving"] is None
    assert {row["by"] for row in twin["rows"]} == {"builder"}
    assert all(row["passed"] > 8 and not row["failed"] for row in twin["rows"])
    assert [move["number"] for move in twin["moves"]] == [1, 2, 3, 4, 3, 5]
    assert [move["back"] for move in twin["moves"]] == [False, False, False, False, True, False]
    [refused] = twin["refused"]
    assert (refused["failed"], refused["documents"]) == (["change"], 6)
    page = _page(reader, "/index")
    assert page.count('class="rail"') == 6
    assert "v000006 is not served</a>: 1 of 1 approval is missing" in page
    assert "A version of 6 documents was refused by change" in page


def test_signatures_are_told_with_their_key_and_looked_at_again(versions_own: Any) -> None:
    with versions_own.client() as client:
        for _ in range(20):  # a page spends a bounded time on signatures that it does not know yet
            rows = {row["number"]: row["seal"] for row in _twin(client, "/index")["rows"]}
            if all(seal["state"] != "not checked yet" for seal in rows.values()):
                break
        assert {(seal["state"], seal["key"]) for seal in rows.values()} == {("verified", "stemma-signing")}
        home = versions_own.project.folder / ".stemma" / "indexes" / "handbook"
        manifest = home / "v000004" / "manifest.json"
        manifest.write_bytes(manifest.read_bytes().replace(b'"documents":5', b'"documents":7'))
        (home / "v000003" / "manifest.dsse.json").unlink()
        rows = {row["number"]: row["seal"] for row in _twin(client, "/index")["rows"]}
        assert (rows[4]["state"], rows[3]["state"], rows[5]["state"]) == ("not verified", "unsigned", "verified")
        assert "altered" in rows[4]["why"]
        page = _page(client, "/version", number=4)
        assert "Readers refuse this version" in page
        said = _act(versions_own, client, "/version/rollback", 4, reason="to see")
        assert "altered" in said, "moving the alias looks for itself"
        assert _twin(client, "/index")["live"] == 5
        refused = client.get("/diff", params={**HANDBOOK, "from": 4, "to": 5})
        assert (refused.status_code, "not what its digest says" in refused.text) == (500, True)


def test_measures_are_drawn_over_versions_and_said_in_words(reader: httpx2.Client) -> None:
    twin = _twin(reader, "/index")
    series = {item["code"]: item for item in twin["contamination"]}
    assert [point["number"] for point in series["exposure"]["points"]] == [2, 3, 4]
    assert all(0 <= point["value"] <= 1 for point in series["exposure"]["points"])
    assert series["exposure"]["points"][0]["low"] is None, "three questions have no interval"
    assert series["pool"]["points"][0]["n"] == 5
    assert series["amplification"]["limit"] == 1.2
    golden = {item["code"]: [point["value"] for point in item["points"]] for item in twin["golden"]}
    assert golden["golden-holding"] == [1.0, 0.5, 0.5], "v5 says ninety days"
    assert twin["checks"]
    assert all(check["passed"] for check in twin["checks"])
    page = _page(reader, "/index")
    assert re.search(r'aria-label="AI text among hits from v000002 to v000004: from \S+', page)
    assert 'class="checks"' in page
    assert "passed; the last" in page


def test_a_version_tells_its_gates_golden_items_and_manifest(reader: httpx2.Client) -> None:
    twin = _twin(reader, "/version", number=5)
    assert (twin["stage"], twin["live"], twin["can"]) == ("live", 5, ["hold"])
    gates = {gate["name"]: gate for gate in twin["gates"]}
    assert gates["conservation"]["about"] == "every document received has an outcome"
    assert gates["conservation"]["actual"] == "7 documents settled"
    items = {item["id"]: item for item in twin["golden"]["rows"]}
    assert {name: item["state"] for name, item in items.items()} == {
        "refund-term": "changed",
        "kettle": "unbound",
        "parcels": "valid",
    }
    assert items["parcels"]["question"] == "When do parcels leave the warehouse?"
    assert items["refund-term"]["why"] == "refunds.md: the words are no longer there"
    assert twin["golden"]["changes"]["recall"]["invalidation"] == -0.5
    assert twin["manifest"]["contents"]["documents"] == twin["documents"] == 5
    assert {kind["documents"] for kind in twin["kinds"]} == {2, 3}
    assert len(twin["files"]) == 6
    assert [act["did"] for act in twin["acts"]] == ["pointed live to it"]
    served = _twin(reader, "/version")
    assert served["number"] == 5, "without a number it is what serves"
    page = _page(reader, "/version", number=5)
    assert "every document received has an outcome" in page
    assert twin["sha256"] in page
    assert "the words are no longer there" in page


def test_what_waits_and_what_was_refused_is_shown_with_what_one_may_do(reader: httpx2.Client) -> None:
    waits = _twin(reader, "/version", number=6)
    assert (waits["standing"]["asked"], waits["standing"]["missing"], waits["standing"]["may"]) == (1, 1, [])
    assert waits["can"] == ["promote", "approve", "hold"]
    page = _page(reader, "/version", number=6)
    assert "It cannot be released yet: approvals are missing" in page
    assert "Make it live" not in page
    [refused] = _twin(reader, "/index")["refused"]
    shown = _twin(reader, "/version", candidate=refused["id"])
    assert (shown["number"], shown["stage"], shown["can"]) == (None, "refused", ["insist"])
    [failed] = [gate for gate in shown["gates"] if not gate["passed"]]
    assert failed["name"] == "change"
    assert "1 added (20.0% of 5)" in failed["message"]
    codes = {trouble["code"]: trouble for trouble in _twin(reader, "/source")["troubles"]}
    assert codes["version.refused"]["query"] == {"contract": "handbook", "candidate": refused["id"]}
    assert codes["version.candidate"]["query"] == {"contract": "handbook", "number": "6"}
    assert "it waits to be approved" in codes["version.candidate"]["words"]
    assert f"/version?contract=handbook&amp;candidate={refused['id']}" in reader.get("/corpus").text


def test_a_difference_counts_by_cause_and_lists_documents(reader: httpx2.Client, versions_home: Any) -> None:
    twin = _twin(reader, "/diff", **{"from": 1, "to": 5})
    same = versions_home("index", "diff", "handbook", "1", "5")
    assert twin["causes"][0]["cause"] == same["causes"][0]["cause"] == "source"
    assert (twin["added"], twin["removed"], twin["altered"], twin["same"]) == (3, 0, 2, 0)
    assert [item["doc_id"] for item in twin["documents"]] == [item["doc_id"] for item in same["documents"]]
    assert [item["why"] for item in twin["documents"]] == [item["why"] for item in same["documents"]]
    assert {clause["name"] for clause in twin["clauses"]} == {clause["path"] for clause in same["clauses"]}
    came = _twin(reader, "/diff", **{"from": 1, "to": 5, "change": "added"})
    assert [item["change"] for item in came["documents"]] == ["added"] * 3
    none = _page(reader, "/diff", **{"from": 1, "to": 5, "cause": "parser"})
    assert "No such document" in none
    assert _twin(reader, "/diff")["before"]["number"] == 3, "without versions: what serves, and what it followed"
    [refused] = _twin(reader, "/index")["refused"]
    would = _twin(reader, "/diff", candidate=refused["id"])
    assert [(item["doc_id"], item["change"]) for item in would["documents"]] == [("gloves.md", "added")]
    assert "the other way round" in _page(reader, "/diff", **{"from": 1, "to": 5})


@pytest.mark.parametrize(
    ("path", "query", "status", "words"),
    [
        ("/version", {"number": "99"}, 404, "has no version v000099. It has 6, from v000001 to v000006"),
        ("/version", {"number": "x"}, 400, "number"),
        ("/version", {"contract": "handbok"}, 404, "Did you mean 'handbook'?"),
        ("/version", {"contract": "drafts"}, 404, "has no version yet"),
        ("/version", {"candidate": "feed"}, 404, "it is not kept any more"),
        ("/index", {"contract": "handbok"}, 404, "Did you mean 'handbook'?"),
        ("/diff", {"from": "1", "to": "99"}, 404, "has no version '99'"),
        ("/diff", {"from": "staging"}, 404, "Aliases: live"),
        ("/diff", {"cause": "moon"}, 404, "No cause 'moon'"),
        ("/diff", {"candidate": "feed"}, 404, "keeps no candidate 'feed'"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(
    reader: httpx2.Client, path: str, query: dict[str, str], status: int, words: str
) -> None:
    page = reader.get(path, params={**HANDBOOK, **query})
    assert page.status_code == status
    assert words in html.unescape(page.text)
    twin = reader.get(f"{path}.json", params={**HANDBOOK, **query})
    assert (twin.status_code, twin.json()["status"]) == (status, status)


def test_an_index_without_a_version_says_how_to_get_one(reader: httpx2.Client) -> None:
    page = _page(reader, "/index", contract="drafts")
    assert "No version yet" in page
    assert "stemma ingest drafts" in page
    assert 'data-go="i"' in page


def _act(site: Any, client: httpx2.Client, path: str, number: int, **fields: str) -> str:
    """Sends a form of a version's page with its hidden fields, and returns what the next page says."""
    shown = client.get("/version", params={**HANDBOOK, "number": number})
    assert shown.status_code == 200, shown.text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', shown.text))
    known = _twin(client, "/version", number=number)
    form = {**hidden, **HANDBOOK, "number": str(number), "sha256": known["sha256"]}
    answer = client.post(
        path,
        data={**form, "generation": str(known["generation"]), **fields},
        headers={"origin": site.url},
    )
    assert answer.status_code == 303, answer.text
    found = re.search(r'<p class="said (\w+)" role="\w+">(.*?)</p>', client.get(answer.headers["location"]).text, re.S)
    assert found
    return html.unescape(found[2])


def test_a_second_person_is_required_and_every_move_is_written_down(versions_own: Any) -> None:
    with versions_own.client("builder") as builder, versions_own.client("Mara") as mara:
        said = _act(versions_own, builder, "/version/approve", 6, reason="mine")
        assert "somebody else has to approve it" in said
        said = _act(versions_own, mara, "/version/promote", 6, reason="too early")
        assert "needs 1 approvals before 'live' points to it; approved by nobody" in said
        said = _act(versions_own, mara, "/version/approve", 6, reason="read the answers")
        assert said == "You approved v000006. Nobody else has to: it may be released."
        assert "has approved handbook v000006 already" in _act(
            versions_own, mara, "/version/approve", 6, reason="again"
        )
        assert _twin(mara, "/index")["rows"][0]["approving"] == {"asked": 1, "noted": ["Mara"], "missing": 0}
        said = _act(versions_own, mara, "/version/promote", 6, reason="approved")
        assert said == "v000006 is live. Before it was v000005."
        _what_is_refused(versions_own, mara)
        _holds(versions_own, mara)
    entries = versions_own.project("audit", "list")["entries"]
    listed = [(entry["action"], entry["actor"]) for entry in entries if entry["action"] != "version.retire"]
    assert listed[:5] == [
        ("version.unhold", "Mara"),
        ("version.hold", "Mara"),
        ("alias.move", "Mara"),
        ("alias.move", "Mara"),
        ("version.approve", "Mara"),
    ]
    assert versions_own.project("audit", "verify")
    assert versions_own.project("index", "verify", "handbook")["ok"]


def _what_is_refused(site: Any, mara: httpx2.Client) -> None:
    old = _twin(mara, "/version", number=3)
    said = _act(site, mara, "/version/rollback", 3, reason="x", generation=str(old["generation"] - 1))
    assert said.startswith("live was moved to v000006 by Mara since this page was loaded. Nothing was done")
    assert "is not the version that was looked at" in _act(site, mara, "/version/rollback", 3, reason="x", sha256="0")
    said = _act(site, mara, "/version/rollback", 3, reason="answers got worse")
    assert said.startswith("v000003 is live again; v000006 is not.")
    page = mara.get("/version", params={**HANDBOOK, "number": 6}).text
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)
    assert csrf
    form = {**HANDBOOK, "number": "6", "sha256": "0", "reason": "x", "generation": "1", "csrf": csrf[1]}
    elsewhere = mara.post("/version/promote", data=form, headers={"origin": "https://example.org"})
    assert elsewhere.status_code == 403
    forged = mara.post("/version/promote", data={**form, "csrf": "x" * 50}, headers={"origin": site.url})
    assert forged.status_code == 403
    assert mara.get("/version/promote").status_code == 405
    assert _twin(mara, "/index")["live"] == 3


def _holds(site: Any, mara: httpx2.Client) -> None:
    assert _act(site, mara, "/version/hold", 4, reason="audit").startswith("v000004 is protected:")
    assert "is protected already" in _act(site, mara, "/version/hold", 4, reason="audit")
    assert _act(site, mara, "/version/unhold", 4, reason="over").startswith("v000004 is protected no more")
    assert "is not protected" in _act(site, mara, "/version/unhold", 4, reason="over")
    site.project("index", "prune", "handbook", "--keep", "0", "--days", "0")
    rows = {row["number"]: row for row in _twin(mara, "/index")["rows"]}
    assert (rows[1]["stage"], rows[1]["seal"]["state"], rows[2]["stage"]) == ("removed", "removed", "superseded")
    assert (rows[2]["compare"], rows[3]["compare"]) == (None, 2)
    gone = _twin(mara, "/version", number=1)
    assert (gone["can"], gone["documents"]) == ([], 2)
    answer = mara.get("/diff", params={**HANDBOOK, "from": 1, "to": 3})
    assert (answer.status_code, "was removed" in answer.text) == (404, True)


def test_a_refused_gate_is_said_and_insisting_is_written_into_the_manifest(versions_own: Any) -> None:
    with versions_own.client("Mara") as mara:
        [refused] = _twin(mara, "/index")["refused"]
        page = mara.get("/version", params={**HANDBOOK, "candidate": refused["id"]}).text
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
        form = {"contract": "handbook", "csrf": hidden["csrf"], "reason": "the page on gloves is wanted"}
        answer = mara.post("/index/release", data=form, headers={"origin": versions_own.url})
        said = html.unescape(mara.get(answer.headers["location"]).text)
        assert "1 gates failed, the alias was not moved" in said
        assert answer.headers["location"] == "/index?contract=handbook"
        gone = mara.post("/index/insist", data={**form, "candidate": "feed"}, headers={"origin": versions_own.url})
        assert "is not kept any more" in mara.get(gone.headers["location"]).text
        insisted = {**form, "candidate": hidden["candidate"]}
        answer = mara.post("/index/insist", data=insisted, headers={"origin": versions_own.url})
        assert answer.headers["location"] == "/version?contract=handbook&number=7"
        said = mara.get(answer.headers["location"]).text
        assert "v000007 is built and passed its gates. It waits for approval." in said
        shown = _twin(mara, "/version", number=7)
        [change] = [gate for gate in shown["gates"] if gate["name"] == "change"]
        assert (change["passed"], change["actual"]) == (True, "1 added (20.0% of 5) (forced)")
        assert _twin(mara, "/index")["rows"][0]["waived"] == ["change"]
        assert shown["manifest"]["run"]["actor"] == "Mara"
        assert "somebody else has to approve it" in _act(versions_own, mara, "/version/approve", 7, reason="my own"), (
            "who insisted has built it"
        )


def test_a_page_checks_what_serves_first_and_the_rest_as_time_allows(
    versions_home: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    shutil.copytree(versions_home.folder, folder)
    monkeypatch.delenv("STEMMA_PROJECT", raising=False)
    monkeypatch.setattr(seals, "_BUDGET_SECONDS", 0.0)
    runtime = open_runtime(load_settings(folder))
    with runtime.catalog.reading() as tx:
        known = versions.all_of(tx, "handbook")
    states = {number: seal.state for number, seal in seals.seals_of(runtime, known, 5).items()}
    assert states == {5: "verified", **dict.fromkeys((1, 2, 3, 4, 6), "not checked yet")}
    assert seals.seal_now(runtime, known[0]).state == "verified"
    found = seals.seals_of(runtime, known, 5)
    assert [number for number, seal in sorted(found.items()) if seal.state == "verified"] == [1, 5]
    assert found[1].checked_at == seals.seals_of(runtime, known, 5)[1].checked_at, "it is remembered"
    for key in (folder / "keys" / "trusted").iterdir():
        key.unlink()
    assert seals.seals_of(runtime, known, 5)[5].state == "not verified", "of another trust folder nothing is known"
    runtime.catalog.close()


def _grow(runtime: Runtime, number: int) -> None:
    """Adds versions, with measurements of each."""
    with runtime.catalog.transaction() as tx:
        version = versions.get(tx, "handbook", 5)
        measured = contamination.latest(tx, "handbook", 4)
        [evaluated] = evaluations.latest(tx, "handbook", [5]).values()
        assert version is not None
        assert measured is not None
        for place in range(7, 7 + number):
            at = version.created_at + timedelta(seconds=place)
            manifest = {**version.manifest, "number": place, "previous": place - 1}
            added = replace(version, number=place, state="candidate", manifest=manifest, created_at=at)
            versions.add(tx, replace(added, manifest_sha256=f"{place:064d}"))
            contamination.add(tx, replace(measured, number=place, measured_at=at))
            evaluations.add(tx, replace(evaluated, number=place, measured_at=at))


def _statements(runtime: Runtime, queries: dict[str, dict[str, str]]) -> dict[str, int]:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("PRAGMA", "BEGIN")):
            seen.append(statement)

    event.listen(runtime.catalog.engine, "before_cursor_execute", note)
    found = {}
    for page in PAGES:
        if page.path in queries:
            seen.clear()
            visit = Visit(runtime=runtime, person=Person(name="Mara", session="x", fixed=False), now=utc_now())
            page.load(visit, page.query.model_validate({**HANDBOOK, **queries[page.path]}))
            found[page.path] = len(seen)
    event.remove(runtime.catalog.engine, "before_cursor_execute", note)
    return found


def test_pages_ask_as_much_for_two_hundred_versions_as_for_ten(versions_home: Any, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(versions_home.folder, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("STEMMA_PROJECT", raising=False)
        runtime = open_runtime(load_settings(folder))
    queries: dict[str, dict[str, str]] = {"/index": {}, "/version": {"number": "5"}, "/corpus": {}}
    _grow(runtime, 4)
    few = _statements(runtime, queries)
    _grow(runtime, 194)
    assert _statements(runtime, queries) == few
    assert max(few.values()) <= 25
    [index] = [page for page in PAGES if page.path == "/index"]
    visit = Visit(runtime=runtime, person=Person(name="Mara", session="x", fixed=False), now=utc_now())
    last = index.load(visit, index.query.model_validate({**HANDBOOK, "page": "99"})).model_dump(mode="json")
    assert (last["paging"]["total"], last["paging"]["page"], last["rows"][-1]["number"]) == (200, 8, 1)
    first = index.load(visit, index.query.model_validate(HANDBOOK)).model_dump(mode="json")
    assert len(first["rows"]) == 25
    assert len(first["contamination"][0]["points"]) == 60
    assert json.dumps(first)
    runtime.catalog.close()
