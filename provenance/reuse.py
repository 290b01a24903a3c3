"""Self-ingestion: is this document, or a passage of it, an answer that the RAG system served?

The words of an answer are aligned with the document (`provenance.stretches`), and what counts is what is novel in
it (`provenance.signature`): a document that only quotes what the answer quoted too has none of that. Three things
are told from chance: most of the answer in its order (`whole`), one unbroken passage of it (`excerpt`), and much of
a long one (`part`). The caller looks the answers up; nothing here knows a database. An answer must have been
served before the document changed last, or the document is the source and the answer quotes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from corpus.ids import fingerprint
from corpus.types import EMPTY, Basis, Finding, OriginKind, Scope, Span
from provenance import signature
from provenance.answers import COMMON_ANSWERS, LEAST_NOVELTY
from provenance.grams import WIDTH, Grams, grams
from provenance.signature import Signature, Weights, Words, pairs_of, short_words
from provenance.stretches import ALIGNED, Stretch, stretches

NAME = "reuse/2"
LEAST_SCORE = 6.0
"""Score of the alignment below which nothing is said (measured 2026: human text on another subject stays under 4)."""
WHOLE_WORDS = 0.5
"""`whole`: share of the answer's words found in order. One of which every third word was edited keeps .7; of the
answers of other systems to the same question one in seventeen has so many (measured 2026, as all figures here, on half
of the questions; the other half is reported in docs/self-ingestion.md)."""
WHOLE_NOVELTY = 2.0
"""`whole`: weight of the pairs found that its sources do not hold."""
WHOLE_SHARE_OF_NOVELTY = 0.2
"""`whole`: share of all the answer's novelty."""
EXCERPT_NOVELTY = 2.5
"""`excerpt`: weight of novel pairs in one run without any edit."""
EXCERPT_SHARE = 0.7
"""`excerpt`: share of the novelty of the answer's stretch that the document has."""
EXCERPT_WORDS = 0.2
"""`excerpt`: share of the answer's words found. Names of products and titles make shorter runs in anybody's text."""
LONG_EXCERPT_NOVELTY = 12.0
"""`excerpt`: weight of novel pairs in one run that suffices without that share; about twelve words of a long answer."""
PART_NOVELTY = 8.0
"""`part`: weight of the novel pairs found, in any number of runs."""
PART_SHARE = 0.25
"""`part`: share of all the answer's novelty."""
WHOLE_SHARE = 0.5
"""From this share of a document's words on it is an answer come back, below it a mixed page (design)."""
LEAST_NOVEL = 1.0
"""Weight of the pairs found that are novel and not only weak, below which nothing is said."""
_MOST_TIMES = 6
"""Lengths of the answer that one window of a document spans at the most, but for the reach at both ends."""
_SAME = 0.8
"""Two answers that have this share of their pairs of words in common are one answer served twice (our choice)."""
_SEEN = 0.8
"""An answer whose place stronger answers already explain to this share is a sibling of them, not news."""
_QUOTE = 200


_Ranges = tuple[tuple[int, int], ...]
"""Places of words: first and one after the last of each range, in order, apart from one another."""


class ServedAnswer(Protocol):
    """What matching needs to know of an answer; the catalog's record is one."""

    @property
    def answer_id(self) -> str:
        """Its id."""
        ...

    @property
    def served_at(self) -> datetime:
        """When it was served, aware."""
        ...

    @property
    def text_sha256(self) -> str:
        """Digest of its text: equal for an answer that was served twice."""
        ...

    @property
    def signature(self) -> bytes | None:
        """Its words; None where it was registered before signatures were kept."""
        ...

    @property
    def decidable(self) -> bool:
        """Whether there is enough novelty in it to recognise it."""
        ...

    @property
    def context_known(self) -> bool:
        """Whether the text of all that it retrieved was at hand when it was registered."""
        ...

    @property
    def depth(self) -> int:
        """Greatest generation depth of what it retrieved."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Place:
    """A document as answers are looked for in it.

    Attributes:
        grams: Its grams.
        words: Its words, as signatures have them.
        pairs: Its pairs of neighbours, sorted.
        ends: Place of the word that ends each of these pairs.
        weights: What a novel pair that ends at each word weighs.
    """

    grams: Grams
    words: Words
    pairs: Words
    ends: Words
    weights: Weights


def _place(seen: Grams) -> _Place:
    words = short_words(seen.numbers)
    pairs = pairs_of(words)
    ends = np.argsort(pairs, kind="stable")
    weights = signature.pair_weights(seen.common)
    return _Place(grams=seen, words=words, pairs=pairs[ends], ends=ends, weights=weights)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Match:
    """One answer in one window of the document.

    Attributes:
        answer: The answer.
        signature: Its words.
        stretches: Where they stand.
        kind: `whole`, `excerpt`, `part`; empty for what says nothing.
        found: Share of the answer's words found.
        novelty: Weight of the novel pairs found.
        containment: Share of all its novelty.
        evidence: Places of the document that end a novel pair found.
    """

    answer: ServedAnswer
    signature: Signature
    stretches: tuple[Stretch, ...]
    kind: str
    found: float
    novelty: float
    containment: float
    evidence: frozenset[int]


def rule_fingerprint() -> str:
    """Returns the digest of version and thresholds, for the fingerprint of an assessment."""
    whole = [LEAST_SCORE, LEAST_NOVEL, WHOLE_WORDS, WHOLE_NOVELTY, WHOLE_SHARE_OF_NOVELTY]
    excerpt = [EXCERPT_NOVELTY, EXCERPT_SHARE, EXCERPT_WORDS, LONG_EXCERPT_NOVELTY]
    parts = [*excerpt, PART_NOVELTY, PART_SHARE, WHOLE_SHARE]
    kept = [COMMON_ANSWERS, LEAST_NOVELTY, WIDTH, signature.NAME, signature.NEAR, signature.WEAK]
    return fingerprint("reuse", {"name": NAME, "whole": whole, "parts": parts, "aligned": ALIGNED, "kept": kept})


def match(
    text: str,
    answers: Iterable[ServedAnswer],
    *,
    updated_at: datetime | None = None,
    document: Grams | None = None,
    depths: Mapping[str, int] = EMPTY,
) -> tuple[Finding, ...]:
    """Finds served answers in a document.

    Args:
        text: The document's text.
        answers: The answers that share keys with it.
        updated_at: When the document changed last; None counts as the time of reading.
        document: `document_grams(text)` if the caller has it, so that it is not computed twice.
        depths: Answer id to the greatest generation depth of what that answer retrieved, where it is deeper than
            the answer's own record says.

    Returns:
        E2 findings, strongest answer first: `answer.match` (MATCHED), or `answer.suspect` (SUSPECTED) where
        what the answer retrieved is not known. Where answers make up half of the document or more, one
        finding of the document for each answer; else one for each passage. `detail` holds `answer_id`, `kind`,
        `containment` (share of the answer's novelty), `found` (share of its words), `novelty`,
        `share_of_document`, `answers_share` and `generation_depth`.
    """
    known = [answer for answer in answers if _may_match(answer, updated_at)]
    if not known:
        return ()
    place = _place(document if document is not None else grams(text))
    found = [item for answer in sorted(known, key=lambda item: item.answer_id) for item in _measure(place, answer)]
    sure = [item for item in _without_stock(found) if item.kind]
    return _findings(text, place, _distinct(place, sure), depths)


def _may_match(answer: ServedAnswer, updated_at: datetime | None) -> bool:
    return answer.decidable and answer.signature is not None and (updated_at is None or answer.served_at < updated_at)


def _measure(place: _Place, answer: ServedAnswer) -> list[_Match]:
    """Weighs one answer in each window of the document where enough of its novelty meets."""
    kept = Signature.from_bytes(answer.signature or b"")
    anchors = _anchors(place, kept)
    total = np.concatenate(([0.0], np.cumsum(place.weights[anchors])))
    windows = [
        (max(0, int(anchors[first]) - len(kept)), min(len(place.words), int(anchors[last - 1]) + len(kept) + 1))
        for first, last in _together(anchors, len(kept))
        if total[last] - total[first] >= LEAST_NOVEL
    ]
    aligned = (stretches(kept.words, kept.common, place.words, first, last) for first, last in windows)
    return [_judged(answer, kept, found) for found in aligned if found]


def _anchors(place: _Place, kept: Signature) -> Words:
    """Returns the places of the document that end a novel pair of the answer, ascending."""
    pairs = np.unique(pairs_of(kept.words)[kept.novel])
    first, last = (np.searchsorted(place.pairs, pairs, side=side) for side in ("left", "right"))
    found = [place.ends[low:high] for low, high in zip(first.tolist(), last.tolist(), strict=True) if low < high]
    return np.sort(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)


def _together(anchors: Words, reach: int) -> list[tuple[int, int]]:
    """Returns the ranges of anchors of which each is at most `reach` words from the next.

    A range is cut where it grows beyond what an answer with much put in between takes: the cost of aligning grows
    with it, and a page may hold pieces of an answer from end to end.
    """
    if not len(anchors):
        return []
    edges = [0, *(np.flatnonzero(np.diff(anchors) > reach) + 1).tolist(), len(anchors)]
    found: list[tuple[int, int]] = []
    for first, last in pairwise(edges):
        start = first
        while start < last:
            end = min(last, int(np.searchsorted(anchors, anchors[start] + _MOST_TIMES * reach, side="right")))
            found.append((start, end))
            start = end
    return found


def _judged(
    answer: ServedAnswer, kept: Signature, found: tuple[Stretch, ...], stock: frozenset[int] = frozenset()
) -> _Match:
    """Decides what was found of an answer; evidence at `stock` places of the document does not count."""
    runs = [run for stretch in found for run in _runs(stretch)]
    weighed = [[(a, d) for a, d in run[1:] if kept.weights[a] and d not in stock] for run in runs]
    each = [float(sum(kept.weights[a] for a, _ in run)) for run in weighed]
    novelty, longest = sum(each), max(each, default=0.0)
    strong = sum(kept.weights[a] for run in weighed for a, _ in run if kept.novel[a])
    extent = sum(float(kept.weights[stretch.answer[0] : stretch.answer[-1] + 1].sum()) for stretch in found)
    made = _Match(
        answer=answer,
        signature=kept,
        stretches=found,
        kind="",
        found=min(1.0, sum(len(stretch.answer) for stretch in found) / len(kept)),
        novelty=novelty,
        containment=min(1.0, novelty / kept.novelty) if kept.novelty else 0.0,
        evidence=frozenset(place for run in weighed for _, place in run),
    )
    if sum(stretch.score for stretch in found) < LEAST_SCORE or strong < LEAST_NOVEL:
        return made
    return replace(made, kind=_kind(made, longest, novelty / extent if extent else 0.0))


def _runs(stretch: Stretch) -> list[list[tuple[int, int]]]:
    """Cuts a stretch where words were put in or left out."""
    runs: list[list[tuple[int, int]]] = []
    for a, d in zip(stretch.answer, stretch.document, strict=True):
        if runs and runs[-1][-1] == (a - 1, d - 1):
            runs[-1].append((a, d))
        else:
            runs.append([(a, d)])
    return runs


def _kind(item: _Match, longest: float, share: float) -> str:
    if item.found >= WHOLE_WORDS and item.novelty >= WHOLE_NOVELTY and item.containment >= WHOLE_SHARE_OF_NOVELTY:
        return "whole"
    enough = EXCERPT_NOVELTY if item.found >= EXCERPT_WORDS else LONG_EXCERPT_NOVELTY
    if longest >= enough and share >= EXCERPT_SHARE:
        return "excerpt"
    return "part" if item.novelty >= PART_NOVELTY and item.containment >= PART_SHARE else ""


def _without_stock(found: Sequence[_Match]) -> list[_Match]:
    """Judges again without the phrases that several different answers share: they are nobody's."""
    crowded = Counter(place for item in found for place in item.evidence)
    if not crowded or max(crowded.values()) < COMMON_ANSWERS:
        return list(found)
    holders: dict[int, set[int]] = {}
    for item, member in zip(found, _families(found), strict=True):
        for place in item.evidence:
            holders.setdefault(place, set()).add(member)
    stock = frozenset(place for place, members in holders.items() if len(members) >= COMMON_ANSWERS)
    return [
        _judged(item.answer, item.signature, item.stretches, stock) if item.evidence & stock else item for item in found
    ]


def _families(found: Sequence[_Match]) -> list[int]:
    """Numbers the matches so that one answer served twice has one number: it is no other answer.

    Otherwise the answer that is served most often could never be found.
    """
    first: dict[str, _Match] = {}  # an answer may stand in many places
    for item in found:
        first.setdefault(item.answer.answer_id, item)
    numbers: dict[str, int] = {}
    for name, item in first.items():
        same = (number for other, number in numbers.items() if _same(item, first[other]))
        numbers[name] = next(same, len(numbers))
    return [numbers[item.answer.answer_id] for item in found]


def _same(one: _Match, other: _Match) -> bool:
    if one.answer.text_sha256 == other.answer.text_sha256:
        return True
    mine, theirs = (np.unique(pairs_of(item.signature.words)) for item in (one, other))
    return bool(np.isin(mine, theirs, assume_unique=True).sum() >= _SAME * max(len(mine), len(theirs)))


def _distinct(place: _Place, matches: Sequence[_Match]) -> list[tuple[_Match, _Ranges]]:
    """Keeps, strongest first, the answers that explain words which no stronger one explains."""
    kept: list[tuple[_Match, _Ranges]] = []
    seen = np.zeros(len(place.words), dtype=np.bool_)
    for item in sorted(matches, key=_strength):
        words = _covered(item.stretches)
        known = sum(int(np.count_nonzero(seen[first:last])) for first, last in words)
        if known < _SEEN * _size(words):
            kept.append((item, words))
            for first, last in words:
                seen[first:last] = True
    return kept


def _strength(item: _Match) -> tuple[bool, float, float, datetime, str]:
    answer = item.answer
    return not answer.context_known, -round(item.containment, 4), -item.found, answer.served_at, answer.answer_id


def _covered(found: Iterable[Stretch]) -> _Ranges:
    """Returns the places of the document from the first to the last of each stretch; ranges that meet are one."""
    ranges: list[tuple[int, int]] = []
    for first, last in sorted((stretch.document[0], stretch.document[-1] + 1) for stretch in found):
        if ranges and first <= ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], max(last, ranges[-1][1]))
        else:
            ranges.append((first, last))
    return tuple(ranges)


def _size(words: _Ranges) -> int:
    return sum(last - first for first, last in words)


def _findings(
    text: str, place: _Place, matches: Sequence[tuple[_Match, _Ranges]], depths: Mapping[str, int]
) -> tuple[Finding, ...]:
    shares = {
        True: _share(place, (words for _, words in matches)),
        False: _share(place, (words for item, words in matches if item.answer.context_known)),
    }
    found: list[Finding] = []
    for item, words in matches:
        # What is only suspected does not help a sure match over the line between passage and document.
        together = shares[not item.answer.context_known]
        whole = together >= WHOLE_SHARE
        spans = _spans(place, words)
        envelope = [Span(start=spans[0].start, end=spans[-1].end)]
        detail = _detail(item, _size(words) / len(place.words), together, depths) | (
            {"passages": [[span.start, span.end] for span in spans]} if whole else {}
        )
        found += [_finding(text, item, span, detail, whole=whole) for span in (envelope if whole else spans)]
    return tuple(found)


def _share(place: _Place, covered: Iterable[_Ranges]) -> float:
    """Returns the share of the document's words that any of some places hold."""
    words = np.zeros(len(place.words), dtype=np.bool_)
    for first, last in (pair for ranges in covered for pair in ranges):
        words[first:last] = True
    return float(words.mean()) if len(words) else 0.0


def _spans(place: _Place, words: _Ranges) -> list[Span]:
    """Returns the passages that the words make, in order."""
    starts, ends = place.grams.starts, place.grams.ends
    return [Span(start=int(starts[first]), end=int(ends[last - 1])) for first, last in words]


def _detail(item: _Match, share: float, together: float, depths: Mapping[str, int]) -> dict[str, Any]:
    answer = item.answer
    return {
        "answer_id": answer.answer_id,
        "kind": item.kind,
        "containment": round(item.containment, 4),
        "found": round(item.found, 4),
        "novelty": round(item.novelty, 2),
        "share_of_document": round(share, 4),
        "answers_share": round(together, 4),
        "generation_depth": 1 + max(answer.depth, depths.get(answer.answer_id, 0)),
    }


def _finding(text: str, item: _Match, span: Span, detail: Mapping[str, Any], *, whole: bool) -> Finding:
    known = item.answer.context_known
    return Finding(
        detector=NAME,
        code="answer.match" if known else "answer.suspect",
        level="E2",
        origin=OriginKind.AI_GENERATED,
        basis=Basis.MATCHED if known else Basis.SUSPECTED,
        scope=Scope.DOCUMENT if whole else Scope.PASSAGE,
        span=span,
        quote=span.of(text)[:_QUOTE],
        detail=detail,
    )
