from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.errors import FingerprintMismatch
from corpus.ids import fingerprint
from index.canaries import ACROSS_RUNTIMES, CANARY_TEXTS, PARTS, SAME_RUNTIME, compare, sample


def unit(seed: int, rows: int = 8, width: int = 16) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((rows, width)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_texts_never_change() -> None:
    assert len(CANARY_TEXTS) == len(set(CANARY_TEXTS)) == 64
    assert all(text.strip() for text in CANARY_TEXTS)
    assert (
        fingerprint("canaries", {"texts": CANARY_TEXTS})
        == "d304c4385370ea5df95cc3d077ff264fe28aa33e1660974bfeffc037d53a7e47"
    )


@given(st.integers(0, 2**32), st.floats(0.1, 10))
def test_the_same_directions_pass_whatever_their_length(seed: int, scale: float) -> None:
    vectors = unit(seed)
    result = compare(vectors, (vectors * scale).astype(np.float32))
    assert result.passed(SAME_RUNTIME)
    assert result.texts == 8


@given(st.integers(0, 2**32), st.integers(0, 7))
def test_one_moved_row_is_found(seed: int, place: int) -> None:
    stored = unit(seed)
    fresh = stored.copy()
    fresh[place] = -fresh[place]
    result = compare(stored, fresh)
    assert result.worst == place
    assert result.min_cosine == pytest.approx(-1, abs=1e-5)
    assert not result.passed(ACROSS_RUNTIMES)


def test_the_parts_are_all_canaries_and_each_holds_most_kinds() -> None:
    parts = [sample(turn) for turn in range(PARTS)]
    assert sorted(number for part in parts for number in part) == list(range(len(CANARY_TEXTS)))
    assert sample(PARTS) == parts[0]
    for part in parts:
        kinds = {sum(number >= start for start in (16, 24, 36, 48)) for number in part}
        assert kinds == {0, 1, 2, 3, 4}


def test_a_moved_row_of_a_part_is_named_by_its_number() -> None:
    stored = unit(3)
    fresh = stored.copy()
    fresh[2] = -fresh[2]
    result = compare(stored, fresh, sample(4))
    assert result.worst == sample(4)[2]
    assert [item.canary for item in result.moved(ACROSS_RUNTIMES)] == [sample(4)[2]]


def test_the_thresholds_lie_between_rounding_and_quantising() -> None:
    stored = np.array([[1, 0]], dtype=np.float32)

    def turned(cosine: float) -> np.ndarray:
        return np.array([[cosine, np.sqrt(1 - cosine**2)]], dtype=np.float32)

    assert compare(stored, turned(0.99995)).passed(SAME_RUNTIME)
    assert not compare(stored, turned(0.9995)).passed(SAME_RUNTIME)
    assert compare(stored, turned(0.9995)).passed(ACROSS_RUNTIMES)
    assert not compare(stored, turned(0.99)).passed(ACROSS_RUNTIMES)


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_a_row_without_direction_fails(bad: float) -> None:
    stored = unit(1)
    fresh = stored.copy()
    fresh[3] = bad
    result = compare(stored, fresh)
    assert (result.worst, result.min_cosine) == (3, -1)


@pytest.mark.parametrize("shape", [(7, 16), (8, 15), (0, 16)])
def test_another_shape_is_another_model(shape: tuple[int, int]) -> None:
    with pytest.raises(FingerprintMismatch, match="another model"):
        compare(unit(1), np.zeros(shape, dtype=np.float32))
    with pytest.raises(FingerprintMismatch):
        compare(np.zeros((0, 4), dtype=np.float32), np.zeros((0, 4), dtype=np.float32))
