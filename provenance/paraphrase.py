"""Self-ingestion in other words: does this document say what an answer of ours said, reworded, condensed or translated?

All of it is a suspicion for a person to look at (published precision is about one half): nothing here decides, and a
finding is never more than SUSPECTED. What it rests on is said in words and shown sentence beside sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from corpus.ids import fingerprint
from corpus.types import EMPTY, Basis, Finding, OriginKind, Scope, Span
from provenance import alignment
from provenance.alignment import (
    LEAST_SHARE,
    Aligned,
    Candidate,
    Neighbour,
    Places,
    Sentences,
    align,
    answer_share,
    is_suspect,
    order,
    strength,
)
from provenance.calibration import Threshold

NAME = "paraphrase/1"
CODE = "answer.paraphrase"
MOST_ANSWERS = 3
"""Answers reported for one document at the most, the strongest."""
_MOST_PAIRS = 8
_MOST_SOURCES = 3
_SEEN = 0.8
_CONDENSED = 0.6
_QUOTE = 200


def rule_fingerprint() -> str:
    """Returns the digest of version and limits, for what must be worked out again when they change."""
    names = ("SHORTEST", "LEAST_WORDS", "LEAST_SHARE", "MARGIN", "ALONE", "AGREES", "CONTRADICTS")
    limits = {name: getattr(alignment, name) for name in names}
    return fingerprint("paraphrase", {"name": NAME, "limits": limits, "most": MOST_ANSWERS})


def suspicions(
    document: Sentences,
    candidates: Sequence[Candidate],
    corpus: Sequence[Neighbour],
    threshold: Threshold,
    *,
    beside: Mapping[str, Sequence[Neighbour]] = EMPTY,
) -> tuple[Finding, ...]:
    """Says which answers a document may repeat in other words.

    Args:
        document: The incoming document.
        candidates: Answers that it may repeat; they must have been served before it changed last.
        corpus: What the corpus holds near the document.
        threshold: Of the space of all the vectors.
        beside: Answer id to what that answer retrieved and what the corpus holds near it.

    Returns:
        E2 findings with basis SUSPECTED, strongest first, at most `MOST_ANSWERS`; each names the answer, the
        aligned sentences with their cosines, what agrees and contradicts, and the likely sources.
    """
    scored = []
    for candidate in candidates:
        around = (*corpus, *beside.get(candidate.answer_id, ()))
        found = align(document, candidate, around, threshold)
        if is_suspect(document, found, threshold):
            scored.append((strength(document, found, threshold), found, around))
    scored.sort(key=lambda item: (-item[0], item[1].candidate.answer_id))
    kept: list[Finding] = []
    seen = np.zeros(len(document.spans), dtype=np.bool_)
    for score, found, around in scored:
        news = document.words[found.won & ~seen].sum()
        if len(kept) < MOST_ANSWERS and news > (1 - _SEEN) * document.words[found.won].sum():
            kept.append(_finding(document, found, around, threshold, score))
            seen |= found.won
    return tuple(kept)


def _finding(
    document: Sentences, found: Aligned, around: Sequence[Neighbour], threshold: Threshold, score: float
) -> Finding:
    places = np.flatnonzero(found.won)
    spans = [document.spans[int(place)] for place in places]
    share = float(document.words[found.won].sum()) / document.total
    detail: dict[str, Any] = {
        "answer_id": found.candidate.answer_id,
        "says": said(document, found, around, threshold),
        "kind": _kind(document, found, share),
        "strength": round(score, 3),
        "share_of_document": round(min(share, 1.0), 3),
        "share_of_answer": round(answer_share(document, found, threshold), 3),
        "order": round(order(found), 3),
        "threshold": str(threshold),
        "context_known": found.candidate.context_known,
        "generation_depth": 1 + found.candidate.depth,
        "passages": [[span.start, span.end] for span in _joined(document, places)],
        "pairs": [_pair(document, found, int(place)) for place in places[:_MOST_PAIRS]],
        "sources": _sources(document, found, around),
    }
    return Finding(
        detector=NAME,
        code=CODE,
        level="E2",
        origin=OriginKind.AI_GENERATED,
        basis=Basis.SUSPECTED,
        scope=Scope.DOCUMENT if share >= LEAST_SHARE else Scope.PASSAGE,
        span=Span(start=spans[0].start, end=spans[-1].end),
        quote=spans[0].of(document.text)[:_QUOTE],
        detail=detail,
    )


def said(document: Sentences, found: Aligned, around: Sequence[Neighbour], threshold: Threshold) -> str:
    """Returns why a document is suspected, in one or two sentences for the person who looks at it."""
    won = np.flatnonzero(found.won)
    mean = float(np.mean(found.cosine[won]))
    agreements = [found.agreements[int(place)] for place in won]
    shared = list(dict.fromkeys(item.text for agreement in agreements for item in agreement.agreeing))
    contrary = sum(len(agreement.contradicting) for agreement in agreements)
    if around:
        corpus = float(np.mean(found.corpus[won]))
        direction = f"nearer to the answer (cosine {mean:.2f}) than to the corpus ({corpus:.2f})"
    else:
        direction = f"cosine {mean:.2f}; the corpus holds nothing near, so which came first is not known from the text"
    names = f"; both name {', '.join(shared[:4])}" if shared else ""
    against = f"; {contrary} numbers or dates differ" if contrary else ""
    count = f"{len(won)} of {len(document.spans)} sentences"
    share = answer_share(document, found, threshold)
    return f"{count} say what {share:.0%} of answer {found.candidate.answer_id} says, {direction}{names}{against}"


def _kind(document: Sentences, found: Aligned, share: float) -> str:
    """Returns `translation`, `summary` or `paraphrase`: what the relation looks like."""
    languages = {document.language, found.candidate.sentences.language}
    if len(languages) > 1 and "und" not in languages:
        return "translation"
    condensed = document.total < _CONDENSED * found.candidate.sentences.total
    return "summary" if condensed and share >= LEAST_SHARE else "paraphrase"


def _joined(document: Sentences, places: Places) -> list[Span]:
    """Joins aligned sentences that follow one another."""
    parts = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)
    return [Span(start=document.spans[int(part[0])].start, end=document.spans[int(part[-1])].end) for part in parts]


def _pair(document: Sentences, found: Aligned, place: int) -> dict[str, Any]:
    """Returns one aligned pair; the answer's sentence by its place only, so that an erased answer leaves no text."""
    ours, theirs = document.spans[place], found.candidate.sentences.spans[int(found.best[place])]
    agreement = found.agreements[place]
    return {
        "span": [ours.start, ours.end],
        "answer_span": [theirs.start, theirs.end],
        "cosine": round(float(found.cosine[place]), 3),
        "corpus_cosine": round(float(found.corpus[place]), 3),
        "agreeing": [item.text for item in agreement.agreeing],
        "contradicting": [item.text for item, _ in agreement.contradicting],
    }


def _sources(document: Sentences, found: Aligned, around: Sequence[Neighbour]) -> list[dict[str, Any]]:
    """Returns the likely sources, nearest first: the chunks that say most nearly what the aligned sentences say."""
    chosen = document.vectors[found.won]
    best: dict[str, tuple[float, str]] = {}
    for item in around:
        if len(item.sentences.vectors):
            cosine = float((chosen @ item.sentences.wide.T).max(axis=1).mean())
            best[item.chunk_id] = (cosine, item.doc_id)
    nearest = sorted(best.items(), key=lambda item: (-item[1][0], item[0]))[:_MOST_SOURCES]
    return [
        {"chunk_id": chunk_id, "doc_id": doc_id, "cosine": round(cosine, 3)} for chunk_id, (cosine, doc_id) in nearest
    ]
