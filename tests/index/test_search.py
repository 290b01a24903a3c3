import numpy as np
import pytest

from index import search


def _unit(rows, dimension, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(rows, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("factory", ["Flat", "SQ8", "HNSW16", "IVF4,Flat", "IVF4,SQ8"])
def test_a_filter_applies_before_ranking(factory):
    vectors = _unit(400, 16)
    index = search.make_index(factory, vectors)
    allowed = np.zeros(400, dtype=bool)
    allowed[::50] = True
    _, rows = search.search(index, vectors[:5], 8, search.Selection.of(allowed))
    # Ranked first and filtered afterwards, eight of 400 would almost never all be multiples of 50.
    assert (np.sort(rows, axis=1) == np.arange(0, 400, 50)).all()


def test_recall_sees_an_index_that_misses_neighbours():
    vectors = _unit(3000, 16)
    exact = search.make_index("Flat", vectors)
    assert search.measure_recall(exact, vectors) == (1.0, 100)
    poor = search.make_index("IVF64,Flat", vectors)
    poor.nprobe = 1
    recall, _ = search.measure_recall(poor, vectors)
    assert recall < 0.8


def test_recall_is_one_among_twins():
    twins = np.repeat(_unit(3, 16), 20, axis=0)
    assert search.measure_recall(search.make_index("Flat", twins), twins) == (1.0, 60)


def test_few_vectors_are_not_measured():
    vectors = _unit(10, 16)
    assert search.measure_recall(search.make_index("Flat", vectors), vectors) == (None, 0)
