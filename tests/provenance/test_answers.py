from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.answers import LEAST_NOVELTY, AnswerInput, RegisteredAnswer, RetrievedText, novelty, register
from provenance.grams import grams
from provenance.signature import Signature

SERVED = datetime(2026, 1, 1, tzinfo=UTC)
SOURCE = "The pump must be drained before winter. The valve stays open until spring, or the pipe will burst."
OWN = "In short, drain it early and leave the valve alone, because frozen water splits copper pipes within a night."


def answer(text: str, *retrieved: RetrievedText, cited: tuple[str, ...] = ()) -> AnswerInput:
    return AnswerInput(
        answer_id="a", text=text, system="s", model="m", served_at=SERVED, retrieved=retrieved, cited=cited
    )


def known(text: str = SOURCE, chunk_id: str = "c1") -> RetrievedText:
    return RetrievedText(chunk_id=chunk_id, text=text)


def made(item: AnswerInput, spread: dict[int, int] | None = None) -> RegisteredAnswer:
    return register(item, novelty(item), spread)


def test_what_an_answer_quotes_is_not_its_own() -> None:
    keys = set(novelty(answer(f"{SOURCE} {OWN}", known())).keys.tolist())
    assert not keys & set(grams(SOURCE).values)
    assert keys >= set(novelty(answer(OWN, known())).keys.tolist())


def test_leaving_words_out_of_a_source_is_quoting_it() -> None:
    shorter = answer("The pump must be drained. The valve stays open, or the pipe will burst.", known())
    kept = made(shorter)
    assert not kept.signature.novel.any()
    assert kept.signature.weak.sum() == 2
    assert not kept.decidable
    assert made(answer("The pump must be drained. The valve stays open, or the pipe will burst.")).decidable


def test_a_mere_quotation_is_not_decidable() -> None:
    quoting = made(answer(SOURCE, known()))
    assert (len(quoting.keys), quoting.decidable, quoting.signature.novelty) == (0, False, 0.0)


def test_what_was_asked_and_said_before_is_not_its_own() -> None:
    asked = replace(answer(OWN, known()), question=OWN)
    said = replace(answer(OWN, known()), given=("Hello.", OWN))
    assert not made(asked).decidable
    assert not made(said).decidable


def test_a_few_words_of_its_own_are_too_few() -> None:
    words = "brass herons carry quiet lanterns over frozen canals"
    assert made(answer(words, known())).decidable
    short = made(answer(" ".join(words.split()[:4]), known()))
    assert not short.decidable
    assert 0 < short.signature.novelty < LEAST_NOVELTY


def test_words_that_only_join_weigh_little() -> None:
    joining = made(answer("It is not that they would have been there with us"))
    telling = made(answer("Volunteers painted seven bridges green during springtime festivals honouring fishermen"))
    assert joining.signature.novelty < LEAST_NOVELTY < telling.signature.novelty


def test_a_stock_phrase_of_three_other_answers_is_not_kept() -> None:
    first, second, *_ = novelty(answer(OWN, known())).keys.tolist()
    without = made(answer(OWN, known()), {first: 3, second: 2})
    assert first not in without.keys.tolist()
    assert second in without.keys.tolist()
    assert without.signature.novelty < made(answer(OWN, known())).signature.novelty


def test_of_many_keys_the_same_ones_are_kept_wherever_the_answer_stands() -> None:
    long = " ".join(f"{word}{n}" for n in range(60) for word in ("heron", "lantern", "canal"))
    kept, more = made(answer(long)).keys, novelty(answer(long)).keys
    assert len(kept) < len(more) / 2
    longer = made(answer(f"{long} {' '.join(f'brass{n} carries{n}' for n in range(20))}")).keys
    assert len(set(kept.tolist()) & set(longer.tolist())) > 0.7 * len(kept)


def test_context_is_known_only_where_every_text_is_at_hand() -> None:
    assert made(answer(OWN, known())).context_known
    assert made(answer(OWN, known(), cited=("c1",))).context_known
    assert not made(answer(OWN)).context_known
    assert not made(answer(OWN, known(), RetrievedText(chunk_id="c2"))).context_known
    assert not made(answer(OWN, known(), cited=("c9",))).context_known


@given(st.text(max_size=200), st.lists(st.text(max_size=100), max_size=4))
def test_more_context_never_makes_more_of_an_answer_its_own(text: str, sources: list[str]) -> None:
    retrieved = [known(source, str(place)) for place, source in enumerate(sources)]
    fewer, more = (novelty(answer(text, *given)) for given in (retrieved[:1], retrieved))
    assert set(more.keys.tolist()) <= set(fewer.keys.tolist())
    assert not (more.novel & ~fewer.novel).any()
    signed = made(answer(text, *retrieved)).signature
    assert signed.novelty <= made(answer(text, *retrieved[:1])).signature.novelty
    again = Signature.from_bytes(signed.to_bytes())
    assert again.words.tolist() == signed.words.tolist()
    assert (again.common.tolist(), again.novel.tolist()) == (signed.common.tolist(), signed.novel.tolist())
    assert again.weak.tolist() == signed.weak.tolist()


def test_bytes_that_are_no_signature_are_refused() -> None:
    with pytest.raises(ValueError, match="2 bytes and 3 bits a word, got 4 bytes"):
        Signature.from_bytes(b"abcd")


@pytest.mark.parametrize("words", [*range(20), 4096])
def test_a_signature_of_any_length_comes_back(words: int) -> None:
    kept = Signature(
        words=np.arange(words, dtype=np.int64) * 13 % 65536,
        common=np.arange(words) % 3 == 0,
        novel=np.arange(words) % 2 == 0,
        weak=np.arange(words) % 5 == 1,
    )
    again = Signature.from_bytes(kept.to_bytes())
    for mine, read in (
        (kept.words, again.words),
        (kept.common, again.common),
        (kept.novel, again.novel),
        (kept.weak, again.weak),
    ):
        assert mine.tolist() == read.tolist()
