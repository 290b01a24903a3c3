"""Self-ingestion: is this document, or a passage of it, an answer that the RAG system served?

Asymmetric containment: which share of an answer's novel grams stands in the document, near one another.
The caller looks grams up; nothing here knows a database. The answer must have been served before the
document changed last, or the document is the source and the answer quotes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from corpus.ids import fingerprint
from corpus.types import EMPTY, Basis, Finding, OriginKind, Scope, Span
from provenance.answers import COMMON_ANSWERS, LEAST_NOVEL
from provenance.grams import WIDTH, Grams, grams

NAME = "reuse/1"
LEAST_CONTAINMENT = 0.15
"""Share of novel grams that must be found (design, measured 2026 on 1,200 served answers)."""
LEAST_HITS = 6
"""Novel grams that must be found (same measurement)."""
WHOLE_SHARE = 0.5
"""From this share of a document's words on it is an answer come back, below it a mixed page (design)."""
_GAP = 12
"""Places between two hits of one passage: with every third word edited a gap this wide is rare (.7^12 < .02)."""
_PASSAGE_HITS = 3
"""Fewer hits near one another are chance: long documents hold many ordinary word triples."""
_SAME = 0.8
"""Two answers that share this much of their novel grams are one answer served twice (our choice)."""
_SEEN = 0.8
"""An answer whose place stronger answers already explain to this share is a sibling of them, not news."""
_QUOTE = 200
_UNSIGNED = 0xFFFFFFFFFFFFFFFF

Flags = npt.NDArray[np.bool_]


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
    def text(self) -> str | None:
        """What was served; None where only its grams are kept."""
        ...

    @property
    def gram_count(self) -> int:
        """Number of its novel grams."""
        ...

    @property
    def decidable(self) -> bool:
        """Whether it has enough novel grams to be recognised."""
        ...

    @property
    def context_known(self) -> bool:
        """Whether the text of all that it retrieved was at hand when it was registered."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Match:
    answer: ServedAnswer
    containment: float
    hits: int
    runs: tuple[tuple[int, int], ...]
    words: Flags


def rule_fingerprint() -> str:
    """Returns the digest of version and thresholds, for the fingerprint of an assessment."""
    found = [LEAST_CONTAINMENT, LEAST_HITS, WHOLE_SHARE, _GAP, _PASSAGE_HITS, _SAME, _SEEN]
    kept = [COMMON_ANSWERS, LEAST_NOVEL, WIDTH]
    return fingerprint("reuse", {"name": NAME, "found": found, "kept": kept})


def match(
    text: str,
    hits: Mapping[str, Sequence[int]],
    answers: Iterable[ServedAnswer],
    *,
    updated_at: datetime | None = None,
    document: Grams | None = None,
    depths: Mapping[str, int] = EMPTY,
) -> tuple[Finding, ...]:
    """Finds served answers in a document.

    Args:
        text: The document's text.
        hits: Answer id to those of its novel grams that the document holds, signed or unsigned.
        answers: The answers named in `hits`; a hit of an answer that is not among them is ignored.
        updated_at: When the document changed last; None counts as the time of reading.
        document: `document_grams(text)` if the caller has it, so that it is not computed twice.
        depths: Answer id to the greatest generation depth of what that answer retrieved; 0 when absent.

    Returns:
        E2 findings, strongest answer first: `answer.match` (MATCHED), or `answer.suspect` (SUSPECTED) where
        what the answer retrieved is not known. Where answers make up half of the document or more, one
        finding of the document for each answer; else one for each passage. `detail` holds `answer_id`,
        `containment`, `hits`, `share_of_document`, `answers_share` and `generation_depth`.
    """
    known = {answer.answer_id: answer for answer in answers if _may_match(answer, updated_at)}
    found = {key: frozenset(int(gram) & _UNSIGNED for gram in hits[key]) for key in hits if key in known}
    if not any(len(values) >= LEAST_HITS for values in found.values()):
        return ()
    place = document if document is not None else grams(text)
    common = _common(found, known)
    matches = [_measure(place, known[key], found[key], common) for key in sorted(found)]
    return _findings(text, place, _distinct([item for item in matches if item is not None]), depths)


def _may_match(answer: ServedAnswer, updated_at: datetime | None) -> bool:
    return answer.decidable and (updated_at is None or answer.served_at < updated_at)


def _common(found: Mapping[str, frozenset[int]], known: Mapping[str, ServedAnswer]) -> frozenset[int]:
    """Returns the grams that several different answers hold: stock phrases.

    The same answer served again is no other answer: identical texts, and texts that share most of all
    their novel grams here, count once. Otherwise the answer served most often could never be found.
    """
    spread = Counter(gram for values in found.values() for gram in values)
    crowded = {gram for gram, count in spread.items() if count >= COMMON_ANSWERS}
    if not crowded:
        return frozenset()
    held = Counter(gram for values in _families(found, known) for gram in values & crowded)
    return frozenset(gram for gram, count in held.items() if count >= COMMON_ANSWERS)


def _families(found: Mapping[str, frozenset[int]], known: Mapping[str, ServedAnswer]) -> list[set[int]]:
    """Joins the hits of answers that are one answer served again."""
    families: list[set[int]] = []
    texts: dict[str, set[int]] = {}
    for key in sorted(found):
        answer, values = known[key], found[key]
        family = texts.get(answer.text) if answer.text else None
        if family is None and len(values) >= _SAME * answer.gram_count:
            family = next((held for held in families if len(values & held) >= _SAME * answer.gram_count), None)
        if family is None:
            family = set()
            families.append(family)
        family.update(values)
        if answer.text:
            texts[answer.text] = family
    return families


def _measure(place: Grams, answer: ServedAnswer, values: frozenset[int], common: frozenset[int]) -> _Match | None:
    """Weighs one answer against the document; None where the evidence is too thin."""
    rare = values - common
    whole = answer.gram_count - len(values & common)
    if whole < LEAST_NOVEL or len(rare) < max(LEAST_HITS, LEAST_CONTAINMENT * whole):
        return None
    hit = _among(place, rare)
    runs = _runs(hit, _around(place, answer, hit))
    near = {number for first, last in runs for number in place.hashes[first : last + 1][hit[first : last + 1]].tolist()}
    if len(near) < max(LEAST_HITS, LEAST_CONTAINMENT * whole):
        return None
    return _Match(answer=answer, containment=len(near) / whole, hits=len(near), runs=runs, words=_covered(place, runs))


def _among(place: Grams, values: Iterable[int]) -> Flags:
    return np.isin(place.hashes, np.fromiter(values, dtype=np.uint64))


def _around(place: Grams, answer: ServedAnswer, hit: Flags) -> Flags:
    """Adds to the hits what the answer only quotes, so that a passage is reported whole."""
    return hit | _among(place, grams(answer.text).values) if answer.text else hit


def _runs(hit: Flags, around: Flags) -> tuple[tuple[int, int], ...]:
    """Returns stretches of gram places, both ends included, that hold hits near one another."""
    places = np.flatnonzero(around)
    if not len(places):
        return ()
    parts = np.split(places, np.flatnonzero(np.diff(places) > _GAP) + 1)
    total = np.concatenate(([0], np.cumsum(hit)))
    ends = ((int(part[0]), int(part[-1])) for part in parts)
    return tuple((first, last) for first, last in ends if total[last + 1] - total[first] >= _PASSAGE_HITS)


def _covered(place: Grams, runs: Iterable[tuple[int, int]]) -> Flags:
    words = np.zeros(place.words, dtype=np.bool_)
    for first, last in runs:
        words[first : last + WIDTH] = True
    return words


def _distinct(matches: Sequence[_Match]) -> tuple[_Match, ...]:
    """Keeps, strongest first, the answers that explain words which no stronger one explains."""
    kept: list[_Match] = []
    for item in sorted(matches, key=_strength):
        seen = np.logical_or.reduce([other.words for other in kept]) if kept else np.zeros_like(item.words)
        if np.count_nonzero(item.words & seen) < _SEEN * np.count_nonzero(item.words):
            kept.append(item)
    return tuple(kept)


def _strength(item: _Match) -> tuple[bool, float, datetime, str]:
    return not item.answer.context_known, -item.containment, item.answer.served_at, item.answer.answer_id


def _findings(text: str, place: Grams, matches: Sequence[_Match], depths: Mapping[str, int]) -> tuple[Finding, ...]:
    shares = {True: _share(matches), False: _share([item for item in matches if item.answer.context_known])}
    found: list[Finding] = []
    for item in matches:
        # What is only suspected does not help a sure match over the line between passage and document.
        together = shares[not item.answer.context_known]
        whole = together >= WHOLE_SHARE
        spans = [place.span(first, last) for first, last in item.runs]
        envelope = [Span(start=spans[0].start, end=spans[-1].end)]
        detail = _detail(item, together, depths, spans if whole else [])
        found += [_finding(text, item, span, detail, whole=whole) for span in (envelope if whole else spans)]
    return tuple(found)


def _share(matches: Sequence[_Match]) -> float:
    if not matches:
        return 0.0
    return float(np.mean(np.logical_or.reduce([item.words for item in matches])))


def _detail(item: _Match, together: float, depths: Mapping[str, int], passages: Sequence[Span]) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "answer_id": item.answer.answer_id,
        "containment": round(item.containment, 4),
        "hits": item.hits,
        "share_of_document": round(_share([item]), 4),
        "answers_share": round(together, 4),
        "generation_depth": 1 + depths.get(item.answer.answer_id, 0),
    }
    if passages:
        detail["passages"] = [[span.start, span.end] for span in passages]
    return detail


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
