"""`stemma reembed`: stored segments into another vector space, nothing parsed again."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from console.cli import render
from console.cli.command import Result, command
from console.cli.ingest import NameArgument
from console.cli.quarantine import ReasonOption
from console.cli.session import Session

ModelOption = Annotated[
    str | None, typer.Option("--model", metavar="MODEL", help="Target model; default: the one the contract declares.")
]
ModeOption = Annotated[
    Literal["cutover", "shadow"],
    typer.Option("--mode", help="cutover moves the alias live; shadow publishes beside it under the alias shadow."),
]
EstimateOption = Annotated[bool, typer.Option("--estimate", help="Only say how much there is to do.")]
RateOption = Annotated[
    str | None,
    typer.Option(
        "--rate",
        metavar="RATE",
        help="Limit, such as '50 chunks/s' or '20000 tokens/s'; default: as fast as the model is.",
    ),
]
PriceOption = Annotated[
    float | None,
    typer.Option(
        "--price",
        metavar="PRICE",
        min=0.0,
        help="With --estimate: price of a million tokens; default: what the endpoint of a remote model declares.",
    ),
]
AbandonOption = Annotated[
    bool, typer.Option("--abandon", help="Give up a re-embed that is under way; vectors that are there stay.")
]


def register(app: typer.Typer) -> None:
    """Adds the command to the app."""
    examples = (
        "reembed handbook --estimate",
        "reembed handbook",
        "reembed handbook --model wordllama-256 --mode shadow",
        "reembed handbook --rate '50 chunks/s'",
        "reembed handbook --abandon",
    )
    command(app, "reembed", examples=examples)(reembed)


def reembed(  # noqa: PLR0913, PLR0917 - a parameter is an option
    session: Session,
    name: NameArgument,
    model: ModelOption = None,
    mode: ModeOption = "cutover",
    estimate: EstimateOption = False,  # noqa: FBT002 - a flag of the command line
    rate: RateOption = None,
    price: PriceOption = None,
    reason: ReasonOption = "",
    abandon: AbandonOption = False,  # noqa: FBT002
) -> Result:
    """Embed stored chunks with another model.

    The result is released as a new version. Nothing is read or parsed again. A run that was stopped
    goes on where it was; until the end the old version serves, and new documents go to both models. Where the version
    waits for approval, or a person rolled back from it, the end is when the alias gets there.
    """
    runtime = session.runtime()
    if estimate or abandon:
        from ingestion.stages import reembed as stage  # noqa: PLC0415 - help must not load the stages

        if abandon:
            return Result(data=stage.abandon(runtime, name, model=model, reason=reason).to_json(), view=render.receipt)
        data = stage.estimate(runtime, name, model=model, rate=rate, price_per_million_tokens=price).to_json()
        return Result(data={**data, "next": _again(name, model, mode, rate)}, view=render.receipt)
    from ingestion import pipeline  # noqa: PLC0415

    receipt = pipeline.reembed(
        runtime, name, model=model, mode=mode, rate=rate, reason=reason, progress=session.progress()
    )
    status, target = str(receipt.figures["status"]), model or runtime.contract(name).embedder.model
    return Result(data={**receipt.to_json(), "next": _follow(name, status, target, mode)}, view=render.receipt)


def _follow(name: str, status: str, model: str, mode: str) -> str:
    if status == "waiting-for-approval":
        return f"stemma index approvals {name}"
    if status == "held":
        return f"stemma index release {name} --model {model} --force --reason '...'"
    return f"stemma index diff {name}" + ("" if mode == "cutover" else " live shadow")


def _again(name: str, model: str | None, mode: str, rate: str | None) -> str:
    options = (f" --model {model}" if model else "") + (f" --mode {mode}" if mode != "cutover" else "")
    return f"stemma reembed {name}{options}" + (f" --rate '{rate}'" if rate else "")
