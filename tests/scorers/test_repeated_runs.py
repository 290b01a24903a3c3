"""Runs of words, against the plain way of counting them."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingestion.scorers.grams import grams_of

TEXTS = st.lists(st.sampled_from(["a", "bb", "ccc", "the", "of", "sea"]), max_size=60)


def plain_repeated(words: list[str], width: int) -> int:
    seen: set[tuple[str, ...]] = set()
    total = place = 0
    while place < len(words) - width + 1:
        run = tuple(words[place : place + width])
        if run in seen:
            total += len("".join(run))
            place += width
        else:
            seen.add(run)
            place += 1
    return total


@given(TEXTS, st.integers(2, 10))
def test_runs_are_counted_as_the_plain_way_counts_them(words: list[str], width: int) -> None:
    grams = grams_of(words, np.array(list(map(len, words)), np.int64))
    runs = [" ".join(words[place : place + width]) for place in range(len(words) - width + 1)]
    top = Counter(runs).most_common(1)
    assert grams.top(width) == ((top[0][1], len(top[0][0])) if top else (0, 0))
    assert grams.longest(width) == max(map(len, runs), default=0)
    assert grams.repeated(width) == plain_repeated(words, width)


@given(TEXTS, st.integers(2, 9))
def test_the_bound_holds_for_its_width_and_for_greater_ones(words: list[str], width: int) -> None:
    grams = grams_of(words, np.array(list(map(len, words)), np.int64))
    bound = grams.repeated_bound(width)
    assert all(plain_repeated(words, wider) <= bound for wider in range(width, 11))
