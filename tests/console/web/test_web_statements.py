"""What a page asks of the catalog: the same number of statements for ten rows and for a hundred, and not many."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from console.web.http.access import Person
from console.web.page import Visit
from console.web.pages.listed import PAGES
from corpus.catalog import decisions, documents
from corpus.settings import load_settings
from corpus.types import utc_now
from ingestion.runtime import Runtime, open_runtime

MOST = 25
"""Statements of a page; a document's page has most, with its lineage."""
QUERIES = {
    "/document": {"contract": "handbook", "id": "kettles.md"},
    "/held": {"contract": "handbook", "id": "kettles.md"},
    "/split": {"contract": "handbook", "id": "kettles.md"},
    "/documents": {"contract": "handbook"},
    "/quarantine": {"contract": "handbook"},
    "/corpus": {},
    "/query": {"contract": "handbook", "q": "refunds", "other": "1"},
}


def _asked(path: str) -> dict[str, str]:
    return QUERIES.get(path, {"contract": "handbook"})


@pytest.fixture(scope="module")
def runtime(home: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    folder = tmp_path_factory.mktemp("statements") / "project"
    shutil.copytree(home.folder, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("STEMMA_PROJECT", raising=False)
        found = open_runtime(load_settings(Path(folder)))
    yield found
    found.catalog.close()


def _grow(runtime: Runtime, number: int) -> None:
    """Adds documents that are held, shaped like the one that is."""
    with runtime.catalog.transaction() as tx:
        state = documents.find(tx, "handbook", "returns.md")
        [decision] = decisions.of_document(tx, "handbook", "returns.md")
        assert state is not None
        names = [f"copy/{place:05d}.md" for place in range(number)]
        moved = [replace(state, doc_id=name, updated_at=state.updated_at + timedelta(seconds=1)) for name in names]
        documents.record(tx, "handbook", state.run_id, moved)
        decisions.add(tx, [replace(decision, doc_id=name) for name in names])


def _statements(runtime: Runtime) -> dict[str, int]:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("PRAGMA", "BEGIN")):
            seen.append(statement)

    found = {}
    event.listen(runtime.catalog.engine, "before_cursor_execute", note)
    for page in PAGES:
        visit = Visit(runtime=runtime, person=Person(name="Mara", session="x", fixed=False), now=utc_now())
        query = page.query.model_validate(_asked(page.path))
        page.load(visit, query)  # the first question opens the versions, and reads whose model they are of
        seen.clear()
        page.load(visit, query)
        found[page.path] = len(seen)
    event.remove(runtime.catalog.engine, "before_cursor_execute", note)
    return found


def test_a_page_asks_as_much_for_a_hundred_rows_as_for_ten(runtime: Runtime) -> None:
    _grow(runtime, 10)
    _statements(runtime)  # a difference of versions is worked out once, and remembered
    few = _statements(runtime)
    _grow(runtime, 100)
    assert _statements(runtime) == few
    assert {path: number for path, number in few.items() if number > MOST} == {}
    assert min(few.values()) > 0


def test_lists_are_cut_into_pages(runtime: Runtime) -> None:
    _grow(runtime, 100)
    visit = Visit(runtime=runtime, person=Person(name="Mara", session="x", fixed=False), now=utc_now())
    for path in ("/documents", "/quarantine"):
        [page] = [page for page in PAGES if page.path == path]
        first = page.load(visit, page.query.model_validate({"contract": "handbook"})).model_dump()
        last = page.load(visit, page.query.model_validate({"contract": "handbook", "page": "999"})).model_dump()
        listed = "rows" if path == "/documents" else "items"
        assert len(first[listed]) == 50
        assert first["paging"]["total"] == len(first[listed]) * (last["paging"]["pages"] - 1) + len(last[listed])
        names = {row["doc_id"] for row in first[listed]}
        assert names.isdisjoint(row["doc_id"] for row in last[listed])
    ruled = page.load(visit, page.query.model_validate({"contract": "handbook", "rule": "self_ingestion"})).model_dump()
    assert [item["doc_id"] for item in ruled["items"]] == ["kettles.md"]
