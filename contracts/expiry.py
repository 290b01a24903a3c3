"""When a document has to be judged again although nothing in it changed: time passes for some rules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from contracts.model import Contract
from contracts.rules.table import RULES
from contracts.text.thresholds import holds

SCORE_STEP = timedelta(days=7)
"""How long a score that sinks with age stands (our choice: at the scorer's half-life of two years it loses less than
0.7 % of its freshness in a week)."""


def expires_at(contract: Contract, row: Mapping[str, Any], now: datetime) -> datetime | None:
    """Returns when the first rule that a document keeps today will stop being kept.

    Args:
        contract: The contract.
        row: The document, with the columns of documents.parquet.
        now: The moment of judgement, aware.

    Returns:
        A moment after `now`; None when time changes nothing.
    """
    ends = [
        moment
        for check in contract.checks
        if check.engine == "stemma" and (expiry := RULES[check.rule].expires) is not None
        if (moment := expiry(check, row)) is not None and moment > now
    ]
    if _may_sink(contract, row):
        ends.append(now + SCORE_STEP)
    return min(ends, default=None)


def _may_sink(contract: Contract, row: Mapping[str, Any]) -> bool:
    """Returns whether a score that keeps its rule today can break it by growing old.

    Only where the contract gives freshness weight does the score depend on the day. What freshness adds to a score is
    never more than the sub-score itself, so the score cannot sink below their difference.
    """
    if contract.quality.weights.get("freshness", 0.0) <= 0 or row.get("quality_score") is None:
        return False
    score = float(row["quality_score"])
    fresh = float(json.loads(row.get("quality_parts") or "{}").get("freshness", 0.0))
    least = max(0.0, score - fresh)
    thresholds = [check.threshold for check in contract.checks if check.rule == "quality_score" and check.threshold]
    return any(holds(threshold, score) and not holds(threshold, least) for threshold in thresholds)
