import os
import shutil
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from corpus.catalog import audit, versions
from corpus.catalog.session import open_catalog
from corpus.errors import ConcurrentRelease, ConfigurationError, ReleaseError
from corpus.storage import Store, open_store
from index import layout
from index.build import manifest_of
from index.pointer import read_pointer, version_numbers
from index.reader import open_index
from index.rebuild import rebuild_catalog
from index.release import activate, find_orphan, next_number, project_alias, publish, seal, version_record
from index.retention import remove_version
from index.signing import TrustStore, load_signer
from index.verify import verify_version

NAME = "handbook"


def _catalog(folder):
    catalog = open_catalog(f"sqlite:///{folder}/catalog.db")
    catalog.upgrade()
    return catalog


@pytest.fixture
def catalog(tmp_path):
    catalog = _catalog(tmp_path)
    yield catalog
    catalog.close()


def _record(catalog, store, number, trust):
    # No faiss and no Arrow here: the forked children below must not wait for threads they do not have.
    verified = verify_version(store, NAME, number, trust)
    with catalog.transaction() as tx:
        versions.add(tx, version_record(verified.manifest, verified.manifest_sha256))


def _move(store, catalog, number, expected, alias="live"):
    return activate(store, catalog, NAME, alias, number, expected_generation=expected, actor="ada", reason="test")


@pytest.fixture
def two(world, catalog, make_doc):
    """Two published and recorded versions; nothing is live yet."""
    for number, text in ((1, "old words"), (2, "new words")):
        world.publish(number, [make_doc("page", text)])
        _record(catalog, world.store, number, world.trust)
    return world


def _served(store, trust, alias="live"):
    reader = open_index(store, NAME, alias=alias, trust=trust)
    fingerprint = reader.manifest.fingerprints["embedder"].digest
    hits = reader.search(np.ones(32, np.float32), embedder_fingerprint=fingerprint)
    return reader.manifest.number, [hit.text for hit in hits]


def test_moving_an_alias_moves_row_projection_and_log(two, catalog):
    first = _move(two.store, catalog, 1, None)
    assert (first.generation, _served(two.store, two.trust)) == (1, (1, ["old words"]))
    second = _move(two.store, catalog, 2, 1)
    assert (second.generation, _served(two.store, two.trust)) == (2, (2, ["new words"]))
    back = _move(two.store, catalog, 1, 2)
    assert (back.generation, _served(two.store, two.trust)) == (3, (1, ["old words"]))
    pointer = read_pointer(two.store, NAME, "live")
    assert (pointer.version, pointer.generation, pointer.actor) == (1, 3, "ada")
    with catalog.reading() as tx:
        assert versions.get(tx, NAME, 1).state == versions.get(tx, NAME, 2).state == "released"
        assert [entry.action for entry in audit.tail(tx)] == ["alias.move"] * 3


def test_a_stale_generation_changes_nothing(two, catalog):
    _move(two.store, catalog, 1, None)
    for stale in (None, 0, 2):
        with pytest.raises(ConcurrentRelease, match="moved by somebody else"):
            _move(two.store, catalog, 2, stale)
    assert _served(two.store, two.trust)[0] == 1


def test_what_cannot_be_served_is_not_pointed_to(two, catalog, world, make_doc):
    with pytest.raises(ReleaseError, match="has no folder"):
        _move(two.store, catalog, 9, None)
    world.publish(3, [make_doc("page", "unknown to the catalog")])
    with pytest.raises(ConfigurationError, match="no version v000003"):
        _move(two.store, catalog, 3, None)
    with catalog.transaction() as tx:
        versions.set_state(tx, NAME, 2, "retired")
    with pytest.raises(ReleaseError, match="was retired"):
        _move(two.store, catalog, 2, None)
    assert read_pointer(two.store, NAME, "live") is None


def test_of_many_movers_exactly_one_wins(two, catalog):
    _move(two.store, catalog, 1, None)
    results = _together(8, lambda _: _move(two.store, catalog, 2, 1))
    assert sorted(type(result).__name__ for result in results) == ["AliasState"] + ["ConcurrentRelease"] * 7
    assert _served(two.store, two.trust) == (2, ["new words"])
    assert read_pointer(two.store, NAME, "live").generation == 2


def test_movers_in_a_row_leave_the_last_projection(two, catalog):
    _move(two.store, catalog, 1, None)

    def keep_trying(place):
        while True:
            with catalog.reading() as tx:
                seen = versions.alias(tx, NAME, "live")
            try:
                return _move(two.store, catalog, 1 + place % 2, seen.generation)
            except ConcurrentRelease:
                continue

    states = _together(6, keep_trying)
    assert sorted(state.generation for state in states) == list(range(2, 8))
    last = max(states, key=lambda state: state.generation)
    pointer = read_pointer(two.store, NAME, "live")
    assert (pointer.generation, pointer.version) == (7, last.number)


def _together(count, action):
    results, gate = [None] * count, threading.Barrier(count)

    def run(place):
        gate.wait()
        try:
            results[place] = action(place)
        except ConcurrentRelease as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_a_late_writer_does_not_leave_an_older_projection(two, catalog, monkeypatch):
    _move(two.store, catalog, 1, None)
    two.store.remove(layout.aliases_path(NAME))
    original, held = Store.replace, []

    def slow(store, name, data):
        if not held:
            held.append(name)
            _move(two.store, catalog, 2, 1)  # overtakes the writer that is about to write generation 1
            assert read_pointer(two.store, NAME, "live").generation == 2
        original(store, name, data)

    monkeypatch.setattr(Store, "replace", slow)
    with catalog.reading() as tx:
        state = versions.alias(tx, NAME, "live")
    assert project_alias(two.store, catalog, state).generation == 2
    assert read_pointer(two.store, NAME, "live").version == 2


def test_a_missing_or_damaged_projection_is_repaired(two, catalog):
    state = _move(two.store, catalog, 1, None)
    for damage in (lambda: two.store.remove(layout.alias_path(NAME, "live")), lambda: _overwrite(two.store, b"{")):
        damage()
        project_alias(two.store, catalog, state)
        assert _served(two.store, two.trust)[0] == 1


def _overwrite(store, data):
    store.replace(layout.alias_path(NAME, "live"), data)


def test_a_catalog_that_is_behind_its_home_does_not_overwrite(two, catalog):
    state = _move(two.store, catalog, 1, None)
    ahead = replace(read_pointer(two.store, NAME, "live"), generation=5)
    _overwrite(two.store, ahead.to_bytes())
    with pytest.raises(ReleaseError, match="ahead of the catalog's 1"):
        project_alias(two.store, catalog, state)
    assert read_pointer(two.store, NAME, "live") == ahead


def _sealed(world, scratch, docs, number):
    built = world.build(scratch, world.segment(docs))
    manifest = manifest_of(built, world.facts(number))
    seal(built.folder, manifest, load_signer(world.key))
    return built.folder, manifest


def test_a_taken_number_is_never_replaced(world, make_doc):
    world.publish(1, [make_doc("page", "first")])
    with world.store.scratch() as scratch:
        folder, _ = _sealed(world, scratch, [make_doc("page", "second")], 1)
        with pytest.raises(ConcurrentRelease, match="v000001 of 'handbook' is taken"):
            publish(world.store, NAME, 1, folder)
        assert folder.exists()
    assert open_index(world.store, NAME, version=1, trust=world.trust).manifest.number == 1


def test_of_many_publishers_of_one_number_exactly_one_wins(world, make_doc):
    with world.store.scratch() as scratch:
        folders = []
        for place in range(6):
            (scratch / str(place)).mkdir()
            folders.append(_sealed(world, scratch / str(place), [make_doc("page", f"text {place}")], 1)[0])
        results = _together(6, lambda place: publish(world.store, NAME, 1, folders[place]))
    won = [result for result in results if isinstance(result, str)]
    assert len(won) == 1
    assert len([result for result in results if isinstance(result, ConcurrentRelease)]) == 5
    assert open_index(world.store, NAME, version=1, trust=world.trust).manifest_sha256 == won[0]


def test_numbers_are_above_every_row_and_every_folder(world, catalog, make_doc):
    assert next_number(world.store, catalog, NAME) == 1
    world.publish(1, [make_doc("page", "one")])
    assert next_number(world.store, catalog, NAME) == 2
    _record(catalog, world.store, 1, world.trust)
    world.publish(7, [make_doc("page", "seven")])
    assert next_number(world.store, catalog, NAME) == 8
    _record(catalog, world.store, 7, world.trust)
    remove_version(world.store, NAME, 7)
    assert next_number(world.store, catalog, NAME) == 8


def test_an_orphan_with_the_same_content_is_found_and_others_are_not(world, catalog, make_doc):
    docs = [make_doc("page", "same words")]
    world.publish(1, docs)
    _record(catalog, world.store, 1, world.trust)
    orphan = world.publish(2, docs, run_id="killed")
    with world.store.scratch() as scratch:
        _, candidate = _sealed(world, scratch, docs, 3)
    assert find_orphan(world.store, catalog, candidate, world.trust) == orphan
    assert find_orphan(world.store, catalog, candidate, TrustStore(keys={})) is None
    with world.store.scratch() as scratch:
        _, other = _sealed(world, scratch, [make_doc("page", "other words")], 3)
    assert find_orphan(world.store, catalog, other, world.trust) is None
    Path(world.store.path(f"{layout.version_path(NAME, 2)}/{layout.CHUNKS}")).write_bytes(b"")
    assert find_orphan(world.store, catalog, candidate, world.trust) is None
    assert next_number(world.store, catalog, NAME) == 3


def test_the_version_tables_can_be_rebuilt(two, catalog, tmp_path):
    _move(two.store, catalog, 1, None)
    _move(two.store, catalog, 2, 1)
    _move(two.store, catalog, 1, None, alias="shadow")
    (tmp_path / "fresh").mkdir()
    fresh = _catalog(tmp_path / "fresh")
    try:
        found = rebuild_catalog(two.store, fresh, NAME, two.trust, actor="ada")
        assert (found.versions, found.aliases, found.skipped) == ((1, 2), ("live", "shadow"), {})
        with catalog.reading() as before, fresh.reading() as after:
            assert versions.all_of(before, NAME) == versions.all_of(after, NAME)
            assert versions.aliases(before, NAME) == versions.aliases(after, NAME)
            assert audit.verify(after).broken_at is None
            assert [entry.subject for entry in audit.tail(after)] == [f"{NAME}@shadow", f"{NAME}@live"]
        assert _move(two.store, fresh, 1, 2).generation == 3
        again = rebuild_catalog(two.store, fresh, NAME, two.trust, actor="ada")
        assert again.versions == (1, 2)
        with fresh.reading() as tx:
            assert versions.alias(tx, NAME, "live").generation == 3
    finally:
        fresh.close()


def test_a_rebuild_leaves_out_what_is_damaged_and_says_so(two, catalog, tmp_path):
    _move(two.store, catalog, 2, None)
    Path(two.store.path(f"{layout.version_path(NAME, 2)}/{layout.CHUNKS}")).write_bytes(b"")
    two.store.fs.makedirs(two.store.path(layout.version_path(NAME, 3)))
    (tmp_path / "fresh").mkdir()
    fresh = _catalog(tmp_path / "fresh")
    try:
        found = rebuild_catalog(two.store, fresh, NAME, two.trust, actor="ada")
        assert (found.versions, found.aliases) == ((1,), ())
        assert set(found.skipped) == {"v000002", "v000003", "live"}
    finally:
        fresh.close()


def test_a_removed_version_is_gone(two):
    remove_version(two.store, NAME, 1)
    assert version_numbers(two.store, NAME) == (2,)
    with pytest.raises(ConfigurationError, match=r"no version v000001 .* Versions: v000002"):
        open_index(two.store, NAME, version=1, trust=two.trust)


# Killed anywhere

TRACED = ("index/release.py", "index/pointer.py", "corpus/storage.py", "corpus/catalog/versions.py")
CANDIDATE = ".tmp/candidate"


def _finish(home):
    """The end of a release, as a stage would run it: take over an orphan, or publish; then activate."""
    store, catalog = open_store(str(home)), open_catalog(f"sqlite:///{home}/catalog.db")
    trust = TrustStore.from_folder(home / "trusted")
    with catalog.reading() as tx:
        seen = versions.alias(tx, NAME, "live")
        known = versions.get(tx, NAME, 2)
    if known is None:
        folder = Path(store.path(CANDIDATE))
        if folder.exists():
            publish(store, NAME, 2, folder)
        _record(catalog, store, 2, trust)
    if seen.number == 2:
        project_alias(store, catalog, seen)
    else:
        _move(store, catalog, 2, seen.generation)
    catalog.close()


def _kill_at(point):
    """Kills this process when the given number of traced lines has run; returns the counter."""
    count = [0]

    def trace(frame, event, _):
        if not frame.f_code.co_filename.endswith(TRACED):
            return None
        if event == "line":
            count[0] += 1
            if count[0] == point:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    return count


def _fork(home, point):
    """Runs `_finish` in a process that is killed at a line; returns its wait status and lines run."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            count = _kill_at(point)
            _finish(home)
            sys.settrace(None)
            os.write(writer, str(count[0]).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    _, status = os.waitpid(child, 0)
    said = os.read(reader, 32)
    os.close(reader)
    return status, int(said or 0)


def test_killed_anywhere_a_reader_sees_old_or_new(world, make_doc, tmp_path):
    template = Path(world.store.root)
    catalog = _catalog(template)
    world.publish(1, [make_doc("page", "old words")])
    _record(catalog, world.store, 1, world.trust)
    _move(world.store, catalog, 1, None)
    scratch = template / ".tmp/work"
    scratch.mkdir(parents=True, exist_ok=True)
    _sealed(world, scratch, [make_doc("page", "new words")], 2)[0].rename(template / CANDIDATE)
    catalog.close()
    shutil.copytree(world.key.parent / "trusted", template / "trusted")

    def copy(label):
        return Path(shutil.copytree(template, tmp_path / label))

    status, lines = _fork(copy("whole"), 0)
    assert (status, _served(open_store(str(tmp_path / "whole")), world.trust)) == (0, (2, ["new words"]))
    assert lines > 60
    seen = set()
    for point in sorted({1 + lines * step // 24 for step in range(24)}):
        home = copy(f"point-{point}")
        status, _ = _fork(home, point)
        assert os.WIFSIGNALED(status), f"line {point} was not reached"
        store = open_store(str(home))
        served = _served(store, world.trust)
        assert served in ((1, ["old words"]), (2, ["new words"])), point
        seen.add((served[0], version_numbers(store, NAME)))
        _finish(home)
        assert _served(store, world.trust) == (2, ["new words"]), point
        assert version_numbers(store, NAME) == (1, 2)
    # The points really were before the folder, between folder and alias, and after the alias.
    assert seen == {(1, (1,)), (1, (1, 2)), (2, (1, 2))}
