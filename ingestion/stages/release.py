"""Release: build the next version beside the one that serves, judge it, sign it, move the alias.

A version whose inputs are those of the served one is not built again. A gate that fails leaves the
alias where it is; the candidate is kept aside for inspection, and what the gates found is in the error.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

from contracts.model import Contract
from corpus import batches, logs
from corpus.catalog import contracts, documents, runs, segments, versions
from corpus.catalog.records import AliasState, RunRecord, VersionRecord
from corpus.errors import ConfigurationError, IntegrityError
from corpus.receipts import Counts, Receipt
from corpus.storage import Store
from corpus.types import utc_now
from index import layout
from index.pointer import read_pointer
from ingestion.candidate import Candidate
from ingestion.embedding import release_space
from ingestion.erasure.left import adding, left
from ingestion.estimating import after_build
from ingestion.observing import observed
from ingestion.progress import NO_PROGRESS, Progress
from ingestion.runtime import Runtime
from ingestion.segment import recognised
from ingestion.waiting import WAITING, waiting_for

if TYPE_CHECKING:
    from index.builds import Merging

_log = logging.getLogger(__name__)


@observed("release", begins=True, ends=True)
@adding
def release(  # noqa: PLR0913 - each is asked for by somebody
    runtime: Runtime,
    contract_name: str,
    run_id: str,
    *,
    alias: str = "live",
    model: str | None = None,
    force: bool = False,
    reason: str = "",
    shards: Sequence[Receipt] = (),
    progress: Progress = NO_PROGRESS,
) -> Receipt:
    """Publishes what is active as the next version and moves an alias to it.

    Args:
        runtime: The project.
        contract_name: Name of the contract, and of its index.
        run_id: The run that the version belongs to.
        alias: The alias to move.
        model: Embedder whose vectors are taken; None takes the contract's, or that of the live version while a
            re-embed into the contract's is under way.
        force: Release although corpus and embedder change at once, or the version shrank.
        reason: Why; required with `force`.
        shards: What `building.add` returned, where tasks added the rows of the index. It is used where it fits exactly,
            and taken away in the end; the bytes of the version are the same without.
        progress: Told which step is at work.

    Returns:
        A receipt whose figures say `status` and `version`: `published`, also to a run that asks again because it did
        not hear that it was; `unchanged`; `empty`, where there is nothing to publish; `held`, where a person rolled
        back from exactly these documents, which only a change or `force` publishes again; `waiting-for-approval`,
        where the version is there and the alias is not moved before enough persons have approved. With shards,
        `index_build` says whether they were merged, or why not.

    Raises:
        ConfigurationError: `force` without a reason, or segments without vectors of this model.
        ContractError: The contract's terms changed under the version that it had before.
        GateFailed: The candidate is not fit to be served.
        ConcurrentRelease: Somebody else moved the alias meanwhile.
        IntegrityError: Stored files contradict each other.
    """
    _require_reason(reason, force=force)
    candidate = candidate_of(runtime, runtime.contract(contract_name), run_id, alias, model)
    found = in_the_way(runtime, candidate, alias, force=force)
    if found is not None:
        made = _receipt(candidate, run_id, *_settled(runtime, candidate, run_id, alias, reason, found))
    else:
        progress.start("releasing", 1)
        made = _built(runtime, candidate, run_id, alias=alias, reason=reason, force=force, shards=shards)
        progress.advance()
        progress.done()
    if shards:
        from index.builds import discard  # noqa: PLC0415 - faiss loads only where there is work

        discard(runtime.store, contract_name, [shard.key for shard in shards])
    return made


def in_the_way(
    runtime: Runtime, candidate: Candidate, alias: str, *, force: bool
) -> tuple[str, VersionRecord | None] | None:
    """Returns why a release builds nothing, as the status it begins with, and the version that stands for it."""
    served = candidate.served
    if not candidate.active and served is None:
        return "empty", None
    if served is not None and is_unchanged(runtime, candidate, served):
        return "unchanged", served
    if not force and served is not None and _was_rolled_back(runtime, candidate, served, alias):
        return "held", served
    waiting = None if force else waiting_for(runtime, candidate, alias, is_unchanged)
    return (WAITING, waiting) if waiting is not None else None


def _settled(
    runtime: Runtime,
    candidate: Candidate,
    run_id: str,
    alias: str,
    reason: str,
    found: tuple[str, VersionRecord | None],
) -> tuple[str, VersionRecord | None]:
    """Does what is left to do where nothing is built; returns the status, and the version."""
    status, version = found
    if version is not None and status == "unchanged":
        _repair_projection(runtime, candidate)
        return _again(version, run_id), version
    if version is not None and status == WAITING:
        from ingestion.publish import release_waiting  # noqa: PLC0415 - faiss loads only where there is work

        return release_waiting(runtime, version, alias, reason), version
    return status, version


def _built(
    runtime: Runtime,
    candidate: Candidate,
    run_id: str,
    *,
    alias: str,
    reason: str,
    force: bool,
    shards: Sequence[Receipt],
) -> Receipt:
    from ingestion.evaluating import Asked  # noqa: PLC0415 - faiss loads only where there is work
    from ingestion.publish import publish  # noqa: PLC0415 - as above
    from ingestion.stages.evaluation import after_release  # noqa: PLC0415 - as above

    asked, merging, contract = Asked(), _merging(runtime, candidate.contract.name, shards), candidate.contract
    version, status = publish(
        runtime, candidate, run_id=run_id, alias=alias, reason=reason, force=force, asked=asked, make=merging.make
    )
    made = _with(_receipt(candidate, run_id, status, version), after_release(runtime, contract, version, asked))
    if shards:
        made = _with(made, {"index_build": "; ".join(merging.told)})
        logs.note(_log, logging.INFO, "index built", how=merging.told, shards=len(shards))
    return _with(made, after_build(runtime, contract, version))


def _merging(runtime: Runtime, name: str, shards: Sequence[Receipt]) -> Merging:
    """Returns what puts the index together from what tasks added, or makes it alone."""
    from index.builds import Added, Merging  # noqa: PLC0415 - faiss

    added = [
        Added(shard=receipt.key, sha256=receipt.outputs[0], trained=receipt.fingerprints["trained"])
        for receipt in shards
        if receipt.outputs
    ]
    lost = [str(receipt.figures["why"]) for receipt in shards if not receipt.outputs]
    return Merging(runtime.store, name, added, lost)


def _with(receipt: Receipt, figures: Mapping[str, int | float | str]) -> Receipt:
    return replace(receipt, figures={**receipt.figures, **figures})


def _require_reason(reason: str, *, force: bool) -> None:
    if force and not reason.strip():
        raise ConfigurationError("a forced release needs a reason: give --reason '...', it goes into the audit log.")


@observed("release", begins=True, ends=True)
@adding
def move(
    runtime: Runtime,
    contract_name: str,
    alias: str,
    version: int,
    *,
    reason: str,
    manifest_sha256: str = "",
    generation: int | None = None,
) -> Receipt:
    """Points an alias to a version that is there: promote, or roll back.

    Args:
        runtime: The project.
        contract_name: Name of the index.
        alias: The alias.
        version: Number of the version.
        reason: Why, for the audit log.
        manifest_sha256: Digest of the manifest that a person looked at; empty to take what has the number.
        generation: Moves of the alias that they saw, 0 where there was none; None to move it from wherever it is.

    Raises:
        ConfigurationError: There is no such version, or it is another one than was looked at.
        IntegrityError: The version is not what its signature says.
        ApprovalMissing: The alias never served it, and not enough persons have approved it.
        ConcurrentRelease: Somebody else moved the alias meanwhile.
    """
    from ingestion.publish import move_alias  # noqa: PLC0415 - faiss, as above

    seen: dict[str, Any] = {"manifest_sha256": manifest_sha256, "generation": generation}
    record = move_alias(runtime, contract_name, alias, version, reason, **seen)
    return Receipt(
        stage="move",
        contract=contract_name,
        run_id=record.run_id,
        key=alias,
        outputs=(layout.version_name(version),),
        figures={"version": version, "manifest_sha256": record.manifest_sha256, "status": "moved"},
    )


def _again(served: VersionRecord, run_id: str) -> str:
    """Returns the status of a release that finds its work done: who waits for the version hears of it all the same."""
    return "published" if served.run_id == run_id else "unchanged"


def _was_rolled_back(runtime: Runtime, candidate: Candidate, served: VersionRecord, alias: str) -> bool:
    """Returns whether a person moved the alias away from exactly what this release would publish again."""
    with runtime.catalog.reading() as tx:
        newer = [item for item in versions.all_of(tx, served.name) if item.number > served.number]
        moved = set(versions.served(tx, served.name, alias))
    return any(item.number in moved and is_unchanged(runtime, candidate, item) for item in newer)


def is_unchanged(runtime: Runtime, candidate: Candidate, served: VersionRecord) -> bool:
    """Returns whether the served version was built from exactly what would go into the next one.

    What is compared is read from the version itself, not from a note about it.
    """
    same_space = served.embedder_fingerprint == candidate.space.fingerprint
    contract = served.manifest["contract"]
    if not same_space or contract["digest"] != candidate.contract.digest:
        return False
    path = f"{layout.version_path(candidate.contract.name, served.number)}/{layout.DOCUMENTS}"
    try:
        with runtime.store.open(path) as handle:
            rows = batches.read_table(handle, ["revision_id"])["revision_id"].to_pylist()
        if set(rows) != {revision.revision_id for revision in candidate.active}:
            return False
        return _recognises_the_same(runtime, candidate, served, path)
    except (OSError, ValueError):
        return False  # lost or damaged: whatever was in it, it has to be built again


def _recognises_the_same(runtime: Runtime, candidate: Candidate, served: VersionRecord, path: str) -> bool:
    """Returns whether no answer was recognised since in documents that are otherwise the same.

    Only segments that are newer than the version can say so; mostly there is none.
    """
    # A version of the future was stamped by a clock that was ahead: every segment may be newer.
    since = served.created_at if served.created_at <= utc_now() else datetime.min.replace(tzinfo=UTC)
    newer = {segment.segment_id for segment in candidate.segments if segment.created_at > since}
    with runtime.catalog.reading() as tx:  # a machine whose clock is behind may have written some
        newer |= segments.after_run(tx, candidate.contract.name, served.run_id)
    wanted = {item.revision_id: item.segment_id for item in candidate.active if item.segment_id in newer}
    if not wanted:
        return True
    with runtime.store.open(path) as handle:
        before = _recognised(handle, wanted)
    now: dict[str, list[object]] = {}
    for segment_id in sorted(set(wanted.values())):
        with runtime.store.open(f"segments/{segment_id}/documents.parquet") as handle:
            mine = [revision_id for revision_id, place in wanted.items() if place == segment_id]
            now |= _recognised(handle, mine)
    return before == now


def _recognised(handle: IO[bytes], revision_ids: Collection[str]) -> dict[str, list[object]]:
    rows = batches.stream_rows(handle, ["revision_id", "findings"])
    return {row["revision_id"]: recognised(row["findings"]) for row in rows if row["revision_id"] in revision_ids}


def candidate_of(runtime: Runtime, contract: Contract, run_id: str, alias: str, model: str | None) -> Candidate:
    """Returns what a release would publish.

    Raises:
        ConfigurationError: Segments lack vectors of this model.
        ContractError: The contract's terms changed under the version that it had before.
    """
    with runtime.catalog.reading() as tx:
        contracts.require_same_terms(tx, name=contract.name, version=contract.version, digest=contract.digest)
    space = release_space(runtime, contract, model)
    with runtime.catalog.reading() as tx:
        state = versions.alias(tx, contract.name, alias)
        receipt = _receipt_of(runs.get(tx, run_id))
        pending = segments.without_vectors(tx, contract.name, space.fingerprint)
        candidate = Candidate(
            contract=contract,
            space=space,
            active=left(runtime, contract.name, documents.active(tx, contract.name)),
            segments=segments.live(tx, contract.name),
            counts=receipt.counts if receipt else Counts(),
            shrink_allowed=bool(receipt and receipt.figures.get("allow_shrink")),
            alias=state,
            served=versions.get(tx, contract.name, state.number) if state else None,
        )
    if any(segment.chunks for segment in pending):
        raise ConfigurationError(
            f"{len(pending)} segments of {contract.name!r} have no vectors of {space.model!r} yet. "
            f"Run `stemma reembed {contract.name}` (add --estimate to see what it costs)."
        )
    return candidate


def _receipt_of(run: RunRecord | None) -> Receipt | None:
    return Receipt.from_json(run.receipt) if run and "counts" in run.receipt else None


def _repair_projection(runtime: Runtime, candidate: Candidate) -> None:
    """Writes the alias projection again if a run was killed between moving the row and writing the file."""
    state = candidate.alias
    if state is None or is_projected(runtime.store, state):
        return
    from index.release import project_alias  # noqa: PLC0415 - loads the signing library, seldom needed
    from index.signing import load_trusted_signer  # noqa: PLC0415

    signer = load_trusted_signer(runtime.settings.signing_key, runtime.settings.trusted_keys)
    project_alias(runtime.store, runtime.catalog, state, signer)


def is_projected(store: Store, state: AliasState) -> bool:
    """Returns whether readers without a database see the alias where the catalog has it."""
    try:
        pointer = read_pointer(store, state.name, state.alias)
    except IntegrityError:
        return False
    return pointer is not None and (pointer.generation, pointer.version) == (state.generation, state.number)


def _receipt(candidate: Candidate, run_id: str, status: str, version: VersionRecord | None) -> Receipt:
    figures: dict[str, int | float | str] = {"status": status}
    if version is not None:
        figures |= {
            "version": version.number,
            "documents": version.documents,
            "index_chunks": version.chunks,
            "manifest_sha256": version.manifest_sha256,
        }
    return Receipt(
        stage="release",
        contract=candidate.contract.name,
        run_id=run_id,
        key=candidate.contract.name,
        outputs=(layout.version_name(version.number),) if version else (),
        counts=candidate.counts,
        figures=figures,
        fingerprints={"embedder": candidate.space.fingerprint},
    )
