"""Holds: a person's word that a version stays, whatever the contract's retention says."""

from __future__ import annotations

from corpus.catalog import audit, holds, versions
from corpus.errors import ConfigurationError
from ingestion.runtime import Runtime


def hold(runtime: Runtime, name: str, number: int, *, reason: str, manifest_sha256: str = "") -> tuple[int, ...]:
    """Keeps a version, and writes into the audit log who asked for it and why.

    Args:
        runtime: The project; its `actor` is who asks.
        name: The index.
        number: The version.
        reason: Why; not empty.
        manifest_sha256: Digest of the manifest that was looked at; empty to take what has the number.

    Returns:
        The numbers of all versions that are held now.

    Raises:
        ConfigurationError: No reason, no such version or another one than was looked at, it was removed, or it is held
            already.
    """
    return _changed(runtime, name, number, reason, manifest_sha256, lift=False)


def unhold(runtime: Runtime, name: str, number: int, *, reason: str, manifest_sha256: str = "") -> tuple[int, ...]:
    """Lifts the hold on a version: retention may remove it from then on.

    Raises:
        ConfigurationError: No reason, another version than was looked at, or it is not held.
    """
    return _changed(runtime, name, number, reason, manifest_sha256, lift=True)


def _changed(runtime: Runtime, name: str, number: int, reason: str, shown: str, *, lift: bool) -> tuple[int, ...]:
    if not reason.strip():
        raise ConfigurationError("a hold, and lifting one, needs a reason: --reason '...'. It goes into the audit log.")
    change = holds.lift if lift else holds.place
    with runtime.catalog.transaction() as tx:
        audit.lock(tx)
        versions.require_shown(tx, name, number, shown)
        change(tx, name, number, actor=runtime.settings.actor, reason=reason.strip())
        return tuple(item.number for item in holds.of_index(tx, name))
