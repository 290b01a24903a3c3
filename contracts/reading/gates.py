"""The custom property `ragGates`: limits that a candidate version must keep before an alias moves to it."""

from __future__ import annotations

from contracts.model import ContaminationGate, GateSpec
from contracts.reading.lifecycle import (
    read_change,
    read_freshness_gate,
    read_overlap,
    read_quality_gate,
    read_recall,
)
from contracts.text.node import Node

_LIMITS = ("maxExposure", "maxAmplification", "maxExposureRise", "maxAllAiShare")
_MOST_AMPLIFICATION = 100.0
_MOST_HITS = 100


def read_gates(node: Node) -> GateSpec:
    """Reads ragGates; a gate that is not named is not run."""
    node.only(("contamination", "recall", "overlap", "quality", "freshness", "change"))
    return GateSpec(
        contamination=_contamination(node.get("contamination")) if node.has("contamination") else None,
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


def _limit(node: Node, low: float, high: float) -> float | None:
    return None if node.value is None else node.number(high, low, high)
