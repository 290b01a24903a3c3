import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus import batches
from corpus.errors import ConfigurationError, IntegrityError
from corpus.ids import text_digest
from index import layout, search
from index import spill as spill_module
from index.manifest import AiShare

FILES = set(layout.CONTENT_FILES)


def _bytes(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _build(world, tmp_path, active, label, factory="Flat"):
    scratch = tmp_path / label
    scratch.mkdir()
    return world.build(scratch, active, factory)


def test_two_builds_are_byte_identical_however_the_rows_were_spread(world, docs, tmp_path):
    together = world.segment(docs)
    first = _build(world, tmp_path, together, "first")
    again = _build(world, tmp_path, reversed(together), "again")
    apart = [active for doc in reversed(docs) for active in world.segment([doc])]
    third = _build(world, tmp_path, apart, "third")
    assert set(_bytes(first.folder)) == FILES
    assert _bytes(first.folder) == _bytes(again.folder) == _bytes(third.folder)


def test_rows_are_sorted_and_in_step_with_their_vectors(world, docs, tmp_path):
    built = _build(world, tmp_path, world.segment(docs), "build")
    chunks = batches.read_table(built.folder / layout.CHUNKS).to_pylist()
    assert [(row["doc_id"], row["ordinal"]) for row in chunks] == sorted(
        (row["doc_id"], row["ordinal"]) for doc in docs for row in doc.chunk_rows()
    )
    index = search.load_index((built.folder / layout.INDEX).read_bytes())
    stored = index.reconstruct_n(0, index.ntotal)
    np.testing.assert_allclose(stored, world.embedder.embed([row["text"] for row in chunks]), atol=1e-6)
    documents = batches.read_table(built.folder / layout.DOCUMENTS).to_pylist()
    texts = {row["doc_id"]: row["text"] for row in documents}
    assert all(texts[row["doc_id"]][row["start"] : row["end"]] == row["text"] for row in chunks)


def test_ranges_do_not_show_in_the_result(world, make_doc, tmp_path, monkeypatch):
    many = [make_doc(f"doc-{n:03d}", f"page {n} about topic {n % 7}\n\nsecond part {n}") for n in range(60)]
    active = [entry for start in range(0, 60, 17) for entry in world.segment(many[start : start + 17])]
    monkeypatch.setattr(spill_module, "_RANGE_DOCUMENTS", 7)
    built = _build(world, tmp_path, active, "small-ranges")
    rows = batches.read_table(built.folder / layout.CHUNKS, ["doc_id", "text"]).to_pylist()
    assert [row["text"] for row in rows] == [part for doc in many for part in doc.text.split("\n\n")]
    assert built.summary.contents.documents == 60
    assert built.index.vectors == 120
    assert built.index.recall_at_10 == 1.0
    assert built.index.recall_sample == 100


def test_only_the_active_revision_enters(world, make_doc, tmp_path):
    old = make_doc("page", "old words here\n\nshared part")
    new = make_doc("page", "new words here\n\nshared part")
    world.segment([old, make_doc("gone", "nobody wants this")])
    built = _build(world, tmp_path, world.segment([new]), "build")
    rows = batches.read_table(built.folder / layout.CHUNKS, ["text", "revision_id"]).to_pylist()
    assert [row["text"] for row in rows] == ["new words here", "shared part"]
    assert {row["revision_id"] for row in rows} == {new.revision_id}


def test_summary_says_what_is_inside(world, docs, make_doc, tmp_path):
    orphan = make_doc("nobody", "A text without owner.", {"owner": None, "last_validated_date": None})
    built = _build(world, tmp_path, world.segment([*docs, orphan]), "build")
    summary = built.summary
    assert (summary.contents.documents, summary.contents.chunks, summary.ownerless) == (4, 8, 1)
    assert summary.origin.ai_share_documents == AiShare(declared=0.25, matched=0.0)
    assert summary.origin.ai_share_chunks == AiShare(declared=0.375, matched=0.0)
    assert summary.origin.max_generation_depth == 1
    assert (summary.quality.quantiles["min"], summary.quality.quantiles["max"]) == (0.3, 0.8)
    assert (summary.freshness.count, summary.freshness.missing) == (3, 1)
    assert summary.facets["source_system"] == {"drive": 1, "wiki": 3}
    assert json.loads((built.folder / layout.REPORT).read_bytes()) == summary.to_json()


def test_nothing_active_is_an_empty_version(world, tmp_path):
    built = _build(world, tmp_path, [], "build")
    assert (built.index.vectors, built.summary.contents.documents, built.index.recall_at_10) == (0, 0, None)
    assert batches.read_table(built.folder / layout.CHUNKS).num_rows == 0


@pytest.mark.parametrize("factory", ["Flat", "SQ8", "HNSW16", "IVF2,Flat", "IVF2,SQ8"])
def test_every_offered_factory_builds_the_same_bytes_twice(world, make_doc, tmp_path, factory):
    many = [make_doc(f"doc-{n:03d}", f"page {n} says word{n} and word{n % 5}") for n in range(100)]
    active = world.segment(many)
    first = _build(world, tmp_path, active, "first", factory)
    again = _build(world, tmp_path, active, "again", factory)
    assert first.files[layout.INDEX] == again.files[layout.INDEX]
    assert first.index.recall_at_10 >= 0.9
    assert first.index.factory == factory


@pytest.mark.parametrize("factory", ["PQ8", "Flat,Refine", "IDMap2,Flat", ""])
def test_other_factories_are_refused(world, docs, tmp_path, factory):
    with pytest.raises(ConfigurationError, match="Valid: auto, Flat, SQ8"):
        _build(world, tmp_path, world.segment(docs), "build", factory)


def test_too_few_chunks_for_lists_are_refused(world, docs, tmp_path):
    with pytest.raises(ConfigurationError, match="needs at least 39936 chunks, there are 7"):
        _build(world, tmp_path, world.segment(docs), "build", "IVF1024,SQ8")


def _set(row, value):
    def tamper(vectors):
        vectors[row] = value
        return vectors

    return tamper


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, 0.5])
def test_a_vector_that_is_none_is_refused(world, docs, tmp_path, value):
    active = world.segment(docs, _set(3, value))
    with pytest.raises(IntegrityError, match=r"has length .*, not 1"):
        _build(world, tmp_path, active, "build")


def _rewrite(world, segment, change):
    path = world.store.path(f"vectors/{world.embedder.fingerprint}/{segment}.parquet")
    table = change(pq.read_table(path))
    pq.write_table(table, path, compression="none")


def test_a_null_vector_is_refused(world, docs, tmp_path):
    active = world.segment(docs)

    def blank(table):
        values = table["vector"].to_pylist()
        schema = table.schema.set(1, table.schema.field(1).with_nullable(True))
        return pa.table(
            [table["text_sha256"], pa.array([None, *values[1:]], table.schema.field(1).type)], schema=schema
        )

    _rewrite(world, active[0].segment_id, blank)
    with pytest.raises(IntegrityError, match=r"has no vector|cannot be read"):
        _build(world, tmp_path, active, "build")


def test_a_vector_of_another_text_is_refused(world, docs, tmp_path):
    active = world.segment(docs)

    def swap(table):
        digests = [text_digest("another text"), *table["text_sha256"].to_pylist()[1:]]
        return table.set_column(0, table.schema.field(0), pa.array(digests, pa.string()))

    _rewrite(world, active[0].segment_id, swap)
    with pytest.raises(IntegrityError, match=r"row 0 of vectors/.* is the vector of text"):
        _build(world, tmp_path, active, "build")


def test_a_missing_row_of_vectors_is_refused(world, docs, tmp_path):
    active = world.segment(docs)
    _rewrite(world, active[0].segment_id, lambda table: table.slice(1))
    with pytest.raises(IntegrityError, match="6 vectors for 7 chunks"):
        _build(world, tmp_path, active, "build")


def test_vectors_of_another_dimension_are_refused(world, docs, make_embedder, tmp_path):
    active = world.segment(docs)
    wide = make_embedder(dimension=64)
    path = world.store.path(f"vectors/{world.embedder.fingerprint}/{active[0].segment_id}.parquet")
    rows = [row for doc in docs for row in doc.chunk_rows()]
    digests = tuple(row["text_sha256"] for row in rows)
    with world.store.scratch() as folder:
        batches.write_vectors(folder / "v", [(digests, wide.embed([row["text"] for row in rows]))], 64)
        (folder / "v").replace(path)
    with pytest.raises(IntegrityError, match="cannot be read"):
        _build(world, tmp_path, active, "build")


def test_missing_vectors_say_what_to_do(world, docs, make_embedder, tmp_path):
    active = world.segment(docs)
    world.embedder = make_embedder(salt="two")
    with pytest.raises(IntegrityError, match="stemma reembed"):
        _build(world, tmp_path, active, "build")


def test_an_active_revision_that_no_segment_holds_is_refused(world, docs, tmp_path):
    active = world.segment(docs)
    lost = type(active[0])("lost", "0" * 32, active[0].segment_id)
    with pytest.raises(IntegrityError, match=r"lacks the active revision .* of lost"):
        _build(world, tmp_path, [*active, lost], "build")


def test_a_document_that_is_active_twice_is_refused(world, docs, tmp_path):
    active = world.segment(docs)
    with pytest.raises(IntegrityError, match="document travel would be in the version twice"):
        _build(world, tmp_path, [*active, active[0]], "build")


def test_a_revision_under_another_document_is_refused(world, docs, tmp_path):
    active = world.segment(docs)
    wrong = type(active[0])("somebody-else", active[0].revision_id, active[0].segment_id)
    with pytest.raises(IntegrityError, match="lacks the active revision"):
        _build(world, tmp_path, [wrong, *active[1:]], "build")
