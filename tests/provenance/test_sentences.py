"""Sentences: where they end in several languages, and that nothing is lost between them."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.sentences import LONGEST, sentences, words


def said(text: str) -> list[str]:
    return [span.of(text) for span in sentences(text)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Dr. Smith paid $3.50 at 5 p.m. on Monday. Was it fair? Yes!", 3),
        ("See e.g. the rule in Fig. 3 of Jones et al. and J. Doe. It holds.", 2),
        ("Er kam am 3. Mai an. Das Treffen war z.B. um neun. Gut so.", 3),
        ("Il est parti. « Pourquoi ? » Personne ne sait.", 3),
        ("¿Quién es? No lo sé. ¡Vaya!", 3),
        ("我们是人。他们呢？好的！", 3),  # noqa: RUF001 - full-width marks are the case
        ("यह एक वाक्य है। यह दूसरा है।", 2),
        ("هل هذا صحيح؟ نعم هو كذلك.", 2),
        ("Version 2.3.1 is out. It runs on 3.11 now.", 2),
        ("It was cited twice.[1] Then it was not.[2][3] Why?", 3),
    ],
)
def test_they_end_where_a_reader_ends_them(text: str, wanted: int) -> None:
    assert len(said(text)) == wanted


def test_lines_of_a_list_and_headings_stand_alone_and_broken_lines_are_joined() -> None:
    text = (
        "# Returns\n\n- put it in the box\n- write the number on it\n\nThe clerk at the desk prints a label for\nyou.\n"
    )
    assert said(text) == [
        "Returns",
        "put it in the box",
        "write the number on it",
        "The clerk at the desk prints a label for\nyou.",
    ]


def test_what_never_ends_is_cut() -> None:
    assert max(len(part) for part in said("word " * 2_000)) <= LONGEST


@given(st.text(max_size=400))
def test_every_letter_is_in_exactly_one_sentence(text: str) -> None:
    spans = sentences(text)
    assert all(one.end <= other.start for one, other in pairwise(spans))
    inside = {place for span in spans for place in range(span.start, span.end)}
    lost = {character for place, character in enumerate(text) if place not in inside and character.isalpha()}
    assert not lost


@pytest.mark.parametrize("piece", ["a", "1,", "A ", "a.", "(1", "- ", "x.1 ", ". ", "\n", "。", "1. "])
def test_time_is_linear(piece: str) -> None:
    began = time.process_time()
    sentences(piece * 50_000)
    assert time.process_time() - began < 2


def test_words_of_scripts_without_spaces_count_in_twos() -> None:
    assert words("three small words") == 3
    assert words("我们是人") == 2
