"""Shards are cut by bytes, within bounds, and a run that is cut anew on the way still accounts for everything once."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws.handbook import NAME, Project

from corpus.types import SourceRef
from ingestion import staging
from ingestion.snapshot import Entry, cut_shards, shard_size, weight
from ingestion.stages import acquire, admit, assess, relate, settle, stage


def entry(number: int, size: int) -> Entry:
    ref = SourceRef(doc_id=f"{number:05d}.md", uri="", path="", size=size, modified_at=None)
    return Entry(ref=ref, raw_sha256="", state_key="")


SIZES = st.lists(st.one_of(st.just(0), st.integers(0, 20_000), st.integers(0, 5_000_000)), max_size=200)


@given(SIZES, st.integers(1, 2_000_000), st.integers(1, 4_000_000), st.integers(1, 50))
def test_shards_hold_every_document_once_in_order_and_keep_their_bounds(
    sizes: list[int], least: int, most: int, number: int
) -> None:
    entries = [entry(place, size) for place, size in enumerate(sizes)]
    size = shard_size(entries, least=least, most=most, shards=number)
    shards = list(cut_shards(entries, size))
    assert list(chain.from_iterable(shards)) == entries
    assert all(shards)
    assert least <= size <= max(least, most)
    assert all(len(shard) == 1 or sum(map(weight, shard)) <= size for shard in shards)
    if size < max(least, most):
        assert len(shards) <= number


def test_the_size_comes_from_bytes_and_not_from_the_number_of_documents() -> None:
    few = [entry(place, 1_000_000) for place in range(10)]
    many = [entry(place, 1_000) for place in range(10_000)]
    cut = [len(list(cut_shards(found, shard_size(found, least=1_000_000, most=64_000_000, shards=4096))))
           for found in (few, many)]  # fmt: skip
    assert cut == [10, 10]
    assert shard_size(few * 1000, least=1_000_000, most=64_000_000, shards=100) == 64_000_000
    assert shard_size(few * 100, least=1_000_000, most=64_000_000, shards=100) == 20_000_000


def test_empty_documents_are_cut_too() -> None:
    assert len(list(cut_shards([entry(place, 0) for place in range(10_000)], 256 * 1000))) == 10


@pytest.mark.parametrize("sizes", [(6_000, 40_000), (40_000, 6_000)])
def test_a_run_that_is_cut_anew_on_the_way_accounts_for_everything_once(tmp_path: Path, sizes: tuple[int, int]) -> None:
    """The first task was tried again after a machine died, and the settings were others by then."""
    project = Project.create(tmp_path / "project")
    project.fill(8)
    whole, cut_again = (project.settings.model_copy(update={"shard_bytes": size}) for size in sizes)
    project.settings = whole
    stale = acquire.acquire(project.runtime, NAME, "run-1").outputs
    assess.assess(project.runtime, NAME, "run-1", stale[0])
    project.settings = cut_again
    due = acquire.acquire(project.runtime, NAME, "run-1").outputs
    assert len(due) != len(stale)
    project.settings = whole  # and changed back: a run keeps the shards that it was cut into
    for shard in due:
        assess.assess(project.runtime, NAME, "run-1", shard)
    shards = relate.relate(project.runtime, NAME, "run-1", due).outputs
    admit.admit(project.runtime, NAME, "run-1", shards)
    staged = [stage.stage(project.runtime, NAME, "run-1", shard) for shard in shards]
    assert set(shards) == set(due)
    settled = settle.settle(project.runtime, NAME, "run-1", staged)
    assert (settled.counts.received, settled.counts.indexed) == (8, 8)
    held = Counter(state.segment_id for state in project.states().values())
    assert (sum(held.values()), len(held)) == (8, len(due))
    assert staging.find_note(project.runtime.store, "run-1") is None
