"""The golden gates of a candidate: asked the golden questions before it is signed, beside the version that serves.

The version that serves is asked too, with its own model, unless its last evaluation covers the same items: a version
never changes. What is decided from the results is in `index.golden_gate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from contracts.evaluation import EvaluationSpec, GoldenGate
from corpus.catalog import evaluations
from corpus.errors import ConfigurationError, FingerprintMismatch
from index import golden_gate
from index.build import Built
from index.evaluation import ItemResult
from index.golden import GoldenItem
from index.judging import Bound
from index.manifest import GateResult, Manifest
from ingestion.candidate import Candidate
from ingestion.embedding import open_embedder
from ingestion.evaluating import Asked, Evaluated, Subject, bound_of, published, unpublished
from ingestion.golden import golden_items
from ingestion.runtime import Runtime


def golden_gates(
    runtime: Runtime, candidate: Candidate, built: Built, draft: Manifest, asked: Asked
) -> tuple[GateResult, ...]:
    """Judges a candidate by the contract's gate `golden`; nothing where the contract has none.

    Args:
        runtime: The project.
        candidate: What would be published.
        built: Its files.
        draft: The manifest that they would get.
        asked: Keeps what both versions answered, for what comes after the release.

    Raises:
        ConfigurationError: The golden set cannot be read.
    """
    gate, spec = candidate.contract.gates.golden, candidate.contract.evaluation
    if gate is None:
        return ()
    items = golden_items(runtime, candidate.contract)
    with runtime.catalog.reading() as tx:
        records = evaluations.bindings(tx, candidate.contract.name)
    edited = frozenset(item.id for item in items if item.id in records and records[item.id].digest != item.digest)
    bound = bound_of(records, items)
    before = None
    if candidate.served is not None:
        served = _served(runtime, candidate, items, bound, edited, asked)
        before, bound = served.results, {**_provisional(served, candidate.served.number), **bound}

    def opening() -> Subject:
        return unpublished(runtime, open_embedder(runtime, candidate.space), built, draft)

    after = asked.evaluate(runtime, draft.identity, opening, items, spec, bound, edited=edited).results
    return golden_gate.golden_gates(_limits(gate, spec), before, after)


def _served(
    runtime: Runtime,
    candidate: Candidate,
    items: Sequence[GoldenItem],
    bound: Mapping[str, Bound],
    edited: frozenset[str],
    asked: Asked,
) -> Evaluated:
    """Evaluates the version that serves; where its model is gone, its stored results stand in for items they cover."""
    version, spec = candidate.served, candidate.contract.evaluation
    assert version is not None  # noqa: S101 - for the type checker; it is called where one serves
    try:
        return asked.evaluate(
            runtime, version.identity, lambda: published(runtime, version), items, spec, bound, edited=edited
        )
    except (ConfigurationError, FingerprintMismatch):
        with runtime.catalog.reading() as tx:
            stored = evaluations.latest(tx, version.name, [version.number]).get(version.number)
        if stored is None or stored.k != spec.k:
            raise
        results = [ItemResult.from_json(item) for item in stored.report["results"]]
        covered = {(item.id, item.digest) for item in items if item.id in bound}
        return Evaluated(
            results=tuple(result for result in results if (result.id, result.digest) in covered), pins={}, rivals={}
        )


def _provisional(served: Evaluated, number: int) -> dict[str, Bound]:
    """Judges items that nobody has bound yet by where their evidence stands in the version that serves."""
    return {
        item.id: Bound(number=number, pins=served.pins[item.id], rivals=frozenset(served.rivals[item.id]))
        for item in served.results
        if item.counts and item.id in served.pins
    }


def _limits(gate: GoldenGate, spec: EvaluationSpec) -> golden_gate.Limits:
    return golden_gate.Limits(
        k=spec.k,
        recall_drop=gate.max_recall_drop,
        mrr_drop=gate.max_mrr_drop,
        interval_drop=gate.max_interval_drop,
        slice_drop=gate.max_slice_drop,
        min_recall=gate.min_recall,
        min_mrr=gate.min_mrr,
        max_invalid=gate.max_invalid,
    )
