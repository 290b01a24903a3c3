"""Custom properties about the life of versions: gates of `ragGates`, `ragRetention`, `ragApprovals`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from contracts.lifecycle import (
    ApprovalSpec,
    ChangeGate,
    FreshnessGate,
    OverlapGate,
    QualityGate,
    RecallGate,
    Unit,
    VersionRetention,
)
from contracts.text.node import Node
from contracts.text.problems import listed, shown
from corpus.ids import NAME_PATTERN

_MOST_DAYS = 36_500
_MOST_HITS = 100
_MOST_SAMPLE = 5_000
# A contract may let a version grow a hundredfold in one release; more is no limit.
_MOST_GROWTH = 100.0
_MOST_PERSONS = 9
_MOST_KEPT = 10_000


def read_recall(node: Node) -> RecallGate:
    """Reads the gate `recall`."""
    node.only(("minimum",))
    return RecallGate(minimum=node.get("minimum").number(RecallGate().minimum, 0.0, 1.0))


def read_overlap(node: Node) -> OverlapGate:
    """Reads the gate `overlap`; every limit has a default."""
    node.only(("minimum", "minimumModelChange", "k", "sample"))
    plain = OverlapGate()
    k = node.get("k")
    return OverlapGate(
        minimum=node.get("minimum").number(plain.minimum, 0.0, 1.0),
        minimum_model_change=node.get("minimumModelChange").number(plain.minimum_model_change, 0.0, 1.0),
        k=None if k.value is None else k.whole(10, 1, _MOST_HITS),
        sample=node.get("sample").whole(plain.sample, 1, _MOST_SAMPLE),
    )


def read_quality_gate(node: Node) -> QualityGate:
    """Reads the gate `quality`."""
    node.only(("minimum", "maxShareBelow", "maxDrop", "of"))
    _require_limit(node, "quality", ("minimum", "maxDrop"))
    if node.has("maxShareBelow") and not node.has("minimum"):
        node.get("maxShareBelow").problem("`maxShareBelow` without `minimum`: below what?", "Add `minimum`.", key=True)
    return QualityGate(
        minimum=_limit(node.get("minimum"), 1.0),
        max_share_below=node.get("maxShareBelow").number(0.0, 0.0, 1.0),
        max_drop=_limit(node.get("maxDrop"), 1.0),
        of=cast("Unit", node.get("of").choice(("chunks", "documents"), "chunks", "unit")),
    )


def read_freshness_gate(node: Node) -> FreshnessGate:
    """Reads the gate `freshness`."""
    node.only(("maxAgeDays", "maxShareOlder"))
    _require_limit(node, "freshness", ("maxAgeDays",))
    return FreshnessGate(
        max_age_days=node.get("maxAgeDays").whole(1, 1, _MOST_DAYS),
        max_share_older=node.get("maxShareOlder").number(0.0, 0.0, 1.0),
    )


def read_change(node: Node) -> ChangeGate:
    """Reads the gate `change`."""
    names = ("maxAddedShare", "maxRemovedShare", "maxChangedShare")
    node.only(names)
    _require_limit(node, "change", names)
    added, removed, changed = (node.get(name) for name in names)
    return ChangeGate(
        max_added_share=_limit(added, _MOST_GROWTH),
        max_removed_share=_limit(removed, 1.0),
        max_changed_share=_limit(changed, 1.0),
    )


def read_version_retention(node: Node) -> VersionRetention:
    """Reads ragRetention; without it no version is removed, and few failed candidates are kept."""
    node.only(("versions", "days", "candidates", "candidateDays"))
    plain = VersionRetention()
    return VersionRetention(
        declared=node.value is not None,
        versions=node.get("versions").whole(plain.versions, 0, _MOST_KEPT),
        days=node.get("days").whole(plain.days, 0, _MOST_DAYS),
        candidates=node.get("candidates").whole(plain.candidates, 0, _MOST_KEPT),
        candidate_days=node.get("candidateDays").whole(plain.candidate_days, 0, _MOST_DAYS),
    )


def read_approvals(node: Node) -> ApprovalSpec:
    """Reads ragApprovals."""
    node.only(("persons", "approvers", "aliases"))
    if node.value is None:
        return ApprovalSpec()
    approvers, aliases = node.get("approvers"), node.get("aliases")
    persons = node.get("persons").whole(1, 1, _MOST_PERSONS)
    names = approvers.texts() if node.has("approvers") else ()
    people = len({name.casefold() for name in names})
    if names and people < persons:
        approvers.problem(f"{persons} approvals of {people} persons.", "Name more people, or ask for fewer.")
    chosen = aliases.texts() if node.has("aliases") else ApprovalSpec().aliases
    for item in aliases.items():
        if isinstance(item.value, str) and not NAME_PATTERN.match(item.value):
            item.problem(f"{shown(item.value)} is no alias.", "Lower-case letters, digits, '.', '_' and '-'.")
    return ApprovalSpec(persons=persons, approvers=names, aliases=chosen)


def _require_limit(node: Node, gate: str, names: Sequence[str]) -> None:
    if not any(node.has(name) for name in names):
        node.problem(f"the gate `{gate}` has no limit.", f"Name at least one of: {listed(names)}.")


def _limit(node: Node, high: float) -> float | None:
    return None if node.value is None else node.number(high, 0.0, high)
