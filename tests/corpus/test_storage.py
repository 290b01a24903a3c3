from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import fsspec
import pytest

from corpus.errors import ConfigurationError, DigestMismatch, StoreError, StoreUnavailable
from corpus.ids import sha256_hex
from corpus.storage import Store, file_digest, open_store


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "local":
        yield open_store(str(tmp_path / "home"))
        return
    name = f"stemma-{uuid.uuid4().hex}"
    yield open_store(f"memory://{name}")
    memory = fsspec.filesystem("memory")
    if memory.exists(f"/{name}"):
        memory.rm(f"/{name}", recursive=True)


def test_published_bytes_come_back(store: Store) -> None:
    assert store.publish("a/b.bin", b"one") == sha256_hex(b"one")
    assert store.read_bytes("a/b.bin") == b"one"
    assert store.exists("a/b.bin")
    assert not store.exists("a/c.bin")
    with store.open("a/b.bin") as handle:
        handle.seek(1)
        assert handle.read() == b"ne"


def test_publishing_the_same_bytes_again_changes_nothing(store: Store, tmp_path: Path) -> None:
    local = tmp_path / "local.bin"
    for _ in range(2):
        local.write_bytes(b"one")
        assert store.publish("a.bin", b"one") == store.publish_file("a.bin", local) == sha256_hex(b"one")
    assert store.read_bytes("a.bin") == b"one"


def test_other_bytes_under_a_published_name_are_refused(store: Store, tmp_path: Path) -> None:
    store.publish("a.bin", b"one")
    (tmp_path / "local.bin").write_bytes(b"two")
    with pytest.raises(DigestMismatch, match=r"a\.bin .*Published files never change"):
        store.publish("a.bin", b"two")
    with pytest.raises(DigestMismatch, match=r"a\.bin .*Published files never change"):
        store.publish_file("a.bin", tmp_path / "local.bin")
    assert store.read_bytes("a.bin") == b"one"


def test_a_large_file_is_published_with_its_digest(store: Store, tmp_path: Path) -> None:
    local = tmp_path / "large.bin"
    local.write_bytes(os.urandom(1 << 20) * 3 + b"end")
    digest = file_digest(local)
    assert store.publish_file("x/large.bin", local) == digest
    with store.local_file("x/large.bin") as path:
        assert file_digest(path) == digest


def test_names_are_sorted_and_leave_out_what_is_in_the_making(store: Store) -> None:
    for name in ("b.bin", "a.bin", "c/d.bin"):
        store.publish(f"folder/{name}", b"x")
    store.replace("folder/.tmp-half", b"x")
    assert store.names("folder") == ("a.bin", "b.bin", "c")
    assert store.names("nothing") == ()


def test_a_pointer_may_be_replaced(store: Store) -> None:
    store.replace("aliases/live.json", b"1")
    store.replace("aliases/live.json", b"2")
    assert store.read_bytes("aliases/live.json") == b"2"
    assert store.names("aliases") == ("live.json",)


def test_a_folder_is_published_whole_and_once(store: Store) -> None:
    for attempt in (1, 2):
        with store.scratch() as folder:
            (folder / "sub").mkdir()
            (folder / "sub" / "data.bin").write_bytes(b"data")
            (folder / "manifest.json").write_bytes(str(attempt).encode())
            if attempt == 1:
                store.publish_folder("indexes/v1", folder, "manifest.json")
            else:
                with pytest.raises(FileExistsError, match="indexes/v1 is already published"):
                    store.publish_folder("indexes/v1", folder, "manifest.json")
        assert not folder.exists()
    assert store.names("indexes/v1") == ("manifest.json", "sub")
    assert store.read_bytes("indexes/v1/manifest.json") == b"1"
    assert store.read_bytes("indexes/v1/sub/data.bin") == b"data"


def test_the_mark_of_a_remote_folder_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(f"memory://stemma-{uuid.uuid4().hex}")
    put, order = store.fs.put_file, []
    monkeypatch.setattr(
        store.fs, "put_file", lambda local, remote: (order.append(remote.split("/")[-1]), put(local, remote))
    )
    with store.scratch() as folder:
        for name in ("a.bin", "manifest.json", "z.bin"):
            (folder / name).write_bytes(b"x")
        store.publish_folder("v1", folder, "manifest.json")
    assert order == ["a.bin", "z.bin", "manifest.json"]
    store.remove("v1")


def test_removing_takes_files_and_folders_and_forgives_what_is_not_there(store: Store) -> None:
    store.publish("a/b.bin", b"x")
    store.publish("a/c.bin", b"x")
    store.remove("a/b.bin")
    assert store.names("a") == ("c.bin",)
    store.remove("a")
    store.remove("a")
    assert not store.exists("a")


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/../../up", ".."])
def test_no_name_leaves_the_home(store: Store, name: str, tmp_path: Path) -> None:
    (tmp_path / "local.bin").write_bytes(b"x")
    for use in (store.path, store.exists, store.read_bytes, store.remove, store.names):
        with pytest.raises(ValueError, match="not a path inside a home"):
            use(name)
    with pytest.raises(ValueError, match="not a path inside a home"):
        store.publish(name, b"x")
    with pytest.raises(ValueError, match="not a path inside a home"):
        store.publish_file(name, tmp_path / "local.bin")


def test_a_file_that_is_not_there_is_not_found(store: Store) -> None:
    with pytest.raises(FileNotFoundError):
        store.read_bytes("nope")
    with pytest.raises(FileNotFoundError), store.local_file("nope"):
        pass


@pytest.mark.parametrize("url", ["nonsense://x", "s4://bucket"])
def test_an_unknown_protocol_is_refused_with_the_next_step(url: str) -> None:
    with pytest.raises(ConfigurationError, match="Use a folder, or an fsspec URL"):
        open_store(url)


KILLED = """
import os, signal, sys
from pathlib import Path
from corpus import storage
store = storage.open_store(sys.argv[1])
step, seen = int(sys.argv[2]), 0
def counted(real):
    def call(*arguments):
        global seen
        seen += 1
        if seen == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments)
    return call
storage._sync_file, storage._sync_folder = counted(storage._sync_file), counted(storage._sync_folder)
os.fsync = counted(os.fsync)
with store.scratch() as folder:
    (folder / "data.bin").write_bytes(b"d" * 100_000)
    (folder / "manifest.json").write_bytes(b"m")
    store.publish_folder("v1", folder, "manifest.json")
store.publish("one.bin", b"x" * 1_000_000)
store.replace("live.json", b"y" * 1_000_000)
"""


@pytest.mark.parametrize("step", [*range(1, 16), 1000])
def test_a_writer_killed_at_any_step_leaves_nothing_half_written(tmp_path: Path, step: int) -> None:
    home = tmp_path / "home"
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", KILLED, str(home), str(step)]
    run = subprocess.run(command, cwd=root, capture_output=True, check=False)
    assert run.returncode == (0 if step == 1000 else -signal.SIGKILL), run.stderr
    store = open_store(str(home))
    whole = {"live.json": b"y" * 1_000_000, "one.bin": b"x" * 1_000_000}
    for name in store.names(""):
        if name == "v1":
            assert store.names("v1") == ("data.bin", "manifest.json")
        else:
            assert store.read_bytes(name) == whole[name]
    if step == 1000:
        assert store.names("") == ("live.json", "one.bin", "v1")


def test_of_many_who_publish_other_bytes_at_once_one_wins_and_the_others_are_told(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "home"))
    gate = Barrier(8)

    def attempt(racer: int) -> bytes | None:
        gate.wait()
        try:
            store.publish("a.bin", str(racer).encode())
        except DigestMismatch:
            return None
        return str(racer).encode()

    with ThreadPoolExecutor(8) as pool:
        won = [data for data in pool.map(attempt, range(8)) if data is not None]
    assert won == [store.read_bytes("a.bin")]


def test_a_local_file_from_another_file_system_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    store = open_store(str(tmp_path / "home"))
    assert store.publish("a/b.bin", b"one") == sha256_hex(b"one")
    assert store.names("a") == ("b.bin",)
    assert store.read_bytes("a/b.bin") == b"one"


def test_what_is_published_can_be_read_by_others(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        store = open_store(str(tmp_path / "home"))
        store.publish("one.bin", b"x")
        with store.scratch() as folder:
            (folder / "manifest.json").write_bytes(b"m")
            store.publish_folder("v1", folder, "manifest.json")
    finally:
        os.umask(before)
    modes = {name: stat.S_IMODE((tmp_path / "home" / name).stat().st_mode) for name in ("one.bin", "v1")}
    assert modes == {"one.bin": 0o644, "v1": 0o755}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not look")
def test_a_folder_that_may_not_be_looked_into_holds_no_lost_file(tmp_path: Path) -> None:
    """A lost file is one whose row is taken back: trouble of the place must not pass for one."""
    home = open_store(str(tmp_path / "home"))
    home.publish("segments/one/chunks.parquet", b"1")
    (tmp_path / "home" / "segments").chmod(0o700)
    os.seteuid(65534)
    try:
        with pytest.raises(StoreError, match="cannot be written or read"):
            home.exists("segments/one/chunks.parquet")
    finally:
        os.seteuid(0)
    assert home.exists("segments/one/chunks.parquet")
    assert not home.exists("segments/one/chunks.parquet/below")


def test_a_place_that_does_not_answer_holds_no_lost_file(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = fsspec.filesystem("memory")  # like sftp and others, it takes what exists from fsspec's base
    home = open_store(f"memory://stemma-{uuid.uuid4().hex}")
    home.publish("a", b"1")

    def stale(*_: object, **__: object) -> None:
        raise TimeoutError("the server did not answer")

    monkeypatch.setattr(type(memory), "info", stale)
    with pytest.raises(StoreUnavailable, match="did not answer"):
        home.exists("a")
