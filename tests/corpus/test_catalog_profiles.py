from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from corpus.catalog import profiles
from corpus.catalog.records import ProfileRecord
from corpus.catalog.session import Catalog
from corpus.errors import CatalogError

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def record(run_id: str, minutes: int = 0, contract: str = "c", documents: int = 3) -> ProfileRecord:
    profile = {"documents": documents, "columns": {"owner": {"categories": [["é\n\x00", 3]], "share": 0.1 + 0.2}}}
    return ProfileRecord(
        contract=contract, run_id=run_id, profile=profile, accepted_at=NOW + timedelta(minutes=minutes)
    )


def test_the_last_accepted_profile_of_the_contract_comes_back_as_it_was(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        assert profiles.latest(tx, "c") is None
        for item in (record("r2", 5), record("r1", 0), record("r9", 9, contract="other")):
            profiles.add(tx, item)
    with catalog.reading() as tx:
        assert profiles.latest(tx, "c") == record("r2", 5)
        assert profiles.latest(tx, "other") == record("r9", 9, contract="other")
        assert profiles.latest(tx, "none") is None


def test_of_two_in_one_moment_the_later_run_counts(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        profiles.add(tx, record("r2"))
        profiles.add(tx, record("r1"))
    with catalog.reading() as tx:
        newest = profiles.latest(tx, "c")
    assert newest is not None
    assert newest.run_id == "r2"


def test_a_run_that_is_settled_again_keeps_its_first_profile(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        profiles.add(tx, record("r1"))
        profiles.add(tx, record("r1", 7, documents=99))
    with catalog.reading() as tx:
        assert profiles.latest(tx, "c") == record("r1")
        assert tx.execute(text("SELECT count(*) FROM profiles")).scalar() == 1


def test_what_fails_with_its_transaction_is_not_kept(catalog: Catalog) -> None:
    def fail() -> None:
        with catalog.transaction() as tx:
            profiles.add(tx, record("r1"))
            tx.execute(text("SELECT nothing FROM nowhere"))

    with pytest.raises(CatalogError):
        fail()
    with catalog.reading() as tx:
        assert profiles.latest(tx, "c") is None
