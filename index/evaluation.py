"""How well a version answers its golden items: measures, the four assumptions, and what a change is made of. Pure.

The unit of relevance is a piece of evidence, not a chunk: it is found at the hit that completes it. So figures
of versions that were cut otherwise can be compared. Measures are those of `ir-measures`. A change between two
versions is split into invalidation and regression in exact fractions, so the parts add up to the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from typing import Any

from index.evidence import Rank, State

MEASURES = ("ndcg", "recall", "mrr")
"""nDCG, recall and reciprocal rank, each over the first k hits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What one item scored, each in [0, 1]: `mrr` is the reciprocal rank of its first piece of evidence."""

    ndcg: float
    recall: float
    mrr: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """How one item fared in one version.

    Attributes:
        id: The item.
        digest: Digest of its question and evidence.
        tags: Its slices.
        state: What became of its evidence since it was bound.
        why: What happened, with ids of documents and no text of any.
        ranks: For each piece of evidence the hit that completed it, from 1; None where none of the first k did.
        score: Lowest score of those hits; None where there is none.
        retrievable: A piece of evidence is among the first k hits.
        complete: All of them are.
        above_threshold: Those that are there score at least what the contract asks; None where it asks nothing, or
            none is there.
        uncontradicted: No hit stands against the evidence, known rivals included.
        scores: Its measures.
    """

    id: str
    digest: str
    tags: tuple[str, ...]
    state: State
    why: str
    ranks: tuple[int | None, ...]
    score: float | None
    retrievable: bool
    complete: bool
    above_threshold: bool | None
    uncontradicted: bool
    scores: Scores

    @property
    def counts(self) -> bool:
        """Whether its score says something about the search, its evidence being what was pinned."""
        return self.state.holds

    def to_json(self) -> dict[str, Any]:
        """Returns the result as a JSON object."""
        return {**asdict(self), "state": self.state.value, "tags": list(self.tags), "ranks": list(self.ranks)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ItemResult:
        """Reads what `to_json` wrote; keys of a later build are passed over."""
        known = {field.name: value[field.name] for field in fields(cls)}
        made = {
            "tags": tuple(value["tags"]),
            "state": State(value["state"]),
            "ranks": tuple(value["ranks"]),
            "scores": Scores(**value["scores"]),
        }
        return cls(**{**known, **made})


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """What a change of one measure is made of; `invalidation + regression == after - before`, exactly.

    Attributes:
        before: Mean over the compared items in the one version.
        after: The same in the other.
        invalidation: Share of the change that comes from items whose evidence does not hold in one of the two.
        regression: Share that comes from items whose evidence holds in both: the search itself. Above 0 it is better.
    """

    before: Fraction
    after: Fraction
    invalidation: Fraction
    regression: Fraction

    def to_json(self) -> dict[str, float]:
        """Returns the split as a JSON object."""
        return {name: float(value) for name, value in asdict(self).items()} | {
            "change": float(self.after - self.before)
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How two evaluations of one set differ.

    Attributes:
        before: Number of the one version.
        items: Items that were asked of both with the same question and evidence.
        invalid: Those whose evidence does not hold in one of them.
        uncompared: Items that are in one of the two only, or were edited.
        measures: Measure to its split; empty where no item can be compared.
        became: State to the items that have it in the later version and had another in the earlier one.
    """

    before: int
    items: int
    invalid: int
    uncompared: int
    measures: Mapping[str, Split]
    became: Mapping[str, tuple[str, ...]]

    def to_json(self) -> dict[str, Any]:
        """Returns the change as a JSON object."""
        return {
            "before": self.before,
            "items": self.items,
            "invalid": self.invalid,
            "uncompared": self.uncompared,
            "measures": {name: split.to_json() for name, split in self.measures.items()},
            "became": {state: list(ids) for state, ids in self.became.items()},
        }


def score_items(ranks: Mapping[str, Sequence[Rank | None]], k: int) -> dict[str, Scores]:
    """Scores items by `ir-measures`.

    Args:
        ranks: Item id to the hit that completed each piece of its evidence.
        k: How many hits were looked at.
    """
    import ir_measures  # noqa: PLC0415 - readers and gates without golden items do not pay for it
    from ir_measures import RR, R, nDCG  # noqa: PLC0415

    if not ranks:
        return {}
    deepest = k + max(len(places) for places in ranks.values())  # hits that complete two pieces take two lines
    wanted = {nDCG @ deepest: "ndcg", R @ deepest: "recall", RR @ deepest: "mrr"}
    judged = [
        ir_measures.Qrel(item, _unit(number), 1) for item, places in ranks.items() for number in range(len(places))
    ]
    run = [
        ir_measures.ScoredDoc(item, unit, float(-line))
        for item, places in ranks.items()
        for line, unit in enumerate(_ranking(places, k))
    ]
    found: dict[str, dict[str, float]] = {item: dict.fromkeys(MEASURES, 0.0) for item in ranks}
    for value in ir_measures.iter_calc(list(wanted), judged, run):
        found[value.query_id][wanted[value.measure]] = float(value.value)
    return {item: Scores(**values) for item, values in found.items()}


def _unit(number: int) -> str:
    return f"evidence-{number}"


def _ranking(places: Sequence[Rank | None], k: int) -> Iterable[str]:
    """Yields what stands at each hit: the evidence that it completes, or something else."""
    for at in range(1, k + 1):
        units = [_unit(number) for number, rank in enumerate(places) if rank is not None and rank.rank == at]
        yield from units or (f"hit-{at}",)


def means(results: Sequence[ItemResult]) -> dict[str, float] | None:
    """Returns the mean of each measure; None for no result."""
    if not results:
        return None
    return {
        name: float(sum(Fraction(getattr(item.scores, name)) for item in results) / len(results)) for name in MEASURES
    }


def compare(number: int, before: Iterable[ItemResult], after: Iterable[ItemResult]) -> Change:
    """Compares an evaluation with an earlier one and splits what changed.

    Args:
        number: Number of the earlier version.
        before: Its results.
        after: The later ones.
    """
    old, new = ({item.id: item for item in results if item.state is not State.UNBOUND} for results in (before, after))
    both = [name for name in sorted(old.keys() & new.keys()) if old[name].digest == new[name].digest]
    became: dict[str, list[str]] = {}
    for name in both:
        if old[name].state is not new[name].state:
            became.setdefault(new[name].state.value, []).append(name)
    pairs = [(old[name], new[name]) for name in both]
    return Change(
        before=number,
        items=len(both),
        invalid=sum(not (first.counts and second.counts) for first, second in pairs),
        uncompared=len(old.keys() | new.keys()) - len(both),
        measures={name: split(pairs, name) for name in MEASURES} if pairs else {},
        became={state: tuple(ids) for state, ids in sorted(became.items())},
    )


def split(pairs: Sequence[tuple[ItemResult, ItemResult]], measure: str) -> Split:
    """Splits the change of one measure; `pairs` are results of one item each, earlier and later, one at least."""
    values = [
        (Fraction(getattr(old.scores, measure)), Fraction(getattr(new.scores, measure)), old.counts and new.counts)
        for old, new in pairs
    ]
    return Split(
        before=sum((old for old, _, _ in values), Fraction()) / len(values),
        after=sum((new for _, new, _ in values), Fraction()) / len(values),
        invalidation=sum((new - old for old, new, held in values if not held), Fraction()) / len(values),
        regression=sum((new - old for old, new, held in values if held), Fraction()) / len(values),
    )


def counts(results: Iterable[ItemResult]) -> dict[str, int]:
    """Returns the number of items in each state, all states named."""
    found = dict.fromkeys((state.value for state in State), 0)
    for item in results:
        found[item.state.value] += 1
    return found


def assumptions(results: Sequence[ItemResult]) -> dict[str, dict[str, int]]:
    """Returns for each assumption how many items keep it, break it, and were not asked; unbound items left out."""
    asked = [item for item in results if item.state is not State.UNBOUND]
    names = ("retrievable", "complete", "above_threshold", "uncontradicted")
    return {
        name: {
            "holds": sum(getattr(item, name) is True for item in asked),
            "broken": sum(getattr(item, name) is False for item in asked),
            "not_asked": sum(getattr(item, name) is None for item in asked),
        }
        for name in names
    }
