"""The gate of a re-embed: every chunk that is served is in the candidate, and none more."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from index.parity import chunk_parity

chunks = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from("12"), max_size=8)


@given(chunks, chunks)
def test_it_passes_for_equal_chunks_and_for_nothing_else(served: dict[str, str], candidate: dict[str, str]) -> None:
    found = chunk_parity(served, candidate, version="v000001")
    assert found.passed == (served == candidate)
    assert ("100 %" in found.actual) == (not [name for name in served if candidate.get(name) != served[name]])


def test_the_message_says_what_is_missing_and_what_to_do() -> None:
    served = {f"c{number}": "x" for number in range(1_000)}
    found = chunk_parity(served, {**served, "c7": "y", "new": "z"}, version="v000004")
    assert found.actual == "999 of 1000 chunks of v000004 (99.9 %), 1 that it does not have"
    assert "first: c7, new." in found.message
    assert "stemma reembed NAME" in found.message


def test_two_mistakes_that_cancel_out_in_a_count_are_found() -> None:
    assert not chunk_parity({"a": "1", "b": "1"}, {"a": "1", "c": "1"}, version="v1").passed


def test_a_person_may_insist() -> None:
    found = chunk_parity({"a": "1"}, {}, version="v000001", forced=True)
    assert found.passed
    assert "(forced)" in found.actual
    assert "stemma" not in found.message
