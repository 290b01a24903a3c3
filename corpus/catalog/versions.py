"""Index versions, and the aliases that point to them: moved by compare-and-swap, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from corpus.catalog import audit, erasures, rows
from corpus.catalog.records import AliasState, VersionRecord
from corpus.catalog.tables import AliasRow, AuditRow, VersionRow
from corpus.errors import ConcurrentRelease, ConfigurationError
from corpus.types import utc_now


def add(tx: Session, version: VersionRecord) -> None:
    """Keeps a version; adding the same manifest again changes nothing.

    Raises:
        ConcurrentRelease: Another release took this number.
    """
    if rows.insert_new(tx, VersionRow, rows.values(version), key=("name", "number")):
        return
    known = get(tx, version.name, version.number)
    if known is None or known.manifest_sha256 != version.manifest_sha256:
        raise ConcurrentRelease(
            f"version v{version.number:06d} of {version.name!r} was taken by another release. Nothing was "
            "published; run the release again, it will take the next number."
        )


def get(tx: Session, name: str, number: int) -> VersionRecord | None:
    """Returns a version; None where there is none of that number."""
    return rows.first(tx, VersionRecord, _all(name).where(VersionRow.number == number))


def all_of(tx: Session, name: str) -> tuple[VersionRecord, ...]:
    """Returns every version of an index, oldest first."""
    return tuple(rows.read(tx, VersionRecord, _all(name).order_by(VersionRow.number)))


def spaces(tx: Session, name: str) -> tuple[tuple[int, str, str], ...]:
    """Returns number, state and embedder fingerprint of each version of an index, oldest first, and no manifest."""
    statement = select(VersionRow.number, VersionRow.state, VersionRow.embedder_fingerprint)
    found = tx.execute(statement.where(VersionRow.name == name).order_by(VersionRow.number))
    return tuple((number, state, fingerprint) for number, state, fingerprint in found)


def page(tx: Session, name: str, *, limit: int, offset: int) -> tuple[VersionRecord, ...]:
    """Returns some versions of an index, newest first.

    Args:
        tx: The transaction.
        name: The index.
        limit: How many at the most.
        offset: How many of the newest to pass over.
    """
    newest = _all(name).order_by(VersionRow.number.desc()).limit(limit).offset(offset)
    return tuple(rows.read(tx, VersionRecord, newest))


def count(tx: Session, name: str) -> int:
    """Returns how many versions of an index there are."""
    return int(tx.execute(select(func.count()).select_from(VersionRow).where(VersionRow.name == name)).scalar_one())


def _all(name: str) -> Select[Any]:
    return select(*rows.columns(VersionRow, VersionRecord)).where(VersionRow.name == name)


def latest_number(tx: Session, name: str) -> int:
    """Returns the highest version number of an index in use; 0 where there is none."""
    return tx.execute(select(func.max(VersionRow.number)).where(VersionRow.name == name)).scalar() or 0


def set_state(tx: Session, name: str, number: int, state: str) -> None:
    """Notes that a version is now `candidate`, `released` or `retired`.

    Raises:
        ConfigurationError: There is no such version.
    """
    require(tx, name, number)
    tx.execute(update(VersionRow).where(VersionRow.name == name, VersionRow.number == number).values(state=state))


def alias(tx: Session, name: str, alias: str) -> AliasState | None:
    """Returns where an alias points; None where it was never set."""
    return rows.first(tx, AliasState, _aliases(name).where(AliasRow.alias == alias))


def aliases(tx: Session, name: str) -> tuple[AliasState, ...]:
    """Returns every alias of an index, by name."""
    return tuple(rows.read(tx, AliasState, _aliases(name).order_by(AliasRow.alias)))


def _aliases(name: str) -> Select[Any]:
    own = rows.columns(AliasRow, AliasState, without=("manifest_sha256",))
    pointed = (VersionRow.name == AliasRow.name) & (VersionRow.number == AliasRow.number)
    return select(*own, VersionRow.manifest_sha256).join(VersionRow, pointed).where(AliasRow.name == name)


def move_alias(
    tx: Session, *, name: str, alias: str, number: int, expected_generation: int | None, actor: str, reason: str
) -> AliasState:
    """Points an alias to a version, if nobody else moved it first, and writes that to the audit log.

    Args:
        tx: The transaction.
        name: The index.
        alias: The alias.
        number: The version to point to.
        expected_generation: The generation that the caller saw; None when it saw no such alias.
        actor: Who moves it.
        reason: Why, in words.

    Returns:
        The alias after the move.

    Raises:
        ConfigurationError: There is no such version.
        ConcurrentRelease: The alias is not at that generation; nothing is changed.
    """
    # The log's lock comes first, here as everywhere, so that two moves can wait for but not block each other.
    audit.lock(tx)
    before = _alias_state(tx, name, alias)
    version = require(tx, name, number)
    moved = AliasState(
        name=name,
        alias=alias,
        number=number,
        generation=(expected_generation or 0) + 1,
        moved_at=utc_now(),
        actor=actor,
        manifest_sha256=version.manifest_sha256,
    )
    if not _swap(tx, moved, expected_generation):
        raise ConcurrentRelease(_moved_first(moved, before, expected_generation))
    detail = {
        "from": before.number if before else None,
        "to": number,
        "generation": moved.generation,
        "manifest_sha256": moved.manifest_sha256,
        "reason": reason,
    }
    audit.append(tx, actor=actor, action="alias.move", subject=f"{name}@{alias}", detail=detail, at=moved.moved_at)
    return moved


# Inside `move_alias` the word is the alias's name.
_alias_state = alias


def _swap(tx: Session, moved: AliasState, expected_generation: int | None) -> bool:
    values: dict[str, int | str | datetime] = {
        "number": moved.number,
        "generation": moved.generation,
        "moved_at": moved.moved_at,
        "actor": moved.actor,
    }
    if expected_generation is None:
        row = {"name": moved.name, "alias": moved.alias, **values}
        return rows.insert_new(tx, AliasRow, row, key=("name", "alias"))
    here = (AliasRow.name == moved.name, AliasRow.alias == moved.alias, AliasRow.generation == expected_generation)
    swapped = tx.execute(update(AliasRow).where(*here).values(**values).returning(AliasRow.generation))
    return swapped.first() is not None


def catch_up(tx: Session, row: Mapping[str, Any]) -> bool:
    """Puts an alias where its file says that it was moved to, if that was later; returns whether it was.

    For a catalog that was restored from an older copy: no move, since it has happened already.
    """
    here = (AliasRow.name == row["name"], AliasRow.alias == row["alias"], AliasRow.generation < row["generation"])
    changed = tx.execute(update(AliasRow).where(*here).values(**row).returning(AliasRow.generation))
    return changed.first() is not None


def _moved_first(wanted: AliasState, found: AliasState | None, expected: int | None) -> str:
    saw = f"generation {expected}" if expected is not None else "no such alias"
    now = f"generation {found.generation}, v{found.number:06d}, moved by {found.actor}" if found else "not there"
    return (
        f"alias {wanted.alias!r} of {wanted.name!r} was moved by somebody else: expected {saw}, it is {now}. "
        "It was left where it is; look at it with `stemma index list` and run again."
    )


def require(tx: Session, name: str, number: int) -> VersionRecord:
    """Returns a version.

    Raises:
        ConfigurationError: There is none of that number; the message says which there are.
    """
    version = get(tx, name, number)
    if version is None:
        known = tx.execute(select(VersionRow.number).where(VersionRow.name == name).order_by(VersionRow.number))
        listed = ", ".join(f"v{found:06d}" for found in known.scalars()) or "none"
        raise ConfigurationError(f"index {name!r} has no version v{number:06d}. Known: {listed}.")
    return version


def require_shown(tx: Session, name: str, number: int, manifest_sha256: str) -> VersionRecord:
    """Returns a version, if it is the one that somebody looked at.

    Args:
        tx: The transaction.
        name: The index.
        number: The version.
        manifest_sha256: Digest of the manifest that was looked at; empty to take what has the number.

    Raises:
        ConfigurationError: There is none of that number, or it is another one by now: the catalog was restored, say.
    """
    version = require(tx, name, number)
    if manifest_sha256 and version.manifest_sha256 != manifest_sha256:
        raise ConfigurationError(
            f"v{number:06d} of {name!r} is not the version that was looked at: its manifest has the digest "
            f"{version.manifest_sha256[:12]}, not {manifest_sha256[:12]}. Nothing was done; look again."
        )
    return version


def served(tx: Session, name: str, alias: str) -> tuple[int, ...]:
    """Returns the versions that an alias was pointed to, in the order of the moves, as the audit log has them.

    Where the catalog caught up with the home after it was restored, that counts as one.

    One that was built again since without an erased document is given under the number that it has now.
    """
    moved = AuditRow.action.in_(("alias.move", "alias.restore"))
    statement = select(AuditRow.detail).where(moved, AuditRow.subject == f"{name}@{alias}")
    since = erasures.replacements(tx, name)
    moves = (int(detail["to"]) for detail in tx.execute(statement.order_by(AuditRow.number)).scalars())
    return tuple(since.get(number, number) for number in moves)
