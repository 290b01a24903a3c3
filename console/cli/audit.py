"""`stemma audit`: the hash-chained log of who did what."""

from __future__ import annotations

from typing import Annotated

import typer

from console.cli import render
from console.cli.command import Result, command, group
from console.cli.session import Session
from corpus.errors import EXIT_INTEGRITY, EXIT_OK

LimitOption = Annotated[int, typer.Option("--limit", min=1, help="How many entries, newest first.")]


def register(app: typer.Typer) -> None:
    """Adds the group to the app."""
    nouns = group(app, "audit", "Read and check the log of who did what.")
    command(nouns, "list", examples=("audit list", "audit list --limit 5"))(list_entries)
    command(nouns, "verify", examples=("audit verify",))(verify)


def list_entries(session: Session, limit: LimitOption = 20) -> Result:
    """Show the newest entries: releases, alias moves, decisions that a person overrode."""
    from corpus.catalog import audit  # noqa: PLC0415 - help must not load SQLAlchemy

    with session.runtime().catalog.reading() as tx:
        entries = [render.record(entry) for entry in audit.tail(tx, limit)]
    return Result(data={"entries": entries}, view=render.audit_entries)


def verify(session: Session) -> Result:
    """Check that no entry was altered, removed or put in between; exit code 3 if one was.

    Entries cut off at the end show only against a `head` that you kept elsewhere.
    """
    from corpus.catalog import audit  # noqa: PLC0415 - help must not load SQLAlchemy

    with session.runtime().catalog.reading() as tx:
        report = audit.verify(tx)
    intact = report.broken_at is None
    data = {"intact": intact, "entries": report.entries, "broken_at": report.broken_at, "head": report.head}
    return Result(data=data, view=render.audit_report, exit_code=EXIT_OK if intact else EXIT_INTEGRITY)
