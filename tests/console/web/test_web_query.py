"""The query box: hits with where they come from, versions and models side by side, a candidate, and refusals."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from console.web.pages.query import pieces_of
from corpus.errors import ConfigurationError
from corpus.settings import load_settings
from ingestion.openreaders import Key, Open, Readers
from ingestion.runtime import open_runtime
from ingestion.sidebyside import CANDIDATE, Question, ask, choices_of

TOKEN = "token-of-the-tests-0123456789"
GATE = "  - property: ragGates\n    vendor: stemma\n    value: {change: {maxAddedShare: 0.1}}\n"


@pytest.fixture(scope="module")
def project(home: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A project whose handbook has a version of another model, and a candidate that a gate held back."""
    folder = tmp_path_factory.mktemp("query") / "project"
    shutil.copytree(home.folder, folder)
    project = type(home)(folder)
    project("reembed", "handbook", "--model", "all-MiniLM-L6-v2", "--mode", "shadow")
    path = folder / "contracts" / "handbook.odcs.yaml"
    raised = path.read_text("utf-8").replace("version: 1.0.0", "version: 1.1.0", 1)
    path.write_text(raised + GATE, "utf-8")
    for name in ("lamps", "chairs", "desks"):
        body = f"The {name} of the office are bought by the house team, and are mended by the workshop in the cellar."
        front = "---\nversion: '1'\nlast_validated_date: 2026-02-01\n---\n"
        project.write(f"docs/{name}.md", f"{front}# {name.title()}\n\n{body}\n")
    project("ingest", "handbook", codes=(0, 1))
    return project


@pytest.fixture(scope="module")
def asked(project: Any, serve: Any) -> Iterator[httpx2.Client]:
    """Somebody who is signed in at its console."""
    with serve(project, console_token=TOKEN) as site, site.client("Ines") as client:
        client.timeout = httpx2.Timeout(120)
        yield client


def _asked(client: httpx2.Client, q: str, **more: str) -> dict[str, Any]:
    answer = client.get("/query.json", params={"contract": "handbook", "q": q, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_hits_say_where_they_come_from_and_where_they_stand(asked: httpx2.Client) -> None:
    first = _asked(asked, "how long may a customer ask for a refund?")
    [side] = first["sides"]
    assert (side["label"], side["asked_as"], side["model"], side["opened"]) == (
        "v000003",
        "live",
        "wordllama-256",
        True,
    )
    hit = side["hits"][0]
    assert (hit["rank"], hit["doc_id"], hit["origin"], hit["basis"]) == (1, "refunds.md", "unknown", "none")
    assert "sixty days" in "".join(piece["text"] for piece in hit["pieces"])
    assert {piece["text"] for piece in hit["pieces"] if piece["marked"]} >= {"customer", "refund"}
    document = asked.get("/document.json", params={"contract": "handbook", "id": "refunds.md"}).json()
    spans = [(chunk["start"], chunk["end"]) for chunk in document["chunks"]]
    assert (hit["start"], hit["end"]) in spans
    again = _asked(asked, "opening hours on holidays")["sides"][0]
    assert not again["opened"], "the reader is kept open between requests"
    assert again["hits"][0]["doc_id"] == "declared.md"
    assert (again["hits"][0]["basis"], again["hits"][0]["origin"].rsplit("/")[-1]) == (
        "declared",
        "trainedAlgorithmicMedia",
    )
    page = asked.get("/query", params={"contract": "handbook", "q": "refund"}).text
    assert "<mark>refund</mark>" in page
    assert 'href="/document?contract=handbook&amp;id=refunds.md"' in page


def test_filters_are_those_of_the_command_line(asked: httpx2.Client) -> None:
    ai = _asked(asked, "hours", origin="trainedAlgorithmicMedia", basis="declared")["sides"][0]["hits"]
    assert [hit["doc_id"] for hit in ai] == ["declared.md"]
    one = _asked(asked, "hours", where="doc_id=passwords.md; quality>=0")["sides"][0]["hits"]
    assert [hit["doc_id"] for hit in one] == ["passwords.md"]
    none = _asked(asked, "hours", quality="1.5")
    assert none["sides"][0]["hits"] == []
    assert (
        "No chunk passes the filters"
        in asked.get("/query", params={"contract": "handbook", "q": "hours", "quality": "1.5"}).text
    )
    for more, words in (
        ({"quality": "good"}, "'good' is none"),
        ({"where": "ownr=x"}, "unknown filter 'ownr'. Valid:"),
        ({"where": "owner"}, "not of the form FIELD=VALUE"),
        ({"words": "1"}, "has no index of words"),
        ({"version": "77"}, "Newest: 4, 3, 2, 1"),
        ({"version": "candidate:zz"}, "no candidate 'zz'"),
    ):
        found = _asked(asked, "hours", **more)
        assert words in found["problem"], (more, found["problem"])
        assert found["sides"] == []
        assert found["q"] == "hours", "what was typed stays"


def test_two_versions_show_what_moved_and_what_is_only_on_one_side(asked: httpx2.Client) -> None:
    found = _asked(asked, "refund of an order", version="live", other="1", k="3")
    now, then = found["sides"]
    assert (now["label"], then["label"], found["same_space"]) == ("v000003", "v000001", True)
    fates = {hit["doc_id"]: hit["fate"] for hit in now["hits"]}
    assert fates["refunds.md"] == "rewritten", "sixty days for thirty"
    assert {"absent"} <= set(fates.values()), "documents that came later"
    for hit in (*now["hits"], *then["hits"]):
        if hit["fate"] == "same":
            assert hit["other_rank"] == hit["rank"]
        if hit["fate"] == "moved":
            assert hit["other_rank"] not in (None, hit["rank"])
    shared = {hit["chunk_id"] for hit in now["hits"]} & {hit["chunk_id"] for hit in then["hits"]}
    assert found["both"] == len(shared)


def test_two_models_and_a_candidate_that_a_gate_refused(asked: httpx2.Client) -> None:
    twin = _asked(asked, "")
    choices = {choice["value"]: choice["words"] for choice in twin["choices"]}
    assert "all-MiniLM-L6-v2" in choices["shadow"]
    [candidate] = [value for value in choices if value.startswith("candidate:")]
    assert choices[candidate].startswith("refused: ")
    models = _asked(asked, "how long may a customer ask for a refund?", other="shadow")
    here, there = models["sides"]
    assert (here["model"], there["model"], models["same_space"]) == ("wordllama-256", "all-MiniLM-L6-v2", False)
    assert [side["hits"][0]["doc_id"] for side in (here, there)] == ["refunds.md", "refunds.md"]
    assert here["hits"][0]["fate"] == "same"
    assert here["hits"][0]["score"] != there["hits"][0]["score"]
    held = _asked(asked, "who mends lamps in the office?", other=candidate)
    live, kept = held["sides"]
    assert (kept["number"], kept["hits"][0]["doc_id"], kept["hits"][0]["fate"]) == (None, "lamps.md", "absent")
    assert "lamps.md" not in {hit["doc_id"] for hit in live["hits"]}
    page = asked.get("/query", params={"contract": "handbook", "q": "who mends lamps?", "other": "shadow"}).text
    assert "vectors of two models" in page


def test_a_candidate_that_came_since_the_choices_were_read_is_a_refusal(project: Any) -> None:
    runtime = open_runtime(load_settings(project.folder))
    known = choices_of(runtime, "handbook")
    [held] = known.candidates
    with pytest.raises(ConfigurationError, match="Ask again"):
        ask(runtime, replace(known, candidates=()), Question(text="lamps", k=1), [f"{CANDIDATE}{held.id}"])
    runtime.catalog.close()


def test_an_index_without_a_version_and_an_unknown_one(asked: httpx2.Client) -> None:
    empty = asked.get("/query", params={"contract": "drafts", "q": "anything"})
    assert empty.status_code == 200
    assert "No version of drafts yet" in empty.text
    typo = asked.get("/query.json", params={"contract": "handbok", "q": "x"})
    assert typo.status_code == 404
    assert "Did you mean 'handbook'?" in typo.json()["detail"]
    assert asked.get("/query.json", params={"contract": "handbook", "q": "x", "k": "51"}).status_code == 400


def test_what_was_erased_is_not_found_though_readers_are_open(asked: httpx2.Client, project: Any) -> None:
    before = _asked(asked, "a forgotten password", other="shadow")
    assert {side["hits"][0]["doc_id"] for side in before["sides"]} == {"passwords.md"}
    project("erase", "handbook", "passwords.md", "--reason", "asked for by its writer", "--yes")
    after = _asked(asked, "a forgotten password", other="shadow", k="20")
    assert after["problem"] == ""
    for side in after["sides"]:
        assert side["opened"], "another version stands in its place"
        assert "passwords.md" not in {hit["doc_id"] for hit in side["hits"]}


def test_words_of_a_question_are_marked_by_their_beginning() -> None:
    pieces = pieces_of("Refunds and refunded orders, to the end.", "a refund to you")
    assert [(piece.text, piece.marked) for piece in pieces] == [
        ("Refunds", True),
        (" and ", False),
        ("refunded", True),
        (" orders, to the end.", False),
    ]
    assert "".join(piece.text for piece in pieces_of("x < y", "xyz")) == "x < y"
    assert pieces_of("", "word") == []


def test_few_readers_are_kept_and_what_is_gone_is_closed() -> None:
    opened: list[str] = []

    def opener(name: str) -> Any:
        def made() -> Open:
            opened.append(name)
            return Open(reader=object(), embedder=object())  # type: ignore[arg-type]

        return made

    readers = Readers(2)
    keys = [Key(home="h", name="handbook", digest=digest) for digest in "abc"]
    for key in (*keys, keys[2], keys[1]):
        readers.get(key, opener(key.digest))
    assert opened == ["a", "b", "c"]
    assert len(readers) == 2
    assert readers.get(keys[0], opener("a"))[1], "the one that was asked longest ago went"
    readers.close_others("h", "handbook", {"a"})
    assert len(readers) == 1
    readers.close_others("h", "other", set())
    assert len(readers) == 1

    def failing() -> Open:
        raise ConfigurationError("no model")

    with pytest.raises(ConfigurationError, match="no model"):
        readers.get(keys[1], failing)
    assert len(readers) == 1
