"""Edges of lineage, on both databases: written once, walked both ways, replaced and forgotten whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from corpus.catalog import answers, lineage
from corpus.catalog.lineage_records import LineageEdge, LineageNode
from corpus.catalog.records import AnswerRecord
from corpus.catalog.session import Catalog
from corpus.catalog.tables import LineageEdgeRow, LineageNodeRow
from corpus.errors import CatalogError

PAGE = lineage.document("kb", "wiki/kettles.md", "r1")
COPY = lineage.document("kb", "copy.md", "r9")
FIRST, SECOND = lineage.answer("a/1"), lineage.answer("a/2")


def derived(subject: LineageNode, object_: LineageNode, run_id: str = "", **detail: object) -> LineageEdge:
    return LineageEdge(subject=subject, object=object_, relation=lineage.DERIVED, detail=detail, run_id=run_id)


GIVEN = derived(FIRST, PAGE, chunks=[[0, 10, 90], [2, 100, 180]], depth=0)
REPEATED = derived(COPY, FIRST, "run-1", basis="matched", scope="document", containment=0.75, passages=[[0, 400]])


def test_what_is_written_is_read_from_either_end(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        lineage.add(tx, [GIVEN, REPEATED])
    with catalog.reading() as tx:
        assert lineage.parents(tx, [FIRST]) == (GIVEN,)
        assert lineage.children(tx, [FIRST]) == (REPEATED,)
        assert lineage.parents(tx, [PAGE]) == lineage.children(tx, [COPY]) == ()
        assert lineage.parents(tx, [lineage.answer("unknown")]) == ()
    assert (PAGE.contract, PAGE.doc_id) == ("kb", "wiki/kettles.md")


def test_an_edge_that_is_there_gets_the_new_detail_and_is_no_second_one(catalog: Catalog) -> None:
    again = replace(REPEATED, detail={"basis": "suspected"}, run_id="run-2")
    with catalog.transaction() as tx:
        for edges in ([GIVEN, REPEATED], [REPEATED, GIVEN], [again]):
            lineage.add(tx, edges)
        assert lineage.parents(tx, [COPY]) == (again,)
        assert tx.execute(select(func.count()).select_from(LineageEdgeRow)).scalar() == 2
        assert tx.execute(select(func.count()).select_from(LineageNodeRow)).scalar() == 3


def test_a_document_keeps_what_its_other_revisions_were_derived_from(catalog: Catalog) -> None:
    newer = lineage.document("kb", "copy.md", "r10")
    other = derived(newer, SECOND, "run-2", basis="matched")
    with catalog.transaction() as tx:
        lineage.replace(tx, [COPY], [REPEATED])
        lineage.replace(tx, [newer], [other])
        assert lineage.parents(tx, [COPY, newer]) == (other, REPEATED)


def test_edges_are_replaced_whole_and_a_node_without_any_loses_its_own(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        lineage.add(tx, [GIVEN, REPEATED, derived(COPY, SECOND, "run-1")])
        lineage.replace(tx, [COPY], [derived(COPY, SECOND, "run-2", basis="matched")])
        assert [edge.object for edge in lineage.parents(tx, [COPY])] == [SECOND]
        lineage.replace(tx, [COPY], [])
        assert lineage.parents(tx, [COPY]) == ()
        assert lineage.parents(tx, [FIRST]) == (GIVEN,), "edges of others stay"


def test_a_run_finds_the_documents_whose_edges_it_wrote(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        lineage.add(tx, [GIVEN, REPEATED, derived(COPY, SECOND, "run-1"), derived(PAGE, SECOND, "run-2")])
        assert lineage.written_by(tx, "run-1") == (COPY,)
        assert lineage.written_by(tx, "run-2") == (PAGE,)
        assert lineage.written_by(tx, "run-3") == ()


def test_a_node_is_forgotten_with_all_that_leads_from_and_to_it(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        lineage.add(tx, [GIVEN, REPEATED, derived(COPY, SECOND, "run-1")])
        lineage.forget(tx, [FIRST, lineage.answer("unknown")])
        assert lineage.children(tx, [PAGE, FIRST]) == ()
        assert [edge.object for edge in lineage.parents(tx, [COPY])] == [SECOND]


def test_edges_of_one_kind_of_subject(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        lineage.add(tx, [GIVEN, REPEATED])
        assert list(lineage.of_kind(tx, "answer")) == [GIVEN]
        assert list(lineage.of_kind(tx, "document")) == [REPEATED]


def test_many_edges_in_one_call(catalog: Catalog) -> None:
    pages = [lineage.document("kb", f"{number}.md", "r") for number in range(2_500)]
    with catalog.transaction() as tx:
        lineage.add(tx, [derived(FIRST, page, depth=0) for page in pages])
        assert len(lineage.parents(tx, [FIRST])) == 2_500
        assert len(lineage.children(tx, pages)) == 2_500


def test_an_unknown_kind_is_refused(catalog: Catalog) -> None:
    odd = LineageNode(kind="person", name="Ada")
    with pytest.raises(CatalogError), catalog.transaction() as tx:
        lineage.add(tx, [derived(odd, FIRST)])


def test_depths_of_answers(catalog: Catalog) -> None:
    record = AnswerRecord(
        answer_id="a/1", system="bot", model="m", served_at=datetime(2026, 1, 1, tzinfo=UTC), text="t", text_sha256="",
        retrieved=(), cited=(), index_version="", gram_count=0, decidable=False, context_known=True,
    )  # fmt: skip
    with catalog.transaction() as tx:
        answers.add(tx, [(record, ()), (replace(record, answer_id="a/2"), ())])
        lineage.set_depths(tx, {"a/2": 3, "unknown": 5})
        lineage.set_depths(tx, {})
        assert lineage.depths(tx, ["a/1", "a/2", "unknown"]) == {"a/1": 0, "a/2": 3}
        assert answers.get(tx, ["a/2"])["a/2"].depth == 3
