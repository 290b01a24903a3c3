"""How the golden gate and the evaluation of two versions of a contract differ. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from contracts.evaluation import GoldenGate
from contracts.versions.changes import Change, Kind, edited

if TYPE_CHECKING:
    from contracts.model import Contract

_MOST = {
    "max_recall_drop": "maxRecallDrop",
    "max_mrr_drop": "maxMrrDrop",
    "max_interval_drop": "maxIntervalDrop",
    "max_slice_drop": "maxSliceDrop",
    "max_invalid": "maxInvalid",
}
_LEAST = {"min_recall": "minRecall", "min_mrr": "minMrr"}
_NO_GATE = GoldenGate(max_recall_drop=None, max_mrr_drop=None, max_interval_drop=1.0, max_slice_drop=None)


def golden_gate_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Yields what differs in the gate `golden`; a contract without it has no limit."""
    was, now = (contract.gates.golden or _NO_GATE for contract in (old, new))
    for name, key in {**_MOST, **_LEAST}.items():
        before, after = getattr(was, name), getattr(now, name)
        if before == after:
            continue
        tighter = before is None or (after is not None and (after < before if name in _MOST else after > before))
        stricter = after is not None and tighter
        why = "versions that were released may be refused." if stricter else "more versions are released."
        kind: Kind = "breaking" if stricter else "compatible"
        yield edited(f"ragGates.golden.{key}", before, after, kind, why, producers=stricter)


def evaluation_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Yields what differs in how versions are evaluated; no document fares otherwise."""
    names = {"golden": "golden", "k": "k", "min_score": "minScore", "min_valid": "minValid"}
    for name, key in names.items():
        was, now = getattr(old.evaluation, name), getattr(new.evaluation, name)
        if was != now:
            why = "versions are evaluated otherwise: figures before and after are not of one kind."
            yield edited(f"ragEvaluation.{key}", was or None, now or None, "notice", why, consumers=True)
