"""Served answers in the catalog: what is found by keys, loose and packed, on each database."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from time import sleep

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from corpus.catalog import answers, forgotten, postings
from corpus.catalog.records import AnswerRecord
from corpus.catalog.session import Catalog
from corpus.ids import text_digest

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EXTREMES = (0, 1 << 12, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
"""Packed, the lowest twelve bits of a key are not told apart."""
ONE, TWO, THREE, SEVEN, NINE = (n << 20 | n << 50 for n in (1, 2, 3, 7, 9))


def answer(name: str, served_at: datetime = NOW, body: str | None = "An answer.") -> AnswerRecord:
    return AnswerRecord(
        answer_id=name,
        system="bot",
        model="llm",
        served_at=served_at,
        text=body,
        text_sha256=text_digest(body or ""),
        retrieved=("c1", "c2"),
        cited=(),
        index_version="v000001",
        gram_count=3,
        decidable=True,
        context_known=False,
    )


@pytest.mark.parametrize("packed", [False, True])
def test_answers_are_found_by_the_keys_they_share(catalog: Catalog, packed: bool) -> None:
    with catalog.transaction() as tx:
        for _ in range(2):
            later = answer("a2", NOW + timedelta(1), None)
            answers.add(tx, [(answer("a1"), EXTREMES), (later, (EXTREMES[1], EXTREMES[1], SEVEN)), (answer("a3"), ())])
        if packed:
            assert answers.pack(tx, least=1) == len(EXTREMES) + 2
            assert postings.loose(tx) == 0
        assert answers.count(tx) == 3
        shared = EXTREMES[1]
        assert answers.holders(tx, [*EXTREMES, NINE]) == {"a1": EXTREMES, "a2": (shared,)}
        assert answers.holders(tx, [shared], before=NOW + timedelta(hours=1)) == {"a1": (shared,)}
        assert answers.holders(tx, [shared], before=NOW) == {}
        assert answers.holders(tx, []) == {}
        assert answers.spread(tx, [shared, SEVEN, EXTREMES[-1], NINE], "other", same=9) == {
            shared: 2,
            SEVEN: 1,
            EXTREMES[-1]: 1,
        }
        assert answers.get(tx, ["a1", "a2", "nope"]) == {"a1": answer("a1"), "a2": later}


def test_an_answer_learns_what_it_was_made_from_and_keeps_the_rest(catalog: Catalog) -> None:
    later = answer("a1", NOW + timedelta(1))
    known = replace(later, retrieved=("c3",), context_known=True, signature=b"", gram_count=1)
    with catalog.transaction() as tx:
        answers.add(tx, [(answer("a1"), [ONE])])
        answers.learn(tx, known, [ONE, TWO])
        assert answers.get(tx, ["a1"]) == {"a1": replace(known, served_at=NOW)}
        assert answers.holders(tx, [ONE, TWO]) == {"a1": (ONE, TWO)}


def test_candidates_come_by_what_they_share_and_how_rare_it_is(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        common = [(answer(f"c{n:02}"), (5,)) for n in range(20)]
        answers.add(tx, [*common, (answer("rare"), (5, 6)), (answer("two", NOW + timedelta(1)), (5, 7, 8))])
        found = {item.answer_id for item in answers.candidates(tx, [5, 6, 7, 8], most=4)}
        assert found >= {"rare", "two"}
        assert "two" not in {item.answer_id for item in answers.candidates(tx, [5, 6, 7, 8], before=NOW + timedelta(1))}
        assert len(answers.candidates(tx, [5, 6, 7, 8])) == 22


@pytest.mark.parametrize("packed", [False, True])
def test_a_text_that_was_served_before_is_found_though_a_later_time_was_registered_first(
    catalog: Catalog, packed: bool
) -> None:
    later, sooner = answer("later", NOW + timedelta(2)), answer("sooner", NOW)
    with catalog.transaction() as tx:
        answers.add(tx, [(later, (ONE, TWO)), (sooner, ())])
        if packed:
            answers.pack(tx, least=1)
        assert answers.candidates(tx, [ONE, TWO], before=NOW + timedelta(1)) == (sooner,)
        assert answers.candidates(tx, [ONE, TWO], before=NOW) == ()
        assert answers.candidates(tx, [ONE, TWO]) == (later,)


def test_an_answer_of_many_keys_needs_two_of_them(catalog: Catalog) -> None:
    many = replace(answer("many"), gram_count=answers.SURE_KEYS)
    with catalog.transaction() as tx:
        answers.add(tx, [(many, (ONE, TWO)), (answer("few"), (THREE,))])
        assert [item.answer_id for item in answers.candidates(tx, [ONE, THREE])] == ["few"]
        assert [item.answer_id for item in answers.candidates(tx, [ONE, TWO, THREE])] == ["many", "few"]


def test_one_answer_served_again_does_not_make_its_keys_common(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        answers.add(tx, [(answer(f"a{n}", body="Same."), (1, 2, 3)) for n in range(5)])
        answers.add(tx, [(answer("near", body="Nearly."), (1, 2, 3)), (answer("far", body="Far."), (1, 9))])
        assert answers.spread(tx, [1, 2, 3], text_digest("Same."), same=9) == {1: 2, 2: 1, 3: 1}
        assert answers.spread(tx, [1, 2, 3], text_digest("Same."), same=3) == {1: 1}


@pytest.mark.parametrize("key", [-1, 1 << 64])
def test_a_key_that_is_no_unsigned_64_bit_number_is_refused(catalog: Catalog, key: int) -> None:
    with pytest.raises(ValueError, match="unsigned 64-bit"), catalog.transaction() as tx:
        answers.add(tx, [(answer("a1"), [key])])


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1 << 16))
def test_packed_and_loose_say_the_same_whatever_order_they_came_in(catalog: Catalog, seed: int) -> None:
    dice = Random(seed)
    # Few upper bits, so that keys share buckets.
    pool = [dice.getrandbits(2) << 62 | dice.getrandbits(3) << 41 | dice.getrandbits(8) << 12 for _ in range(60)]
    with contextlib.suppress(_Undone), catalog.transaction() as tx:
        _check_packing(tx, dice, pool)
        raise _Undone


def _check_packing(tx: Session, dice: Random, pool: list[int]) -> None:
    answers.add(tx, [(answer(f"a{n}"), ()) for n in range(30)])
    numbers = sorted(answers._numbers(tx, [f"a{n}" for n in range(30)]).values())
    pairs = sorted({(dice.choice(pool), dice.choice(numbers)) for _ in range(200)})
    truth: dict[int, set[int]] = {}
    for key, number in pairs:
        truth.setdefault(key, set()).add(number)
    for part in (pairs[:120], pairs[60:]):
        postings.add(tx, part)
        if dice.random() < 0.7:
            postings.pack(tx)
    assert postings.find(tx, pool) == truth
    heirs = {number: dice.choice([None, numbers[-1]]) for number in numbers[:10]}
    postings.hand_over(tx, heirs)
    assert postings.find(tx, pool) == _handed_over(truth, heirs)


class _Undone(Exception):
    """Takes back what one example wrote."""


def _handed_over(truth: dict[int, set[int]], heirs: dict[int, int | None]) -> dict[int, set[int]]:
    moved = {
        key: {heir for number in numbers if (heir := heirs.get(number, number)) is not None}
        for key, numbers in truth.items()
    }
    return {key: numbers for key, numbers in moved.items() if numbers}


@pytest.mark.parametrize("packed", [False, True])
def test_forgetting_leaves_nothing_but_what_the_same_text_still_needs(catalog: Catalog, packed: bool) -> None:
    with catalog.transaction() as tx:
        again = [(answer(f"again{n}", NOW + timedelta(n), "Served twice."), ()) for n in (2, 1)]
        answers.add(
            tx,
            [
                (answer("first", body="Served twice."), (ONE, TWO)),
                *again,
                (answer("alone", body="Once."), (TWO, THREE)),
            ],
        )
        if packed:
            answers.pack(tx, least=1)
        assert answers.known_text(tx, text_digest("Served twice."))
        assert forgotten.remove(tx, ["first", "alone", "nobody"]) == 2
        assert answers.holders(tx, [ONE, TWO, THREE]) == {"again1": (ONE, TWO)}
        assert not answers.known_text(tx, text_digest("Once."))
        assert forgotten.remove(tx, ["again1", "again2"]) == 2
        assert answers.holders(tx, [ONE, TWO, THREE]) == {}
        assert (answers.count(tx), postings.loose(tx), forgotten.remove(tx, ["first"])) == (0, 0, 0)


def test_erasing_again_takes_what_came_back_all_the_same(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        assert forgotten.erase(tx, "a1", reason="asked to", actor="mara", documents=0)
        answers.add(tx, [(answer("a1"), (ONE,))])
        assert not forgotten.erase(tx, "a1", reason="asked to", actor="mara", documents=0)
        assert (answers.count(tx), postings.loose(tx)) == (0, 0)


def test_few_loose_keys_are_not_worth_packing(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        answers.add(tx, [(answer("a1"), EXTREMES)])
        assert answers.pack(tx) == 0
        assert postings.loose(tx) == len(EXTREMES)


def test_two_who_pack_into_one_bucket_at_once_lose_nothing(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        answers.add(tx, [(answer("a1"), ()), (answer("a2"), ())])

    def other() -> None:
        with catalog.transaction() as second:
            postings.put(second, [SEVEN + (1 << 12)], [2])

    with ThreadPoolExecutor(1) as pool:
        with catalog.transaction() as first:
            postings.put(first, [SEVEN], [1])
            waiting = pool.submit(other)
            sleep(0.5)
            assert not waiting.done()
        waiting.result(timeout=30)
    with catalog.reading() as tx:
        assert postings.find(tx, [SEVEN, SEVEN + (1 << 12)]) == {SEVEN: {1}, SEVEN + (1 << 12): {2}}


def test_an_answer_served_in_time_is_found_behind_many_that_were_not(catalog: Catalog) -> None:
    late = [(answer(f"late{n:03}", NOW + timedelta(1), f"Late {n}."), (ONE, TWO, THREE)) for n in range(150)]
    with catalog.transaction() as tx:
        answers.add(tx, [*late, (answer("early", body="Early."), (ONE, TWO))])
        assert [item.answer_id for item in answers.candidates(tx, [ONE, TWO, THREE], before=NOW + timedelta(1))] == [
            "early"
        ]
