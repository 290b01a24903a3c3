"""Pages about contracts: all of them, one in words, the report of a run, and what a change would mean."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

TOKEN = "token-of-the-tests-0123456789"
LENGTHS = """      - name: lengths
        type: custom
        engine: stemma
        severity: warning
        implementation: {rule: drift, column: text, statistic: length, threshold: {mustBeLessThan: 0.3}, onFail: warn}
"""
BROKEN = "apiVersion: v3.2.0\nkind: DataContract\nname: broken\n  version: 1\n"


def _text(folder: Path, name: str) -> str:
    return (folder / "contracts" / f"{name}.odcs.yaml").read_text("utf-8")


def _page(number: int, sentences: int) -> str:
    body = " ".join(
        f"Shelf {number} holds part {place + number} of the machine, and whoever takes one writes it into book {place}."
        for place in range(sentences)
    )
    return f"---\nversion: '1'\nlast_validated_date: 2026-11-01\n---\n# Shelf {number}\n\n{body}\n"


@pytest.fixture(scope="module")
def told(home: Any, serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A console of a project whose shelves drift, and with contract files that cannot be used."""
    folder = tmp_path_factory.mktemp("contracts") / "project"
    shutil.copytree(home.folder, folder)
    project = type(home)(folder)
    for number in range(24):
        project.write(f"shelves/{number:02d}.md", _page(number, 3))
    project("contract", "new", "shelves", "--path", "shelves/*.md", "--model", "wordllama-256", "--owner", "stores")
    path = folder / "contracts" / "shelves.odcs.yaml"
    path.write_text(path.read_text("utf-8").replace("\n    quality:\n", f"\n    quality:\n{LENGTHS}", 1), "utf-8")
    project("ingest", "shelves", codes=(0, 1))
    for number in range(20):
        project.write(f"shelves/{number:02d}.md", _page(number, 9))
    project("ingest", "shelves", codes=(0, 1))
    (folder / "contracts" / "broken.odcs.yaml").write_text(BROKEN, "utf-8")
    wrong = _text(folder, "drafts").replace("name: drafts", "name: wrong", 1).replace("quality_score", "qualty_score")
    (folder / "contracts" / "wrong.odcs.yaml").write_text(wrong, "utf-8")
    with serve(project, console_token=TOKEN) as site:
        yield site


@pytest.fixture(scope="module")
def ines(told: Any) -> Iterator[httpx2.Client]:
    """Somebody who is signed in there."""
    with told.client("Ines") as client:
        yield client


def test_every_contract_has_a_line_and_an_unusable_file_says_where_and_what_next(ines: Any) -> None:
    page, twin = ines.get("/contracts"), ines.get("/contracts.json").json()
    listed = {item["contract"]: item for item in twin["contracts"]}
    assert list(listed)[:2] == ["broken", "wrong"], "what cannot be used comes first"
    assert set(listed) == {"broken", "wrong", "drafts", "handbook", "inbox", "shelves"}
    assert twin["invalid"] == 2
    [problem] = listed["broken"]["problems"]
    assert (problem["line"], problem["text"].strip()) == (4, "version: 1")
    assert "not YAML" in problem["message"]
    [problem] = listed["wrong"]["problems"]
    assert "Did you mean 'quality_score'?" in problem["hint"]
    assert f"contracts/wrong.odcs.yaml:{problem['line']}" in page.text
    handbook = listed["handbook"]
    assert (handbook["version"], handbook["owner"], handbook["valid"]) == ("1.0.0", "support-team", True)
    assert "quality at least 0.5; AI share at most 0.2" in handbook["promise"]
    assert handbook["last"]["verdict"] == "pass"
    assert handbook["used"]["last_version"] == "1.0.0"
    assert listed["drafts"]["used"]["last"] is None
    assert listed["drafts"]["last"] is None
    assert listed["inbox"]["last"]["broken"] > 0


def test_a_contract_is_told_in_words_with_how_each_rule_came_out(ines: Any) -> None:
    twin = ines.get("/contract.json", params={"contract": "handbook"}).json()
    page = ines.get("/contract", params={"contract": "handbook"}).text
    rules = {rule["name"]: rule for rule in twin["rules"]}
    own = rules["self-ingestion"]
    assert own["expects"] == "less than 0.5 of the text from served answers"
    assert own["fails"].startswith("the document is held in quarantine")
    assert [run["verdict"] for run in own["runs"]] == ["pass", "fail", "pass"]
    assert own["runs"][1]["failing"] == 1
    assert "kettles.md" in own["runs"][1]["actual"]
    assert {part["part"] for part in twin["parts"]} >= {"source", "origins", "embedding", "retention", "gate recall"}
    fields = {(field["object"], field["name"]): field for field in twin["fields"]}
    assert fields["document", "doc_id"]["promises"] == ["key", "always there", "no value twice"]
    assert "256 numbers" in fields["chunk", "embedding"]["promises"]
    assert [run["version"] for run in twin["judged"]] == ["1.0.0"] * 3
    assert 'aria-label="Oldest first: kept, not kept, kept"' in page
    assert ines.get("/contract", params={"contract": "broken"}).text.count("contracts/broken.odcs.yaml:4") == 1
    empty = ines.get("/contract", params={"contract": "drafts"})
    assert "No run was judged yet" in empty.text
    typo = ines.get("/contract", params={"contract": "handbok"})
    assert typo.status_code == 404
    assert "Did you mean &#39;handbook&#39;?" in typo.text


def test_drift_shows_value_baseline_limit_and_the_run_that_crossed_it(ines: Any) -> None:
    twin = ines.get("/contract.json", params={"contract": "shelves"}).json()
    watched = {drift["column"]: drift for drift in twin["drift"] if drift["rule"]}
    text = watched["text"]
    assert (text["rule"], text["statistic"], text["limit"], text["lines"]) == (
        "lengths",
        "length",
        "less than 0.3",
        [0.3],
    )
    assert text["crossings"] == 1
    first, second = text["points"]
    assert (first["value"], first["crossed"], first["before"]) == (None, False, None), "nothing to compare with"
    assert second["crossed"]
    assert second["value"] > 0.3
    assert second["level"] > 2 * second["before"] > 0
    page = ines.get("/contract", params={"contract": "shelves"}).text
    assert f'href="/run?contract=shelves&amp;run={second["run_id"]}"' in page
    others = {drift["column"]: drift for drift in twin["drift"] if not drift["rule"]}
    assert others["title"]["crossings"] == 0
    assert others["title"]["limit"] == "less than 0.25"


def test_the_report_of_a_run_leads_to_documents_as_they_are_now(ines: Any) -> None:
    judged = ines.get("/contract.json", params={"contract": "handbook"}).json()["judged"]
    twin = ines.get("/run.json", params={"contract": "handbook", "run": judged[1]["run_id"]}).json()
    assert (twin["verdict"], twin["run"]["counts"]["received"], twin["run"]["balanced"]) == ("fail", 7, True)
    worst = twin["rules"][0]
    assert worst["verdict"] == "fail"
    failing = {item["doc_id"]: item["state"] for rule in twin["rules"] for item in rule["failing"]}
    assert failing["kettles.md"] == "quarantined"
    page = ines.get("/run", params={"contract": "handbook", "run": judged[1]["run_id"]}).text
    assert 'href="/held?contract=handbook&amp;id=kettles.md"' in page
    assert (twin["newer"], twin["older"]) == (judged[0]["run_id"], judged[2]["run_id"])
    last = ines.get("/run.json", params={"contract": "handbook"}).json()
    assert last["run_id"] == judged[0]["run_id"]
    one = ines.get("/run.json", params={"contract": "handbook", "rule": "ai-share"}).json()
    assert [rule["name"] for rule in one["rules"]] == ["ai-share"]
    shelves = ines.get("/run.json", params={"contract": "shelves"}).json()
    text = next(plot for plot in shelves["plots"] if plot["column"] == "text")
    assert sum(part["now"] for part in text["bins"]) == pytest.approx(1)
    assert text["level"] == "change"
    for params in ({"contract": "drafts"}, {"contract": "handbook", "run": "../secret"}):
        assert ines.get("/run.json", params=params).status_code == 404


def _digests(folder: Path) -> dict[str, str]:
    """Every file of a project but the log that SQLite keeps of readers."""
    kept = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.endswith(("-wal", "-shm")))
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in kept}


def test_a_change_is_compared_and_tried_and_nothing_is_written(told: Any) -> None:
    before = _digests(told.project.folder)
    text = _text(told.project.folder, "handbook")
    legal = "- name: owner\n        logicalType: string\n        enum: [{value: legal}]\n      - name: doc_id"
    stricter = text.replace("- name: doc_id", legal, 1)
    with httpx2.Client(base_url=told.url, headers={"authorization": f"Bearer {TOKEN}"}, timeout=120) as client:

        def asked(yaml: str, **more: str) -> dict[str, Any]:
            answer = client.post("/change.json?contract=handbook", data={"yaml": yaml, "sample": "20", **more})
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()
            return found

        same = asked(text)
        assert (same["verdict"], same["changes"], same["refused"]) == ("same", [], "")
        assert same["tried"]["moved"] == []
        assert (same["tried"]["examined"], same["tried"]["listed"]) == (7, 7)
        breaking = asked(stricter)
        assert (breaking["verdict"], breaking["required"], breaking["made"]) == ("breaking", "major", "none")
        assert not breaking["sufficient"]
        assert breaking["next_version"] == "2.0.0"
        assert "used before with other terms" in breaking["refused"]
        moved = {item["doc_id"]: (item["now"], item["would"]) for item in breaking["tried"]["moved"]}
        assert moved["refunds.md"] == ("active", "quarantined")
        assert "returns.md" not in moved, "it is held now, and would be"
        assert any("legal" in reason for item in breaking["tried"]["moved"] for reason in item["reasons"])
        raised = asked(stricter.replace("version: 1.0.0", "version: 2.0.0"), sample="3")
        assert raised["sufficient"]
        assert raised["refused"] == ""
        assert (raised["tried"]["examined"], raised["tried"]["listed"]) == (3, 7)
        unread = asked(
            text.replace("quality_score", "qualty_score").replace("severity: warning", "severity: warnin", 1)
        )
        assert len(unread["problems"]) == 2
        assert unread["tried"] is None
        cut = asked("name: [")
        assert cut["problems"][0]["line"] >= 1
        outside = asked(text.replace("./docs/", "/etc/"), sample="5")
        assert outside["tried"]["elsewhere"]
        assert outside["tried"]["listed"] == 7, "what a page is given does not say which folders are opened"
        assert client.post("/change.json?contract=handbok", data={"yaml": text}).status_code == 404
    assert _digests(told.project.folder) == before


def test_a_form_of_another_site_cannot_try_a_change(told: Any, ines: Any) -> None:
    form = {"yaml": _text(told.project.folder, "drafts"), "sample": "0"}
    refused = ines.post("/change?contract=drafts", data=form, headers={"origin": "https://example.org"})
    assert refused.status_code == 403
    unsealed = ines.post("/change?contract=drafts", data=form, headers={"origin": told.url})
    assert unsealed.status_code == 403
    page = ines.get("/change?contract=drafts").text
    sealed = page.split('name="csrf" value="')[1].split('"')[0]
    taken = ines.post("/change?contract=drafts", data={**form, "csrf": sealed}, headers={"origin": told.url})
    assert taken.status_code == 200
    assert "nothing that matters" in taken.text
    crossed = {**form, "csrf": sealed, "yaml": "<script>alert(1)</script>"}
    shown = ines.post("/change?contract=drafts", data=crossed, headers={"origin": told.url})
    assert "<script>alert" not in shown.text
    large = {**form, "csrf": sealed, "yaml": "x" * 420_000}
    assert ines.post("/change?contract=drafts", data=large, headers={"origin": told.url}).status_code == 413


def test_an_empty_project_says_how_to_begin(serve: Any, home: Any, tmp_path: Path) -> None:
    project = type(home)(tmp_path / "empty")
    project.folder.mkdir()
    project("init")
    for path in (project.folder / "contracts").glob("*.odcs.yaml"):
        path.unlink()
    with serve(project, console_token=TOKEN) as site, site.client() as client:
        for path in ("/contracts", "/query"):
            page = client.get(path)
            assert page.status_code == 200
            assert "No contract yet" in page.text
            assert "stemma contract new handbook" in page.text
        assert client.get("/contracts.json").json()["contracts"] == []
        assert client.get("/query.json", params={"q": "anything"}).json()["sides"] == []
        for path in ("/contract", "/run", "/change"):
            assert client.get(path, params={"contract": "handbook"}).status_code == 404
