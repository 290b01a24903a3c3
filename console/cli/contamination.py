"""`stemma index contamination`: what searches find in a version, beside what is in it."""

from __future__ import annotations

from typing import Annotated

import typer

from console.cli import render_contamination
from console.cli.command import Result, command
from console.cli.session import Session
from console.cli.versions import open_one
from corpus.errors import EXIT_FINDINGS, EXIT_OK

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the index, which is that of its contract.")]
AtOption = Annotated[
    str | None, typer.Option("--version", metavar="VERSION", help="A number, or an alias; default: live.")
]
AgainstOption = Annotated[
    str | None,
    typer.Option("--against", metavar="VERSION", help="Compare with this version; default: the one that it follows."),
]
CountOption = Annotated[int, typer.Option("--k", "-k", min=1, max=1000, help="Hits of each question.")]
AnswersOption = Annotated[
    int, typer.Option("--answers", min=0, help="How many logged answers are looked at, newest first.")
]


def attach(nouns: typer.Typer) -> None:
    """Adds the command to the group `index`."""
    examples = ("index contamination handbook", "index contamination handbook --version 3 --against 1 --k 5 --json")
    command(nouns, "contamination", examples=examples)(contamination)


def contamination(
    session: Session,
    name: NameArgument,
    version: AtOption = None,
    against: AgainstOption = None,
    k: CountOption = 10,
    answers: AnswersOption = 500,
) -> Result:
    """Measure how much of what searches find is AI text, beside how much there is.

    Asks the contract's verified questions and those of the answers logged last, at the version and at the
    one before it, and keeps the figures. Ends with exit code 1 if one of them is an alarm.
    """
    from ingestion.stages.contamination import contamination as measure  # noqa: PLC0415 - loads faiss and a model

    runtime = session.runtime()
    with runtime.catalog.reading() as tx:
        index = open_one(runtime, tx, name)
    found = measure(
        runtime,
        name,
        version=index.resolve(version or "live").number,
        against=index.resolve(against).number if against else None,
        k=k,
        limit=answers,
    )
    return Result(
        data=found.to_json(),
        view=render_contamination.contamination,
        exit_code=EXIT_FINDINGS if found.alarms else EXIT_OK,
    )
