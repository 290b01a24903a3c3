"""What is read out of an answer, and what is refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.errors import FingerprintMismatch
from index.embedders.openai_answer import UnreadableAnswer, answered_as, reason_of, vectors_of

NUMBERS = st.floats(-1, 1, width=32).filter(lambda number: abs(number) > 1e-3)


def body(data: Any) -> bytes:
    return json.dumps({"data": data, "model": "m"}).encode()


def item(row: Any, index: int, *, packed: bool = False) -> dict[str, Any]:
    value = base64.b64encode(np.asarray(row, "<f4").tobytes()).decode() if packed else row
    return {"index": index, "embedding": value}


@given(st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=1, max_size=8), st.booleans(), st.randoms())
def test_any_order_and_either_encoding_gives_the_same_rows(rows: list[list[float]], packed: bool, random: Any) -> None:
    items = [item(row, place, packed=packed) for place, row in enumerate(rows)]
    random.shuffle(items)
    np.testing.assert_array_equal(vectors_of(body(items), len(rows), 3), np.asarray(rows, np.float32))


def test_without_an_index_the_order_counts() -> None:
    rows = vectors_of(body([{"embedding": [1, 0]}, {"embedding": [0, 1]}]), 2, 2)
    assert rows.tolist() == [[1, 0], [0, 1]]


GOOD = [item([1.0, 0.0], 0), item([0.0, 1.0], 1)]


@pytest.mark.parametrize(
    "data",
    [
        GOOD[:1],
        [*GOOD, item([1.0, 1.0], 2)],
        [GOOD[0], GOOD[0]],
        [GOOD[0], item([0.0, 1.0], 2)],
        [GOOD[0], item([0.0, 1.0], -1)],
        [GOOD[0], {"index": True, "embedding": [0.0, 1.0]}],
        [GOOD[0], {"index": "1", "embedding": [0.0, 1.0]}],
        [GOOD[0], item(None, 1)],
        [GOOD[0], item([], 1)],
        [GOOD[0], item([0.0, 0.0], 1)],
        [GOOD[0], item([float("nan"), 1.0], 1)],
        [GOOD[0], item([1e300, 1.0], 1)],
        [GOOD[0], item(["a", "b"], 1)],
        [GOOD[0], item([[1.0, 2.0]], 1)],
        [GOOD[0], item("not base64!", 1)],
        [GOOD[0], item("AAA=", 1)],
        [GOOD[0], "a string"],
        "a string",
        None,
    ],
)
def test_whatever_is_not_whole_is_refused(data: Any) -> None:
    with pytest.raises(UnreadableAnswer):
        vectors_of(body(data), 2, 2)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_and_never_crash(data: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        vectors_of(data, 2, 2)
    reason_of(data, "")
    answered_as(data)


@given(st.integers(0, 400))
def test_a_cut_answer_is_never_taken_for_a_whole_one(cut: int) -> None:
    whole = body([item([0.5] * 16, 0), item([0.25] * 16, 1)])
    if cut < len(whole):
        with pytest.raises(UnreadableAnswer):
            vectors_of(whole[:cut], 2, 16)


@pytest.mark.parametrize("packed", [True, False])
def test_another_dimension_is_another_model_and_no_passing_trouble(packed: bool) -> None:
    with pytest.raises(FingerprintMismatch, match="3 numbers where 2"):
        vectors_of(body([item([1.0, 0.0], 0), item([1.0, 0.0, 0.0], 1, packed=packed)]), 2, 2)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"error": {"message": "too many", "code": "rate_limit_exceeded"}}, ("rate_limit_exceeded", "too many")),
        ({"error": {"message": "m", "type": "t", "code": None}}, ("t", "m")),
        ({"error": "plain"}, ("", "plain")),
        ({"detail": "Unauthorized"}, ("", "Unauthorized")),
        ({"detail": [{"msg": "List should have at most 2048 items", "input": ["secret text"]}]}, None),
        ({"message": "line\nbreak\x1b[31m"}, ("", "line break [31m")),
        ({"message": "x" * 1000}, ("", "x" * 200)),
        ([], ("", "")),
        ({"error": {"message": {"nested": 1}}}, ("", "")),
    ],
)
def test_the_reason_is_what_the_server_says_and_never_the_texts(answer: Any, expected: tuple[str, str] | None) -> None:
    found = reason_of(json.dumps(answer).encode(), "")
    assert found == (expected or ("", "List should have at most 2048 items"))


def test_a_key_that_is_repeated_is_taken_out() -> None:
    answer = json.dumps({"error": {"message": "bad key sk-123 given", "code": "sk-123"}}).encode()
    assert reason_of(answer, "sk-123") == ("[key]", "bad key [key] given")
