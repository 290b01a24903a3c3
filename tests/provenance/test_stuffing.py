"""Texts crammed with questions or key words; lists of questions with their answers are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.stuffing import LEAST_QUESTIONS, stuffing_of

VERBS = "reset pay cancel move print save send open close merge split sort share lock".split()  # noqa: SIM905 - a list of words
ANSWER = "Open the settings page, choose the entry at the top and press the button at the bottom of it."
ASKED = [f"How do I {verb} it?" for verb in VERBS]
BAIT = [
    f"{start} {thing} in {place}?"
    for start in ("What is the best", "Where can I buy a", "How much does a")
    for thing in ("laptop", "notebook computer")
    for place in ("Berlin", "Munich", "Hamburg")
]
KEYS = [
    f"{kind} running shoes {where}"
    for kind in ("cheap", "best", "buy", "discount", "new", "men", "women")
    for where in ("online", "sale", "shop", "near me")
]


def test_questions_that_nothing_answers_are_stuffing() -> None:
    text = "Acme sells computers. " + "\n".join(BAIT) + " Acme has them all."
    found = stuffing_of(text)
    assert found is not None
    assert (found.sign, found.items) == ("questions", len(BAIT))
    assert found.span.of(text).startswith("What is the best") or "What is the best" in found.span.of(text)
    assert found.share > 0.9


def test_the_same_question_again_and_again_is_one() -> None:
    assert stuffing_of("\n".join([BAIT[0]] * 40)) is None


@pytest.mark.parametrize(
    "text",
    [
        "\n\n".join(f"## {question}\n\n{ANSWER}" for question in ASKED),
        "\n".join(f"* {question}" for question in ASKED) + "\n\n" + "\n\n".join(f"{q}\n{ANSWER}" for q in ASKED),
        "\n".join(f"Q: {question} A: {ANSWER}" for question in ASKED),
        "\n".join(ASKED[: LEAST_QUESTIONS - 1]),
        "\n".join(ASKED) + "\n\n" + (ANSWER + " ") * 60,
        "",
        "?" * 1_000,
        "a = b ? c : d;\n" * 200,
    ],
    ids=["faq", "faq with contents", "faq in lines", "few", "few in a long text", "empty", "marks", "code"],
)
def test_ordinary_questions_are_not(text: str) -> None:
    assert stuffing_of(text) is None


def test_a_list_that_turns_round_one_word_is_stuffing() -> None:
    text = "Our shop.\n\n" + ", ".join(KEYS) + "\n\nWelcome."
    found = stuffing_of(text)
    assert found is not None
    assert (found.sign, found.items) == ("keywords", len(KEYS))
    assert found.span.of(text) == ", ".join(KEYS)


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"{name}{end} Village" for name in ("Ash", "Oak", "Elm", "Fir", "Bay") for end in VERBS),
        "\n".join(f"   {verb}{number}.rst" for verb in VERBS for number in range(4)),
        ", ".join(VERBS * 5),
        ", ".join(f"history of {verb}land" for verb in VERBS * 3),
    ],
    ids=["villages", "files", "words", "articles"],
)
def test_lists_of_names_are_not(text: str) -> None:
    assert stuffing_of(text) is None


@given(st.text(max_size=400))
def test_no_text_fails(text: str) -> None:
    found = stuffing_of(text * 20)
    assert found is None or 0 <= found.span.start < found.span.end <= len(text) * 20


@pytest.mark.timeout(60)
@pytest.mark.parametrize("part", ["? ", "a? ", ",", "a b, ", "\n", "What is it? ", "\n\n"])
def test_it_takes_linear_time(part: str) -> None:
    stuffing_of(part * (300_000 // len(part)))
