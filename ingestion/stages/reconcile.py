"""Reconcile: bring home and catalog back together after kills, and say how source and index differ.

What no row refers to is collected once it is old enough that no run can still be writing it. An alias
projection that lags behind its row is written again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from corpus.catalog import documents, runs, segments, versions
from corpus.ids import new_run_id
from corpus.types import Receipt, utc_now
from index import layout
from index.pointer import version_numbers
from index.release import project_alias
from ingestion.runtime import Runtime
from ingestion.stages.release import is_projected
from ingestion.toolkit import source_of

GRACE = timedelta(hours=24)
"""No run is expected to work longer than this between writing a file and referring to it."""


def reconcile(runtime: Runtime, contract_name: str, *, dry_run: bool = False, grace: timedelta = GRACE) -> Receipt:
    """Repairs and compares one contract's index.

    Args:
        runtime: The project.
        contract_name: Name of the contract.
        dry_run: Say what would be done, and do nothing.
        grace: Age that an unreferenced file must have to be collected.

    Returns:
        A receipt whose outputs are the files collected (or that would be), and whose figures compare
        source and catalog (`listed`, `active`, `not_ingested`, `vanished`) and count the `projections`
        repaired and the `abandoned_runs` closed.

    Raises:
        SourceUnavailable: The source cannot be listed completely.
    """
    contract = runtime.contract(contract_name)
    orphans = tuple(sorted(_orphans(runtime, contract_name, grace)))
    stale = _stale_aliases(runtime, contract_name, dry_run=dry_run)
    if not dry_run:
        for name in orphans:
            runtime.store.remove(name)
    abandoned = _close_abandoned(runtime, contract_name, grace, dry_run=dry_run)
    listed = {ref.doc_id for ref in source_of(contract, runtime.settings).list()}
    with runtime.catalog.reading() as tx:
        states = documents.states(tx, contract_name)
    known = {doc_id for doc_id, state in states.items() if state.state != "gone"}
    return Receipt(
        stage="reconcile",
        contract=contract_name,
        run_id=new_run_id(),
        key=contract_name,
        outputs=orphans,
        figures={
            "listed": len(listed),
            "active": sum(state.state == "active" for state in states.values()),
            "not_ingested": len(listed - known),
            "vanished": len(known - listed),
            "collected": 0 if dry_run else len(orphans),
            "orphans": len(orphans),
            "projections": stale,
            "abandoned_runs": abandoned,
        },
    )


def _stale_aliases(runtime: Runtime, name: str, *, dry_run: bool) -> int:
    with runtime.catalog.reading() as tx:
        states = versions.aliases(tx, name)
    stale = [state for state in states if not is_projected(runtime.store, state)]
    for state in () if dry_run else stale:
        project_alias(runtime.store, runtime.catalog, state)
    return len(stale)


def _close_abandoned(runtime: Runtime, contract: str, grace: timedelta, *, dry_run: bool) -> int:
    """Closes the rows of runs that were killed, or that an orchestrator gave up."""
    with runtime.catalog.transaction() as tx:
        left = runs.unfinished(tx, contract, utc_now() - grace)
        for run in () if dry_run else left:
            runs.finish(tx, run.run_id, state="failed", receipt={"error": "abandoned: killed, or given up"})
    return len(left)


def _orphans(runtime: Runtime, contract: str, grace: timedelta) -> Iterator[str]:
    """Yields what nothing refers to and nobody can still be writing."""
    for name in (*_orphan_segments(runtime), *_orphan_vectors(runtime), *_orphan_versions(runtime, contract)):
        if _is_old(runtime, name, grace):
            yield name
    for folder in ("staging/runs", "staging/shards", ".tmp"):
        for entry in runtime.store.names(folder):
            if _is_old(runtime, f"{folder}/{entry}", grace):
                yield f"{folder}/{entry}"


def _orphan_segments(runtime: Runtime) -> Iterator[str]:
    with runtime.catalog.reading() as tx:
        names = [name for name in runtime.store.names("segments") if segments.get(tx, name) is None]
    yield from (f"segments/{name}" for name in names)


def _orphan_vectors(runtime: Runtime) -> Iterator[str]:
    for space in runtime.store.names("vectors"):
        for file in runtime.store.names(f"vectors/{space}"):
            segment = file.removesuffix(".parquet")
            with runtime.catalog.reading() as tx:
                referred = segment == "canaries" or segments.vectors(tx, segment, space) is not None
            if not referred:
                yield f"vectors/{space}/{file}"


def _orphan_versions(runtime: Runtime, name: str) -> Iterator[str]:
    for number in version_numbers(runtime.store, name):
        with runtime.catalog.reading() as tx:
            known = versions.get(tx, name, number) is not None
        if not known:
            yield layout.version_path(name, number)


def _is_old(runtime: Runtime, name: str, grace: timedelta) -> bool:
    modified = runtime.store.modified_at(name)
    return modified is not None and utc_now() - modified > grace
