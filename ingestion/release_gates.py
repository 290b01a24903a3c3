"""The gates that the contract declares under `ragGates`, laid to a built candidate, and two that every one passes.

Measures what `index.drift_gates` judges: reads files of the candidate and of the version that serves, and the
catalog. Only `canary_gate` loads a model.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import IO, Any

from contracts.lifecycle import ChangeGate, FreshnessGate, OverlapGate, QualityGate
from corpus import batches
from corpus.catalog import decisions, relations, versions
from corpus.catalog.records import VersionRecord
from corpus.errors import ConfigurationError, IntegrityError
from corpus.types import Outcome, utc_now
from index import drift_gates, gates, layout, search
from index.build import Built
from index.canaries import compare
from index.manifest import GateResult
from index.overlap import COLUMNS, Side, neighbour_overlap
from index.signing import TrustStore
from index.verify import verify_version
from ingestion.canaries import canary_vectors, stored_canaries
from ingestion.candidate import Candidate
from ingestion.relations.codes import SUPERSEDED
from ingestion.runtime import Runtime

_K, _K_MODEL_CHANGE = 10, 5
_OLD_NAMED = 50
_LOWEST_NAMED = 20
_UNSCORED = -1.0


def declared_gates(
    runtime: Runtime, candidate: Candidate, built: Built, *, forced: bool = False
) -> tuple[GateResult, ...]:
    """Judges a built candidate by the contract's gates that need no model, and that nothing superseded is served.

    Args:
        runtime: The project.
        candidate: What would be published.
        built: Its files.
        forced: Whether a person insisted on the release, with a reason.
    """
    spec = candidate.contract.gates
    served = Served(runtime, candidate)
    return (
        *_overlap(spec.overlap, served, candidate, built, forced=forced),
        *_quality(spec.quality, served, built, forced=forced),
        *_freshness(spec.freshness, built, forced=forced),
        *_change(spec.change, served, built, forced=forced),
        _superseded(runtime, candidate, forced=forced),
    )


def canary_gate(runtime: Runtime, candidate: Candidate) -> GateResult:
    """Embeds the canary texts and compares them with the vectors that were stored when the space was first used."""
    stored = stored_canaries(runtime, candidate.space.fingerprint)
    return gates.canary(compare(stored, canary_vectors(runtime, candidate.space)))


@dataclass(frozen=True)
class Served:
    """The version that a candidate is compared with: what the alias serves, else what `live` does.

    Its files are checked, every byte of them, when they are first asked for.
    """

    runtime: Runtime
    candidate: Candidate

    @cached_property
    def version(self) -> VersionRecord | None:
        """The version; None where there is none."""
        if self.candidate.served is not None:
            return self.candidate.served
        with self.runtime.catalog.reading() as tx:
            state = versions.alias(tx, self.candidate.contract.name, "live")
            return versions.get(tx, state.name, state.number) if state else None

    @cached_property
    def why_not(self) -> str:
        """Why there is nothing to compare with, in words; empty where there is."""
        if self.version is None:
            return "no version serves"
        trust = TrustStore.from_folder(self.runtime.settings.trusted_keys)
        try:
            verify_version(self.runtime.store, self.version.name, self.version.number, trust)
        except (IntegrityError, ConfigurationError) as error:
            return f"the version that serves cannot be read ({type(error).__name__})"
        return ""

    def place(self, file: str) -> str:
        """Returns where one of its files is inside the home; only where `why_not` is empty."""
        assert self.version is not None  # noqa: S101 - for the type checker; `why_not` says so
        return f"{layout.version_path(self.version.name, self.version.number)}/{file}"

    @contextmanager
    def open(self, file: str) -> Iterator[IO[bytes]]:
        """Opens one of its files."""
        with self.runtime.store.open(self.place(file)) as handle:
            yield handle


def _overlap(
    spec: OverlapGate | None, served: Served, candidate: Candidate, built: Built, *, forced: bool
) -> Iterator[GateResult]:
    if spec is None:
        return
    version = served.version
    same = version is None or version.embedder_fingerprint == candidate.space.fingerprint
    minimum = spec.minimum if same else spec.minimum_model_change
    k = spec.k or (_K if same else _K_MODEL_CHANGE)
    if served.why_not:
        found = drift_gates.Overlap(share=None, sample=0, k=k, same_space=same, why_not=served.why_not)
    else:
        with served.open(layout.CHUNKS) as handle:
            chunks = batches.read_table(handle, list(COLUMNS))
        with served.runtime.store.local_file(served.place(layout.INDEX)) as path:
            before = Side.of(search.map_index(path), chunks)
            after = Side.of(search.map_index(built.folder / layout.INDEX), _candidate_chunks(built))
            found = neighbour_overlap(before, after, k=k, sample=spec.sample, same_space=same)
    yield drift_gates.overlap(found, minimum=minimum, forced=forced)


def _candidate_chunks(built: Built) -> Any:
    return batches.read_table(built.folder / layout.CHUNKS, list(COLUMNS))


def _quality(spec: QualityGate | None, served: Served, built: Built, *, forced: bool) -> Iterator[GateResult]:
    if spec is None:
        return
    file = layout.CHUNKS if spec.of == "chunks" else layout.DOCUMENTS
    with (built.folder / file).open("rb") as handle:
        found = quality_mix(handle, spec.of, spec.minimum or 0.0)
    before = None
    if spec.max_drop is not None and not served.why_not:
        with served.open(file) as handle:
            before = quality_mix(handle, spec.of, spec.minimum or 0.0)
    yield drift_gates.quality(
        found,
        before,
        minimum=spec.minimum,
        max_share_below=spec.max_share_below,
        max_drop=spec.max_drop,
        forced=forced,
    )


def quality_mix(handle: IO[bytes], of: str, minimum: float) -> drift_gates.QualityMix:
    """Counts the quality scores of documents.parquet or chunks.parquet.

    Args:
        handle: The file.
        of: What its rows are, for the result.
        minimum: A score below this is low.
    """
    number = scored = low = 0
    total = 0.0
    lowest: list[tuple[float, str]] = []
    for batch in batches.stream_batches(handle, ["doc_id", "quality_score"]):
        names, values = (batch.column(name).to_pylist() for name in ("doc_id", "quality_score"))
        known = [value for value in values if value is not None]
        number, scored, total = number + len(values), scored + len(known), total + sum(known)
        low += sum(value < minimum for value in known)
        each = {name: value for value, name in lowest}
        for name, value in zip(names, values, strict=True):
            score = _UNSCORED if value is None else value
            each[name] = min(score, each.get(name, score))
        lowest = heapq.nsmallest(_LOWEST_NAMED, ((value, name) for name, value in each.items()))
    return drift_gates.QualityMix(
        of=of,
        number=number,
        scored=scored,
        below=low + number - scored,
        mean=total / scored if scored else None,
        lowest={name: None if value == _UNSCORED else value for value, name in lowest},
    )


def _freshness(spec: FreshnessGate | None, built: Built, *, forced: bool) -> Iterator[GateResult]:
    if spec is None:
        return
    last = (utc_now() - timedelta(days=spec.max_age_days)).date().isoformat()
    documents = older = undated = 0
    oldest: dict[str, str] = {}
    for row in batches.stream_rows(built.folder / layout.DOCUMENTS, ["doc_id", "last_validated_date"]):
        # A date is YYYY-MM-DD, so text order is that of time.
        date = row["last_validated_date"] or ""
        documents += 1
        older += bool(date) and date < last
        undated += not date
        if date < last and len(oldest) < _OLD_NAMED:
            oldest[row["doc_id"]] = date
    found = drift_gates.Ages(documents=documents, older=older, undated=undated, oldest=oldest)
    yield drift_gates.freshness(
        found, max_age_days=spec.max_age_days, max_share_older=spec.max_share_older, forced=forced
    )


def _change(spec: ChangeGate | None, served: Served, built: Built, *, forced: bool) -> Iterator[GateResult]:
    if spec is None:
        return
    limits = {"added": spec.max_added_share, "removed": spec.max_removed_share, "changed": spec.max_changed_share}
    found = drift_gates.Amount(before=None, added=0, removed=0, changed=0)
    if not served.why_not:
        with served.open(layout.DOCUMENTS) as handle:
            before = _texts(handle)
        with (built.folder / layout.DOCUMENTS).open("rb") as handle:
            found = amount(before, _texts(handle))
    yield drift_gates.change(found, limits, forced=forced)


def _texts(handle: IO[bytes]) -> dict[str, str]:
    rows = batches.stream_rows(handle, ["doc_id", "content_sha256"])
    return {row["doc_id"]: row["content_sha256"] or "" for row in rows}


def amount(before: Mapping[str, str], after: Mapping[str, str]) -> drift_gates.Amount:
    """Counts what is added, removed and changed between two versions; both map a document to the digest of its text."""
    both = before.keys() & after.keys()
    return drift_gates.Amount(
        before=len(before),
        added=len(after) - len(both),
        removed=len(before) - len(both),
        changed=sum(before[doc_id] != after[doc_id] for doc_id in both),
    )


def _superseded(runtime: Runtime, candidate: Candidate, *, forced: bool) -> GateResult:
    contract = candidate.contract
    served = {revision.doc_id for revision in candidate.active}
    with runtime.catalog.reading() as tx:
        pairs = relations.both_active(tx, contract.name, SUPERSEDED)
        people = decisions.overrides(tx, contract.name) if pairs else {}
    broken = {older: newer for older, newer in pairs if older in served and newer in served}
    let_in = {doc_id for (doc_id, _), override in people.items() if override.outcome == Outcome.ACCEPT}
    return drift_gates.superseded(broken, let_in, warns=contract.enforcement == "warn", forced=forced)
