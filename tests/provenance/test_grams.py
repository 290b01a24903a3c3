import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.grams import WIDTH, grams

PLAIN = "The pump must be drained before winter and the valve stays open until spring."


def test_a_gram_is_the_same_number_on_every_machine_and_in_every_release() -> None:
    # The catalog stores these: a change here orphans every registered answer.
    assert grams("the quick brown fox").hashes.tolist() == PINNED


PINNED = [17688918229052864463, 12973725807348607197]


@pytest.mark.parametrize(
    "copy",
    [
        PLAIN.upper(),
        "**The pump** must be _drained_ before winter — and the `valve` stays open, until spring!",
        "<p>The <b>pump</b> must&nbsp;be drained before winter</p> and the valve stays open until spring",
        "1. The [pump](https://a.org/p) must be drained before winter [1]\n2. and the valve stays open until spring",
        "The pump must be drained【4:0†source】 before winter and the valve stays open until spring &mdash;",
        "The pump must be drained\nbefore win\u00adter and the valve stays open until\u00a0spring",
        "\uff34\uff48\uff45 pump must be drained before winter and the valve stays open until spring",
    ],
)
def test_a_reformatted_copy_has_the_same_grams(copy: str) -> None:
    assert grams(copy).values == grams(PLAIN).values


def test_composed_and_decomposed_letters_are_the_same() -> None:
    text = "Müller fährt über die Brücke"
    assert grams(unicodedata.normalize("NFD", text)).values == grams(text).values


def test_another_order_of_words_has_other_grams() -> None:
    assert not set(grams("one two three").values) & set(grams("three two one").values)


def test_a_span_gives_the_words_of_a_gram_back() -> None:
    made = grams(PLAIN)
    assert made.span(1, 1).of(PLAIN) == "pump must be"
    assert made.span(0, len(made.hashes) - 1).of(PLAIN) == PLAIN.rstrip(".")


def test_scripts_without_spaces_are_cut_by_character() -> None:
    text = "人工智能正在改变世界的每一个角落"
    made = grams(text)
    assert made.words == len(text)
    assert set(grams("前言。" + text).values) >= set(made.values[:1])
    assert len(set(made.values) & set(grams("他说" + text + "吗").values)) >= len(made.values) - 2


@given(st.text(max_size=400))
def test_no_text_fails_and_every_gram_has_its_place(text: str) -> None:
    made = grams(text)
    assert len(made.hashes) == max(0, made.words - WIDTH + 1)
    assert np.all(made.starts < made.ends)
    assert np.all(made.starts[1:] >= made.ends[:-1])
    assert all(0 <= value < 2**64 for value in made.values)


@given(st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta"]), max_size=30))
def test_a_part_of_a_text_has_a_part_of_its_grams(words: list[str]) -> None:
    whole = set(grams(" ".join(words)).values)
    assert set(grams(" ".join(words[3:-2])).values) <= whole
