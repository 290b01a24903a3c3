"""Votes on documents, on both databases: one person one vote, for one content, in order though many vote at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from corpus.catalog import audit, decisions, votes
from corpus.catalog.records import VoteRecord
from corpus.catalog.session import Catalog

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
VOTE = VoteRecord(contract="c", doc_id="a", raw_sha256="raw", actor="Mara", outcome="accept", reason="read it", at=NOW)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Mara", "  mara ", True),
        ("Mara  Roe", "mara roe", True),
        ("STRASSE", "straße", True),
        ("Ｍａｒａ", "mara", True),  # noqa: RUF001 - full-width letters are meant
        ("Mara", "Marta", False),
        ("Mara", "Ma\u200bra", True),
        ("Mara", "\u2060Mara\u00ad", True),
        ("Mara", "Mara\ufe0f\U000e0101", True),
        ("Mara", "Ma\u3164ra\x00", True),
    ],
)
def test_names_of_one_person(one: str, other: str, *, same: bool) -> None:
    assert (votes.person(one) == votes.person(other)) is same


def test_a_person_has_one_vote_and_the_log_keeps_both(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        assert votes.cast(tx, VOTE) == (VOTE,)
    changed = replace(VOTE, actor="mara ", outcome="reject", reason="read again", at=NOW + timedelta(hours=1))
    with catalog.transaction() as tx:
        assert votes.cast(tx, changed) == (changed,)
        assert votes.agreeing(votes.of_content(tx, "c", "a", "raw"), "accept") == ()
        said = [
            (entry.actor, entry.detail["outcome"], entry.detail["reason"]) for entry in decisions.trail(tx, "c", "a")
        ]
    assert said == [("mara ", "reject", "read again"), ("Mara", "accept", "read it")]


def test_a_vote_speaks_of_one_document_at_one_content(catalog: Catalog) -> None:
    others = [replace(VOTE, doc_id="b"), replace(VOTE, raw_sha256="new"), replace(VOTE, contract="d")]
    with catalog.transaction() as tx:
        for vote in (VOTE, *others):
            assert votes.cast(tx, vote) == (vote,)
        assert votes.of_contract(tx, "c") == {
            ("a", "raw"): (VOTE,),
            ("b", "raw"): (others[0],),
            ("a", "new"): (others[1],),
        }
        assert votes.of_contract(tx, "e") == {}


def test_a_trail_holds_decisions_about_this_document_only(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        votes.cast(tx, VOTE)
        votes.cast(tx, replace(VOTE, doc_id="ab"))
        audit.append(tx, actor="x", action="alias.move", subject="c/a", detail={})
        assert [entry.subject for entry in decisions.trail(tx, "c", "a")] == ["c/a"]


def test_people_who_vote_at_once_see_each_other(catalog: Catalog) -> None:
    """Were votes not serialised, two of two could each see one vote, and nobody would settle it."""

    def vote(number: int) -> int:
        with catalog.transaction() as tx:
            return len(votes.agreeing(votes.cast(tx, replace(VOTE, actor=f"person {number}")), "accept"))

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(vote, range(16))) == list(range(1, 17))
    with catalog.reading() as tx:
        report = audit.verify(tx)
        assert (report.entries, report.broken_at) == (16, None)
        assert audit.number_of(tx, report.head) == 16
        assert audit.number_of(tx, "0" * 64) is None


def test_outcomes_are_asked_for_together(catalog: Catalog) -> None:
    with catalog.reading() as tx:
        assert decisions.standing(tx, "c", "accept", "repair") == ()
        with pytest.raises(ValueError, match="perhaps"):
            decisions.standing(tx, "c", "accept", "perhaps")
