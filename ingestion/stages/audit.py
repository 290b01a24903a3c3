"""Audit: is what is served still what was released, and is the model still the model?

Reads every byte of the live version, embeds the canaries again, and checks the audit log's chain. It
changes nothing; what the canaries said is kept in their history.
"""

from __future__ import annotations

from corpus import batches
from corpus.catalog import audit as audit_log
from corpus.catalog import versions
from corpus.catalog.records import AliasState
from corpus.errors import IntegrityError
from corpus.ids import new_run_id
from corpus.receipts import Receipt
from index import layout
from index.canaries import CanaryResult
from index.manifest import Manifest
from index.pointer import read_pointer
from index.signing import TrustStore
from index.verify import Verified, verify_version
from ingestion.aliases import alias_state
from ingestion.canaries import check_against
from ingestion.embedding import describe, open_embedder
from ingestion.models import space_of
from ingestion.runtime import Runtime


def audit(runtime: Runtime, contract_name: str, *, alias: str = "live") -> Receipt:
    """Checks the version that an alias serves.

    Args:
        runtime: The project.
        contract_name: Name of the contract, and of its index.
        alias: The alias.

    Returns:
        A receipt with the figures `version`, `files`, `canary_min_cosine`, `canary_mean_cosine` and
        `audit_entries`.

    Raises:
        ConfigurationError: There is no such alias.
        IntegrityError: A byte, a signature, a canary, the projection or the audit log is not as it was.
    """
    state = alias_state(runtime, contract_name, alias)
    trust = TrustStore.from_folder(runtime.settings.trusted_keys)
    verified = verify_version(runtime.store, contract_name, state.number, trust)
    _check_pointer(runtime, state)
    canary = _check_canaries(runtime, verified.manifest)
    return Receipt(
        stage="audit",
        contract=contract_name,
        run_id=new_run_id(),
        key=alias,
        inputs=(layout.version_name(state.number),),
        figures=_figures(runtime, verified, canary),
        fingerprints={"embedder": verified.manifest.fingerprints["embedder"].digest},
    )


def _check_pointer(runtime: Runtime, state: AliasState) -> None:
    pointer = read_pointer(runtime.store, state.name, state.alias)
    if pointer is None or (pointer.version, pointer.manifest_sha256) != (state.number, state.manifest_sha256):
        raise IntegrityError(
            f"readers of {state.name!r} see another {state.alias!r} than the catalog, which says "
            f"{layout.version_name(state.number)}. Run `stemma reconcile {state.name}`."
        )


def _check_canaries(runtime: Runtime, manifest: Manifest) -> CanaryResult:
    """Compares today's model with the vectors that the version holds: those its index was built beside.

    The model is that of the version. What the contract declares today may be another one, not re-embedded yet.
    """
    with runtime.catalog.reading() as tx:
        record = versions.require(tx, manifest.name, manifest.number)
    space = space_of(runtime, record)
    embedder = open_embedder(runtime, describe(runtime, space.model, space.revision or None))
    version = layout.version_name(manifest.number)
    with runtime.store.open(f"{layout.version_path(manifest.name, manifest.number)}/{layout.CANARIES}") as handle:
        stored = batches.vectors_from_arrow(batches.read_table(handle, ["vector"])["vector"])
    return check_against(
        runtime, embedder, stored, manifest.runtime, occasion="audit", subject=f"{manifest.name} {version}"
    )


def _figures(runtime: Runtime, verified: Verified, canary: CanaryResult) -> dict[str, int | float | str]:
    with runtime.catalog.reading() as tx:
        log = audit_log.verify(tx)
    if log.broken_at is not None:
        raise IntegrityError(
            f"the audit log is broken at entry {log.broken_at} of {log.entries}: it was edited. Compare it with a "
            "backup."
        )
    return {
        "version": verified.manifest.number,
        "files": len(verified.manifest.files),
        "keyid": verified.keyid,
        "canary_min_cosine": round(canary.min_cosine, 6),
        "canary_mean_cosine": round(canary.mean_cosine, 6),
        "audit_entries": log.entries,
    }
