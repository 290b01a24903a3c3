"""What pages and their twins say, asked over HTTP of the real process."""

from __future__ import annotations

import re
from typing import Any

import jsonschema


def test_the_corpus_page_says_how_every_source_is(mara: Any) -> None:
    page, twin = mara.get("/corpus"), mara.get("/corpus.json").json()
    assert page.status_code == 200
    sources = {source["contract"]: source for source in twin["sources"]}
    assert list(sources) == ["drafts", "handbook", "inbox"]
    handbook = sources["handbook"]
    assert (handbook["documents"], handbook["live"], handbook["states"]) == (5, 3, {"active": 5, "quarantined": 2})
    assert handbook["trend"] == [2, 7, 7]
    assert handbook["last_run"]["balanced"] is True
    assert handbook["mix"]["ai_declared"] == {"value": 0.2, "basis": "declared", "low": None, "high": None, "of": 5}
    assert handbook["mix"]["ai_suspected"]["value"] == 0.2
    parts = ("human_declared", "ai_declared", "ai_matched", "ai_suspected", "unknown")
    assert abs(sum(handbook["mix"][part]["value"] for part in parts) - 1) < 1e-6
    limit = {"expected": "at most 0.2", "limit": 0.2, "actual": "0.200 of 5 documents", "kept": True}
    assert handbook["ai_limit"] == limit
    assert sources["drafts"]["mix"] is None
    codes = {(trouble["contract"], trouble["code"]) for trouble in twin["troubles"]}
    assert codes == {("drafts", "never.ingested"), ("handbook", "quarantine"), ("inbox", "quarantine")}
    assert "2 documents held" in page.text
    assert (twin["documents"], twin["held"]) == (6, 4)


def test_a_source_shows_its_versions_and_runs(mara: Any) -> None:
    twin = mara.get("/source.json", params={"contract": "handbook"}).json()
    assert [version["number"] for version in twin["versions"]] == [1, 2, 3]
    assert [version["state"] for version in twin["versions"]] == ["superseded", "superseded", "live"]
    assert [run["counts"]["received"] for run in twin["runs"]] == [7, 7, 2]
    page = mara.get("/source", params={"contract": "handbook"}).text
    assert page.count("balanced</span>") == 3
    assert "Nothing is estimated" in page
    empty = mara.get("/source", params={"contract": "drafts"}).text
    assert "No version yet" in empty
    assert "stemma ingest drafts" in empty


def test_every_twin_fits_its_published_schema(mara: Any) -> None:
    schema = mara.get("/openapi.json").json()
    asked = {"contract": "handbook", "id": "refunds.md"}
    for path, found in schema["paths"].items():
        names = {parameter["name"] for parameter in found["get"].get("parameters", ())}
        twin = mara.get(path, params={name: value for name, value in asked.items() if name in names})
        assert twin.status_code == 200, (path, twin.text)
        shape = found["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        validator = jsonschema.Draft202012Validator({**shape, "components": schema["components"]})
        assert not [error.message for error in validator.iter_errors(twin.json())], path
        html = mara.get(path.removesuffix(".json"), params={n: v for n, v in asked.items() if n in names})
        assert re.search(r'rel="alternate" type="application/json" href="[^"]+\.json', html.text)


def test_errors_are_pages_with_the_next_step(mara: Any) -> None:
    wrong = mara.get("/source", params={"contract": "handbok"})
    assert wrong.status_code == 404
    assert "Did you mean &#39;handbook&#39;?" in wrong.text
    twin = mara.get("/source.json", params={"contract": "handbok"})
    assert twin.headers["content-type"] == "application/problem+json"
    assert twin.json()["status"] == 404
    for path in ("/source", "/source.json"):
        missing = mara.get(path)
        assert missing.status_code == 400
        assert "contract" in missing.text
    mistyped = mara.get("/documents.json", params={"contrct": "inbox"})
    assert mistyped.status_code == 400, "another contract's documents are no answer"
    assert (
        mistyped.json()["detail"]
        == "unknown query 'contrct'. Did you mean 'contract'? This page takes contract, page, state, q."
    )
    assert mara.get("/documents.json", params={"contract": "inbox", "page": 10**9}).json()["paging"]["page"] == 1
    assert mara.get("/nowhere").status_code == 404
    assert mara.post("/corpus").status_code == 405
