"""`stemma ingest`: one whole run in this process, the same stages that Airflow maps over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from console.cli import render
from console.cli.command import Result, command
from console.cli.session import Session
from corpus.errors import EXIT_FINDINGS, EXIT_OK

if TYPE_CHECKING:
    from corpus.receipts import Counts

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the contract.")]
NoReleaseOption = Annotated[bool, typer.Option("--no-release", help="Take documents in, but publish no version.")]
ShrinkOption = Annotated[
    bool, typer.Option("--allow-shrink", help="Let more documents vanish than the contract's guard allows.")
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for the audit log; with --allow-shrink.")]


def register(app: typer.Typer) -> None:
    """Adds the command to the app."""
    command(app, "ingest", examples=("ingest handbook", "ingest handbook --no-release --json"))(ingest)


def ingest(
    session: Session,
    name: NameArgument,
    no_release: NoReleaseOption = False,  # noqa: FBT002 - a flag of the command line
    allow_shrink: ShrinkOption = False,  # noqa: FBT002
    reason: ReasonOption = "",
) -> Result:
    """Take in what changed and release a new version.

    Documents that their source lists as before are not read. Quarantined documents do not fail a run; a blocked
    run, a failed gate, or a document that could not be decided about ends with exit code 1.
    """
    from ingestion import pipeline  # noqa: PLC0415 - help must not load the stages

    runtime = session.runtime()
    receipt = pipeline.ingest(
        runtime,
        name,
        allow_shrink=allow_shrink,
        reason=reason,
        release=not no_release,
        progress=session.progress(),
    )
    waits = receipt.figures.get("status") == "waiting-for-approval"
    follow = f"stemma index approvals {name}" if waits else _next(name, receipt.counts, released=not no_release)
    data = {**receipt.to_json(), "next": follow}
    return Result(data=data, view=render.receipt, exit_code=EXIT_FINDINGS if receipt.counts.failed else EXIT_OK)


def _next(name: str, counts: Counts, *, released: bool) -> str:
    held = {"quarantine": counts.quarantined, "reject": counts.rejected, "fail": counts.failed}
    outcome = next((outcome for outcome, number in held.items() if number), None)
    if outcome is None:
        return f"stemma index query {name} 'your question'" if released else f"stemma index release {name}"
    return f"stemma quarantine list {name}" + (f" --outcome {outcome}" if outcome != "quarantine" else "")
