"""Signatures, relations and authors in the catalog, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import event, text

from corpus.catalog import authors, documents, relations, segments, sketches
from corpus.catalog.records import AuthorRecord, DocumentState, RelationRecord, SegmentRecord, SketchRecord
from corpus.catalog.session import Catalog

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BANDS = tuple((1 << 64) - 1 - place for place in range(32))


def sketch(doc_id: str, digest: str = "d", contract: str = "c", signature: bytes = b"s") -> SketchRecord:
    return SketchRecord(
        contract=contract, doc_id=doc_id, content_sha256=digest, title="é", family=doc_id, signature=signature
    )


def relation(
    doc_id: str, other: str, kind: str = "duplicate.near", run: str = "r1", contract: str = "c", similarity: float = 0.9
) -> RelationRecord:
    detail = {"of": other, "similarity": similarity}
    return RelationRecord(contract=contract, doc_id=doc_id, other_id=other, kind=kind, detail=detail, run_id=run)


def standing(catalog: Catalog, contract: str = "c", **states: str) -> None:
    segment = SegmentRecord(
        segment_id="s", contract=contract, chunker_fingerprint="", assess_fingerprint="", documents=1, chunks=1,
        documents_sha256="", chunks_sha256="", run_id="r", created_at=NOW,
    )  # fmt: skip
    with catalog.transaction() as tx:
        segments.add(tx, segment)
        documents.record(tx, contract, "r", [
            DocumentState(
                doc_id=name, uri="", path="", state=state, state_key="k", raw_sha256="", size=1, modified_at=None,
                revision_id="v", segment_id="s", outcome="accept", run_id="r", updated_at=NOW,
            )
            for name, state in states.items()
        ])  # fmt: skip


def test_a_signature_is_found_by_its_bands_until_it_is_removed(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        sketches.put(tx, "c", [(sketch("a"), BANDS), (sketch("b"), BANDS[:3]), (sketch("short", signature=b""), ())])
        assert sketches.sharing(tx, "c", [BANDS, BANDS[4:9], (1, 2), ()]) == [("a", "b"), ("a",), (), ()]
        assert sketches.of(tx, "c", ["a", "none"]) == {"a": sketch("a")}
        assert sketches.count(tx, "c") == 3
        sketches.remove(tx, "c", ["a"])
        assert sketches.sharing(tx, "c", [BANDS]) == [("b",)]
        assert tx.execute(text("SELECT count(*) FROM sketch_bands")).scalar() == 3


def test_bands_of_one_contract_are_not_those_of_another(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        sketches.put(tx, "c", [(sketch("a"), BANDS)])
        sketches.put(tx, "other", [(sketch("a", contract="other"), BANDS)])
        assert sketches.sharing(tx, "third", [BANDS]) == [()]
        sketches.remove(tx, "other", ["a"])
        assert sketches.sharing(tx, "c", [BANDS]) == [("a",)]


def test_a_new_signature_takes_the_place_of_the_old_one(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        sketches.put(tx, "c", [(sketch("a"), BANDS)])
        sketches.put(tx, "c", [(sketch("a", signature=b"t"), (7, 8))])
        assert sketches.sharing(tx, "c", [BANDS, (7,)]) == [(), ("a",)]


@pytest.mark.parametrize("band", [-1, 1 << 64])
def test_a_band_that_is_no_64_bit_number_is_refused(catalog: Catalog, band: int) -> None:
    with catalog.transaction() as tx, pytest.raises(ValueError, match="64-bit"):
        sketches.sharing(tx, "c", [(band,)])


def test_a_crowded_band_gives_a_bounded_number_of_documents(catalog: Catalog) -> None:
    crowd = [(sketch(f"{place:03d}"), (5,)) for place in range(sketches.MOST_IN_BAND + 40)]
    with catalog.transaction() as tx:
        sketches.put(tx, "c", crowd)
        [found] = sketches.sharing(tx, "c", [(5,)])
    assert found == tuple(f"{place:03d}" for place in range(sketches.MOST_IN_BAND))


def test_only_active_documents_are_found_by_their_text(catalog: Catalog) -> None:
    standing(catalog, a="active", b="quarantined", c="active")
    with catalog.transaction() as tx:
        sketches.put(tx, "c", [(sketch(name, digest="x"), ()) for name in ("a", "b", "c", "unknown")])
        assert sketches.same_text(tx, "c", ["x", "y"]) == {"x": ("a", "c")}


def test_every_look_up_is_by_index(catalog: Catalog) -> None:
    if catalog.engine.dialect.name != "sqlite":
        pytest.skip("the plan is read in SQLite's words; the indexes are the same on PostgreSQL")
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        seen.append(statement)
        given.append(parameters)

    given: list[object] = []
    event.listen(catalog.engine, "before_cursor_execute", note)
    with catalog.reading() as tx:
        sketches.sharing(tx, "c", [BANDS])
        sketches.same_text(tx, "c", ["x"])
        relations.holders(tx, "c", ["id:x"], "key", 4)
        relations.around(tx, "c", ["a"])
        relations.waiting_on(tx, "c", ["a"], ("family.conflict",))
    event.remove(catalog.engine, "before_cursor_execute", note)
    with catalog.engine.connect() as connection:
        plans = [
            str(row[3])
            for statement, parameters in zip(seen, given, strict=True)
            if statement.startswith("SELECT")
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    assert len(plans) >= 5
    assert not [plan for plan in plans if plan.startswith("SCAN") and " t" not in plan], plans
    assert not [plan for plan in plans if plan.endswith("(contract=?)")], plans


def test_relations_are_replaced_and_read_from_both_ends(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        relations.replace(tx, "c", ["b"], [relation("b", "a"), relation("b", "x", "key")])
        relations.replace(tx, "c", ["b"], [relation("b", "a", run="r2", similarity=0.8), relation("b", "d")])
        assert [item.other_id for item in relations.around(tx, "c", ["b"])] == ["a", "d"]
        [found] = relations.around(tx, "c", ["a"])
        assert (found.doc_id, found.detail["similarity"], found.run_id) == ("b", 0.8, "r1")
        assert relations.notes(tx, "c", ["b"], "key") == ()
        relations.add(tx, [relation("e", "a")])
        relations.remove(tx, "c", ["a"])
        assert [item.other_id for item in relations.around(tx, "c", ["b", "e"])] == ["d"]
        assert relations.around(tx, "other", ["b"]) == ()


def test_names_are_found_by_who_goes_by_them(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        records = [relation(f"{place}", "id:x", "key") for place in range(9)] + [relation("a", "id:x", "refers")]
        relations.replace(tx, "c", [record.doc_id for record in records], records)
        assert relations.holders(tx, "c", ["id:x", "id:y"], "key", 3) == {"id:x": ("0", "1", "2")}
        assert relations.holders(tx, "c", ["id:x"], "refers", 3) == {"id:x": ("a",)}


def test_what_waits_on_a_document_is_held_or_of_the_kinds_asked_for(catalog: Catalog) -> None:
    standing(catalog, held="quarantined", warned="active", torn="active", named="quarantined", gone="gone")
    records = [relation(name, "a") for name in ("held", "warned", "gone")]
    records += [relation("torn", "a", "family.conflict"), relation("named", "a", "refers")]
    with catalog.transaction() as tx:
        relations.replace(tx, "c", [record.doc_id for record in records], records)
        assert relations.waiting_on(tx, "c", ["a"], ("family.conflict",)) == ("held", "torn")


def test_a_displaced_document_is_looked_at_again_should_the_run_be_killed(catalog: Catalog) -> None:
    standing(catalog, a="active", b="quarantined")
    with catalog.transaction() as tx:
        assert set(relations.first_active(tx, "c", ["a", "b"])) == {"a"}
        relations.displace(tx, "c", "run", ["a", "b"])
        states = relations.states(tx, "c", ["a", "b", "none"])
    assert (states["a"].state, states["a"].state_key, states["a"].run_id) == ("quarantined", "", "run")
    assert (states["b"].state_key, states["b"].run_id) == ("k", "r")


def test_an_author_stays_as_first_seen(catalog: Catalog) -> None:
    def author(run: str) -> AuthorRecord:
        return AuthorRecord(contract="c", author="zoë", first_run_id=run, first_seen_at=NOW)

    with catalog.transaction() as tx:
        assert not authors.has_any(tx, "c")
        authors.add(tx, [author("r1"), author("r2")])
        assert authors.has_any(tx, "c")
        assert not authors.has_any(tx, "other")
        assert authors.known(tx, "c", ["zoë", "bob"]) == {"zoë"}
        assert tx.execute(text("SELECT first_run_id FROM authors")).scalars().all() == ["r1"]
