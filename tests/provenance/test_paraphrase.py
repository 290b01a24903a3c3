"""The suspected tier, pure: alignment, direction, shares, order and what it says; vectors are made by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import batches
from corpus.types import Basis, OriginKind, Scope
from provenance import alignment
from provenance.alignment import Candidate, Neighbour, Sentences, align, alignable, is_suspect, order
from provenance.calibration import GREATEST, LEAST_SAMPLE, SHIPPED, UNKNOWN, Threshold, threshold_of
from provenance.classify import verdict
from provenance.paraphrase import suspicions

SPACE = "f" * 64
AT = Threshold(value=0.65, space=SPACE)
DIMENSION = 32
SAYS = [
    "The kettle may be sent back within the given time.",
    "Write the number of the order on the outer box.",
    "Every partner shop in the town accepts the parcel.",
    "The clerk behind the counter prints out a label.",
]


def axis(number: int) -> np.ndarray:
    vector = np.zeros(DIMENSION, dtype=np.float32)
    vector[number] = 1.0
    return vector


def near(number: int, cosine: float, aside: int = 20) -> np.ndarray:
    """A unit vector with that cosine to an axis."""
    return (cosine * axis(number) + math.sqrt(1 - cosine**2) * axis(aside + number)).astype(np.float32)


def text_of(vectors: list[np.ndarray], said: list[str] | None = None, language: str = "und") -> Sentences:
    text = " ".join((said or SAYS)[: len(vectors)])
    spans = alignable(text)
    assert len(spans) == len(vectors)
    return Sentences(text=text, spans=spans, vectors=np.stack(vectors), language=language)


def answer(vectors: list[np.ndarray], name: str = "a1", **kwargs: str) -> Candidate:
    return Candidate(answer_id=name, sentences=text_of(vectors, **kwargs), context_known=True)  # type: ignore[arg-type]


def source(vectors: list[np.ndarray], chunk_id: str = "c1") -> Neighbour:
    return Neighbour(chunk_id=chunk_id, doc_id="source.md", sentences=text_of(vectors))


ANSWER = [axis(number) for number in range(4)]
REWORDED = [near(number, 0.8) for number in range(4)]


def test_a_rewording_is_suspected_and_says_why() -> None:
    [found] = suspicions(text_of(REWORDED), [answer(ANSWER)], [], AT)
    assert (found.level, found.basis, found.code) == ("E2", Basis.SUSPECTED, "answer.paraphrase")
    assert found.scope is Scope.DOCUMENT
    detail = found.detail
    assert (detail["share_of_document"], detail["share_of_answer"], detail["order"]) == (1.0, 1.0, 1.0)
    assert detail["threshold"] == f"0.650@{SPACE}"
    assert "4 of 4 sentences" in detail["says"]
    assert [pair["cosine"] for pair in detail["pairs"]] == [0.8] * 4
    json.dumps(batches.finding_json(found))


def test_no_finding_holds_text_of_the_answer() -> None:
    other = [
        f"Entirely different wording number {number} stands here for them." for number in ["one", "two", "red", "blue"]
    ]
    [found] = suspicions(text_of(REWORDED), [answer(ANSWER, said=other)], [], AT)  # type: ignore[arg-type]
    assert "wording" not in json.dumps(batches.finding_json(found))


@pytest.mark.parametrize("cosine", [0.76, 0.8, 0.95, 1.0])
def test_what_the_corpus_says_as_well_or_better_is_not_suspected(cosine: float) -> None:
    """The direction law: a source, its revision, a page on the same source, a person's summary of it."""
    document = text_of(REWORDED)
    held = source([near(number, 0.999 if cosine == 1.0 else cosine, aside=10) for number in range(4)])
    if cosine == 1.0:
        held = Neighbour(chunk_id="c1", doc_id="source.md", sentences=document)
    at_least = document.vectors @ held.sentences.vectors.T
    boosted = Neighbour(
        chunk_id="c1",
        doc_id="source.md",
        sentences=text_of([_between(document.vectors[number], cosine) for number in range(4)]),
    )
    assert at_least.shape == (4, 4)
    assert suspicions(document, [answer(ANSWER)], [boosted], AT) == ()
    assert suspicions(document, [answer(ANSWER)], [], AT, beside={"a1": [boosted]}) == ()


def _between(vector: np.ndarray, cosine: float) -> np.ndarray:
    """A unit vector with that cosine to a vector, along an axis that nothing else uses."""
    return (cosine * vector + math.sqrt(1 - cosine**2) * axis(31)).astype(np.float32)


def test_a_source_that_is_further_away_does_not_clear_and_is_named() -> None:
    document = text_of(REWORDED)
    held = Neighbour(
        chunk_id="c1", doc_id="source.md", sentences=text_of([_between(row, 0.6) for row in document.vectors])
    )
    [found] = suspicions(document, [answer(ANSWER)], [held], AT)
    [named] = found.detail["sources"]
    assert (named["chunk_id"], named["doc_id"]) == ("c1", "source.md")
    assert 0.59 < named["cosine"] < 0.75
    assert "nearer to the answer" in found.detail["says"]


def test_a_subject_in_common_is_no_suspicion() -> None:
    assert suspicions(text_of([near(number, 0.5) for number in range(4)]), [answer(ANSWER)], [], AT) == ()
    one = [near(0, 0.9), axis(28), axis(29), axis(30)]
    assert suspicions(text_of(one), [answer(ANSWER)], [], AT) == ()


def test_a_passage_of_a_longer_page_is_told_as_a_passage() -> None:
    filler = [
        f"Filler sentence number {name} speaks of quite other things."
        for name in ["one", "two", "three", "four", "five", "six"]
    ]
    said = [*filler[:3], *SAYS, *filler[3:]]
    vectors = [axis(28), axis(29), axis(30), *REWORDED, axis(28), axis(29), axis(30)]
    [found] = suspicions(text_of(vectors, said), [answer(ANSWER)], [], AT)
    assert found.scope is Scope.PASSAGE
    assert found.span is not None
    text = " ".join(said)
    assert found.span.of(text) == " ".join(SAYS)
    [passage] = found.detail["passages"]
    assert text[slice(*passage)] == " ".join(SAYS)


def test_numbers_that_differ_speak_against_it_and_shared_ones_for_it() -> None:
    theirs = [f"{line[:-1]} in {number} days." for line, number in zip(SAYS, (11, 22, 33, 44), strict=True)]
    ours = [f"{line[:-1]} in {number} days." for line, number in zip(SAYS, (15, 25, 35, 45), strict=True)]
    weak = [near(number, 0.7) for number in range(4)]
    candidate = answer(ANSWER, said=theirs)  # type: ignore[arg-type]
    assert len(suspicions(text_of(weak), [answer(ANSWER)], [], AT)) == 1
    assert suspicions(text_of(weak, ours), [candidate], [], AT) == ()
    weaker = [near(number, 0.63) for number in range(4)]
    assert suspicions(text_of(weaker), [answer(ANSWER)], [], AT) == ()
    [found] = suspicions(text_of(weaker, theirs), [candidate], [], AT)
    assert "both name 11 days" in found.detail["says"]


def test_order_is_told() -> None:
    shuffled = [REWORDED[place] for place in (2, 0, 3, 1)]
    document = text_of(shuffled)
    found = align(document, answer(ANSWER), [], AT)
    assert order(found) == pytest.approx(1 / 3)
    assert is_suspect(document, found, AT)


def test_a_summary_and_a_translation_are_called_so() -> None:
    lines = [f"{line[:-1]}, as we said at some length before this and say again here." for line in SAYS * 2]
    long = Candidate(answer_id="a1", sentences=text_of([axis(number % 4) for number in range(8)], lines))
    [found] = suspicions(text_of(REWORDED), [long], [], AT)
    assert found.detail["kind"] == "summary"
    foreign = Candidate(answer_id="a1", sentences=text_of(ANSWER, language="de"))
    [found] = suspicions(text_of(REWORDED, language="en"), [foreign], [], AT)
    assert found.detail["kind"] == "translation"


def test_of_two_answers_that_say_the_same_one_is_told() -> None:
    both = [answer(ANSWER, "a1"), answer([near(number, 0.97, aside=10) for number in range(4)], "a2")]
    found = suspicions(text_of(REWORDED), both, [], AT)
    assert [item.detail["answer_id"] for item in found] == ["a1"]


def test_a_suspicion_never_outweighs_what_is_declared_or_matched() -> None:
    [found] = suspicions(text_of(REWORDED), [answer(ANSWER)], [], AT)
    origin, _ = verdict([found])
    assert (origin.kind, origin.basis, origin.level) == (OriginKind.AI_GENERATED, Basis.SUSPECTED, "E2")


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_more_corpus_never_adds_a_suspicion(sentences: int, chunks: int, seed: int) -> None:
    rng = np.random.default_rng(seed)

    def some(number: int) -> list[np.ndarray]:
        rows = rng.normal(size=(number, DIMENSION)) + 2 * np.stack([axis(place) for place in range(number)]) * 3
        return list((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32))

    document, candidate = text_of(some(sentences)), answer(some(4))
    corpus = [source(some(3), f"c{place}") for place in range(chunks)]
    alone = {item.detail["answer_id"] for item in suspicions(document, [candidate], [], AT)}
    beside = {item.detail["answer_id"] for item in suspicions(document, [candidate], corpus, AT)}
    assert beside <= alone
    itself = Neighbour(chunk_id="own", doc_id="d", sentences=document)
    assert suspicions(document, [candidate], [*corpus, itself], AT) == ()


def test_nothing_to_align_is_no_suspicion() -> None:
    empty = Sentences(text="Short.", spans=(), vectors=np.empty((0, DIMENSION), dtype=np.float32))
    assert suspicions(empty, [answer(ANSWER)], [source(ANSWER)], AT) == ()
    assert suspicions(text_of(REWORDED), [Candidate(answer_id="a", sentences=empty)], [], AT) == ()
    assert alignment.SHORTEST > 1


def test_a_threshold_belongs_to_its_space_and_rises_with_the_background() -> None:
    space = next(iter(SHIPPED))
    assert threshold_of(space) == Threshold(value=SHIPPED[space], space=space, basis="shipped")
    assert threshold_of("other").basis == "assumed"
    assert threshold_of("other").value == UNKNOWN
    loud = np.full(LEAST_SAMPLE, 0.78)
    assert threshold_of(space, loud) == Threshold(value=0.78, space=space, basis="background")
    assert threshold_of(space, np.full(LEAST_SAMPLE, 0.99)).value == GREATEST
    assert threshold_of(space, np.full(LEAST_SAMPLE, 0.2)).value == SHIPPED[space]
    assert threshold_of(space, loud[:-1]).value == SHIPPED[space]
