"""Questions about the versions of an index, with the verbs of `stemma index`: list, show, diff, why, blame, replay.

    index = Queries.open("handbook")
    index.why("refunds.md").answer
    index.blame("refunds.md").released_by.actor

Reads only. Manifests are verified before anything in a version is believed; every result is a frozen record.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from corpus.catalog.records import VersionRecord
    from index.filters import Where
    from ingestion.history.blame import Blame
    from ingestion.history.changes import Difference
    from ingestion.history.contents import Contents, Filter
    from ingestion.history.exports import Exported
    from ingestion.history.replay import Replay
    from ingestion.history.why import Why
    from ingestion.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Queries:
    """One index of an open project, ready to be asked. Every method reads the catalog anew.

    Attributes:
        runtime: The project.
        name: The index, which is named like its contract.
    """

    runtime: Runtime
    name: str

    @classmethod
    def open(cls, name: str, project: Path | None = None) -> Self:
        """Opens an index of a project.

        Args:
            name: The index.
            project: Folder of the project; None for the nearest with a stemma.toml.

        Raises:
            ConfigurationError: Settings are invalid, or there is no such index; the message holds the nearest.
        """
        from corpus.settings import load_settings  # noqa: PLC0415 - what only type checkers need stays light
        from ingestion.history.opened import open_history  # noqa: PLC0415
        from ingestion.runtime import open_runtime  # noqa: PLC0415

        runtime = open_runtime(load_settings(project))
        open_history(runtime, name)
        return cls(runtime, name)

    def list(self, which: Filter | None = None) -> tuple[VersionRecord, ...]:
        """Returns the versions that a filter takes, newest first (`ingestion.history.contents.Filter`)."""
        from ingestion.history.contents import list_versions  # noqa: PLC0415

        return list_versions(self.runtime, self.name, which)[0][1]

    def show(self, version: str | int = "live") -> Contents:
        """Returns everything that is known of a version, whether its manifest may be believed too."""
        from ingestion.history.contents import show  # noqa: PLC0415

        return show(self.runtime, self.name, version)

    def diff(self, before: str | int | None = None, after: str | int | None = None) -> Difference:
        """Returns what differs between two versions, and why each document does."""
        from ingestion.history.changes import diff  # noqa: PLC0415

        return diff(self.runtime, self.name, before, after)

    def why(self, subject: str, version: str | int | None = None) -> Why:
        """Returns why a document or a chunk is in a version, or why it is not."""
        from ingestion.history.why import why  # noqa: PLC0415

        return why(self.runtime, self.name, subject, version=version)

    def blame(self, subject: str) -> Blame:
        """Returns who put a document or a chunk into the index, through which run and which decision."""
        from ingestion.history.blame import blame  # noqa: PLC0415

        return blame(self.runtime, self.name, subject)

    def replay(
        self,
        query: str | None = None,
        *,
        version: str | int | None = None,
        at: datetime | None = None,
        answer: str | None = None,
        alias: str = "live",
        against: str | int | None = None,
        k: int = 5,
        where: Where | None = None,
    ) -> Replay:
        """Asks an old version again, beside what serves now (`ingestion.history.replay.Then` says how it is named)."""
        from ingestion.history.replay import Then, replay  # noqa: PLC0415

        then = Then(version=version, at=at, answer=answer, alias=alias)
        return replay(self.runtime, self.name, query, then, against=against, k=k, where=where)

    def export(self, folder: Path) -> Exported:
        """Writes the metadata of every version as Parquet files (`ingestion.history.exports`)."""
        from ingestion.history.exports import export  # noqa: PLC0415

        return export(self.runtime, self.name, folder)

    def croissant(self, version: str | int = "live", license_url: str = "") -> dict[str, Any]:
        """Returns the Croissant description (JSON-LD) of a version."""
        from ingestion.history.croissant import croissant  # noqa: PLC0415

        return croissant(self.runtime, self.name, version, license_url=license_url)


def manifest_schema() -> dict[str, Any]:
    """Returns the published JSON Schema of manifest.json (draft 2020-12)."""
    schema: dict[str, Any] = json.loads(files("index").joinpath("schemas/manifest.schema.json").read_bytes())
    return schema
