"""A catalog that was restored from an older copy: what the home knows beyond it, and how it catches up.

Versions and the files of aliases are signed, so they may be believed over the rows. What was only in the catalog
(decisions, overrides, answers, the log) is not in the home; it is counted here, and stays lost.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from corpus.catalog import holds, runs, versions
from corpus.errors import IntegrityError, ReleaseError
from index import layout
from index.pointer import alias_names, read_pointer, version_numbers
from index.rebuild import Rebuilt, rebuild_catalog
from index.release import ahead
from index.retention import remove_version
from index.signing import TrustStore
from ingestion.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaughtUp:
    """What an index had in the home that the catalog did not know.

    Attributes:
        versions: Numbers of the versions.
        aliases: Names of the aliases that had been moved.
        lost_runs: How many of the versions were made by runs that the catalog has lost, with what they decided.
    """

    versions: tuple[int, ...] = ()
    aliases: tuple[str, ...] = ()
    lost_runs: int = 0


def catch_up(runtime: Runtime, name: str, *, dry_run: bool = False) -> CaughtUp:
    """Brings the rows of versions and aliases up to what the home says, where an alias there is ahead of its row.

    Without such an alias nothing is done: a version that no row knows is then one that a killed release left.

    Args:
        runtime: The project.
        name: The index.
        dry_run: Only say what would be done.

    Raises:
        ReleaseError: The file of an alias is ahead, and is not signed by a trusted key, or points to a version that
            does not hold.
    """
    pointers = ahead(runtime.store, runtime.catalog, name)
    if not pointers:
        return CaughtUp()
    unknown = _unknown(runtime, name)
    if not dry_run:
        trust = TrustStore.from_folder(runtime.settings.trusted_keys)
        rebuilt = rebuild_catalog(runtime.store, runtime.catalog, name, trust, actor=runtime.settings.actor)
        still = ahead(runtime.store, runtime.catalog, name)
        if still:
            raise ReleaseError(_refused(name, still[0].alias, rebuilt))
        unknown = tuple(number for number in unknown if number in rebuilt.versions)
    return CaughtUp(
        versions=unknown,
        aliases=tuple(pointer.alias for pointer in pointers),
        lost_runs=_lost_runs(runtime, name, unknown),
    )


def pointed(runtime: Runtime, name: str) -> frozenset[str]:
    """Returns the folders of versions that files of aliases point to, whatever the catalog says."""
    found: set[str] = set()
    for alias in alias_names(runtime.store, name):
        with suppress(IntegrityError):  # damaged: it is written again
            pointer = read_pointer(runtime.store, name, alias)
            found |= {layout.version_path(name, pointer.version)} if pointer else set()
    return frozenset(found)


def lost_versions(runtime: Runtime, name: str) -> tuple[int, ...]:
    """Returns the versions that the catalog says are kept and whose folders are not in the home."""
    with runtime.catalog.reading() as tx:
        kept = [version for version in versions.all_of(tx, name) if version.state != "retired"]
    missing = (item for item in kept if not runtime.store.exists(f"{item.path}/{layout.MANIFEST}"))
    return tuple(item.number for item in missing)


def give_up_unfinished(runtime: Runtime, name: str, before: datetime, *, dry_run: bool = False) -> tuple[int, ...]:
    """Retires the numbers that a release took on an object store, and did not complete; returns them.

    There the row comes before the upload, so that no two releases write one folder. Killed in between, or without an
    answer from the store, the folder lacks its signature, which is written last; nobody can open it.

    Args:
        runtime: The project.
        name: The index.
        before: Of which time a row must be: a younger one may be that of a release at work.
        dry_run: Only say which.
    """
    if runtime.store.is_local:
        return ()
    with runtime.catalog.reading() as tx:
        waiting = [item for item in versions.all_of(tx, name) if item.state == "candidate" and item.created_at < before]
    found = [item.number for item in waiting if not runtime.store.exists(f"{item.path}/{layout.ENVELOPE}")]
    given_up: list[int] = []
    for number in found:
        if not dry_run:
            with runtime.catalog.transaction() as tx:
                if not holds.retire(tx, name, number, actor=runtime.settings.actor, why="its upload was cut short"):
                    continue
            remove_version(runtime.store, name, number)
        given_up.append(number)
    return tuple(given_up)


def _unknown(runtime: Runtime, name: str) -> tuple[int, ...]:
    with runtime.catalog.reading() as tx:
        known = {version.number for version in versions.all_of(tx, name)}
    return tuple(number for number in version_numbers(runtime.store, name) if number not in known)


def _lost_runs(runtime: Runtime, name: str, numbers: tuple[int, ...]) -> int:
    with runtime.catalog.reading() as tx:
        found = [version for number in numbers if (version := versions.get(tx, name, number)) is not None]
        return sum(runs.get(tx, version.run_id) is None for version in found)


def _refused(name: str, alias: str, rebuilt: Rebuilt) -> str:
    why = rebuilt.skipped.get(alias, "it is not signed by a trusted key")
    return (
        f"the file of alias {alias!r} of {name!r} is ahead of the catalog and is not followed: {why}. If it is not "
        f"yours, remove it and run `stemma reconcile {name}` again, which writes it from the catalog."
    )
