"""What became of a golden item, and why: decided from where its evidence stood and stands, and what is new. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from index.evidence import Pin, Rival, State, state_of, worst


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What an item is judged against.

    Attributes:
        number: The version that it was bound to.
        pins: Where each piece of its evidence stood in it.
        rivals: What stood against it then, and is known.
    """

    number: int
    pins: tuple[Pin, ...]
    rivals: frozenset[Rival]


def judge(pins: Sequence[Pin], bound: Bound | None, fresh: Sequence[Rival], *, edited: bool) -> tuple[State, str]:
    """Says what became of an item, and why, in words that name documents and quote none.

    Args:
        pins: Where each piece of its evidence stands.
        bound: What it is bound to; None judges it by whether its evidence stands at all.
        fresh: What stands against it and is new.
        edited: Whether it is bound under another question or evidence.
    """
    if edited:
        return State.UNBOUND, "question or evidence were edited since it was bound"
    reference = bound.pins if bound else tuple(pins)
    states = [state_of(was, now) for was, now in zip(reference, pins, strict=True)]
    if bound is None and not worst(states).holds:
        missing = [at.document for at, state in zip(pins, states, strict=True) if not state.holds]
        return State.UNBOUND, f"the evidence is not found in {', '.join(dict.fromkeys(missing))}"
    said = [
        _said(was, now, state)
        for was, now, state in zip(reference, pins, states, strict=True)
        if state is not State.VALID
    ]
    said += [f"{rival.document} stands against it ({rival.kind})" for rival in fresh]
    return worst([*states, *(State.CONTESTED for _ in fresh[:1])]), "; ".join(dict.fromkeys(said))


def _said(was: Pin, now: Pin, state: State) -> str:
    if state is State.MOVED and now.document != was.document:
        return f"{was.document} is gone, its words stand in {now.document}"
    words = {
        State.MOVED: "the same words stand in another place or chunk",
        State.CHANGED: "the words are no longer there",
        State.GONE: "the document is no longer there",
    }
    return f"{was.document}: {words[state]}"
