"""The history of canary checks, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from corpus.catalog import canaries
from corpus.catalog.canaries import CanaryRecord
from corpus.catalog.session import Catalog

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FIRST = CanaryRecord(
    check_id="c0",
    fingerprint="a" * 64,
    model="m",
    checked_at=NOW,
    occasion="first",
    subject="",
    passed=True,
    texts=64,
    min_cosine=1.0,
    mean_cosine=1.0,
    threshold=0.999,
    moved=(),
    runtime={"backend": "numpy"},
    differs={},
)


def later(minutes: int, **changed: object) -> CanaryRecord:
    at = NOW + timedelta(minutes=minutes)
    return replace(FIRST, check_id=f"c{minutes}", checked_at=at, **{"occasion": "write", **changed})


def test_checks_come_back_as_they_were_newest_first(catalog: Catalog) -> None:
    moved = ({"canary": 3, "text": "é", "cosine": 0.5},)
    bad = later(2, passed=False, moved=moved, differs={"numpy": ["1", "2"]})
    other = later(3, fingerprint="b" * 64)
    with catalog.transaction() as tx:
        for record in (FIRST, later(1), bad, other):
            canaries.add(tx, record)
    with catalog.reading() as tx:
        assert canaries.newest(tx) == (other, bad, later(1), FIRST)
        assert canaries.newest(tx, limit=1) == (other,)
        assert canaries.newest(tx, failed=True) == (bad,)
        assert canaries.newest(tx, fingerprints={"a" * 64}, limit=2) == (bad, later(1))
        assert canaries.newest(tx, fingerprints=()) == ()


def test_the_runtime_of_the_stored_vectors_is_that_of_the_first_check(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        canaries.add(tx, later(1, runtime={"backend": "torch"}))
        assert canaries.runtime_of_first(tx, "a" * 64) is None
        canaries.add(tx, FIRST)
        assert canaries.runtime_of_first(tx, "a" * 64) == {"backend": "numpy"}
        assert canaries.runtime_of_first(tx, "b" * 64) is None
