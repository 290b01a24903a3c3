"""What evaluation says: of one version, of a binding, of a new baseline, and over time. Values, and nothing done.

No question and no word of a document is in any of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from contracts.evaluation import EvaluationSpec
from corpus.catalog.evaluations import EvaluationRecord
from index.evaluation import Change, ItemResult, assumptions, counts, means
from index.evidence import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How one version answered the golden items.

    Attributes:
        name: The index.
        number: The version.
        measured_at: When.
        spec: How it was asked.
        results: One for each item.
        bound_now: Items that were bound to this version by this evaluation, never having been bound before.
        change: How it compares with an earlier version; None where there is none to compare with.
    """

    name: str
    number: int
    measured_at: datetime
    spec: EvaluationSpec
    results: tuple[ItemResult, ...]
    bound_now: tuple[str, ...]
    change: Change | None

    @property
    def bound(self) -> int:
        """Items that are bound."""
        return sum(item.state is not State.UNBOUND for item in self.results)

    @property
    def holding(self) -> int:
        """Items whose evidence holds."""
        return sum(item.counts for item in self.results)

    @property
    def measures(self) -> dict[str, float] | None:
        """Means over the items whose evidence holds; None where none does."""
        return means([item for item in self.results if item.counts])

    @property
    def stale(self) -> bool:
        """Whether fewer items hold than the contract asks."""
        least = self.spec.min_valid
        return least is not None and (not self.bound or self.holding / self.bound < least)

    def figures(self) -> dict[str, int | float | str]:
        """Returns the figures that a receipt shows."""
        found: dict[str, int | float | str] = {
            "golden_items": len(self.results),
            "golden_holding": self.holding,
            "golden_unbound": len(self.results) - self.bound,
        }
        return found | {f"golden_{name}": round(value, 6) for name, value in (self.measures or {}).items()}

    def to_json(self) -> dict[str, Any]:
        """Returns the evaluation as a JSON object."""
        bound = [item for item in self.results if item.state is not State.UNBOUND]
        return {
            "name": self.name,
            "version": self.number,
            "measured_at": self.measured_at.isoformat(),
            "k": self.spec.k,
            "min_score": self.spec.min_score,
            "min_valid": self.spec.min_valid,
            "items": len(self.results),
            "bound": self.bound,
            "holding": self.holding,
            "stale": self.stale,
            "states": counts(self.results),
            "assumptions": assumptions(self.results),
            "measures": {"holding": self.measures, "all": means(bound)},
            "slices": self._slices(),
            "bound_now": list(self.bound_now),
            "change": self.change.to_json() if self.change else None,
            "results": [item.to_json() for item in self.results],
        }

    def _slices(self) -> dict[str, dict[str, Any]]:
        found: dict[str, list[ItemResult]] = {}
        for item in self.results:
            for tag in item.tags if item.counts else ():
                found.setdefault(tag, []).append(item)
        return {tag: {"items": len(items), **(means(items) or {})} for tag, items in sorted(found.items())}


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What was bound.

    Attributes:
        name: The index.
        number: The version.
        bound: Items that were bound by this.
        already: Items that were bound before, and stay so.
        unbound: Items that are not, with the reason.
        accepted: Items that documents stand against already, with these: they will not count as contested by them.
    """

    name: str
    number: int
    bound: tuple[str, ...]
    already: int
    unbound: Mapping[str, str]
    accepted: Mapping[str, tuple[str, ...]]

    def to_json(self) -> dict[str, Any]:
        """Returns the binding as a JSON object."""
        return {
            "name": self.name,
            "version": self.number,
            "bound": list(self.bound),
            "already": self.already,
            "unbound": dict(self.unbound),
            "accepted": {item: list(documents) for item, documents in self.accepted.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebase:
    """A new baseline.

    Attributes:
        name: The index.
        number: The version that items are bound to from now on.
        reason: Why.
        rebased: Items that were bound anew, with the state that they had.
        left: Items that were meant and whose evidence is not in the version, with their state.
    """

    name: str
    number: int
    reason: str
    rebased: Mapping[str, str]
    left: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Returns the baseline as a JSON object."""
        return {
            "name": self.name,
            "version": self.number,
            "reason": self.reason,
            "rebased": dict(self.rebased),
            "left": dict(self.left),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One evaluation in figures, for a curve over time.

    Attributes:
        number: The version.
        measured_at: When.
        k: Hits of each question.
        items: Items that were bound.
        holding: Those whose evidence held.
        share: The one by the other; None where none was bound.
        states: State to number of items.
        ndcg: Mean over the items that held.
        recall: Likewise.
        mrr: Likewise.
    """

    number: int
    measured_at: datetime
    k: int
    items: int
    holding: int
    share: float | None
    states: Mapping[str, int]
    ndcg: float | None
    recall: float | None
    mrr: float | None

    def to_json(self) -> dict[str, Any]:
        """Returns the point as a JSON object."""
        return {**asdict(self), "measured_at": self.measured_at.isoformat()}


def point_of(record: EvaluationRecord) -> Point:
    """Returns one evaluation in figures."""
    return Point(
        number=record.number,
        measured_at=record.measured_at,
        k=record.k,
        items=record.items,
        holding=record.holding,
        share=record.holding / record.items if record.items else None,
        states=record.report["states"],
        ndcg=record.ndcg,
        recall=record.recall,
        mrr=record.mrr,
    )
