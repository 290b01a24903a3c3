"""Where pinned words stand, what became of them, and which hits hold them."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.evidence import Found, Piece, Pin, Place, Rank, State, occurrences, pin, rank_of, reworded, state_of, worst

SLOWLY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure of what is tested."""

TEXT = "Alpha beta gamma.\n\nDelta  epsilon\nzeta eta. Alpha beta gamma. Theta."
PIECES = (
    Piece(start=0, end=17, text_sha256="c0"),
    Piece(start=19, end=43, text_sha256="c1"),
    Piece(start=44, end=68, text_sha256="c2"),
)


def at(quote: str, text: str = TEXT, document: str = "a.md", content: str = "d0") -> Pin:
    return pin(document, content, text, quote, PIECES)


def found(start: int, end: int, score: float = 0.5, document: str = "a.md") -> Found:
    return Found(document=document, start=start, end=end, score=score)


def test_white_space_is_put_aside_and_nothing_else() -> None:
    assert [TEXT[start:end] for start, end in occurrences(TEXT, "Delta epsilon zeta")] == ["Delta  epsilon\nzeta"]
    assert len(occurrences(TEXT, "Alpha beta")) == 2
    assert occurrences(TEXT, "alpha beta") == ()
    assert occurrences(TEXT, " \n") == ()
    assert occurrences("a.c abc", "a.c") == ((0, 3),), "a quote is no pattern"


@SLOWLY
@given(st.lists(st.text(st.characters(exclude_categories=("Cs",)), min_size=1), min_size=1, max_size=6), st.data())
def test_what_was_cut_out_of_a_text_is_found_where_it_was(parts: list[str], data: st.DataObject) -> None:
    text = " ".join(parts)
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    quote = text[start:end]
    if quote.strip():
        first = start + len(quote) - len(quote.lstrip())
        last = end - (len(quote) - len(quote.rstrip()))
        spans = occurrences(text, quote)
        assert spans
        assert any(a <= first < b or (a, b) == (first, last) for a, b in spans)
        assert all("".join(text[a:b].split()) == "".join(quote.split()) for a, b in spans)


def test_a_pin_names_the_chunks_that_a_quote_reaches_into() -> None:
    assert at("zeta eta. Alpha").places == (Place(start=34, end=49, chunks=("c1", "c2")),)
    assert [place.chunks for place in at("Alpha beta gamma.").places] == [("c0",), ("c2",)]
    assert at("nowhere").places == ()
    assert not at("nowhere").stands
    assert at("").whole
    assert at("").stands
    assert not pin("gone.md", "", "", "", ()).stands


def test_a_pin_comes_back_as_it_was_and_holds_no_word() -> None:
    made = at("zeta eta. Alpha")
    assert Pin.from_json(made.to_json()) == made
    assert "zeta" not in str(made.to_json())


def test_what_became_of_evidence() -> None:
    bound = at("zeta eta.")
    assert state_of(bound, at("zeta eta.")) is State.VALID
    assert state_of(bound, at("zeta eta.", content="d1")) is State.VALID, "the rest of the text may change"
    assert state_of(bound, at("zeta eta.", "A new line. " + TEXT)) is State.MOVED
    cut = pin("a.md", "d0", TEXT, "zeta eta.", (Piece(start=0, end=99, text_sha256="other"),))
    assert state_of(bound, cut) is State.MOVED, "the same words in another chunk"
    assert state_of(bound, at("zeta eta.", document="b.md")) is State.MOVED
    assert state_of(bound, at("zeta eta.", TEXT.replace("eta", "ETA"))) is State.CHANGED
    assert state_of(bound, pin("a.md", "", "", "zeta eta.", ())) is State.GONE
    whole = at("")
    assert state_of(whole, at("")) is State.VALID
    assert state_of(whole, at("", content="d1")) is State.CHANGED
    assert state_of(whole, at("", document="b.md")) is State.MOVED
    assert state_of(whole, pin("a.md", "", "", "", ())) is State.GONE


@SLOWLY
@given(st.lists(st.sampled_from(list(State)), min_size=1))
def test_the_worst_of_several_states_is_that_of_the_item(states: list[State]) -> None:
    found = worst(states)
    assert found in states
    assert worst([*states, State.GONE]) in (State.GONE, State.UNBOUND)
    assert found.holds is all(state.holds for state in states)


def test_evidence_is_found_at_the_hit_that_completes_it() -> None:
    one = at("Theta.")
    assert rank_of(one, TEXT, [found(0, 17), found(44, 68, 0.4)]) == Rank(rank=2, score=0.4)
    both = at("zeta eta. Alpha")
    assert rank_of(both, TEXT, [found(44, 68, 0.9), found(0, 17, 0.8), found(19, 43, 0.7)]) == Rank(rank=3, score=0.7)
    assert rank_of(both, TEXT, [found(44, 68), found(19, 43, document="b.md")]) is None
    assert rank_of(both, TEXT, []) is None
    twice = at("Alpha beta gamma.")
    assert rank_of(twice, TEXT, [found(44, 68, 0.3)]) == Rank(rank=1, score=0.3), "either place will do"
    gap = at("gamma. Delta")
    assert rank_of(gap, TEXT, [found(0, 17), found(19, 43)]) == Rank(rank=2, score=0.5), "white space between chunks"
    assert rank_of(at(""), TEXT, [found(0, 1, document="b.md"), found(3, 4, 0.2)]) == Rank(rank=2, score=0.2)


@SLOWLY
@given(st.integers(0, 60), st.integers(1, 30), st.lists(st.tuples(st.integers(0, 68), st.integers(1, 30)), max_size=6))
def test_a_quote_is_complete_when_every_letter_of_it_was_shown(
    start: int, size: int, cuts: list[tuple[int, int]]
) -> None:
    quote = TEXT[start : start + size]
    if not quote.strip():
        return
    only = Place(start=start, end=start + len(quote), chunks=())
    hits = [found(first, first + length) for first, length in cuts]
    rank = rank_of(Pin(document="a.md", content_sha256="d", places=(only,)), TEXT, hits)
    shown: set[int] = set()
    expected = None
    for number, hit in enumerate(hits, 1):
        shown |= set(range(hit.start, hit.end))
        if all(place in shown or TEXT[place].isspace() for place in range(only.start, only.end)):
            expected = number
            break
    assert (rank.rank if rank else None) == expected


@pytest.mark.parametrize(
    ("passage", "is_rival"),
    [
        ("Goods may be sent back within thirty days of the purchase, with the receipt.", False),
        ("Goods may be sent back within sixty days of the purchase, with the receipt.", True),
        ("goods MAY be sent back, within sixty days of the purchase; with the receipt", True),
        ("Goods may be sent back. Parcels leave on Monday.", False),
        ("Something else altogether about the weather in spring.", False),
    ],
)
def test_a_near_copy_is_a_rival_and_an_exact_one_is_not(passage: str, is_rival: bool) -> None:
    quote = "Goods may be sent back within thirty days of the purchase, with the receipt."
    assert reworded(quote, passage) is is_rival
    assert not reworded("too short a quote", "too short a quote it is")
