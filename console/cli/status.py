"""`stemma` alone: where the project stands and what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.cli import render
from console.cli.command import Json, Result
from console.cli.session import Session

if TYPE_CHECKING:
    from ingestion.runtime import Runtime


def status(session: Session) -> Result:
    """Says what there is and which command comes next; never an error where there is no project yet."""
    from corpus.settings import PROJECT_FILE, load_settings  # noqa: PLC0415 - a typo must not load settings

    settings = load_settings(session.project)
    if not (settings.project / PROJECT_FILE).is_file():
        says = "No project here: there is no stemma.toml in this folder or above."
        return _result(None, says, [], "stemma init")
    from ingestion.discovery import discover  # noqa: PLC0415

    place = str(settings.project)
    if not discover(settings.contracts):
        return _result(
            place, f"Project {place}, no contract yet.", [], "stemma contract new NAME --path 'docs/**/*.md'"
        )
    contracts = _contracts(session.runtime())
    return _result(place, f"Project {place}", contracts, _next(contracts))


def _result(project: str | None, says: str, contracts: list[Json], step: str) -> Result:
    return Result(data={"project": project, "says": says, "contracts": contracts, "next": step}, view=render.status)


def _contracts(runtime: Runtime) -> list[Json]:
    from corpus.catalog import documents  # noqa: PLC0415 - not before there is a contract
    from corpus.catalog import versions as version_rows  # noqa: PLC0415
    from ingestion.discovery import discover  # noqa: PLC0415

    found: list[Json] = []
    with runtime.catalog.reading() as tx:
        for stub in discover(runtime.settings.contracts):
            states = documents.count_by_state(tx, stub.name)
            live = version_rows.alias(tx, stub.name, "live")
            found.append(
                {
                    "name": stub.name,
                    "version": stub.version,
                    "live": f"v{live.number:06d}" if live else None,
                    "documents": states.get("active", 0),
                    "quarantined": states.get("quarantined", 0),
                }
            )
    return found


def _next(contracts: list[Json]) -> str:
    waiting = next((item["name"] for item in contracts if item["live"] is None), None)
    if waiting:
        return f"stemma ingest {waiting}"
    held = next((item["name"] for item in contracts if item["quarantined"]), None)
    return f"stemma quarantine list {held}" if held else f"stemma index query {contracts[0]['name']} 'your question'"
