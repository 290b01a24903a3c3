"""The versions of one index, where its aliases pointed and when, and what a person may call a version. Reads only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from corpus.errors import ConfigurationError
from corpus.naming import require_known

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from corpus.catalog.aliasmoves import AliasMove, Serving
    from corpus.catalog.records import VersionRecord
    from ingestion.runtime import Runtime

_NUMBER = re.compile(r"^v?0*([1-9]\d{0,8})$")


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """One index through time.

    Attributes:
        name: Its name.
        versions: Its versions, newest first.
        aliases: Alias to the number it points to.
        moves: Every move of its aliases, oldest first.
        models: Embedder fingerprint to the name it was asked for by.
        replaced: Number that a version had to the one that it has since it was built again without an erased document.
    """

    name: str
    versions: tuple[VersionRecord, ...]
    aliases: Mapping[str, int]
    moves: tuple[AliasMove, ...]
    models: Mapping[str, str]
    replaced: Mapping[int, int]

    def resolve(self, text: str | int) -> VersionRecord:
        """Returns the version that a number (`3`, `v000003`) or an alias stands for.

        Raises:
            ConfigurationError: There is none; the message says which there are.
        """
        return resolve(self.name, self.versions, self.aliases, str(text))

    def now(self, version: VersionRecord) -> VersionRecord:
        """Returns the version itself, or the one that was built in its place without an erased document."""
        return self.resolve(self.replaced.get(version.number, version.number))

    def before(self, version: VersionRecord) -> VersionRecord:
        """Returns the version that another one follows, or the nearest older one that is left.

        Raises:
            ConfigurationError: There is none.
        """
        older = [found for found in self.versions if found.number < version.number and found.state != "retired"]
        stated = version.manifest.get("previous")
        followed = next((found for found in older if found.number == stated), None)
        if followed is None and not older:
            raise ConfigurationError(
                f"{self.name} v{version.number:06d} is the first version: there is none before it."
            )
        return followed or older[0]

    def at(self, alias: str, moment: datetime) -> VersionRecord:
        """Returns the version that an alias pointed to at a time, or that stands in its place after an erasure.

        Args:
            alias: The alias.
            moment: When, aware.

        Raises:
            ConfigurationError: The alias did not exist then, or never did.
        """
        mine = [move for move in self.moves if move.alias == alias]
        passed = [move for move in mine if move.at <= moment]
        if passed:
            return self.now(self.resolve(passed[-1].number))
        if not mine:
            known = ", ".join(sorted({move.alias for move in self.moves})) or "none"
            raise ConfigurationError(f"alias {alias!r} of {self.name!r} was never set. Aliases: {known}.")
        raise ConfigurationError(
            f"alias {alias!r} of {self.name!r} pointed nowhere at {moment.isoformat()}: it was first set at "
            f"{mine[0].at.isoformat()}."
        )

    def served(self, numbers: Iterable[int]) -> tuple[Serving, ...]:
        """Returns the times in which aliases served any of some versions, also under the numbers that they had then."""
        from corpus.catalog.aliasmoves import servings  # noqa: PLC0415 - brings SQLAlchemy

        wanted = {*numbers}
        wanted |= {old for old, new in self.replaced.items() if new in wanted}
        return tuple(item for item in servings(self.moves) if item.number in wanted)


def resolve(name: str, versions: Iterable[VersionRecord], aliases: Mapping[str, int], text: str) -> VersionRecord:
    """Returns the version that a number (`3`, `v000003`) or an alias stands for.

    Args:
        name: The index, for messages.
        versions: Its versions, newest first.
        aliases: Alias to number.
        text: As typed.

    Raises:
        ConfigurationError: There is none; the message says which there are.
    """
    listed = list(versions)
    if not listed:
        raise ConfigurationError(f"index {name!r} has no version yet. Run `stemma ingest {name}`.")
    match = _NUMBER.match(text)
    number = int(match.group(1)) if match else aliases.get(text)
    found = next((version for version in listed if version.number == number), None)
    if found is None:
        numbers = ", ".join(str(version.number) for version in reversed(listed))
        known = ", ".join(sorted(aliases)) or "none"
        raise ConfigurationError(f"index {name!r} has no version {text!r}. Versions: {numbers}. Aliases: {known}.")
    return found


def open_history(runtime: Runtime, name: str) -> History:
    """Reads one index from the catalog.

    Raises:
        ConfigurationError: No contract has that name; the message holds the nearest.
    """
    from corpus.catalog import aliasmoves, embedders, erasures, versions  # noqa: PLC0415 - brings SQLAlchemy

    with runtime.catalog.reading() as tx:
        require_known(
            "index", name, known_indexes(runtime, tx), "Make a contract with `stemma contract new NAME --path '...'`."
        )
        found = tuple(sorted(versions.all_of(tx, name), key=lambda version: -version.number))
        spaces = {version.embedder_fingerprint for version in found}
        return History(
            name=name,
            versions=found,
            aliases={state.alias: state.number for state in versions.aliases(tx, name)},
            moves=aliasmoves.moves(tx, name),
            replaced=erasures.replacements(tx, name),
            models={space: record.model for space in spaces if (record := embedders.get(tx, space)) is not None},
        )


def known_indexes(runtime: Runtime, tx: Session) -> list[str]:
    """Returns the names of all indexes: contracts that exist, and those that once ran."""
    from corpus.catalog import contracts  # noqa: PLC0415 - brings SQLAlchemy
    from ingestion.discovery import discover  # noqa: PLC0415

    return sorted({*contracts.names(tx), *(stub.name for stub in discover(runtime.settings.contracts))})


def moment_of(text: str, *, end_of_day: bool = False) -> datetime:
    """Reads a time as a person writes it: ISO 8601, UTC where no zone is given; a date is its first instant.

    Args:
        text: Such as `2026-11-01`, `2026-11-01T12:00` or `2026-11-01T12:00+02:00`.
        end_of_day: Take a date as its last instant.

    Raises:
        ConfigurationError: It is no time.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ConfigurationError(
            f"{text!r} is no time. Write it like 2026-11-01, 2026-11-01T12:00 or 2026-11-01T12:00+02:00 (UTC where no "
            "zone is given)."
        ) from error
    if end_of_day and len(text.strip()) == len("2026-11-01"):
        moment = moment.replace(hour=23, minute=59, second=59, microsecond=999_999)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
