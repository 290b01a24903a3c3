"""`stemma reconcile`: home, catalog and alias files against each other."""

from __future__ import annotations

from typing import Annotated

import typer

from console.cli import render
from console.cli.command import Result, command
from console.cli.ingest import NameArgument
from console.cli.session import Session

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


def register(app: typer.Typer) -> None:
    """Adds the command to the app."""
    command(app, "reconcile", examples=("reconcile handbook --dry-run", "reconcile handbook"))(reconcile)


def reconcile(session: Session, name: NameArgument, dry_run: DryRunOption = False) -> Result:  # noqa: FBT002
    """Mend what a killed run left behind.

    Removes files that nothing refers to, and writes alias files again that are behind the catalog. A catalog
    that was restored from an older copy catches up with the versions and aliases of the home.
    """
    from ingestion.stages import reconcile as stage  # noqa: PLC0415 - help must not load the stages

    data = stage.reconcile(session.runtime(), name, dry_run=dry_run).to_json()
    figures = data["figures"]
    read_again = any(figures.get(what) for what in ("restored_aliases", "lost_segments", "lost_versions"))
    follow = f"stemma ingest {name}" if read_again else f"stemma index verify {name}"
    follow = f"stemma reconcile {name}" if dry_run else follow
    return Result(data={**data, "next": follow}, view=render.receipt)
