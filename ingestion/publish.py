"""Publishes a candidate: build, judge, sign, record, move the alias. Loaded only when there is work.

The order is the guarantee: files in scratch, gates, one rename into the home, one row, one
compare-and-swap, one projection. Killed between any two of them, a reader sees the old version.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version as installed
from pathlib import Path

from sqlalchemy.orm import Session

from corpus.catalog import audit, contracts, embedders, segments, versions
from corpus.catalog.records import VersionRecord
from corpus.ids import fingerprint, sha256_hex
from corpus.settings import Settings
from corpus.types import utc_now
from index import gates, layout, search
from index import release as releases
from index.build import BuildSpec, Built, Circumstances, build_version, manifest_of
from index.fitting import Maker
from index.manifest import ContractRef, FingerprintRef, Manifest, RunInfo
from index.plan import what_changed
from index.signing import Signer, TrustStore, load_trusted_signer
from index.verify import verify_quickly
from ingestion.approving import require_approved, standing_of
from ingestion.canaries import stored_canaries
from ingestion.candidate import Candidate
from ingestion.contamination import contamination_gate
from ingestion.cutover import inherited, parity_gates
from ingestion.evaluating import Asked
from ingestion.golden_gates import golden_gates
from ingestion.keeping_candidates import require_passed
from ingestion.migrating import arrived
from ingestion.origin_gates import origin_gates
from ingestion.release_gates import canary_gate, declared_gates
from ingestion.runtime import Runtime
from ingestion.waiting import WAITING


def publish(
    runtime: Runtime,
    candidate: Candidate,
    *,
    run_id: str,
    alias: str,
    reason: str,
    force: bool,
    asked: Asked,
    make: Maker = search.make_index,
) -> tuple[VersionRecord, str]:
    """Builds a candidate, judges it, and makes it what an alias points to.

    Args:
        runtime: The project.
        candidate: What goes into the version.
        run_id: The run it belongs to.
        alias: The alias to move.
        reason: Why, for the audit log.
        force: Let a version pass that shrank, or that changes corpus and embedder at once.
        asked: Keeps what versions answered to golden questions.
        make: What makes the FAISS index.

    Returns:
        The version's row, and `published`, or `waiting-for-approval` where the alias was not moved.

    Raises:
        GateFailed: The candidate is not fit to be served; it is kept aside, and nothing was published.
        ConcurrentRelease: Another release took the number or moved the alias.
        IntegrityError: Stored files contradict each other.
    """
    name = candidate.contract.name
    releases.require_current(runtime.store, runtime.catalog, name)
    signer = load_trusted_signer(runtime.settings.signing_key, runtime.settings.trusted_keys)
    manifest, digest = _built(runtime, candidate, asked, signer, make, run_id=run_id, force=force)
    record, terms = releases.version_record(manifest, digest), candidate.contract
    waits = bool(candidate.contract.approvals.persons and standing_of(runtime, record, alias).missing)
    said = reason or f"run {run_id}"
    with runtime.catalog.transaction() as tx:
        if waits:  # no alias moves by now, which would say in the audit log who built it and why
            _propose(tx, record, alias, actor=runtime.settings.actor, reason=said)
        versions.add(tx, record)
        embedders.register(tx, candidate.space)
        contracts.register(tx, name=name, version=terms.version, digest=terms.digest, yaml=terms.raw_yaml)
    if waits:
        return record, WAITING
    releases.activate(
        runtime.store,
        runtime.catalog,
        name,
        alias,
        record.number,
        expected_generation=candidate.alias.generation if candidate.alias else None,
        actor=runtime.settings.actor,
        reason=said,
        signer=signer,
    )
    arrived(runtime, record, alias)
    return record, "published"


def _built(
    runtime: Runtime, candidate: Candidate, asked: Asked, signer: Signer, make: Maker, *, run_id: str, force: bool
) -> tuple[Manifest, str]:
    """Builds a version, judges it, and stores it signed; returns its manifest and its digest."""
    trust = TrustStore.from_folder(runtime.settings.trusted_keys)
    with runtime.store.scratch() as scratch:
        built = build_version(scratch, runtime.store, _spec(runtime, candidate), candidate.active, make)
        manifest = _judged(runtime, candidate, built, asked, run_id=run_id, force=force)
        require_passed(runtime, candidate.contract, manifest, built.folder)
        return _stored(runtime, manifest, built.folder, signer, trust)


def _propose(tx: Session, record: VersionRecord, alias: str, *, actor: str, reason: str) -> None:
    subject = f"{record.name}@{layout.version_name(record.number)}"
    detail = {"alias": alias, "manifest_sha256": record.manifest_sha256, "reason": reason}
    audit.append(tx, actor=actor, action="version.propose", subject=subject, detail=detail)


def _stored(
    runtime: Runtime, manifest: Manifest, folder: Path, signer: Signer, trust: TrustStore
) -> tuple[Manifest, str]:
    """Signs and stores a version, unless an earlier try left the same one; returns its manifest and its digest."""
    orphan = releases.find_orphan(runtime.store, runtime.catalog, manifest, trust)
    if orphan is not None:
        place = layout.version_path(orphan.name, orphan.number)
        return orphan, sha256_hex(runtime.store.read_bytes(f"{place}/{layout.MANIFEST}"))
    digest = releases.seal(folder, manifest, signer, aliases_signed=True)
    if not runtime.store.is_local:
        _claim(runtime, manifest, digest)
    releases.publish(runtime.store, manifest.name, manifest.number, folder)
    return manifest, digest


def release_waiting(runtime: Runtime, version: VersionRecord, alias: str, reason: str) -> str:
    """Points an alias to a version that waits, if it has its approvals by now; returns the status of the release."""
    if standing_of(runtime, version, alias).missing:
        return WAITING
    move_alias(runtime, version.name, alias, version.number, reason or "approved")
    return "published"


def _claim(runtime: Runtime, manifest: Manifest, digest: str) -> None:
    """Takes the number before the upload: an object store would let two releases write one folder."""
    with runtime.catalog.transaction() as tx:
        versions.add(tx, releases.version_record(manifest, digest))


def move_alias(
    runtime: Runtime,
    name: str,
    alias: str,
    number: int,
    reason: str,
    *,
    manifest_sha256: str = "",
    generation: int | None = None,
) -> VersionRecord:
    """Points an alias to a version that is there, after checking it (`index.verify.verify_quickly`).

    Args:
        runtime: The project.
        name: The index.
        alias: The alias.
        number: The version.
        reason: Why, for the audit log.
        manifest_sha256: Digest of the manifest that a person looked at; empty to take what has the number.
        generation: Moves of the alias that they saw, 0 where there was none; None to move it from wherever it is.

    Raises:
        ConfigurationError: There is no such version, or it is another one than was looked at.
        IntegrityError: The version is not what its signature says.
        ApprovalMissing: The alias never served it, and not enough persons have approved it.
        ConcurrentRelease: Somebody else moved the alias meanwhile.
    """
    with runtime.catalog.reading() as tx:
        state = versions.alias(tx, name, alias)
        known = versions.get(tx, name, number)
    verified = verify_quickly(runtime.store, name, number, TrustStore.from_folder(runtime.settings.trusted_keys))
    if known is not None:
        require_approved(runtime, known, alias)
    releases.activate(
        runtime.store,
        runtime.catalog,
        name,
        alias,
        number,
        expected_generation=(state.generation if state else None) if generation is None else generation or None,
        actor=runtime.settings.actor,
        reason=reason,
        signer=load_trusted_signer(runtime.settings.signing_key, runtime.settings.trusted_keys),
        manifest_sha256=manifest_sha256,
    )
    if known is not None:
        arrived(runtime, known, alias)
    return releases.version_record(verified.manifest, verified.manifest_sha256)


def _spec(runtime: Runtime, candidate: Candidate) -> BuildSpec:
    return BuildSpec(
        embedder_fingerprint=candidate.space.fingerprint,
        dimension=candidate.space.dimension,
        factory=candidate.contract.index.factory,
        deletes=candidate.contract.index.deletes,
        lexical=candidate.contract.index.lexical,
        contract_yaml=candidate.contract.raw_yaml.encode("utf-8"),
        canaries=stored_canaries(runtime, candidate.space.fingerprint),
    )


def _judged(
    runtime: Runtime, candidate: Candidate, built: Built, asked: Asked, *, run_id: str, force: bool
) -> Manifest:
    """Returns the manifest with what every gate found in it."""
    facts = _circumstances(runtime, candidate, run_id)
    draft = manifest_of(built, facts)
    results = (
        *_gates(candidate, built, draft, force=force),
        *parity_gates(runtime, candidate, built, forced=force),
        *declared_gates(runtime, candidate, built, forced=force),
    )
    if all(result.passed for result in results):  # a candidate that fails one of these is not worth a model
        results = (
            *results,
            canary_gate(runtime, candidate),
            *contamination_gate(runtime, candidate, built, draft),
            *golden_gates(runtime, candidate, built, draft, asked),
        )
    return manifest_of(built, facts, results)


def _gates(candidate: Candidate, built: Built, draft: Manifest, *, force: bool) -> tuple[gates.GateResult, ...]:
    guards = candidate.contract.guards
    previous = Manifest.from_json(candidate.served.manifest) if candidate.served else None
    shrink = force or candidate.shrink_allowed
    contents = built.summary.contents
    return (
        gates.conservation(candidate.counts),
        gates.parity(
            chunks=contents.chunks, vectors=built.index.vectors, document_chunks=built.summary.document_chunks
        ),
        gates.recall(built.index.recall_at_10, built.index.recall_sample, candidate.contract.gates.recall.minimum),
        gates.size(
            previous=previous.contents.documents if previous and not shrink else None,
            documents=contents.documents,
            max_removed_share=guards.max_removed_share,
            min_documents=0 if shrink else guards.min_documents,
        ),
        _one_chunker(candidate, draft.fingerprints["chunker"].digest),
        *((gates.owned(built.summary.ownerless),) if "owner" in candidate.contract.governance.required else ()),
        gates.one_change(what_changed(previous, draft), forced=force),
        *origin_gates(candidate.contract, built.folder, forced=force),
    )


def _one_chunker(candidate: Candidate, expected: str) -> gates.GateResult:
    cut_by = {segment.segment_id: segment.chunker_fingerprint for segment in candidate.segments}
    result = gates.one_space(expected, cut_by.values(), "chunker")
    foreign = [item.doc_id for item in candidate.active if cut_by[item.segment_id] != expected]
    if result.passed:
        return result
    named = ", ".join(foreign[:5]) + (f" and {len(foreign) - 5} more" if len(foreign) > 5 else "")
    return replace(result, message=f"{result.message} They hold: {named}. Make these readable, or remove them.")


def _circumstances(runtime: Runtime, candidate: Candidate, run_id: str) -> Circumstances:
    name, contract = candidate.contract.name, candidate.contract
    return Circumstances(
        name=name,
        number=releases.next_number(runtime.store, runtime.catalog, name),
        previous=candidate.served.number if candidate.served else None,
        created_at=utc_now(),
        run=RunInfo(run_id=run_id, code_version=installed("stemma-rag"), actor=runtime.settings.actor),
        contract=ContractRef(id=contract.id, name=name, version=contract.version, digest=contract.digest),
        fingerprints={
            **(inherited(runtime, candidate) or _makers(candidate, runtime.settings)),
            "embedder": _embedder(candidate),
        },
        runtime=_runtime(runtime, candidate),
        conservation=candidate.counts,
    )


def _makers(candidate: Candidate, settings: Settings) -> dict[str, FingerprintRef]:
    """Returns what read, cut and judged the documents, as contract and code say it today."""
    from ingestion.toolkit import chunker_of, fingerprints_of  # noqa: PLC0415 - a re-embed loads no parser or chunker

    seams = {
        role: FingerprintRef(digest=fingerprint(role, parts), parts=parts)
        if len(parts) != 1
        else FingerprintRef(digest=next(iter(parts.values())), parts=parts)
        for role, parts in fingerprints_of(candidate.contract, settings).items()
    }
    return seams | {"chunker": _chunker(candidate, chunker_of(candidate.contract).fingerprint)}


def _chunker(candidate: Candidate, declared: str) -> FingerprintRef:
    """Returns the chunker of the version; a gate refuses any other beside it.

    It is the contract's, unless none of the chunks was cut by it: a re-embed takes them as they are.
    """
    cut_by = sorted({segment.chunker_fingerprint for segment in candidate.segments})
    digest = declared if declared in cut_by or not cut_by else cut_by[0]
    parts = {"strategy": candidate.contract.chunker.strategy, "as_declared": digest == declared}
    return FingerprintRef(digest=digest, parts=parts)


def _embedder(candidate: Candidate) -> FingerprintRef:
    space = candidate.space
    return FingerprintRef(digest=space.fingerprint, parts={**space.parts, "model": space.model})


def _runtime(runtime: Runtime, candidate: Candidate) -> dict[str, str]:
    """Returns what computed the vectors; several values are joined, because segments may differ."""
    found: dict[str, set[str]] = {}
    with runtime.catalog.reading() as tx:
        runtimes = segments.runtimes(tx, candidate.contract.name, candidate.space.fingerprint)
    for segment in candidate.segments:
        for key, value in runtimes.get(segment.segment_id, {}).items():
            found.setdefault(key, set()).add(str(value))
    return {key: ", ".join(sorted(values)) for key, values in sorted(found.items())}
