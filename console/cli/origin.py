"""`stemma origin`: where a document came from, and what says so."""

from __future__ import annotations

import typer

from console.cli import origin_model, origin_share, render_origin
from console.cli.command import Result, command, group
from console.cli.ingest import NameArgument
from console.cli.quality import DocumentArgument
from console.cli.session import Session


def register(app: typer.Typer) -> None:
    """Adds the group to the app."""
    nouns = group(
        app,
        "origin",
        "Show where texts came from, train a model on your own, and see the share of AI text.",
    )
    examples = ("origin show handbook policies/refunds.md", "origin show handbook policies/refunds.md --json")
    command(nouns, "show", examples=examples)(show)
    origin_model.add_to(nouns)
    origin_share.add_to(nouns)


def show(session: Session, name: NameArgument, document: DocumentArgument) -> Result:
    """Show the evidence about a document's origin, rung by rung, and the verdict with what it rests on."""
    from ingestion.origins import origin_of  # noqa: PLC0415 - help must not load SQLAlchemy

    return Result(data=origin_of(session.runtime(), name, document), view=render_origin.shown)
