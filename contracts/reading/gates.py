"""The custom property `ragGates`: limits that a candidate version must keep before an alias moves to it."""

from __future__ import annotations

from contracts.evaluation import GoldenGate
from contracts.gates import ContaminationGate, GateSpec
from contracts.reading.lifecycle import (
    read_change,
    read_freshness_gate,
    read_overlap,
    read_quality_gate,
    read_recall,
)
from contracts.text.node import Node
from contracts.text.problems import shown

_LIMITS = ("maxExposure", "maxAmplification", "maxExposureRise", "maxAllAiShare")
_DROPS = ("maxRecallDrop", "maxMrrDrop", "maxSliceDrop")
_GOLDEN = (*_DROPS, "maxIntervalDrop", "minRecall", "minMrr", "maxInvalid")
_MOST_AMPLIFICATION = 100.0
_MOST_HITS = 100


def read_gates(node: Node) -> GateSpec:
    """Reads ragGates; a gate that is not named is not run."""
    node.only(("contamination", "golden", "recall", "overlap", "quality", "freshness", "change"))
    return GateSpec(
        contamination=_contamination(node.get("contamination")) if node.has("contamination") else None,
        golden=_golden(node.get("golden")) if node.has("golden") else None,
        recall=read_recall(node.get("recall")),
        overlap=read_overlap(node.get("overlap")) if node.has("overlap") else None,
        quality=read_quality_gate(node.get("quality")) if node.has("quality") else None,
        freshness=read_freshness_gate(node.get("freshness")) if node.has("freshness") else None,
        change=read_change(node.get("change")) if node.has("change") else None,
    )


def _contamination(node: Node) -> ContaminationGate:
    node.only((*_LIMITS, "k"))
    if not any(node.has(name) for name in _LIMITS):
        node.problem("the gate `contamination` has no limit.", f"Name at least one of: {', '.join(_LIMITS)}.")
    exposure, amplification, rise, all_ai = (node.get(name) for name in _LIMITS)
    return ContaminationGate(
        max_exposure=_limit(exposure, 0.0, 1.0),
        max_amplification=_limit(amplification, 1.0, _MOST_AMPLIFICATION),
        max_exposure_rise=_limit(rise, 0.0, 1.0),
        max_all_ai_share=_limit(all_ai, 0.0, 1.0),
        k=node.get("k").whole(ContaminationGate().k, 1, _MOST_HITS),
    )


def _golden(node: Node) -> GoldenGate:
    """Reads the gate `golden`; a limit that is left out has its default, and `off` takes one away."""
    node.only(_GOLDEN)
    usual = GoldenGate()
    recall, mrr, slices = (node.get(name) for name in _DROPS)
    found = GoldenGate(
        max_recall_drop=_drop(recall, usual.max_recall_drop),
        max_mrr_drop=_drop(mrr, usual.max_mrr_drop),
        max_interval_drop=node.get("maxIntervalDrop").number(usual.max_interval_drop, 0.0, 1.0),
        max_slice_drop=_drop(slices, usual.max_slice_drop),
        min_recall=_limit(node.get("minRecall"), 0.0, 1.0),
        min_mrr=_limit(node.get("minMrr"), 0.0, 1.0),
        max_invalid=_limit(node.get("maxInvalid"), 0.0, 1.0),
    )
    limits = (found.max_recall_drop, found.max_mrr_drop, found.max_slice_drop, found.min_recall, found.min_mrr)
    if all(limit is None for limit in (*limits, found.max_invalid)):
        node.problem("the gate `golden` has no limit left.", f"Keep at least one of: {', '.join(_GOLDEN)}.")
    return found


def _drop(node: Node, usual: float | None) -> float | None:
    # YAML 1.1 reads a bare `off` as false.
    if node.value is False or node.value == "off":
        return None
    if node.value is not None and (isinstance(node.value, bool) or not isinstance(node.value, int | float)):
        node.problem(f"`{node.path[-1]}` must be a number from 0 to 1 or `off`, not {shown(node.value)}.")
        return usual
    return node.number(usual if usual is not None else 1.0, 0.0, 1.0)


def _limit(node: Node, low: float, high: float) -> float | None:
    return None if node.value is None else node.number(high, low, high)
