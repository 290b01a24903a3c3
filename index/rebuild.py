"""Rebuilds the catalog's version tables from what is in the home, which is the record of content.

A catalog that was lost gets its rows back. One that was restored from an older copy catches up: it learns of the
versions that came since, and where their aliases are, as signed files say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from corpus.catalog import audit, erasures, rows, versions
from corpus.catalog.records import VersionRecord
from corpus.catalog.session import Catalog
from corpus.catalog.tables import AliasRow
from corpus.errors import ConfigurationError, IntegrityError
from corpus.storage import Store
from index import layout
from index.pointer import AliasPointer, alias_names, verified_pointer, version_numbers
from index.release import version_record
from index.signing import TrustStore
from index.tombstones import read_tombstones
from index.verify import Verified, verify_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What was found.

    Attributes:
        versions: Numbers that have a row now.
        aliases: Aliases that have a row now.
        skipped: Folder or alias to why it was left out.
    """

    versions: tuple[int, ...]
    aliases: tuple[str, ...]
    skipped: dict[str, str]


def rebuild_catalog(
    store: Store, catalog: Catalog, name: str, trust: TrustStore, *, actor: str, allow_unsigned: bool = False
) -> Rebuilt:
    """Adds the rows of every version and alias of an index that the catalog does not have.

    Rows that are there are kept; that of an alias whose signed file is of a later generation catches up with it. An
    alias keeps its generation, so projections stay comparable.

    Args:
        store: The home.
        catalog: The catalog, at the current schema.
        name: The index.
        trust: Keys whose signatures are accepted.
        actor: Who rebuilds, for the audit log.
        allow_unsigned: Accept versions without signature.
    """
    skipped: dict[str, str] = {}
    found_pointers = dict(_pointers(store, name, trust, skipped, allow_unsigned=allow_unsigned))
    pointers = tuple(found_pointers)
    served = {pointer.version for pointer in pointers}
    check = partial(_check, store, name, trust, allow_unsigned)
    found = {number: _record(check, number, served, skipped) for number in version_numbers(store, name)}
    records = {number: record for number, record in found.items() if record is not None}
    kept = [pointer for pointer in pointers if _points_right(pointer, records, skipped)]
    _write(catalog, name, records.values(), {pointer: found_pointers[pointer] for pointer in kept}, actor)
    _restore_tombstones(store, catalog, name, trust, skipped)
    return Rebuilt(versions=tuple(records), aliases=tuple(pointer.alias for pointer in kept), skipped=skipped)


def _restore_tombstones(store: Store, catalog: Catalog, name: str, trust: TrustStore, skipped: dict[str, str]) -> None:
    """Brings back what was deleted: without it the next deletion would write a file that lacks the others."""
    try:
        found = read_tombstones(store, name, trust)
    except IntegrityError as error:
        skipped[layout.TOMBSTONES] = str(error)
        return
    with catalog.transaction() as tx:
        audit.lock(tx)
        erasures.adopt(tx, name, found.sequence, found.documents, found.chunks)


def _check(store: Store, name: str, trust: TrustStore, allow_unsigned: bool, number: int) -> Verified:  # noqa: FBT001
    return verify_version(store, name, number, trust, allow_unsigned=allow_unsigned)


def _pointers(
    store: Store, name: str, trust: TrustStore, skipped: dict[str, str], *, allow_unsigned: bool
) -> Iterable[tuple[AliasPointer, bool]]:
    """Yields the aliases that hold, and whether a trusted key signed them."""
    for alias in alias_names(store, name):
        try:
            found = verified_pointer(store, name, alias, trust, allow_unsigned=allow_unsigned)
        except IntegrityError as error:
            skipped[alias] = str(error)
            continue
        if found is not None:
            yield found


def _record(
    check: Callable[[int], Verified], number: int, served: set[int], skipped: dict[str, str]
) -> VersionRecord | None:
    try:
        verified = check(number)
    except (IntegrityError, ConfigurationError) as error:
        skipped[layout.version_name(number)] = str(error)
        return None
    state = "released" if number in served else "candidate"
    return version_record(verified.manifest, verified.manifest_sha256, state)


def _points_right(pointer: AliasPointer, records: dict[int, VersionRecord], skipped: dict[str, str]) -> bool:
    record = records.get(pointer.version)
    if record is not None and record.manifest_sha256 == pointer.manifest_sha256:
        return True
    skipped[pointer.alias] = f"points to {layout.version_name(pointer.version)}, which is missing or another one"
    return False


def _write(
    catalog: Catalog, name: str, records: Iterable[VersionRecord], pointers: Mapping[AliasPointer, bool], actor: str
) -> None:
    with catalog.transaction() as tx:
        audit.lock(tx)
        for record in records:
            versions.add(tx, record)
        for pointer, signed in pointers.items():
            # No move: the row is put back as it was, generation and all, or kept where it is.
            row = {
                "name": name,
                "alias": pointer.alias,
                "number": pointer.version,
                "generation": pointer.generation,
                "moved_at": datetime.fromisoformat(pointer.moved_at),
                "actor": pointer.actor,
            }
            before = versions.alias(tx, name, pointer.alias)
            new = before is None and rows.insert_new(tx, AliasRow, row, key=("name", "alias"))
            if new or (signed and versions.catch_up(tx, row)):
                detail = {
                    "from": before.number if before else None,
                    "to": pointer.version,
                    "generation": pointer.generation,
                }
                versions.set_state(tx, name, pointer.version, "released")
                audit.append(tx, actor=actor, action="alias.restore", subject=f"{name}@{pointer.alias}", detail=detail)
