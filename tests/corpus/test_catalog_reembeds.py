"""Re-embeds and rates in the catalog, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from corpus.catalog import reembeds
from corpus.catalog.reembeds import RateRecord, ReembedRecord
from corpus.catalog.session import Catalog

SPACE = "f" * 64


def _begin(catalog: Catalog, run_id: str = "r1", mode: str = "shadow", space: str = SPACE) -> ReembedRecord:
    with catalog.transaction() as tx:
        return reembeds.begin(
            tx, contract="kb", embedder_fingerprint=space, model="m", revision="", mode=mode, run_id=run_id
        )


def test_it_is_running_until_it_ends_and_going_on_keeps_its_start(catalog: Catalog) -> None:
    first = _begin(catalog)
    again = _begin(catalog, "r2", "cutover")
    assert (again.started_at, again.run_id, again.mode) == (first.started_at, "r2", "cutover")
    with catalog.transaction() as tx:
        assert reembeds.running(tx, "kb") == (again,)
        assert reembeds.running(tx, "other") == ()
        assert reembeds.end(tx, "kb", SPACE, state="finished")
        assert not reembeds.end(tx, "kb", SPACE, state="abandoned"), "it is over already"
        ended = reembeds.get(tx, "kb", SPACE)
        assert ended is not None
        assert (ended.state, ended.ended_at is not None, reembeds.running(tx, "kb")) == ("finished", True, ())
        with pytest.raises(ValueError, match="finished or abandoned"):
            reembeds.end(tx, "kb", SPACE, state="running")
    assert _begin(catalog).started_at > first.started_at, "a new one"


def test_two_spaces_are_two_ways(catalog: Catalog) -> None:
    _begin(catalog)
    _begin(catalog, space="e" * 64)
    with catalog.reading() as tx:
        assert [item.embedder_fingerprint for item in reembeds.running(tx, "kb")] == [SPACE, "e" * 64]


def test_those_who_take_at_once_take_turns(catalog: Catalog) -> None:
    _begin(catalog)

    def take(_: int) -> float:
        with catalog.transaction() as tx:
            return reembeds.take(tx, "kb", SPACE, lambda full_at: (full_at + 1.0, full_at))

    with ThreadPoolExecutor(4) as pool:
        waits = list(pool.map(take, range(12)))
    assert sorted(waits) == [float(number) for number in range(12)]


def test_a_bucket_without_a_row_is_full(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        assert reembeds.take(tx, "kb", SPACE, lambda full_at: (full_at + 9, full_at)) == 0.0


def test_the_newest_rate_comes_first_and_a_machine_has_one(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        for machine, tokens, day in (("a", 10.0, 1), ("b", 20.0, 3), ("a", 30.0, 2)):
            rate = RateRecord(
                embedder_fingerprint=SPACE,
                machine=machine,
                tokens=tokens,
                seconds=1.0,
                measured_at=datetime(2026, 11, day, tzinfo=UTC),
            )
            reembeds.set_rate(tx, rate)
        assert [(rate.machine, rate.tokens) for rate in reembeds.rates(tx, SPACE)] == [("b", 20.0), ("a", 30.0)]
        assert reembeds.rates(tx, "other") == ()
