"""The parts of a contract about the life of versions, in plain words, for `contracts.explain`."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.lifecycle import (
    ApprovalSpec,
    ChangeGate,
    FreshnessGate,
    OverlapGate,
    QualityGate,
    VersionRetention,
)
from contracts.model import Contract


def lifecycle_words(contract: Contract) -> Iterator[tuple[str, str, str]]:
    """Yields the name of each part, what it says, and the custom property that it comes from."""
    gates = contract.gates
    yield "gate recall", f"the index finds at least {gates.recall.minimum:.1%} of what exact search finds", "ragGates"
    if gates.overlap:
        yield "gate overlap", _overlap(gates.overlap), "ragGates"
    if gates.quality:
        yield "gate quality", _quality(gates.quality), "ragGates"
    if gates.freshness:
        yield "gate freshness", _freshness(gates.freshness), "ragGates"
    if gates.change:
        yield "gate change", _change(gates.change), "ragGates"
    yield "versions", _versions(contract.versions), "ragRetention"
    yield "approvals", _approvals(contract.approvals), "ragApprovals"


def _overlap(gate: OverlapGate) -> str:
    k = f"{gate.k}" if gate.k is not None else "10 (5 after a change of the model)"
    return (
        f"of the nearest {k} neighbours that a chunk has in the version that serves it keeps at least "
        f"{gate.minimum:.1%}, after a change of the model {gate.minimum_model_change:.1%}; over at most "
        f"{gate.sample} chunks"
    )


def _quality(gate: QualityGate) -> str:
    low = gate.minimum is not None
    parts = [f"at most {gate.max_share_below:.1%} of the {gate.of} score below {gate.minimum:g}"] if low else []
    if gate.max_drop is not None:
        parts.append(f"the mean score of the {gate.of} falls by at most {gate.max_drop:g} in one release")
    return "; ".join(parts)


def _freshness(gate: FreshnessGate) -> str:
    return (
        f"at most {gate.max_share_older:.1%} of the documents were validated more than {gate.max_age_days} days ago "
        "or at no known date"
    )


def _change(gate: ChangeGate) -> str:
    limits = {
        "added": gate.max_added_share,
        "removed": gate.max_removed_share,
        "changed": gate.max_changed_share,
    }
    said = ", ".join(f"{limit:.1%} {name}" for name, limit in limits.items() if limit is not None)
    return f"one release changes at most, of the documents that are served: {said}"


def _versions(spec: VersionRetention) -> str:
    candidates = (
        f"of candidates that failed a gate the newest {spec.candidates} are kept, for {spec.candidate_days} days"
    )
    if not spec.declared:
        return f"every version is kept; {candidates}"
    return (
        f"beside those that an alias points to or that are held, the newest {spec.versions} are kept, and every one "
        f"for {spec.days} days after it last served; {candidates}"
    )


def _approvals(spec: ApprovalSpec) -> str:
    if not spec.persons:
        return "nobody needs to approve a version"
    who = f", out of {', '.join(spec.approvers)}" if spec.approvers else ""
    persons = "one person" if spec.persons == 1 else f"{spec.persons} persons"
    return f"{persons} other than the builder{who} approve a version before {', '.join(spec.aliases)} points to it"
