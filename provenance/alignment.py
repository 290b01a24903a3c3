"""Sentences of a document aligned with those of an answer, and of the corpus, by their vectors and by what they name.

A sentence counts for the answer where the two say the same *and* nothing in the corpus says it as well: a
revision, a second page on the same source and a person's summary of it are as near to the source as to the answer, or
nearer. Pure: the caller brings the vectors, all of one embedder's space.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from corpus.types import Span
from provenance.agreement import Agreement, compare
from provenance.calibration import Threshold
from provenance.particulars import Particular, particulars
from provenance.sentences import sentences, words

SHORTEST = 5
"""Words of a sentence that is aligned at the least; shorter ones are headings, labels and stock phrases."""
LEAST_WORDS = 20
"""Words that must be aligned to one answer: about one and a half sentences (our choice)."""
LEAST_SHARE = 0.5
"""Share of the document, or of the answer, that must be aligned: less is a subject in common (our choice)."""
MARGIN = 0.05
"""How much nearer a sentence must be to the answer than to the corpus (our choice; .03 and .06 were tried)."""
ALONE = 0.1
"""How far over the threshold a sentence must be that is the only one (our choice)."""
AGREES = 0.03
"""What a shared number, date, name or identifier adds to a cosine (our choice; without it little changed)."""
CONTRADICTS = 0.1
"""What each number or date that differs takes from it (our choice; without it little changed)."""
_PAIR = 2

Vectors = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sentences:
    """The sentences of one text that are long enough to be aligned.

    Attributes:
        text: The text.
        spans: Their places, in order.
        vectors: Shape `(len(spans), dimension)`, rows of unit length, of one space.
        language: ISO 639-1 code, `und` where it is not known.
    """

    text: str
    spans: tuple[Span, ...]
    vectors: Vectors
    language: str = "und"

    @cached_property
    def words(self) -> Numbers:
        """Words of each sentence."""
        return np.array([words(span.of(self.text)) for span in self.spans], dtype=np.float64)

    @cached_property
    def total(self) -> int:
        """Words of the whole text."""
        return max(words(self.text), 1)

    @cached_property
    def wide(self) -> Vectors:
        """The sentences and each two neighbours together: a sentence may say what two of the other text say."""
        if len(self.spans) < _PAIR:
            return self.vectors
        both = self.vectors[:-1] + self.vectors[1:]
        return np.concatenate([self.vectors, both / np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-9)])

    @cached_property
    def named(self) -> tuple[tuple[Particular, ...], ...]:
        """What each sentence names exactly."""
        return tuple(particulars(span.of(self.text)) for span in self.spans)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neighbour:
    """A stretch of the corpus that a document or an answer is near to.

    Attributes:
        chunk_id: The chunk.
        doc_id: The document that it is in.
        sentences: Its sentences.
    """

    chunk_id: str
    doc_id: str
    sentences: Sentences


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """An answer that a document may repeat in other words.

    Attributes:
        answer_id: The answer.
        sentences: Its sentences.
        context_known: Whether the text of all that it retrieved is among what it is compared with.
        depth: Greatest generation depth of what it retrieved.
    """

    answer_id: str
    sentences: Sentences
    context_known: bool = False
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Aligned:
    """How the sentences of a document stand to one answer; every array has one entry a sentence.

    Attributes:
        candidate: The answer.
        best: Place of the nearest sentence of the answer.
        cosine: Cosine to it, or to it together with a neighbour.
        corpus: Greatest cosine to a sentence of the corpus; -1 where there is nothing to compare with.
        near: Whether it says the same as the answer: cosine, with what agrees and contradicts, over the threshold.
        won: Whether it is also nearer to the answer than to the corpus, by the margin.
        agreements: What the two sentences name, of those that are near.
    """

    candidate: Candidate
    best: Places
    cosine: Numbers
    corpus: Numbers
    near: Flags
    won: Flags
    agreements: Mapping[int, Agreement] = field(default_factory=dict)


def alignable(text: str) -> tuple[Span, ...]:
    """Returns the sentences of a text that are long enough to be aligned: embed these."""
    return tuple(span for span in sentences(text) if words(span.of(text)) >= SHORTEST)


def align(document: Sentences, candidate: Candidate, corpus: Sequence[Neighbour], threshold: Threshold) -> Aligned:
    """Aligns a document with one answer and with what the corpus holds nearby.

    Args:
        document: The incoming document, or the stretches of it that are near an answer.
        candidate: The answer.
        corpus: What the answer retrieved, what the corpus holds near it and near the document, earlier revisions of
            the document among that. The document as it comes in is no part of it.
        threshold: Of the space of all the vectors.
    """
    answer = candidate.sentences
    found = _cosines(document.vectors, answer.wide)
    single = _cosines(document.vectors, answer.vectors)
    best = single.argmax(axis=1) if single.size else np.zeros(len(document.spans), dtype=np.int64)
    cosine = found.max(axis=1, initial=-1.0)
    beside = [_cosines(document.vectors, item.sentences.wide).max(axis=1, initial=-1.0) for item in corpus]
    held = np.max(beside, axis=0) if beside else np.full(len(document.spans), -1.0)
    likely = np.flatnonzero(cosine >= threshold.value - AGREES)
    agreements = {int(place): _agreement(document, answer, int(place), int(best[place])) for place in likely}
    near = np.zeros(len(cosine), dtype=np.bool_)
    for place, agreement in agreements.items():
        near[place] = cosine[place] + _weight(agreement) >= threshold.value
    won = near & (cosine - held >= MARGIN)
    return Aligned(
        candidate=candidate, best=best, cosine=cosine, corpus=held, near=near, won=won, agreements=agreements
    )


def _cosines(ours: Vectors, theirs: Vectors) -> Numbers:
    if not len(ours) or not len(theirs):
        return np.empty((len(ours), 0))
    return np.asarray(ours @ theirs.T, dtype=np.float64)


def _agreement(document: Sentences, answer: Sentences, ours: int, theirs: int) -> Agreement:
    """Compares what a sentence names with what its counterpart and the sentences beside that one name."""
    beside = answer.named[max(0, theirs - 1) : theirs + 2]
    return compare(document.named[ours], tuple(dict.fromkeys(item for named in beside for item in named)))


def _weight(agreement: Agreement) -> float:
    return (AGREES if agreement.agreeing else 0.0) - CONTRADICTS * len(agreement.contradicting)


def is_suspect(document: Sentences, found: Aligned, threshold: Threshold) -> bool:
    """Returns whether enough of a document, or of the answer, is said in other words by the other."""
    count = document.words
    won = float(count[found.won].sum())
    if won < LEAST_WORDS or won < LEAST_SHARE * float(count[found.near].sum()):
        return False
    if np.count_nonzero(found.won) == 1 and found.cosine[found.won].max() < threshold.value + ALONE:
        return False
    return won >= LEAST_SHARE * document.total or answer_share(document, found, threshold) >= LEAST_SHARE


def answer_share(document: Sentences, found: Aligned, threshold: Threshold) -> float:
    """Returns the share of the answer's words in sentences that those of the document repeat."""
    answer = found.candidate.sentences
    if not found.won.any() or not len(answer.spans):
        return 0.0
    chosen = document.vectors[found.won]
    reached = _cosines(answer.vectors, chosen).max(axis=1) >= threshold.value
    reached[found.best[found.won]] = True
    return float(answer.words[reached].sum() / answer.words.sum())


def strength(document: Sentences, found: Aligned, threshold: Threshold) -> float:
    """Returns how strong a suspicion is, in [0, 1]: what the review list is ordered by, and no probability.

    Half is how near the aligned sentences are, a quarter how much of document or answer they make up, an eighth each
    their order and how many particulars agree.
    """
    if not found.won.any():
        return 0.0
    near = float(np.average(found.cosine[found.won], weights=document.words[found.won]))
    share = max(float(document.words[found.won].sum()) / document.total, answer_share(document, found, threshold))
    agreements = [found.agreements[int(place)] for place in np.flatnonzero(found.won)]
    shared, other = sum(len(item.agreeing) for item in agreements), sum(len(item.missing) for item in agreements)
    agreeing = shared / (shared + other) if shared + other else 0.5
    return max(0.0, min(1.0, near / 2 + min(share, 1.0) / 4 + order(found) / 8 + agreeing / 8))


def order(found: Aligned) -> float:
    """Returns the share of neighbouring aligned sentences whose counterparts stand in the same order; 1 for one."""
    places = found.best[found.won]
    return float(np.mean(np.diff(places) >= 0)) if len(places) > 1 else 1.0
