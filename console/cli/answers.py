"""`stemma answers`: registers what the RAG system served, so that it is recognised when it comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.cli import render
from console.cli.command import Result, command, group
from console.cli.session import Session
from corpus.errors import EXIT_FINDINGS, EXIT_OK

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="JSON Lines, one served answer per line.")]


def register(app: typer.Typer) -> None:
    """Adds the group to the app."""
    nouns = group(app, "answers", "Register the answers that your RAG system served.")
    command(nouns, "import", examples=("answers import answers.jsonl",))(import_answers)


def import_answers(session: Session, file: FileArgument) -> Result:
    """Register served answers; documents that repeat them are then seen at ingest.

    A line that is no answer is reported and stops no other; exit code 1 if there was one.
    """
    from ingestion.stages import answers as stage  # noqa: PLC0415 - help must not load the stages

    receipt = stage.import_answers(session.runtime(), file)
    data = {**receipt.to_json(), "next": "stemma ingest NAME"}
    return Result(
        data=data, view=render.receipt, exit_code=EXIT_FINDINGS if receipt.figures.get("refused") else EXIT_OK
    )
