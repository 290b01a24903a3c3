"""Golden items of one version, as they were evaluated last: which hold, what became of the others. Model and making."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from console.web.page import PER_PAGE, Paging, View
from contracts.model import Contract
from corpus.catalog.evaluations import EvaluationRecord
from corpus.errors import ConfigurationError
from ingestion.runtime import Runtime

MEANS: Mapping[str, str] = {
    "valid": "its evidence is what was pinned",
    "moved": "its words stand elsewhere in the document; that holds",
    "contested": "another document says something else beside it",
    "changed": "its words are no longer in the document",
    "gone": "its document is not in the version",
    "unbound": "its evidence was never found",
}
"""State of an item to what it means."""
_WORST = ("gone", "changed", "contested", "unbound", "moved", "valid")


class GoldenItem(View):
    """One golden question, and how it fared."""

    id: str
    question: str = Field(description="Empty where the set holds it no more, or another under its name.")
    state: str
    why: str
    ranks: list[int | None] = Field(description="For each piece of evidence the hit that completed it; null for none.")
    recall: float
    tags: list[str]


class GoldenItems(View):
    """How a version answered the golden questions."""

    measured_at: datetime
    k: int = Field(description="Hits of each question that were looked at.")
    items: int = Field(description="Items that are bound.")
    holding: int = Field(description="Those of them whose evidence holds; measures are means over these.")
    states: dict[str, int] = Field(description="State to items, the worst first.")
    means: dict[str, str] = Field(description="What each state means.")
    recall: float | None
    ndcg: float | None
    mrr: float | None
    compared_with: int | None
    changes: dict[str, dict[str, float]] = Field(
        description="Measure to `before`, `after`, `change`, and its parts `invalidation` and `regression`."
    )
    rows: list[GoldenItem] = Field(description="One page of the items, the worst first.")
    paging: Paging
    note: str = Field(description="Why questions are not shown; empty where they are.")


def golden_of(
    runtime: Runtime, contract: Contract | None, record: EvaluationRecord | None, page: int
) -> GoldenItems | None:
    """Returns the last evaluation of a version; None where it has none."""
    if record is None:
        return None
    results = sorted(record.report["results"], key=lambda item: (_place(item), str(item["id"])))
    paging = Paging.of(page, len(results))
    shown = results[paging.offset() : paging.offset() + PER_PAGE]
    questions, note = _questions(runtime, contract)
    change = record.report.get("change") or {}
    states = {state: number for state, number in record.report["states"].items() if number}
    return GoldenItems(
        measured_at=record.measured_at,
        k=record.k,
        items=record.items,
        holding=record.holding,
        states={state: states[state] for state in sorted(states, key=_rank)},
        means={state: MEANS[state] for state in sorted(states, key=_rank) if state in MEANS},
        recall=record.recall,
        ndcg=record.ndcg,
        mrr=record.mrr,
        compared_with=record.compared_with,
        changes=change.get("measures") or {},
        rows=[_item(item, questions) for item in shown],
        paging=paging,
        note=note,
    )


def _rank(state: str) -> int:
    return _WORST.index(state) if state in _WORST else -1


def _place(item: Mapping[str, Any]) -> tuple[int, bool]:
    return _rank(str(item["state"])), bool(item["complete"])


def _item(item: Mapping[str, Any], questions: Mapping[str, str]) -> GoldenItem:
    return GoldenItem(
        id=str(item["id"]),
        question=questions.get(str(item["digest"]), ""),
        state=str(item["state"]),
        why=str(item["why"]),
        ranks=list(item["ranks"]),
        recall=float(item["scores"]["recall"]),
        tags=[str(tag) for tag in item["tags"]],
    )


def _questions(runtime: Runtime, contract: Contract | None) -> tuple[dict[str, str], str]:
    """Returns the questions of the set of today by digest, and why there are none; a report holds no question."""
    if contract is None:
        return {}, "The contract cannot be read, so its questions are not shown."
    from ingestion.golden import golden_items  # noqa: PLC0415 - pages without an evaluation need none

    try:
        return {item.digest: item.question for item in golden_items(runtime, contract)}, ""
    except ConfigurationError as error:
        return {}, str(error)
