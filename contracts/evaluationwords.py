"""What a contract says about evaluation, in words. Pure."""

from __future__ import annotations

from contracts.evaluation import EvaluationSpec, GoldenGate


def evaluation_in_words(spec: EvaluationSpec) -> str:
    """Returns how versions are evaluated, in a sentence."""
    where = f"golden items of {spec.golden} and of the contract" if spec.golden else "golden items of the contract"
    score = f"; a hit below {spec.min_score:g} is not worth showing" if spec.min_score is not None else ""
    valid = f"; the audit fails where less than {spec.min_valid:.0%} of them hold" if spec.min_valid is not None else ""
    return f"{where}, over the first {spec.k} hits{score}{valid}"


def golden_gate_in_words(gate: GoldenGate, k: int) -> str:
    """Returns what the gate asks, in a sentence.

    Args:
        gate: The gate.
        k: Hits of each question that count.
    """
    said_of = {
        "recall falls by at most {:g}": gate.max_recall_drop,
        "the mean reciprocal rank by at most {:g}": gate.max_mrr_drop,
        "recall of no slice by more than {:g}": gate.max_slice_drop,
        "recall is {:g} at least": gate.min_recall,
        "the mean reciprocal rank is {:g} at least": gate.min_mrr,
        "at most {:.1%} of the items have lost their evidence": gate.max_invalid,
    }
    limits = "; ".join(words.format(limit) for words, limit in said_of.items() if limit is not None)
    return (
        f"a version is not released unless, over golden items whose evidence holds and their first {k} hits, against "
        f"the version that serves: {limits}; intervals reach at most {gate.max_interval_drop:g} below 0"
    )
