"""Contamination: how much of what a search finds is AI text, beside how much there is to find. Pure.

| measure | what it is |
|---|---|
| pool (PCR) | share of the chunks of a version that are AI text |
| exposure@k (ECR) | share of a question's first k hits that are AI text; the mean over questions |
| citation (CCR) | share of an answer's citations that are AI text; the mean over answers |
| amplification | exposure / pool; above 1, a search favours AI text |
| all-AI share | share of questions whose first k hits are all AI text |
| source entropy | Shannon entropy, in bits, of the documents behind the first k hits of all questions |
| depth | generation depth of what is found: 2 is an answer that was made of an answer |

*AI text* is what is declared or matched, AI-assisted text included. What is only suspected is reported
beside it and added to nothing; unknown is never human. The pool is counted whole, so its share has no error;
questions are a sample, so an interval is a percentile bootstrap over questions, with a fixed seed, and there
is none below `LEAST_QUERIES`. All figures are shares in [0, 1] unless they say otherwise.

Nothing here knows an index, a model or a store. Limits that alarm are in `provenance.alarms`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from corpus.types import Basis, OriginKind
from provenance.contamination import count_origins, origin_mix

KS = (1, 5, 10)
"""Numbers of hits that exposure is measured at."""
LEAST_QUERIES = 20
"""Below this many questions no interval is given: percentile intervals of small samples are too narrow."""
LEVEL = 0.95
DRAWS = 2_000
SEED = 20_260_301
"""Of every resampling, so that the same hits give the same interval."""
DEEP = 2
"""Generation depth from which text is made of text that was made by a machine."""

Values = npt.NDArray[np.float64]

_AI = (OriginKind.AI_GENERATED.value, OriginKind.AI_ASSISTED.value)
_SURE = (Basis.DECLARED.value, Basis.MATCHED.value)
# Numbers that are drawn at once: bounds memory to 32 MB whatever the number of questions.
_BLOCK = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A chunk as contamination sees it.

    Attributes:
        kind: Its digital source type, a value of `corpus.types.OriginKind`.
        basis: What that rests on, a value of `corpus.types.Basis`.
        depth: Its generation depth, 0 for a primary source.
        source: The document that it was cut from.
    """

    kind: str
    basis: str
    depth: int
    source: str

    @property
    def is_ai(self) -> bool:
        """Whether it is AI text, declared or matched."""
        return self.kind in _AI and self.basis in _SURE

    @property
    def is_suspected(self) -> bool:
        """Whether it is only suspected to be AI text."""
        return self.kind in _AI and self.basis == Basis.SUSPECTED.value

    @property
    def is_human(self) -> bool:
        """Whether somebody declared that a person wrote it."""
        return self.kind == OriginKind.HUMAN.value and self.basis == Basis.DECLARED.value

    @property
    def is_unknown(self) -> bool:
        """Whether nothing of the above is known: neither AI text nor human."""
        return not (self.is_ai or self.is_suspected or self.is_human)

    @property
    def is_deep(self) -> bool:
        """Whether it is text that was made of text that a machine made."""
        return self.depth >= DEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieved:
    """What one question found.

    Attributes:
        group: Where the question comes from: `golden` or `logged`.
        hits: What was found, best first.
    """

    group: str
    hits: tuple[Passage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What one served answer was made of.

    Attributes:
        retrieved: Chunks that were given to the model and are in the version.
        cited: Chunks that it cites and that are in the version.
        unresolved: Chunk ids of either that are not in the version.
    """

    retrieved: tuple[Passage, ...]
    cited: tuple[Passage, ...]
    unresolved: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean and its interval.

    Attributes:
        value: The figure; None where there was nothing to measure.
        low: Lower bound of the 95 % interval; None where n is below `LEAST_QUERIES`.
        high: Its upper bound.
        n: Questions or answers behind it.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int

    def scaled(self, factor: float) -> Estimate:
        """Returns the estimate of a multiple of the figure."""
        value, low, high = (None if item is None else item * factor for item in (self.value, self.low, self.high))
        return Estimate(value=value, low=low, high=high, n=self.n)


UNMEASURED = Estimate(value=None, low=None, high=None, n=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What the first k hits are made of.

    Attributes:
        k: How many hits of each question are looked at; fewer where fewer were found.
        exposure: Share that is AI text (ECR).
        amplification: Exposure / pool; no value where no AI text is in the pool.
        all_ai: Share of questions whose hits are all AI text.
        suspected: Mean share of hits that are only suspected; None without questions.
        human: Mean share of hits that are declared human; None without questions.
        unknown: Mean share of all other hits; None without questions.
        entropy_bits: Shannon entropy of the documents behind the hits, each question weighing the same.
        sources: Effective number of documents, 2 to the power of the entropy.
        max_depth: Largest generation depth of any hit.
        deep: Mean share of hits of depth `DEEP` or more; None without questions.
    """

    k: int
    exposure: Estimate
    amplification: Estimate
    all_ai: Estimate
    suspected: float | None
    human: float | None
    unknown: float | None
    entropy_bits: float | None
    sources: float | None
    max_depth: int
    deep: float | None

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Reads what `Contamination.to_json` wrote of it."""
        estimates = {name: Estimate(**value[name]) for name in ("exposure", "amplification", "all_ai")}
        return cls(**{**value, **estimates})


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """What served answers were made of.

    Attributes:
        answers: Answers that were looked at.
        cited: Share of an answer's citations that are AI text (CCR); n counts answers with a citation.
        retrieved: The same over what was given to the model.
        resolved: Chunk ids that are in the version, cited or retrieved.
        unresolved: Chunk ids that are not: their chunk changed, went, or was named otherwise.
    """

    answers: int
    cited: Estimate
    retrieved: Estimate
    resolved: int
    unresolved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination:
    """The figures of one version.

    Attributes:
        pool: What its chunks are made of, as `provenance.contamination.origin_mix` says; its `ai_share` is the PCR.
        queries: Group to the number of questions that found something.
        without_hits: Questions that found nothing, and count nowhere.
        at: One entry for each k, ascending.
        groups: Group to its exposure at the largest k.
        citation: What served answers were made of.
    """

    pool: Mapping[str, int | float]
    queries: Mapping[str, int]
    without_hits: int
    at: tuple[Exposure, ...]
    groups: Mapping[str, Estimate]
    citation: Citation

    @property
    def top(self) -> Exposure:
        """The figures at the largest k, which is what alarms look at."""
        return self.at[-1]

    def to_json(self) -> dict[str, Any]:
        """Returns the figures as a JSON object."""
        return {
            "pool": dict(self.pool),
            "queries": dict(self.queries),
            "without_hits": self.without_hits,
            "at": [asdict(item) for item in self.at],
            "groups": {name: asdict(item) for name, item in self.groups.items()},
            "citation": asdict(self.citation),
        }


def measure(
    pool: Iterable[tuple[str, str, int]],
    retrieved: Sequence[Retrieved],
    used: Sequence[Used] = (),
    ks: Collection[int] = KS,
) -> Contamination:
    """Measures a version.

    Args:
        pool: Digital source type, basis and generation depth of every chunk of the version.
        retrieved: What each question found; the order of questions changes nothing.
        used: What served answers were made of.
        ks: Numbers of hits to measure at.

    Raises:
        ValueError: A k is not positive, or there is none.
    """
    if not ks or min(ks) < 1:
        raise ValueError(f"exposure is measured at one hit or more, got {sorted(ks)}")
    counts, deepest = count_origins(pool)
    mix = origin_mix(counts, deepest)
    found = [item for item in retrieved if item.hits]
    groups = sorted({item.group for item in retrieved})
    largest = max(ks)
    return Contamination(
        pool=mix,
        queries={group: sum(item.group == group for item in found) for group in groups},
        without_hits=len(retrieved) - len(found),
        at=tuple(_exposure(found, k, float(mix["ai_share"])) for k in sorted(set(ks))),
        groups={group: estimate(shares([i for i in found if i.group == group], largest)) for group in groups},
        citation=_citation(used),
    )


def shares(retrieved: Iterable[Retrieved], k: int) -> Values:
    """Returns, for each question, the share of its first k hits that are AI text; NaN where it found nothing."""
    return np.array([_share(item.hits[:k]) for item in retrieved], dtype=np.float64)


def estimate(values: Values) -> Estimate:
    """Returns the mean of values and the interval of it, NaN left out; the order of values changes nothing."""
    known = np.sort(values[~np.isnan(values)])
    if not len(known):
        return UNMEASURED
    mean = float(known.mean())
    if len(known) < LEAST_QUERIES:
        return Estimate(value=mean, low=None, high=None, n=len(known))
    low, high = np.percentile(_resampled(known), [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return Estimate(value=mean, low=float(low), high=float(high), n=len(known))


def entropy_bits(found: Iterable[Sequence[Passage]]) -> float | None:
    """Returns the Shannon entropy of the documents behind hits, each question weighing the same; None for no hits."""
    weights: dict[str, float] = {}
    for hits in found:
        for hit in hits:
            weights[hit.source] = weights.get(hit.source, 0.0) + 1.0 / len(hits)
    if not weights:
        return None
    parts = np.sort(np.array(list(weights.values())))
    parts = parts / parts.sum()
    return abs(float(-(parts * np.log2(parts)).sum()))


def _resampled(values: Values) -> Values:
    """Returns the means of `DRAWS` samples with replacement, each as large as the values."""
    generator = np.random.default_rng(SEED)
    step = max(1, _BLOCK // len(values))
    sizes = [min(step, DRAWS - start) for start in range(0, DRAWS, step)]
    drawn = [values[generator.integers(0, len(values), size=(size, len(values)))].mean(axis=1) for size in sizes]
    return np.concatenate(drawn)


def _exposure(found: Sequence[Retrieved], k: int, pool: float) -> Exposure:
    tops = [item.hits[:k] for item in found]
    exposure = estimate(shares(found, k))
    bits = entropy_bits(tops)
    return Exposure(
        k=k,
        exposure=exposure,
        amplification=exposure.scaled(1.0 / pool) if pool else Estimate(value=None, low=None, high=None, n=exposure.n),
        all_ai=estimate(np.array([float(all(hit.is_ai for hit in hits)) for hits in tops])),
        suspected=_mean(tops, "is_suspected"),
        human=_mean(tops, "is_human"),
        unknown=_mean(tops, "is_unknown"),
        entropy_bits=bits,
        sources=None if bits is None else 2.0**bits,
        max_depth=max((hit.depth for hits in tops for hit in hits), default=0),
        deep=_mean(tops, "is_deep"),
    )


def _mean(tops: Sequence[Sequence[Passage]], what: str) -> float | None:
    if not tops:
        return None
    return float(np.sort(np.array([sum(getattr(hit, what) for hit in hits) / len(hits) for hits in tops])).mean())


def _share(hits: Sequence[Passage]) -> float:
    return sum(hit.is_ai for hit in hits) / len(hits) if hits else float("nan")


def _citation(used: Sequence[Used]) -> Citation:
    return Citation(
        answers=len(used),
        cited=estimate(np.array([_share(item.cited) for item in used], dtype=np.float64)),
        retrieved=estimate(np.array([_share(item.retrieved) for item in used], dtype=np.float64)),
        resolved=sum(len(item.cited) + len(item.retrieved) for item in used),
        unresolved=sum(item.unresolved for item in used),
    )
