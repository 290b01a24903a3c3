"""An index put together from ranges of its rows is, byte for byte, the one that a single task builds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.errors import IntegrityError
from corpus.seams import Vectors
from corpus.storage import Store, open_store
from index import builds, search, shards
from index.builds import Merging

ROWS, DIMENSION, BLOCK = 3_005, 24, 256
FACTORIES = ("Flat", "SQ8", "IVF16,Flat", "IVF16,SQ8")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 256 rows instead of 16,384: what holds for multiples of one holds for multiples of the other."""
    monkeypatch.setattr(search, "BLOCK", BLOCK)


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    dice = np.random.default_rng(7)
    rows = dice.standard_normal((ROWS, DIMENSION), dtype=np.float32)
    rows[1::10] = rows[::10]  # twins score alike: their order is that of their rows, or the bytes differ
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "home") if request.param == "local" else f"memory://{tmp_path.name}")


def alone(factory: str, vectors: Vectors, folder: Path) -> bytes:
    return written(search.make_index(factory, vectors), folder)


def written(index: object, folder: Path) -> bytes:
    search.write_index(index, folder / "index.faiss")
    return (folder / "index.faiss").read_bytes()


def prepared(store: Store, factory: str, vectors: Vectors, wanted: int) -> tuple[str, ...]:
    with store.scratch() as scratch:
        file = scratch / "vectors.f32"
        file.write_bytes(vectors.tobytes())
        return builds.prepare(store, "handbook", factory, vectors, file, shards.plan(len(vectors), wanted))


@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize("wanted", [1, 700, 1_536])
def test_the_bytes_are_those_of_one_task(factory: str, wanted: int, vectors: Vectors, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "home"))
    due = prepared(store, factory, vectors, wanted)
    assert len(due) == -(-ROWS // (-(-wanted // BLOCK) * BLOCK)) > 1
    merging = Merging(store, "handbook", [builds.add(store, "handbook", shard) for shard in reversed(due)])
    assert written(merging.make(factory, vectors), tmp_path) == alone(factory, vectors, tmp_path)
    assert merging.told == [f"{factory} merged from {len(due)} shards"]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 5_000_000), st.integers(0, 3_000_000), st.integers(1, 1_000))
def test_ranges_are_whole_blocks_without_a_gap(rows: int, wanted: int, most: int) -> None:
    search.BLOCK = 16_384  # the fixture puts it back
    ranges = shards.plan(rows, wanted, most)
    assert shards.gap_in(ranges, rows) is None
    assert len(ranges) <= most
    assert all(part.start % 16_384 == 0 and part.count > 0 for part in ranges)
    assert {part.count >= min(wanted, rows) for part in ranges[:-1]} <= {True}
    assert [shards.Rows.parse(str(part)) for part in ranges] == list(ranges)


def test_a_gap_is_found() -> None:
    parts = [shards.Rows(0, 10), shards.Rows(10, 20)]
    assert shards.gap_in(parts, 20) is None
    assert str(shards.gap_in(parts[1:], 20)) == "0-10"
    assert str(shards.gap_in(parts, 25)) == "20-25"
    assert str(shards.gap_in([parts[0], parts[0]], 10)) == "0-10"
    assert str(shards.gap_in([], 5)) == "0-5"
    with pytest.raises(ValueError, match="names no rows"):
        shards.Rows.parse("../7")


def test_a_graph_has_no_parts() -> None:
    assert [shards.can_merge(factory) for factory in (*FACTORIES, "HNSW32", "HNSW16,SQ8")] == [True] * 4 + [False] * 2


def test_what_does_not_fit_is_built_alone_with_the_reason(vectors: Vectors, store: Store, tmp_path: Path) -> None:
    factory = "IVF16,SQ8"
    due = prepared(store, factory, vectors, 1_024)
    added = [builds.add(store, "handbook", shard) for shard in due]
    expected = alone(factory, vectors, tmp_path)

    def said(merging: Merging, rows: Vectors = vectors, factory: str = factory) -> str:
        index = merging.make(factory, rows)
        assert written(index, tmp_path) == (expected if rows is vectors else alone(factory, rows, tmp_path))
        return merging.told[0]

    assert "rows 1024-2048" in said(Merging(store, "handbook", [added[0], added[2]]))
    assert "vectors ran away" in said(Merging(store, "handbook", added[:2], ["vectors ran away"]))
    assert "of other vectors" in said(Merging(store, "handbook", added), vectors[::-1].copy())
    assert "of other vectors" in said(Merging(store, "handbook", added), vectors[:2_000])
    assert "of other vectors or another factory" in said(Merging(store, "handbook", added), vectors.copy(), "SQ8")
    name = f"builds/handbook/{due[1]}.faiss"
    data = store.read_bytes(name)
    store.replace(name, data[: len(data) // 2])
    assert "is torn, or of another try" in said(Merging(store, "handbook", added))
    store.replace(name, b"")
    assert "is torn, or of another try" in said(Merging(store, "handbook", added))
    store.remove(name)
    assert f"{name} is gone" in said(Merging(store, "handbook", added))
    again = builds.add(store, "handbook", due[1])
    assert again == added[1]
    assert "merged from 3 shards" in said(Merging(store, "handbook", added))


def test_a_range_is_added_only_to_what_was_planned(vectors: Vectors, store: Store) -> None:
    due = prepared(store, "SQ8", vectors, 1_024)
    folder = f"builds/handbook/{due[0].partition('/')[0]}"
    data = store.read_bytes(f"{folder}/vectors.f32")
    store.replace(f"{folder}/vectors.f32", data[:-96] + data[:96])
    assert builds.add(store, "handbook", due[0]).shard == due[0], "only its own rows are read"
    with pytest.raises(IntegrityError, match="are not those of the plan"):
        builds.add(store, "handbook", due[-1])
    store.replace(f"{folder}/vectors.f32", data[:-96])
    with pytest.raises(IntegrityError, match="ends before row 3005"):
        builds.add(store, "handbook", due[-1])
    with pytest.raises(IntegrityError, match="has no rows 0-17"):
        builds.add(store, "handbook", f"{due[0].partition('/')[0]}/0-17")
    assert prepared(store, "SQ8", vectors, 1_024) == due, "whoever begins again writes the same names"
    assert builds.add(store, "handbook", due[-1]).shard == due[-1]
    builds.discard(store, "handbook", due)
    assert store.names("builds/handbook") == ()
    with pytest.raises(IntegrityError, match="is gone: it was released"):
        builds.add(store, "handbook", due[0])
