"""A live index: it follows its alias, never fails a query, never mixes versions, and never serves a bad one."""

import logging
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from corpus.errors import ConfigurationError, FingerprintMismatch
from corpus.ids import sha256_hex
from index import layout
from index.live import follow_index

NAME = "handbook"


@pytest.fixture
def first(world):
    return world.publish(1, alias="live")


@pytest.fixture
def follow(world):
    opened = []

    def _follow(**options):
        settings = {"trust": world.trust, "embedder": world.embedder, "poll_s": None, **options}
        live = follow_index(world.store.url, NAME, **settings)
        opened.append(live)
        return live

    yield _follow
    for live in opened:
        live.close()


def _publish(world, number, docs, generation=None):
    manifest = world.publish(number, docs)
    _point(world, number, generation or number)
    return manifest


def _point(world, number, generation):
    data = world.store.read_bytes(f"{layout.version_path(NAME, number)}/{layout.MANIFEST}")
    world.point("live", number, sha256_hex(data), generation=generation)


def _until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def test_it_moves_with_the_alias_and_back(world, first, follow, make_doc):
    events = []
    live = follow(on_event=events.append)
    assert {hit.index_version for hit in live.search("train tickets", 50)} == {1}
    assert live.check().swaps == 0
    _publish(world, 2, [make_doc("travel", "Claim travel expenses by app.")])
    assert {hit.index_version for hit in live.search("train tickets", 50)} == {1}
    status = live.check()
    assert (status.version, status.generation, status.swaps, status.ok) == (2, 2, 1, True)
    assert [hit.text for hit in live.search("train tickets", 50)] == ["Claim travel expenses by app."]
    _point(world, 1, 3)
    assert live.check().version == 1
    assert len(live) == 7
    assert [(event.kind, event.status.version) for event in events] == [("opened", 1), ("swapped", 2), ("swapped", 1)]


def test_a_thread_follows_by_itself_and_ends(world, first, follow, make_doc):
    live = follow(poll_s=0.02)
    _publish(world, 2, [make_doc("new", "only this")])
    _until(lambda: live.status.version == 2)
    before = {thread.name for thread in threading.enumerate()}
    assert f"stemma-live-{NAME}" in before
    live.close()
    live.close()
    assert f"stemma-live-{NAME}" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(ConfigurationError, match="is closed"):
        live.search("this")


class Held:
    """An embedder that stops in the middle of a query until it is let go."""

    def __init__(self, embedder):
        self._embedder = embedder
        self.entered, self.go = threading.Event(), threading.Event()

    def __getattr__(self, name):
        return getattr(self._embedder, name)

    def embed(self, texts):
        if list(texts) == ["hold"]:
            self.entered.set()
            assert self.go.wait(20)
        return self._embedder.embed(texts)


def test_a_query_ends_on_the_version_on_which_it_began(world, first, follow, make_doc):
    # Two models, as the second version is opened while the first one's is held.
    live = follow(embedder=None)
    held = Held(world.embedder)
    reader = live.reader
    reader._embedder = held
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(live.search, "hold", 50)
        assert held.entered.wait(20)
        _publish(world, 2, [make_doc("new", "only this")])
        assert live.check().version == 2
        held.go.set()
        hits = answer.result(20)
    assert len(hits) == 7
    assert {hit.index_version for hit in hits} == {1}
    vector = world.embedder.embed(["this"])[0]
    assert [hit.index_version for hit in live.search(vector, embedder_fingerprint=world.embedder.fingerprint)] == [2]


def test_under_load_no_query_fails_and_none_is_mixed(world, follow, make_doc):
    def docs(number):
        return [make_doc(f"d{place}", f"version {number} text {place}") for place in range(40)]

    world.publish(1, docs(1), alias="live")
    live = follow(poll_s=0.01, mmap=True)
    stop, seen = threading.Event(), set()
    failed, mixed, asked = [], [], [0]

    def ask():
        while not stop.is_set():
            try:
                hits = live.search("version text", 20, where={"source": "wiki"})
            except Exception as error:  # noqa: BLE001 - any failure at all is what is counted
                failed.append(error)
                continue
            versions = {hit.index_version for hit in hits}
            texts = {hit.text.split()[1] for hit in hits}
            if len(hits) != 20 or len(versions) != 1 or texts != {str(next(iter(versions)))}:
                mixed.append((versions, texts))
            seen.update(versions)
            asked[0] += 1

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(2, 7):
        _publish(world, number, docs(number))
        _until(lambda number=number: live.status.version == number and number in seen)
    stop.set()
    for thread in threads:
        thread.join()
    assert (failed, mixed) == ([], [])
    assert seen == {1, 2, 3, 4, 5, 6}
    assert asked[0] > 100
    assert live.status.swaps == 5


def _flip(world, name, number=2):
    path = Path(world.store.path(f"{layout.version_path(NAME, number)}/{name}"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", [*layout.CONTENT_FILES, layout.MANIFEST, layout.ENVELOPE])
def test_a_tampered_version_is_refused_aloud_and_the_old_one_goes_on(world, first, follow, make_doc, caplog, name):
    events = []
    live = follow(on_event=events.append)
    _publish(world, 2, [make_doc("new", "only this")])
    _flip(world, name)
    with caplog.at_level(logging.ERROR):
        status = live.check()
    assert (status.version, status.wanted, status.ok, status.refusals) == (1, 2, False, 1)
    assert "v000002 is refused, v000001 goes on serving" in caplog.text
    assert [event.kind for event in events] == ["opened", "refused"]
    assert len(live.search("train tickets", 50)) == 7
    _flip(world, name)
    live._retry_at = 0.0  # as if the time to wait before the next try was over
    assert live.check().ok
    assert live.status.version == 2


def test_a_refusal_is_told_once_and_tried_again_later(world, first, follow, make_doc, caplog):
    live = follow()
    _publish(world, 2, [make_doc("new", "only this")])
    _flip(world, layout.CHUNKS)
    for _ in range(3):
        live._retry_at = 0.0
        live.check()
    assert live.status.refusals == 1
    assert caplog.text.count("is refused") == 1
    opened = live._wait_s
    live.check()
    assert live._wait_s == opened, "the same version is not read again before its time"


def test_a_version_of_another_model_is_refused(world, first, follow, make_doc, make_embedder):
    live = follow()
    own, world.embedder = world.embedder, make_embedder(salt="two")
    _publish(world, 2, [make_doc("new", "only this")])
    status = live.check()
    assert status.version == 1
    assert status.problem.startswith(FingerprintMismatch.__name__)
    world.embedder = own
    _publish(world, 3, [make_doc("new", "and this")])
    assert (live.check().version, live.status.ok) == (3, True)


def test_an_unsigned_version_is_refused(world, first, follow, make_doc):
    live = follow()
    world.publish(2, [make_doc("new", "only this")], signed=False)
    _point(world, 2, 2)
    assert (live.check().version, live.status.wanted) == (1, 2)
    assert "SignatureInvalid" in live.status.problem


@pytest.mark.parametrize("data", [b"", b"{}", b'{"version": 1}'])
def test_a_damaged_or_missing_alias_file_leaves_the_version(world, first, follow, data):
    live = follow()
    path = layout.alias_path(NAME, "live")
    good = world.store.read_bytes(path)
    world.store.replace(path, data)
    assert not live.check().ok
    world.store.remove(path)
    live._retry_at = 0.0
    assert not live.check().ok
    assert len(live.search("train", 50)) == 7
    world.store.replace(path, good)
    assert live.check().ok


def test_an_old_alias_file_that_is_put_back_is_refused(world, first, follow, make_doc):
    path = layout.alias_path(NAME, "live")
    old = world.store.read_bytes(path)
    _publish(world, 2, [make_doc("new", "only this")])
    live = follow()
    world.store.replace(path, old)
    status = live.check()
    assert (status.version, status.ok) == (2, False)
    assert "old alias file was put back" in status.problem


def test_a_broken_listener_does_not_stop_it(world, first, follow, make_doc, caplog):
    def broken(event):
        raise RuntimeError("pager is down")

    live = follow(on_event=broken)
    _publish(world, 2, [make_doc("new", "only this")])
    assert live.check().version == 2
    assert "on_event of the live index handbook failed" in caplog.text


def test_a_listener_may_close_what_it_listens_to(world, first, make_doc):
    def stop(event):
        if event.kind == "swapped":
            live.close()

    live = follow_index(world.store.url, NAME, trust=world.trust, embedder=world.embedder, poll_s=None, on_event=stop)
    _publish(world, 2, [make_doc("new", "only this")])
    looking = threading.Thread(target=live.check, daemon=True)
    looking.start()
    looking.join(20)
    assert not looking.is_alive()
    with pytest.raises(ConfigurationError, match="closed"):
        live.search("text")


def test_it_opens_only_what_it_could_serve(world, follow):
    with pytest.raises(ConfigurationError, match="no alias 'live'"):
        follow()
    with pytest.raises(ConfigurationError, match="poll_s is 0"):
        follow(poll_s=0)


def test_closing_while_a_version_is_opened_leaves_nothing_behind(world, first, make_doc):
    live = follow_index(world.store.url, NAME, trust=world.trust, embedder=world.embedder, poll_s=0.01)
    _publish(world, 2, [make_doc(f"d{place}", f"text {place}") for place in range(300)])
    live.close()
    with pytest.raises(ConfigurationError, match="closed"):
        live.search("text")
    assert live._retired is None


UNCLOSED = """
import atexit, sys, threading
from pathlib import Path
from index.live import follow_index
from index.signing import TrustStore

atexit.register(lambda: print("left:", [thread.name for thread in threading.enumerate()]))  # after what comes later
live = follow_index(sys.argv[1], sys.argv[2], trust=TrustStore.from_folder(Path(sys.argv[3])), poll_s=0.001)
print("follows:", sorted(thread.name for thread in threading.enumerate()))
"""


def test_a_process_that_ends_without_closing_takes_no_thread_along(world, first):
    trusted = world.key.parent / "trusted"
    command = [sys.executable, "-c", UNCLOSED, world.store.url, NAME, str(trusted)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [f"follows: ['MainThread', 'stemma-live-{NAME}']", "left: ['MainThread']"]
