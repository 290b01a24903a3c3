"""`stemma reembed`: stored segments into another vector space, nothing parsed again."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from console.cli import render
from console.cli.command import Result, command
from console.cli.ingest import NameArgument
from console.cli.session import Session

ModelOption = Annotated[
    str | None, typer.Option("--model", metavar="MODEL", help="Target model; default: the one the contract declares.")
]
ModeOption = Annotated[
    Literal["cutover", "shadow"],
    typer.Option("--mode", help="cutover moves the alias live; shadow publishes beside it under the alias shadow."),
]
EstimateOption = Annotated[bool, typer.Option("--estimate", help="Only say how much there is to do.")]


def register(app: typer.Typer) -> None:
    """Adds the command to the app."""
    examples = (
        "reembed handbook --estimate",
        "reembed handbook",
        "reembed handbook --model wordllama-256 --mode shadow",
    )
    command(app, "reembed", examples=examples)(reembed)


def reembed(
    session: Session,
    name: NameArgument,
    model: ModelOption = None,
    mode: ModeOption = "cutover",
    estimate: EstimateOption = False,  # noqa: FBT002 - a flag of the command line
) -> Result:
    """Embed stored chunks with another model.

    The result is released as a new version. Nothing is read or parsed again. A run that was stopped
    goes on where it was; until the end the old version serves.
    """
    runtime = session.runtime()
    if estimate:
        from ingestion.stages import reembed as stage  # noqa: PLC0415 - help must not load the stages

        data = stage.estimate(runtime, name, model=model).to_json()
        return Result(data={**data, "next": _again(name, model, mode)}, view=render.receipt)
    from ingestion import pipeline  # noqa: PLC0415

    data = pipeline.reembed(runtime, name, model=model, mode=mode, progress=session.progress()).to_json()
    follow = f"stemma index diff {name}" if mode == "cutover" else f"stemma index diff {name} live shadow"
    return Result(data={**data, "next": follow}, view=render.receipt)


def _again(name: str, model: str | None, mode: str) -> str:
    options = (f" --model {model}" if model else "") + (f" --mode {mode}" if mode != "cutover" else "")
    return f"stemma reembed {name}{options}"
