"""The versions of one index as the catalog knows them, and what a person may call one. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.cli.command import Json
from console.cli.session import require_known
from corpus.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session as Transaction

    from corpus.catalog.records import VersionRecord
    from ingestion.history.opened import History
    from ingestion.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """One index.

    Attributes:
        name: Its name.
        versions: Its versions, newest first.
        aliases: Alias to the number it points to.
        served: Alias to the numbers it was pointed to, in the order of the moves.
        models: Embedder fingerprint to the name it was asked for by.
    """

    name: str
    versions: tuple[VersionRecord, ...]
    aliases: Mapping[str, int]
    served: Mapping[str, tuple[int, ...]]
    models: Mapping[str, str]

    def resolve(self, text: str) -> VersionRecord:
        """Returns the version that a number (`3`, `v000003`) or an alias stands for.

        Raises:
            ConfigurationError: There is none; the message says which there are.
        """
        from ingestion.history.opened import resolve  # noqa: PLC0415 - help must not load it

        return resolve(self.name, self.versions, self.aliases, text)

    def before(self, version: VersionRecord) -> VersionRecord:
        """Returns the version that another one follows, or the nearest older one that is left.

        Raises:
            ConfigurationError: There is none.
        """
        stated = version.manifest.get("previous")
        older = [found for found in self.kept() if found.number < version.number]
        followed = next((found for found in older if found.number == stated), None)
        if followed is None and not older:
            raise ConfigurationError(
                f"{self.name} v{version.number:06d} is the first version: there is none before it."
            )
        return followed or older[0]

    def served_before(self, alias: str) -> VersionRecord:
        """Returns the version to roll an alias back to: what it served before what it serves now.

        A roll-back takes a step back, so rolling back twice goes two steps and not to and fro.

        Raises:
            ConfigurationError: There is no such alias, or it never served another version.
        """
        current = self.resolve(alias)
        steps: list[int] = []
        for number in self.served.get(alias, ()):
            if number in steps:
                del steps[steps.index(number) :]
            steps.append(number)
        left = {version.number: version for version in self.versions if version.state != "retired"}
        earlier = [left[number] for number in steps[:-1] if number in left]
        if not earlier:
            raise ConfigurationError(
                f"{alias!r} of {self.name!r} served no version before v{current.number:06d}. Name one with --to."
            )
        return earlier[-1]

    def kept(self) -> list[VersionRecord]:
        """Returns the versions that are still there, newest first."""
        return [version for version in self.versions if version.state != "retired"]

    def pointed(self) -> list[VersionRecord]:
        """Returns the versions that an alias points to, newest first."""
        numbers = set(self.aliases.values())
        return [version for version in self.versions if version.number in numbers]


def version_row(version: VersionRecord, index: Index | History) -> Json:
    """Returns one version as a JSON object, without its manifest."""
    return {
        "name": version.name,
        "number": version.number,
        "aliases": sorted(alias for alias, number in index.aliases.items() if number == version.number),
        "state": version.state,
        "documents": version.documents,
        "chunks": version.chunks,
        "model": index.models.get(version.embedder_fingerprint, version.embedder_fingerprint[:12]),
        "embedder_fingerprint": version.embedder_fingerprint,
        "contract_version": version.contract_version,
        "created_at": version.created_at.isoformat(),
        "run_id": version.run_id,
        "path": version.path,
        "manifest_sha256": version.manifest_sha256,
    }


def open_one(runtime: Runtime, tx: Transaction, name: str) -> Index:
    """Reads one index from the catalog.

    Raises:
        ConfigurationError: No contract has that name; the message holds the nearest.
    """
    from corpus.catalog import embedders, versions  # noqa: PLC0415 - help must not load SQLAlchemy
    from ingestion.history.opened import known_indexes  # noqa: PLC0415

    known = known_indexes(runtime, tx)
    require_known("index", name, known, "Make a contract with `stemma contract new NAME --path '...'`.")
    found = tuple(sorted(versions.all_of(tx, name), key=lambda version: -version.number))
    spaces = {version.embedder_fingerprint for version in found}
    models = {space: record.model for space in spaces if (record := embedders.get(tx, space)) is not None}
    return Index(
        name=name,
        versions=found,
        aliases={state.alias: state.number for state in versions.aliases(tx, name)},
        served={state.alias: versions.served(tx, name, state.alias) for state in versions.aliases(tx, name)},
        models=models,
    )
