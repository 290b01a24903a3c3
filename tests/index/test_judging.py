"""What became of an item, in a state and in words that quote nothing."""

from __future__ import annotations

from dataclasses import replace

from index.evidence import Pin, Place, Rival, State
from index.judging import Bound, judge

HERE = Pin(document="a.md", content_sha256="d0", places=(Place(start=0, end=9, chunks=("c0",)),))
WHOLE = Pin(document="b.md", content_sha256="e0", whole=True)
BOUND = Bound(number=1, pins=(HERE, WHOLE), rivals=frozenset())
RIVAL = Rival(document="r.md", kind="number", content_sha256="f0")
GONE = replace(HERE, content_sha256="", places=())


def test_each_state_with_its_words() -> None:
    moved = replace(HERE, places=(Place(start=5, end=14, chunks=("c0",)),))
    elsewhere = replace(HERE, document="z.md")
    changed = replace(HERE, places=())
    cases = [
        ([HERE, WHOLE], (), State.VALID, ""),
        ([moved, WHOLE], (), State.MOVED, "a.md: the same words stand in another place or chunk"),
        ([elsewhere, WHOLE], (), State.MOVED, "a.md is gone, its words stand in z.md"),
        ([HERE, WHOLE], (RIVAL, RIVAL), State.CONTESTED, "r.md stands against it (number)"),
        ([changed, WHOLE], (), State.CHANGED, "a.md: the words are no longer there"),
        ([GONE, WHOLE], (), State.GONE, "a.md: the document is no longer there"),
    ]
    for pins, fresh, state, why in cases:
        assert judge(pins, BOUND, fresh, edited=False) == (state, why)


def test_the_worst_piece_decides_and_every_reason_is_said() -> None:
    other = replace(WHOLE, content_sha256="e1")
    state, why = judge([GONE, other], BOUND, [RIVAL], edited=False)
    assert state is State.GONE
    assert why.split("; ") == [
        "a.md: the document is no longer there",
        "b.md: the words are no longer there",
        "r.md stands against it (number)",
    ]


def test_what_was_never_bound_is_judged_by_whether_it_stands() -> None:
    assert judge([HERE], None, [], edited=False) == (State.VALID, "")
    assert judge([GONE, HERE], None, [], edited=False) == (State.UNBOUND, "the evidence is not found in a.md")
    assert judge([HERE, WHOLE], BOUND, [], edited=True)[0] is State.UNBOUND
