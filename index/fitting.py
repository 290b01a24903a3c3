"""Builds the index that was chosen, and measures it; an approximate one is opened wider until it finds enough.

How well 8-bit numbers or a few lists do depends on the vectors: of texts that differ in one word, the ten nearest are
nearly equal. So nothing is believed: recall is measured on each build, against exact search, and what `auto` chose is
given up for something more exact where it stays too low. What a contract asks for by name is only opened wider.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from corpus.seams import Vectors
from index import search
from index.factory import AUTO, Choice, Deletes, choose
from index.gates import MIN_RECALL

Maker = Callable[[str, Vectors], Any]
"""Makes the index of a factory string over vectors: `search.make_index`, or what gives the same bytes."""

_WIDEST = 16
"""How often wider than measured for the design an index is opened at most; beyond, exact search is no slower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """An index with what was measured of it.

    Attributes:
        index: The FAISS index.
        choice: Its factory, and why.
        recall: Recall@10 against exact search; None for too few vectors.
        sample: Queries behind it.
    """

    index: Any
    choice: Choice
    recall: float | None
    sample: int


def build_index(asked: str, vectors: Vectors, deletes: Deletes = "many", make: Maker = search.make_index) -> Fitted:
    """Builds an index over vectors; equal input gives equal bytes.

    Args:
        asked: What the contract asks for (`index.factory.choose`).
        vectors: Array of shape `(n, dimension)`, float32, rows of unit length; may be a memory map.
        deletes: Whether few or many documents are expected to leave.
        make: What makes the index of a factory.

    Raises:
        ConfigurationError: The factory is not offered, or needs more vectors than there are.
    """
    first = choose(asked, len(vectors), deletes)
    fitted = _fit(first, vectors, make)
    for factory in _more_exact(first.factory) if asked == AUTO else ():
        if fitted.recall is None or fitted.recall >= MIN_RECALL:
            break
        why = f"{fitted.choice.reason}; {fitted.choice.factory} found only {fitted.recall} of the ten nearest"
        fitted = _fit(Choice(factory=factory, reason=why), vectors, make)
    return fitted


def _more_exact(factory: str) -> Iterator[str]:
    if factory.startswith("IVF") and factory.endswith("SQ8"):
        yield f"{factory.removesuffix('SQ8')}Flat"
    if factory != "Flat":
        yield "Flat"


def _fit(choice: Choice, vectors: Vectors, make: Maker) -> Fitted:
    index = make(choice.factory, vectors)
    recall, sample = search.measure_recall(index, vectors)
    wider = 2
    while recall is not None and recall < MIN_RECALL and wider <= _WIDEST and search.widen(index):
        before = recall
        recall, sample = search.measure_recall(index, vectors)
        wider *= 2
        if recall is None or recall <= before:  # it is not the lists that lose neighbours, but the numbers
            break
    return Fitted(index=index, choice=choice, recall=recall, sample=sample)
