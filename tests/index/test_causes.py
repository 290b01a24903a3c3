"""Every document of two versions is counted once, under one cause, and the cause is the one that was made."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus import batches
from corpus.errors import IntegrityError
from corpus.storage import open_store
from index import layout, lookup
from index.causes import CAUSES, Absent, Setting, Told, causes_of, kinds_of, parts_changed, told_from_files
from index.diff import diff_versions
from index.manifest import FingerprintRef, Manifest

GOLDEN = Path(__file__).parent / "golden" / "manifest.json"
EXAMPLE = Manifest.from_bytes(GOLDEN.read_bytes())
AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def put(store, make_doc, number, docs, *, groups=1_000_000, **facts):
    """Writes the two tables of a version, and returns a manifest that names it; nothing else is read here."""
    folder = layout.version_path(EXAMPLE.name, number)
    docs = sorted(docs, key=lambda doc: doc.doc_id)
    rows = [doc.row() for doc in docs]
    chunks = [row for doc in docs for row in doc.chunk_rows()]
    with store.scratch() as scratch:
        for file, schema, values in (
            (layout.DOCUMENTS, batches.DOCUMENTS, rows),
            (layout.CHUNKS, batches.CHUNKS, chunks),
        ):
            pq.write_table(pa.Table.from_pylist(values, schema=schema), scratch / file, row_group_size=groups)
            store.replace_file(f"{folder}/{file}", scratch / file)
    return replace(EXAMPLE, number=number, **facts)


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "home"))


TEXTS = st.lists(st.sampled_from(["one", "two", "three", "four"]), min_size=1, max_size=4).map("\n\n".join)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "quality_score": st.sampled_from([0.1, 0.9, None]),
        "digital_source_type": st.just(AI),
        "origin_basis": st.sampled_from(["declared", "matched"]),
        "owner": st.sampled_from(["ada", "bob"]),
        "raw_sha256": st.sampled_from(["a" * 64, "b" * 64, None]),
        "governance_basis": st.sampled_from(['{"owner":"contract"}', '{"owner":"sidecar"}']),
    },
)
CORPUS = st.dictionaries(st.sampled_from("abcdefgh"), st.tuples(TEXTS, FIELDS), max_size=8)
PARTS = ("contract", "parser", "detectors", "scorer", "chunker", "embedder", "index", "software")


def changed_manifest(manifest, parts):
    for part in parts:
        if part == "contract":
            manifest = replace(manifest, contract=replace(manifest.contract, digest="f" * 64))
        elif part == "index":
            manifest = replace(manifest, index=replace(manifest.index, factory="SQ8"))
        elif part == "software":
            manifest = replace(manifest, run=replace(manifest.run, code_version="9"))
        else:
            prints = {**manifest.fingerprints, part: FingerprintRef(digest="9" * 64, parts={"p": part})}
            manifest = replace(manifest, fingerprints=prints)
    return manifest


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=CORPUS, after=CORPUS, parts=st.sets(st.sampled_from(PARTS)))
def test_every_document_is_counted_once(store, make_doc, before, after, parts):
    sides = [[make_doc(name, text, fields) for name, (text, fields) in side.items()] for side in (before, after)]
    old = put(store, make_doc, 1, sides[0])
    new = changed_manifest(put(store, make_doc, 2, sides[1]), parts)
    found = diff_versions(store, old, new)
    assert found.same + sum(item.added + item.removed + item.changed for item in found.causes) == len(
        set(before) | set(after)
    )
    assert sum(item.added for item in found.causes) == len(found.added) == len(set(after) - set(before))
    assert sum(item.removed for item in found.causes) == len(found.removed) == len(set(before) - set(after))
    assert [item.doc_id for item in found.documents] == sorted({item.doc_id for item in found.documents})
    assert all(item.cause in CAUSES and item.cause not in item.also for item in found.documents)
    counts = [sum(len(text.split("\n\n")) for text, _ in side.values()) for side in (before, after)]
    assert [found.chunks.drop + found.chunks.keep, found.chunks.add + found.chunks.keep] == counts
    assert sum(item.chunks_added for item in found.causes) == found.chunks.add
    assert sum(item.chunks_dropped for item in found.causes) == found.chunks.drop
    if not parts:
        whole = {"parser", "detectors", "scorer", "chunker", "embedder", "index", "contract", "software"}
        assert whole.isdisjoint({item.cause for item in found.causes})


@pytest.mark.parametrize("part", ["embedder", "index"])
def test_what_changes_every_vector_touches_every_document_that_stays(store, make_doc, part):
    docs = [make_doc("a", "one\n\ntwo"), make_doc("b", "three")]
    new = changed_manifest(put(store, make_doc, 2, [*docs, make_doc("c", "four")]), [part])
    found = diff_versions(store, put(store, make_doc, 1, docs), new)
    assert {(item.doc_id, item.change, item.cause) for item in found.documents} == {
        ("a", "changed", part),
        ("b", "changed", part),
        ("c", "added", "source"),
    }
    assert found.same == 0


# What is made to differ: fields of the row before and after, what changed as a whole, and the cause that follows.
CASES = {
    "bytes": ({"raw_sha256": "a" * 64}, {"raw_sha256": "b" * 64}, set(), "source"),
    "bytes and everything else": (
        {"raw_sha256": "a" * 64},
        {"raw_sha256": "b" * 64, "content_sha256": "c", "quality_score": 0.1},
        {"parser", "scorer", "contract"},
        "source",
    ),
    "another parser": ({}, {"content_sha256": "c"}, {"parser"}, "parser"),
    "this document's parser": ({}, {"content_sha256": "c", "parser": "html/9"}, set(), "parser"),
    "a repair clause": ({}, {"content_sha256": "c"}, {"contract"}, "contract"),
    "text, and nothing known": ({}, {"content_sha256": "c"}, set(), "unknown"),
    "another release": ({}, {"content_sha256": "c"}, {"software"}, "software"),
    "another scorer": ({}, {"quality_score": 0.1}, {"scorer"}, "scorer"),
    "a quality clause": ({}, {"quality_score": 0.1}, {"contract"}, "contract"),
    "another detector": ({}, {"digital_source_type": AI}, {"detectors", "contract"}, "detectors"),
    "an answer": ({}, {"digital_source_type": AI, "origin_basis": "matched"}, set(), "answers"),
    "a declaration beside it": ({}, {"digital_source_type": AI, "origin_basis": "declared"}, set(), "source"),
    "deeper": ({}, {"generation_depth": 2}, set(), "answers"),
    "a default of the contract": (
        {"governance_basis": '{"owner":"contract"}'},
        {"owner": "ada", "governance_basis": '{"owner":"contract"}'},
        {"contract"},
        "contract",
    ),
    "a sidecar under a new contract": (
        {"governance_basis": '{"owner":"sidecar"}'},
        {"owner": "ada", "governance_basis": '{"owner":"sidecar"}'},
        {"contract"},
        "source",
    ),
    "a person": (
        {},
        {"digital_source_type": AI, "reasons": '[{"code":"override","message":"accept by ada: ours"}]'},
        {"detectors"},
        "person",
    ),
    "another place": ({}, {"uri": "file:///elsewhere/x"}, set(), "source"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_primary_cause_is_what_was_made_to_differ(make_doc, name):
    before, after, whole, cause = CASES[name]
    base = make_doc("x", "text", {"governance_basis": "{}"}).row()
    old, new = ({**base, **fields} for fields in (before, after))
    setting = Setting(changed=frozenset(whole - {"software"}), software="software" in whole)
    kinds = kinds_of(old, new)
    assert kinds
    assert causes_of(old, new, kinds, setting)[0] == cause


def test_a_clause_that_cannot_reach_an_aspect_is_not_blamed(make_doc):
    old = make_doc("x", "text").row()
    new = {**old, "quality_score": 0.1}
    other = Setting(changed=frozenset({"contract"}), touched=frozenset({"source"}))
    assert causes_of(old, new, kinds_of(old, new), other) == ("unknown",)
    right = Setting(changed=frozenset({"contract"}), touched=frozenset({"quality"}))
    assert causes_of(old, new, kinds_of(old, new), right) == ("contract",)


def test_the_same_text_cut_another_way(store, make_doc):
    class Recut(make_doc):
        def chunk_rows(self):
            return [
                {**row, "chunk_id": f"{row['ordinal']}" * 32, "text_sha256": "0" * 64} for row in super().chunk_rows()
            ]

    old = put(store, make_doc, 1, [make_doc("a", "one\n\ntwo")])
    new = changed_manifest(put(store, make_doc, 2, [Recut("a", "one\n\ntwo")]), ["chunker"])
    [change] = diff_versions(store, old, new).documents
    assert (change.kinds, change.cause, change.chunks.add, change.chunks.drop) == (("recut",), "chunker", 2, 2)


def test_who_knows_more_is_asked_in_batches_about_those_that_came_or_left(store, make_doc):
    docs = [make_doc(f"{number:05d}", "one") for number in range(1_300)]
    asked = []

    def explain(absent):
        asked.append(len(absent))
        return {item.doc_id: Told(cause="time", why="a term ran out") for item in absent[:-1]}

    found = diff_versions(store, put(store, make_doc, 1, docs[:1]), put(store, make_doc, 2, docs[1:]), explain=explain)
    assert asked == [512, 512, 276]
    assert {item.cause: (item.added, item.removed) for item in found.causes} == {"time": (1_296, 1), "source": (3, 0)}


def test_files_alone_do_not_claim_to_know_why_a_document_is_missing(make_doc):
    absent = Absent(doc_id="x", kind="removed", row=make_doc("x", "text").row())
    assert told_from_files(absent, Setting()).cause == "source"
    assert told_from_files(absent, Setting(changed=frozenset({"contract"}))).cause == "unknown"


def test_parameters_behind_a_change_are_named():
    changed = changed_manifest(EXAMPLE, ["embedder", "index"])
    found = {(item.role, item.part): (item.before, item.after) for item in parts_changed(EXAMPLE, changed)}
    assert found["index", "factory"] == ("Flat", "SQ8")
    assert found["embedder", "p"] == (None, "embedder")
    assert ("parser", "digest") not in found


def test_rows_are_found_in_any_row_group(store, make_doc):
    docs = [make_doc(f"d{number:03d}", f"first {number}\n\nsecond {number}") for number in range(50)]
    put(store, make_doc, 1, docs, groups=4)
    name = EXAMPLE.name
    for doc in (docs[0], docs[17], docs[49]):
        row = lookup.document_row(store, name, 1, doc.doc_id, ["doc_id", "revision_id", "updated_at"])
        assert row == {"doc_id": doc.doc_id, "revision_id": doc.revision_id, "updated_at": None}
        chunks = lookup.chunk_rows(store, name, 1, doc.doc_id)
        assert [chunk["text"] for chunk in chunks] == doc.text.split("\n\n")
        assert lookup.find_chunk(store, name, 1, chunks[1]["chunk_id"]) == chunks[1]
    assert lookup.document_row(store, name, 1, "d0170", ["doc_id"]) is None
    assert lookup.chunk_rows(store, name, 1, "zzz") == []
    assert lookup.find_chunk(store, name, 1, "0" * 32) is None


def test_only_the_row_group_of_the_document_is_read(store, make_doc, monkeypatch):
    docs = [make_doc(f"d{number:03d}", "text") for number in range(40)]
    put(store, make_doc, 1, docs, groups=4)
    read = []
    real = pq.ParquetFile.read_row_group
    monkeypatch.setattr(
        pq.ParquetFile, "read_row_group", lambda self, group, **rest: read.append(group) or real(self, group, **rest)
    )
    assert lookup.document_row(store, EXAMPLE.name, 1, "d021", ["doc_id"])
    assert set(read) == {5}


def test_times_come_back_as_they_were_written(store, make_doc):
    moment = datetime(2026, 3, 4, 5, 6, 7, 891011, tzinfo=UTC)

    class Dated(make_doc):
        def row(self):
            return {**super().row(), "updated_at": moment}

    put(store, make_doc, 1, [Dated("a", "text")])
    assert lookup.document_row(store, EXAMPLE.name, 1, "a", ["updated_at"])["updated_at"] == moment


def test_a_lost_or_damaged_file_is_said(store, make_doc):
    put(store, make_doc, 1, [make_doc("a", "text")])
    path = f"{layout.version_path(EXAMPLE.name, 1)}/{layout.CHUNKS}"
    store.replace(path, b"no parquet")
    with pytest.raises(IntegrityError, match="cannot be read"):
        lookup.find_chunk(store, EXAMPLE.name, 1, "0" * 32)
    store.remove(path)
    with pytest.raises(IntegrityError, match="missing"):
        lookup.chunk_rows(store, EXAMPLE.name, 1, "a")
