from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from provenance.answers import AnswerInput, RetrievedText, novel_grams, register
from provenance.grams import grams

SERVED = datetime(2026, 1, 1, tzinfo=UTC)
SOURCE = "The pump must be drained before winter. The valve stays open until spring, or the pipe will burst."
OWN = "In short, drain it early and leave the valve alone, because frozen water splits copper pipes within a night."


def answer(text: str, *retrieved: RetrievedText, cited: tuple[str, ...] = ()) -> AnswerInput:
    return AnswerInput(
        answer_id="a", text=text, system="s", model="m", served_at=SERVED, retrieved=retrieved, cited=cited
    )


def known(text: str = SOURCE, chunk_id: str = "c1") -> RetrievedText:
    return RetrievedText(chunk_id=chunk_id, text=text)


def test_what_an_answer_quotes_is_not_its_own() -> None:
    quoting = answer(f"{SOURCE} {OWN}", known())
    assert not set(novel_grams(quoting)) & set(grams(SOURCE).values)
    assert set(novel_grams(quoting)) >= set(grams(OWN).values)


def test_a_mere_quotation_is_not_decidable() -> None:
    made = register(answer(SOURCE, known()))
    assert (made.gram_count, made.decidable, made.novel) == (0, False, ())


def test_seven_novel_grams_are_too_few_and_eight_are_enough() -> None:
    words = "one two three four five six seven eight nine ten"
    assert register(answer(words, known())).gram_count == 8
    assert register(answer(words, known())).decidable
    assert not register(answer(words.removesuffix(" ten"), known())).decidable


def test_a_stock_phrase_of_three_other_answers_is_not_kept() -> None:
    first, second, *rest = novel_grams(answer(OWN, known()))
    made = register(answer(OWN, known()), spread={first: 3, second: 2})
    assert first not in made.novel
    assert made.gram_count == len(rest) + 1


def test_context_is_known_only_where_every_text_is_at_hand() -> None:
    assert register(answer(OWN, known())).context_known
    assert register(answer(OWN, known(), cited=("c1",))).context_known
    assert not register(answer(OWN)).context_known
    assert not register(answer(OWN, known(), RetrievedText(chunk_id="c2"))).context_known
    assert not register(answer(OWN, known(), cited=("c9",))).context_known


@given(st.text(max_size=200), st.lists(st.text(max_size=100), max_size=4))
def test_more_context_never_makes_more_of_an_answer_its_own(text: str, sources: list[str]) -> None:
    retrieved = [known(source, str(place)) for place, source in enumerate(sources)]
    fewer = novel_grams(answer(text, *retrieved[:1]))
    assert set(novel_grams(answer(text, *retrieved))) <= set(fewer)
    made = register(answer(text, *retrieved))
    assert made.gram_count == len(made.novel)
    assert list(made.novel) == sorted(set(made.novel))
