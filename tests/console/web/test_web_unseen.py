"""Somebody who may see one contract reads nothing of another, though documents, answers and models lead across."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from console.web.app import create_app
from console.web.http.access import Right, TokenAccess
from console.web.pages.listed import PAGES
from corpus.settings import load_settings
from ingestion.history.stored import chunks_of
from ingestion.runtime import open_runtime

TOKEN = "token-of-the-tests-0123456789"
REPLY = (
    "Whoever keeps the lighthouse ledger should initial each foghorn test twice, once in pencil and once in violet "
    "ink, so that an auditor arriving by kayak can tell rehearsals from alarms without waking the night crew."
)
HIDDEN = "a document of a contract that you may not see"


class OnlyInbox(TokenAccess):
    """Lets people read what is about `inbox`."""

    def may(self, _request: Request, right: Right, contract: str) -> bool:
        """Knows one contract."""
        return right == "read" and contract == "inbox"


@pytest.fixture(scope="module")
def site(home: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A document of `inbox` that repeats an answer which was made from two documents of `handbook`."""
    folder = tmp_path_factory.mktemp("unseen") / "project"
    shutil.copytree(home.folder, folder)
    project = type(home)(folder)
    runtime = open_runtime(load_settings(folder))
    found = [_chunk(runtime, name) for name in ("refunds.md", "policies/shipping.md")]
    line = {"answer_id": "a9", "system": "support-bot", "model": "some-llm-3", "served_at": "2026-03-01T12:00:00Z",
            "text": REPLY, "retrieved": [{"chunk_id": row["chunk_id"], "text": row["text"]} for row in found],
            "cited": [found[0]["chunk_id"]], "index_version": "handbook/v000003"}  # fmt: skip
    project.write("a9.jsonl", json.dumps(line) + "\n")
    project("answers", "import", str(folder / "a9.jsonl"))
    project.write("inbox/reply.html", f"<html><body><h1>Reply</h1><p>{REPLY}</p></body></html>")
    project("ingest", "inbox", codes=(0, 1))
    project("index", "audit", "handbook")
    apps = [create_app(runtime, access(TOKEN)) for access in (OnlyInbox, TokenAccess)]
    headers = {"authorization": f"Bearer {TOKEN}"}
    limited, whole = (TestClient(app, headers=headers, follow_redirects=False) for app in apps)
    yield SimpleNamespace(limited=limited, whole=whole)
    runtime.catalog.close()


def _chunk(runtime: Any, doc_id: str) -> Any:
    from corpus.catalog import documents  # noqa: PLC0415 - beside its only use

    with runtime.catalog.reading() as tx:
        state = documents.find(tx, "handbook", doc_id)
    return chunks_of(runtime.store, state.segment_id, state.doc_id, state.revision_id)[0]


ASKED = {"id": "reply.html", "number": "1", "from": "1", "to": "1", "q": "order form"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.strip("/"))
@pytest.mark.parametrize("form", ["", ".json"])
def test_no_page_names_another_contract_or_what_is_in_it(site: Any, page: Any, form: str) -> None:
    takes = {field.alias or name for name, field in page.query.model_fields.items()}
    query = {name: value for name, value in {**ASKED, "contract": "inbox"}.items() if name in takes}
    answer = site.limited.get(f"{page.path}{form}", params=query)
    if "contract" in takes:
        assert answer.status_code == 200, answer.text
    for name in ("handbook", "drafts", "refunds", "shipping", "support-team"):
        assert name not in answer.text, [line for line in answer.text.splitlines() if name in line][:3]


def test_a_lineage_counts_what_one_may_not_see(site: Any) -> None:
    asked = {"contract": "inbox", "id": "reply.html"}
    whole = site.whole.get("/document.json", params=asked).json()["lineage"]
    names = {node["name"] for node in whole["graph"]["nodes"]}
    assert (names, whole["unseen"]) == ({"reply.html", "a9", "refunds.md", "policies/shipping.md"}, 0)
    found = site.limited.get("/document.json", params=asked).json()["lineage"]
    assert sorted(node["name"] for node in found["graph"]["nodes"]) == [HIDDEN, HIDDEN, "a9", "reply.html"]
    assert (found["unseen"], found["depth"]) == (2, whole["depth"])
    page = site.limited.get("/document", params=asked).text
    assert "It rests on 2 documents of contracts that you may not see." in page
