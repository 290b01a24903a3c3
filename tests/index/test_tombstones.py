"""What is deleted is served no more at once, and nobody can make it served again, or hide more, unnoticed."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from corpus.errors import IntegrityError, SignatureInvalid
from corpus.storage import Store, open_store
from index import tombstones as tombstone_module
from index.build import manifest_of
from index.reader import open_index
from index.release import publish, seal
from index.signing import TrustStore, generate_keypair, load_signer
from index.tombstones import Tombstones, Watch, read_tombstones, write_tombstones

NAME = "handbook"
PATH = f"indexes/{NAME}/tombstones.dsse.json"


@pytest.fixture
def live(world):
    return world.publish(1, alias="live", aliases_signed=True)


def _open(world, **options):
    return open_index(world.store.url, NAME, **{"trust": world.trust, "embedder": world.embedder, **options})


def _found(reader, text="yeast bread", k=50):
    return {hit.doc_id for hit in reader.search(text, k)}


def test_an_open_reader_leaves_out_what_is_deleted_from_its_next_query_on(world, live):
    reader = _open(world)
    assert "bread" in _found(reader)
    world.bury(1, "bread")
    assert _found(reader) == {"travel", "security"}
    world.bury(2)
    assert "bread" in _found(reader)


def test_k_hits_still_come(world, live):
    reader = _open(world)
    best = reader.search("Cold slows the yeast.", 3)
    assert {hit.doc_id for hit in best} >= {"bread"}
    world.bury(1, "bread")
    hits = reader.search("Cold slows the yeast.", 3)
    assert len(hits) == 3
    assert "bread" not in {hit.doc_id for hit in hits}
    everything = [hit.chunk_id for hit in reader.search("Cold slows the yeast.", 50)]
    assert [hit.chunk_id for hit in hits] == everything[:3]


def test_a_tombstone_and_a_filter_count_together(world, live):
    reader = _open(world)
    world.bury(1, "bread")
    assert {hit.doc_id for hit in reader.search("yeast", 9, where={"owner": "docs-team"})} == {"travel"}
    assert reader.search("yeast", 9, where={"doc_id": "bread"}) == ()


def test_one_chunk_goes_and_its_document_stays(world, live, docs):
    reader = _open(world)
    bread = next(doc for doc in docs if doc.doc_id == "bread")
    gone = bread.chunk_rows()[1]["chunk_id"]
    world.bury(1, chunks=[gone])
    left = {hit.chunk_id for hit in reader.search("yeast", 50, where={"doc_id": "bread"})}
    assert left == {row["chunk_id"] for row in bread.chunk_rows()} - {gone}


def test_a_deletion_holds_in_every_version_also_one_that_is_opened_later(world, live):
    world.publish(2)
    world.bury(1, "bread")
    for number in (1, 2):
        assert "bread" not in _found(_open(world, version=number))
    assert "bread" not in _found(_open(world))


def test_a_deletion_in_one_index_says_nothing_about_another(world, live):
    world.publish(1, name="other", alias="live")
    world.bury(1, "bread")
    other = open_index(world.store.url, "other", trust=world.trust, embedder=world.embedder)
    assert "bread" in _found(other)
    data = world.store.read_bytes(PATH)
    world.store.replace("indexes/other/tombstones.dsse.json", data)
    with pytest.raises(SignatureInvalid, match="those of 'handbook'"):
        other.search("yeast")


def test_every_flipped_byte_is_refused_at_open_and_by_an_open_reader(world, live):
    world.bury(3, "bread")
    reader = _open(world)
    right = world.store.read_bytes(PATH)
    for place in range(0, len(right), 3):
        altered = bytearray(right)
        altered[place] ^= 1
        world.store.replace(PATH, bytes(altered))
        with pytest.raises(SignatureInvalid):
            read_tombstones(world.store, NAME, world.trust)
    with pytest.raises(SignatureInvalid):
        reader.search("yeast")
    with pytest.raises(SignatureInvalid):
        _open(world)
    world.store.replace(PATH, right)
    assert "bread" not in _found(reader), "it serves again once the file holds"


@pytest.mark.parametrize("length", [0, 1, 40, -1])
def test_a_truncated_file_is_refused(world, live, length):
    world.bury(3, "bread")
    reader = _open(world)
    world.store.replace(PATH, world.store.read_bytes(PATH)[:length])
    with pytest.raises(SignatureInvalid):
        reader.search("yeast")


def test_one_that_was_removed_does_not_bring_anything_back(world, live):
    world.bury(3, "bread")
    reader = _open(world)
    world.store.remove(PATH)
    with pytest.raises(IntegrityError, match="are gone, and were at 3"):
        reader.search("yeast")


def test_an_older_one_that_was_put_back_is_refused(world, live):
    world.bury(1)
    old = world.store.read_bytes(PATH)
    world.bury(2, "bread")
    reader = _open(world)
    assert "bread" not in _found(reader)
    world.store.replace(PATH, old)
    with pytest.raises(IntegrityError, match="are at sequence 1, and were at 2 before"):
        reader.search("yeast")


def test_the_alias_file_says_how_far_they_are_so_a_new_reader_sees_it_too(world, live):
    world.bury(1)
    old = world.store.read_bytes(PATH)
    world.bury(2, "bread")
    digest = json.loads(world.store.read_bytes(f"indexes/{NAME}/v000001/manifest.json"))
    assert digest["number"] == 1
    sha256 = _open(world).manifest_sha256
    world.point("live", 1, sha256, generation=1, signed=True, tombstones=2)
    assert "bread" not in _found(_open(world))
    world.store.replace(PATH, old)
    for by_number in ({}, {"version": 1}):
        with pytest.raises(IntegrityError, match="were at 2 before"):
            _open(world, **by_number)
    world.store.remove(PATH)
    for by_number in ({}, {"version": 1}):
        with pytest.raises(IntegrityError, match="are gone"):
            _open(world, **by_number)


def test_a_reader_that_remembers_sees_alias_file_and_tombstones_put_back_together(world, live, tmp_path):
    seen = tmp_path / "outside" / "seen.json"
    alias = f"indexes/{NAME}/aliases/live.json"
    before = world.store.read_bytes(alias)
    world.bury(2, "bread")
    world.point("live", 1, _open(world).manifest_sha256, generation=2, signed=True, tombstones=2)
    assert "bread" not in _found(_open(world, seen=seen))
    world.store.remove(PATH)
    world.store.replace(alias, before)
    assert "bread" in _found(_open(world)), "nothing inside the home tells"
    with pytest.raises(IntegrityError, match="generation 1, and was at 2"):
        _open(world, seen=seen)
    with pytest.raises(IntegrityError, match="are gone, and were at 2"):
        _open(world, seen=seen, version=1)


def test_somebody_elses_key_neither_hides_nor_shows(world, live, tmp_path):
    generate_keypair(tmp_path / "their.pem", tmp_path / "elsewhere/their.pub")
    reader = _open(world)
    world.bury(9, "travel", key=tmp_path / "their.pem")
    with pytest.raises(SignatureInvalid, match="Add the signer's public key"):
        reader.search("yeast")


def test_an_equal_sequence_with_other_content_is_refused(world, live):
    world.bury(2, "bread")
    reader = _open(world)
    world.bury(2, "travel")
    with pytest.raises(IntegrityError, match="changed without counting up"):
        reader.search("yeast")


def test_a_manifests_signature_does_not_pass_for_tombstones(world, live):
    world.store.replace(PATH, world.store.read_bytes(f"indexes/{NAME}/v000001/manifest.dsse.json"))
    with pytest.raises(SignatureInvalid):
        _open(world)


def test_without_keys_and_unsigned_allowed_they_are_honoured_unchecked(world, live):
    world.bury(1, "bread")
    reader = _open(world, trust=TrustStore(keys={}), allow_unsigned=True)
    assert "bread" not in _found(reader)


class _Flaky(Store):
    """A remote home that can be made to fail."""

    failing = False

    @property
    def is_local(self) -> bool:
        return False

    def read_bytes(self, name: str) -> bytes:
        if type(self).failing:
            raise ConnectionError("the bucket did not answer")
        return super().read_bytes(name)


def test_a_remote_home_is_asked_every_few_seconds_and_may_fail_for_a_while(world, live, monkeypatch):
    remote = _Flaky(url=world.store.url, fs=world.store.fs, root=world.store.root)
    now = [100.0]
    monkeypatch.setattr(tombstone_module.time, "monotonic", lambda: now[0])
    watch = Watch(remote, NAME, world.trust)
    world.bury(1, "bread")
    assert watch.current().sequence == 0, "not asked again yet"
    now[0] += tombstone_module.REMOTE_SECONDS
    assert watch.current().sequence == 1
    monkeypatch.setattr(_Flaky, "failing", True)
    now[0] += tombstone_module.REMOTE_SECONDS
    assert watch.current().sequence == 1, "borne for a while"
    now[0] += tombstone_module.GRACE_SECONDS
    with pytest.raises(IntegrityError, match="cannot be read"):
        watch.current()
    monkeypatch.setattr(_Flaky, "failing", False)
    now[0] += 10.0
    assert watch.current().sequence == 1


class _Silent(Store):
    """A remote home that takes a request and does not answer before it is let."""

    asked = 0
    answering: threading.Event

    @property
    def is_local(self) -> bool:
        return False

    def read_bytes(self, name: str) -> bytes:
        type(self).asked += 1
        self.answering.wait(30)
        return super().read_bytes(name)


def test_a_remote_home_that_is_silent_holds_no_query_up_and_is_not_asked_by_each(world, live, monkeypatch):
    monkeypatch.setattr(_Silent, "answering", threading.Event(), raising=False)
    _Silent.answering.set()
    for name, seconds in {"REMOTE": 0.05, "GRACE": 1.2, "PATIENCE": 0.1, "_LONG_PATIENCE": 0.2}.items():
        monkeypatch.setattr(tombstone_module, f"{name}_SECONDS", seconds)
    watch = Watch(_Silent(url=world.store.url, fs=world.store.fs, root=world.store.root), NAME, world.trust)
    world.bury(1, "bread")
    _Silent.answering.clear()
    time.sleep(0.06)
    began, asked = time.monotonic(), _Silent.asked
    assert {watch.current().sequence for _ in range(200)} == {0}
    assert time.monotonic() - began < 1.0, "only the first query waited"
    assert _Silent.asked == asked + 1
    time.sleep(1.3)
    with pytest.raises(IntegrityError, match="no answer yet"):
        watch.current()
    _Silent.answering.set()
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with contextlib.suppress(IntegrityError):
            if watch.current().sequence == 1:
                break
        time.sleep(0.02)
    assert watch.current().sequence == 1


def test_many_threads_never_get_what_was_deleted_before_their_query(world, live):
    reader = _open(world)
    deleted = threading.Event()
    wrong: list[str] = []

    def ask() -> None:
        for _ in range(60):
            before = deleted.is_set()
            if before and "bread" in _found(reader):
                wrong.append("bread")
            elif not before:
                _found(reader)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.02)
    world.bury(1, "bread")
    deleted.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_looking_costs_a_query_little(world, live):
    world.bury(1, "bread")
    watch = Watch(world.store, NAME, world.trust)
    began = time.perf_counter()
    for _ in range(1_000):
        watch.current()
    assert (time.perf_counter() - began) / 1_000 < 0.001, "one stat"


@pytest.mark.parametrize("factory", ["Flat", "SQ8", "HNSW8"])
def test_tombstones_hold_for_every_kind_of_index(world, make_doc, factory):
    docs = [make_doc(f"d{number:02d}", f"alpha beta word{number} gamma delta number{number}") for number in range(40)]
    active = world.segment(docs)
    with world.store.scratch() as scratch:
        built = world.build(scratch, active, factory)
        seal(built.folder, manifest_of(built, world.facts(1)), load_signer(world.key))
        publish(world.store, NAME, 1, built.folder)
    reader = _open(world, version=1)
    world.bury(1, *(f"d{number:02d}" for number in range(0, 40, 2)))
    vectors = world.embedder.embed([doc.text for doc in docs])
    for doc, vector in zip(docs, np.asarray(vectors), strict=True):
        hits = reader.search(vector, 20, embedder_fingerprint=world.embedder.fingerprint)
        assert len(hits) == 20, doc.doc_id
        assert all(int(hit.doc_id[1:]) % 2 for hit in hits)


def test_they_round_trip(world, tmp_path):
    written = Tombstones(index=NAME, sequence=7, documents=frozenset({"a", "b"}), chunks=frozenset({"c"}))
    write_tombstones(world.store, written, load_signer(world.key))
    assert read_tombstones(world.store, NAME, world.trust) == written
    assert read_tombstones(open_store(str(tmp_path / "empty")), NAME, world.trust).sequence == 0


def test_the_memory_of_a_reader_is_not_taken_for_empty_when_it_is_damaged(world, live, tmp_path: Path):
    seen = tmp_path / "seen.json"
    seen.write_text("{")
    with pytest.raises(Exception, match="Restore it"):
        _open(world, seen=seen)
    seen.write_text('{"handbook": {"tombstones": "3"}}')
    with pytest.raises(Exception, match="is not what a reader remembers"):
        _open(world, seen=seen)
