"""What becomes of a candidate that failed a gate: it is kept to be looked at, within the bounds of the contract."""

from __future__ import annotations

from pathlib import Path

from contracts.model import Contract
from corpus.errors import GateFailed, StoreError
from corpus.types import utc_now
from index import gates
from index.candidates import keep_candidate, kept_candidates, plan_candidates, remove_candidate
from index.manifest import Manifest
from ingestion.runtime import Runtime


def require_passed(runtime: Runtime, contract: Contract, manifest: Manifest, folder: Path) -> None:
    """Stops a release whose candidate failed a gate, and keeps the candidate.

    Args:
        runtime: The project.
        contract: The contract, which says how many candidates are kept.
        manifest: The candidate, with what the gates found.
        folder: Its files; they are moved.

    Raises:
        GateFailed: At least one gate failed; each is named, and where the candidate is.
    """
    try:
        gates.require(manifest.gates)
    except GateFailed as error:
        raise GateFailed(f"{error}\n{_keep(runtime, contract, manifest, folder)}") from None


def _keep(runtime: Runtime, contract: Contract, manifest: Manifest, folder: Path) -> str:
    """Keeps a candidate and returns in words where it is; that there is no room for it must not hide what failed."""
    name = manifest.name
    if not contract.versions.candidates:
        return "The candidate was not kept: ragRetention.candidates is 0."
    try:
        candidate = keep_candidate(runtime.store, manifest, folder)
        prune_candidates(runtime, contract)
    except (OSError, StoreError) as error:
        return f"The candidate could not be kept: {error}."
    return f"The candidate is kept: look at it with `stemma index candidate show {name} {candidate}`."


def prune_candidates(runtime: Runtime, contract: Contract, *, dry_run: bool = False) -> tuple[str, ...]:
    """Removes the candidates that the contract keeps no longer; returns their names.

    Args:
        runtime: The project.
        contract: The contract.
        dry_run: Only say which.
    """
    spec = contract.versions
    kept = kept_candidates(runtime.store, contract.name)
    gone = plan_candidates(kept, keep=spec.candidates, days=spec.candidate_days, now=utc_now())
    for candidate in () if dry_run else gone:
        remove_candidate(runtime.store, contract.name, candidate)
    return gone
