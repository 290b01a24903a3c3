"""Versions that wait for approval: found again instead of built again, and listed for the people who decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from corpus.catalog import versions
from corpus.catalog.records import VersionRecord
from corpus.errors import ConfigurationError
from index import layout
from index.approvals import Standing
from ingestion.approving import standing_of
from ingestion.candidate import Candidate
from ingestion.runtime import Runtime

WAITING = "waiting-for-approval"
"""What a release says of itself when the version is there and the alias was not moved."""

Same = Callable[[Runtime, Candidate, VersionRecord], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A version that waits, and what it waits for.

    Attributes:
        version: The version.
        alias: The alias that would be moved.
        standing: Which approvals it has, and how many are missing.
    """

    version: VersionRecord
    alias: str
    standing: Standing


def waiting_for(runtime: Runtime, candidate: Candidate, alias: str, same: Same) -> VersionRecord | None:
    """Returns the version that holds exactly what a release would build again, and that the alias never served.

    Args:
        runtime: The project.
        candidate: What would be built.
        alias: The alias to move.
        same: Whether a version was built from exactly the candidate's inputs.

    Returns:
        The newest one; None where there is none, or where the contract asks for no approval.
    """
    spec = candidate.contract.approvals
    if not spec.persons or alias not in spec.aliases:
        return None
    served = candidate.served.number if candidate.served else 0
    return next(
        (item for item in _unserved(runtime, candidate.contract.name, alias, served) if same(runtime, candidate, item)),
        None,
    )


def all_waiting(runtime: Runtime, name: str) -> tuple[Waiting, ...]:
    """Returns the versions of an index that are newer than what an alias serves and that wait for approval.

    Those that have enough approvals and were not promoted yet are among them.

    Args:
        runtime: The project.
        name: The index.
    """
    found = []
    for alias in asked_aliases(runtime, name):
        with runtime.catalog.reading() as tx:
            state = versions.alias(tx, name, alias)
        for version in _unserved(runtime, name, alias, state.number if state else 0):
            standing = standing_of(runtime, version, alias)
            if standing.asked:
                found.append(Waiting(version=version, alias=alias, standing=standing))
    return tuple(found)


def asked_aliases(runtime: Runtime, name: str) -> tuple[str, ...]:
    """Returns the aliases of an index that wait for approval."""
    try:
        return runtime.contract(name).approvals.aliases
    except ConfigurationError:
        return ("live",)  # the contract is gone; what its versions say still holds


def _unserved(runtime: Runtime, name: str, alias: str, served: int) -> Iterator[VersionRecord]:
    """Yields the versions newer than the served one that the alias never pointed to, newest first."""
    with runtime.catalog.reading() as tx:
        newer = [item for item in versions.all_of(tx, name) if item.number > served and item.state != "retired"]
        moved = set(versions.served(tx, name, alias))
    for version in sorted(newer, key=lambda item: -item.number):
        there = runtime.store.exists(f"{layout.version_path(name, version.number)}/{layout.MANIFEST}")
        if version.number not in moved and there:
            yield version
