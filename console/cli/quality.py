"""`stemma quality`: what a document's score says, in words, and the score of a file at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from console.cli import render_quality
from console.cli.command import Json, Result, command, group
from console.cli.ingest import NameArgument
from console.cli.session import Session
from corpus.errors import EXIT_FINDINGS, EXIT_OK

DocumentArgument = Annotated[
    str, typer.Argument(metavar="DOCUMENT", help="Document id, as `quarantine list` and index hits show it.")
]
FilesArgument = Annotated[list[Path], typer.Argument(metavar="FILE", help="Files to score; no project is needed.")]
TypeOption = Annotated[
    Literal["prose", "reference", "faq", "table", "code", "slides", "transcript"] | None,
    typer.Option("--type", help="Judge every file as this kind; default: tell each file's own."),
]
OriginalOption = Annotated[bool, typer.Option("--original", help="Print the text before the repair, and nothing else.")]
RepairOption = Annotated[
    list[str] | None,
    typer.Option(
        "--repair",
        metavar="KIND",
        help="Repair first: encoding, control_characters, hyphenation or boilerplate; may be repeated.",
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the group to the app."""
    nouns = group(app, "quality", "Explain quality scores in words, and score files.")
    command(nouns, "explain", examples=("quality explain handbook policies/refunds.md",))(explain)
    shown = ("quality repairs handbook legacy/faq.txt", "quality repairs handbook legacy/faq.txt --original")
    command(nouns, "repairs", examples=shown)(repairs)
    examples = ("quality score manual.pdf notes.md", "quality score page.html --repair boilerplate --json")
    command(nouns, "score", examples=examples)(score)


def explain(session: Session, name: NameArgument, document: DocumentArgument) -> Result:
    """Explain a document's score: what was measured, each bound and its source, what would raise it."""
    from ingestion.quality import explain_stored  # noqa: PLC0415 - help must not load SQLAlchemy

    return Result(data=explain_stored(session.runtime(), name, document), view=render_quality.explanation)


def repairs(
    session: Session,
    name: NameArgument,
    document: DocumentArgument,
    original: OriginalOption = False,  # noqa: FBT002 - Typer's form of a flag
) -> Result:
    """Show what was repaired in a document; `--original` prints its text as it was before."""
    from ingestion.quality import repairs_of  # noqa: PLC0415 - help must not load SQLAlchemy

    found = repairs_of(session.runtime(), name, document)
    return Result(data=found, view=render_quality.original if original else render_quality.repairs)


def score(
    session: Session,  # noqa: ARG001 - needs no project
    files: FilesArgument,
    document_type: TypeOption = None,
    repairs: RepairOption = None,
) -> Result:
    """Score files as an ingest would. Ends with exit code 1 if one is unusable or cannot be read."""
    rows = [_scored(path, document_type or "", tuple(repairs or ())) for path in files]
    bad = any(row["error"] or row["fatal"] for row in rows)
    return Result(data={"files": rows}, view=render_quality.scores, exit_code=EXIT_FINDINGS if bad else EXIT_OK)


def _scored(path: Path, document_type: str, kinds: tuple[str, ...]) -> Json:
    from corpus.errors import ParseError  # noqa: PLC0415 - beside what it guards
    from ingestion.quality import explain_scored, score_file  # noqa: PLC0415 - help must not load the parsers

    try:
        found = score_file(path, document_type=document_type, kinds=kinds)
    except ParseError as error:
        empty: Json = {"value": None, "document_type": None, "fatal": [], "reasons": [], "parts": [], "sentences": []}
        return {"path": str(path), "error": str(error), "repairs": 0, **empty}
    return {"path": str(path), "error": None, "repairs": len(found.repairs), **explain_scored(found)}
