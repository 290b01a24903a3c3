"""Retention and garbage: removes versions, candidates, segments and vectors that nobody needs, as the contract says.

Never what an alias points to, what is held, or what waits to be released. A version is first taken out of service
in the catalog, by a transaction that no move of an alias can overlap, and then removed; killed in between, the next run
removes the rest. Segments and vectors are a cache for builds to come: versions carry all they serve.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.lifecycle import VersionRetention
from contracts.model import Contract
from corpus.catalog import holds, segments, versions
from corpus.catalog.records import VersionRecord
from corpus.errors import ConfigurationError
from corpus.ids import new_run_id
from corpus.receipts import Receipt
from index import layout
from index.retention import plan_retention, remove_version
from ingestion.clock import now_to_remove_by
from ingestion.embedding import describe, vectors_path
from ingestion.keeping_candidates import prune_candidates
from ingestion.runtime import Runtime
from ingestion.stages.reconcile import GRACE, builds_of, collect, is_old


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is kept of versions; a value of None takes what the contract says."""

    keep: int | None = None
    days: int | None = None

    def over(self, spec: VersionRetention) -> VersionRetention | None:
        """Returns what holds; None where neither a person nor the contract lets a version go."""
        if not spec.declared and self.keep is None and self.days is None:
            return None
        return VersionRetention(
            declared=True,
            versions=spec.versions if self.keep is None else self.keep,
            days=spec.days if self.days is None else self.days,
            candidates=spec.candidates,
            candidate_days=spec.candidate_days,
        )


def prune(runtime: Runtime, name: str, *, limits: Limits | None = None, dry_run: bool = False) -> Receipt:
    """Removes the versions and the failed candidates of an index that the contract keeps no longer.

    Args:
        runtime: The project.
        name: The contract, and its index.
        limits: What a person asks for instead of what the contract says.
        dry_run: Say what would be removed, and remove nothing.

    Returns:
        A receipt whose outputs are the folders removed (or that would be), with the figures `versions`, `candidates`,
        `kept`, `held`, and `bytes`.
    """
    contract = runtime.contract(name)
    spec = (limits or Limits()).over(contract.versions)
    now = now_to_remove_by(runtime, dry_run=dry_run)
    planned = _planned(runtime, name, spec, now) if spec else ()
    leftovers = _leftovers(runtime, name)
    folders = [layout.version_path(name, number) for number in (*planned, *leftovers)]
    candidates = prune_candidates(runtime, contract, dry_run=True)
    folders += [layout.candidate_path(name, candidate) for candidate in candidates]
    size = sum(_size(runtime, folder) for folder in folders)
    gone = folders if dry_run else _remove(runtime, contract, planned, leftovers, spec)
    with runtime.catalog.reading() as tx:
        kept = sum(version.state != "retired" for version in versions.all_of(tx, name))
        held = len(holds.of_index(tx, name))
    return Receipt(
        stage="prune",
        contract=name,
        run_id=new_run_id(),
        key=name,
        outputs=tuple(gone),
        figures={
            "versions": sum(folder.startswith("indexes/") for folder in gone),
            "candidates": sum(folder.startswith("candidates/") for folder in gone),
            "kept": kept - (len(planned) if dry_run else 0),
            "held": held,
            "bytes": size,
            "dry_run": "yes" if dry_run else "no",
            "rule": _rule(spec),
        },
    )


def _rule(spec: VersionRetention | None) -> str:
    if spec is None:
        return "the contract has no ragRetention: every version is kept"
    return f"the newest {spec.versions} stay, and every one for {spec.days} days after it served"


def _planned(runtime: Runtime, name: str, spec: VersionRetention, now: datetime) -> tuple[int, ...]:
    since = now - timedelta(days=spec.days)
    with runtime.catalog.reading() as tx:
        there = [version for version in versions.all_of(tx, name) if version.state != "retired"]
        pointed = {state.number for state in versions.aliases(tx, name)}
        held = {hold.number for hold in holds.of_index(tx, name)}
        served = holds.last_served(tx, name)
    young = {version.number for version in there if _last_needed(version, served) > since}
    numbers = {version.number for version in there}
    return plan_retention(numbers, pointed, spec.versions, held=held, young=young)


def _last_needed(version: VersionRecord, served: dict[int, datetime]) -> datetime:
    return max(version.created_at, served.get(version.number, version.created_at))


def _leftovers(runtime: Runtime, name: str) -> tuple[int, ...]:
    """Returns the versions that were taken out of service and whose files are still there: a removal was cut short."""
    with runtime.catalog.reading() as tx:
        retired = [version.number for version in versions.all_of(tx, name) if version.state == "retired"]
    return tuple(number for number in retired if runtime.store.exists(layout.version_path(name, number)))


def _remove(
    runtime: Runtime,
    contract: Contract,
    planned: tuple[int, ...],
    leftovers: tuple[int, ...],
    spec: VersionRetention | None,
) -> list[str]:
    name, gone = contract.name, []
    for number in planned:
        with runtime.catalog.transaction() as tx:
            out = holds.retire(tx, name, number, actor=runtime.settings.actor, why=_rule(spec))
        if out:
            gone.append(number)
    for number in (*gone, *leftovers):
        remove_version(runtime.store, name, number)
    removed = [layout.version_path(name, number) for number in (*gone, *leftovers)]
    return removed + [layout.candidate_path(name, candidate) for candidate in prune_candidates(runtime, contract)]


def gc(
    runtime: Runtime, name: str, *, limits: Limits | None = None, dry_run: bool = False, grace: timedelta = GRACE
) -> Receipt:
    """Prunes, and then removes the segments and vectors that neither a kept version nor a build to come needs.

    Args:
        runtime: The project.
        name: The contract, and its index.
        limits: What a person asks for instead of what the contract says.
        dry_run: Say what would be removed, and remove nothing.
        grace: Age that a file must have: a run may be writing a younger one.

    Returns:
        The receipt of `prune`, with the figures `segments` and `vectors` beside, and `builds` where releases that were
        cut short left indexes in the making, which go whatever the contract says.
    """
    pruned = prune(runtime, name, limits=limits, dry_run=dry_run)
    contract = runtime.contract(name)
    spec = (limits or Limits()).over(contract.versions)
    files: list[str] = []
    now = now_to_remove_by(runtime, dry_run=dry_run)
    if spec is not None:
        before = now - max(timedelta(days=spec.days), grace)
        leaving = set(_planned(runtime, name, spec, now)) if dry_run else set()
        files = _unneeded(runtime, contract, before, leaving, dry_run=dry_run)
    files += [folder for folder in builds_of(runtime, name) if is_old(runtime, folder, now - grace)]
    size = sum(_size(runtime, file) for file in files)
    if not dry_run:
        collect(runtime, files, now - grace)
    return Receipt(
        stage="gc",
        contract=name,
        run_id=pruned.run_id,
        key=name,
        outputs=(*pruned.outputs, *files),
        figures={
            **pruned.figures,
            "segments": sum(file.startswith("segments/") for file in files),
            "vectors": sum(file.startswith("vectors/") for file in files),
            **({"builds": builds} if (builds := sum(file.startswith("builds/") for file in files)) else {}),
            "bytes": int(pruned.figures["bytes"]) + size,
        },
    )


def _unneeded(runtime: Runtime, contract: Contract, before: datetime, leaving: set[int], *, dry_run: bool) -> list[str]:
    """Takes segments and vectors out of the catalog, and returns their files, segments first."""
    kept = _spaces(runtime, contract, leaving)
    with runtime.catalog.transaction() as tx:
        unused = segments.unused(tx, contract.name, before)
        pairs = {(space, segment) for segment in unused for space in segments.spaces(tx, segment)}
        outside = segments.vectors_outside(tx, contract.name, kept, before)
        if not dry_run:
            segments.remove(tx, unused)
            for space, segment in outside:
                segments.forget_vectors(tx, segment, space)
    vectors = sorted(pairs.union(outside))
    return [f"segments/{segment}" for segment in unused] + [vectors_path(space, segment) for space, segment in vectors]


def _spaces(runtime: Runtime, contract: Contract, leaving: set[int]) -> set[str]:
    """Returns the vector spaces that are needed: of each version that is kept, and of what the contract declares."""
    with runtime.catalog.reading() as tx:
        there = [version for version in versions.all_of(tx, contract.name) if version.state != "retired"]
    spaces = {version.embedder_fingerprint for version in there if version.number not in leaving}
    try:
        spaces.add(describe(runtime, contract.embedder.model, contract.embedder.revision).fingerprint)
    except ConfigurationError as error:
        raise ConfigurationError(f"{error} Without it nobody can say which vectors are still needed.") from error
    return spaces


def _size(runtime: Runtime, name: str) -> int:
    try:
        return int(runtime.store.fs.du(runtime.store.path(name)))
    except FileNotFoundError:
        return 0
