"""Reconcile: bring home and catalog back together after kills and losses, and say how source and index differ.

Files that no row refers to are collected once they are old enough that no run can still be writing
them. Rows whose files are lost are taken back, so that the next ingest or re-embed makes them again. An
alias projection that lags behind its row is written again; a row that lags behind its signed projection, since the
catalog was restored from an older copy, catches up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from corpus.catalog import documents, runs, segments, versions
from corpus.ids import new_run_id
from corpus.receipts import Receipt
from index import layout
from index.pointer import is_signed, version_numbers
from index.signing import load_trusted_signer
from ingestion.clock import now_to_remove_by
from ingestion.embedding import vectors_path
from ingestion.erasure.left import complete_left
from ingestion.erasure.receipt import restore_refusals
from ingestion.observing import observed
from ingestion.restoring import CaughtUp, catch_up, give_up_unfinished, lost_versions, pointed
from ingestion.runtime import Runtime
from ingestion.stages import tombstone
from ingestion.stages.release import is_projected
from ingestion.toolkit import source_of

GRACE = timedelta(days=7)
"""No run is expected to work longer than this between writing a file and referring to it."""


@observed("reconcile", begins=True, ends=True)
def reconcile(runtime: Runtime, contract_name: str, *, dry_run: bool = False, grace: timedelta = GRACE) -> Receipt:
    """Repairs and compares one contract's index.

    Args:
        runtime: The project.
        contract_name: Name of the contract.
        dry_run: Say what would be done, and do nothing.
        grace: Age that an unreferenced file must have to be collected.

    Returns:
        A receipt whose outputs are the files collected (or that would be), and whose figures compare
        source and catalog (`listed`, `active`, `not_ingested`, `vanished`) and count what was mended:
        `projections`, `lost_segments`, `lost_vectors` and `abandoned_runs`. Only where there are any: versions whose
        folders are gone (`lost_versions`); numbers that an upload took and did not fill (`unfinished_versions`); and
        where the catalog was older than the home, what it caught up with (`restored_versions`, `restored_aliases`)
        and how many of those versions came from runs that it has lost (`lost_runs`).

    Raises:
        ConfigurationError: This machine's clock and the home's do not agree; nothing was changed.
        ReleaseError: The file of an alias is ahead of the catalog, and cannot be believed.
        SourceUnavailable: The source cannot be listed completely.
    """
    contract, now = runtime.contract(contract_name), now_to_remove_by(runtime, dry_run=dry_run)
    caught = catch_up(runtime, contract_name, dry_run=dry_run)
    completed = 0 if dry_run else complete_left(runtime, contract_name)
    refusals = 0 if dry_run else restore_refusals(runtime, contract_name)
    # What the catalog has just lost sight of is found by the next ingest, and then it is referred to again.
    unreferred = () if caught.aliases else tuple(_unreferred(runtime, contract_name))
    orphans = tuple(sorted(name for name in unreferred if is_old(runtime, name, now - grace)))
    lost_segments, lost_vectors = _forget_lost(runtime, contract_name, dry_run=dry_run)
    unfinished = give_up_unfinished(runtime, contract_name, now - grace, dry_run=dry_run)
    stale = _stale_aliases(runtime, contract_name, dry_run=dry_run)
    abandoned = _close_abandoned(runtime, contract_name, now - grace, dry_run=dry_run)
    collected = 0 if dry_run else collect(runtime, orphans, now - grace)
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
            "collected": collected,
            "orphans": len(orphans),
            "projections": stale,
            "lost_segments": lost_segments,
            "lost_vectors": lost_vectors,
            "abandoned_runs": abandoned,
            **_rare(caught, unfinished, lost_versions(runtime, contract_name)),
            **({"erasures_completed": completed} if completed else {}),
            **({"refusals_restored": refusals} if refusals else {}),
        },
    )


def _rare(caught: CaughtUp, unfinished: Sequence[int], lost: Sequence[int]) -> dict[str, int | float | str]:
    figures: dict[str, int | float | str] = {
        "restored_versions": len(caught.versions),
        "restored_aliases": len(caught.aliases),
        "lost_runs": caught.lost_runs,
        "unfinished_versions": len(unfinished),
        "lost_versions": ", ".join(layout.version_name(number) for number in lost),
    }
    return {name: value for name, value in figures.items() if value}


def _forget_lost(runtime: Runtime, contract: str, *, dry_run: bool) -> tuple[int, int]:
    """Takes back rows whose files are lost: a segment is ingested again, vectors are embedded again."""
    with runtime.catalog.reading() as tx:
        live = [segment.segment_id for segment in segments.live(tx, contract)]
        mine = set(live)
        vectors = sorted(pair for pair in segments.embedded(tx) if pair[0] in mine)
    # Files are looked for while nobody waits for this: on SQLite a transaction keeps all others from writing.
    lost = [name for name in live if not _is_whole(runtime, name)]
    bare = [(name, space) for name, space in vectors if not runtime.store.exists(vectors_path(space, name))]
    if (lost or bare) and not dry_run:
        with runtime.catalog.transaction() as tx:
            for name in lost:
                documents.look_again(tx, contract, segment_id=name)
            for name, space in bare:
                segments.forget_vectors(tx, name, space)
    return len(lost), len(bare)


def _is_whole(runtime: Runtime, segment_id: str) -> bool:
    files = (f"segments/{segment_id}/{name}" for name in ("documents.parquet", "chunks.parquet"))
    return all(runtime.store.exists(name) for name in files)


def collect(runtime: Runtime, orphans: Sequence[str], before: datetime) -> int:
    """Removes files, looking once more at each: a run may have come to refer to it, or adopted it; returns how many."""
    collected = 0
    for name in orphans:
        if not _is_referred(runtime, name) and is_old(runtime, name, before):
            runtime.store.remove(name)
            collected += 1
    return collected


def _stale_aliases(runtime: Runtime, name: str, *, dry_run: bool) -> int:
    with runtime.catalog.reading() as tx:
        states = versions.aliases(tx, name)
    stale = [state for state in states if not is_projected(runtime.store, state)]
    behind = not tombstone.is_projected(runtime, name)
    unsigned = [state for state in states if not is_signed(runtime.store, name, state.alias)]
    if (stale or behind or unsigned) and not dry_run:
        signer = load_trusted_signer(runtime.settings.signing_key, runtime.settings.trusted_keys)
        tombstone.project(runtime, name, signer)  # the alias files too
    return len({state.alias for state in (*stale, *unsigned)}) + behind


def _close_abandoned(runtime: Runtime, contract: str, before: datetime, *, dry_run: bool) -> int:
    """Closes the rows of runs that were killed, or that an orchestrator gave up."""
    with runtime.catalog.transaction() as tx:
        left = runs.unfinished(tx, contract, before)
        for run in () if dry_run else left:
            runs.finish(tx, run.run_id, state="failed", receipt={"error": "abandoned: killed, or given up"})
    return len(left)


def _unreferred(runtime: Runtime, contract: str) -> Iterator[str]:
    """Yields what the catalog does not refer to, of any age; the catalog is asked once, not for each file."""
    with runtime.catalog.reading() as tx:
        known, embedded = segments.ids(tx), segments.embedded(tx)
    numbers = version_numbers(runtime.store, contract)
    served = pointed(runtime, contract)
    yield from (f"segments/{name}" for name in runtime.store.names("segments") if name not in known)
    for space in runtime.store.names("vectors"):
        for name in _files(runtime, space):
            if (name.removesuffix(".parquet"), space) not in embedded:
                yield f"vectors/{space}/{name}"
    folders = [layout.version_path(contract, number) for number in numbers]
    yield from (name for name in folders if name not in served and not _is_referred(runtime, name))
    yield from builds_of(runtime, contract)
    for folder in ("staging", "attempts", ".tmp"):
        yield from (f"{folder}/{name}" for name in runtime.store.names(folder))


def builds_of(runtime: Runtime, contract: str) -> list[str]:
    """Returns the folders of indexes in the making; a release removes its own, and what is old was left by a kill."""
    folder = layout.builds_path(contract)
    return [f"{folder}/{key}" for key in runtime.store.names(folder)]


def _files(runtime: Runtime, space: str) -> Iterator[str]:
    return (name for name in runtime.store.names(f"vectors/{space}") if name != "canaries.parquet")


def _is_referred(runtime: Runtime, name: str) -> bool:
    kind, _, rest = name.partition("/")
    with runtime.catalog.reading() as tx:
        if kind == "segments":
            return segments.get(tx, rest) is not None
        if kind == "vectors":
            space, _, file = rest.partition("/")
            return segments.vectors(tx, file.removesuffix(".parquet"), space) is not None
        if kind == "indexes":
            index, _, version = rest.partition("/")
            return versions.get(tx, index, layout.version_number(version) or 0) is not None
    return False


def is_old(runtime: Runtime, name: str, before: datetime) -> bool:
    """Returns whether a file, or all of a folder, was written before a time."""
    modified = runtime.store.modified_at(name)
    return modified is not None and modified < before
