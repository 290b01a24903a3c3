"""`stemma origin share`: which share of a corpus is AI-written, by what each figure rests on."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from console.cli import render_shares
from console.cli.command import Result, command
from console.cli.ingest import NameArgument
from console.cli.quarantine import ReasonOption
from console.cli.session import Session

ContractArgument = Annotated[str | None, typer.Argument(metavar="CONTRACT", help="Contract; default: every one.")]
ByOption = Annotated[
    Literal["source", "version"] | None,
    typer.Option("--by", help="Tell apart the source systems, or the index versions; default: the contract whole."),
]
VersionOption = Annotated[
    int | None, typer.Option("--version", metavar="NUMBER", min=1, help="The version; default: the one that is live.")
]


def add_to(nouns: typer.Typer) -> None:
    """Adds the command to the group."""
    examples = ("origin share", "origin share handbook --by source", "origin share handbook --by version --json")
    command(nouns, "share", examples=examples)(share)
    asked = ("origin estimate handbook --reason 'the model was trained anew'",)
    command(nouns, "estimate", examples=asked)(estimate)


def share(session: Session, contract: ContractArgument = None, by: ByOption = None) -> Result:
    """Show the share of AI-written documents: declared, matched, with residue, suspected, estimated; never added up.

    An estimate has a 95 % interval, speaks of documents of unknown origin only, and needs a contract that names a
    statistical model. Where none can be given, it says why.
    """
    from console.cli.quarantine import require_contract  # noqa: PLC0415 - help must not load SQLAlchemy
    from corpus.catalog import contracts  # noqa: PLC0415
    from ingestion.discovery import discover  # noqa: PLC0415
    from ingestion.shares import shares  # noqa: PLC0415

    runtime = session.runtime()
    with runtime.catalog.reading() as tx:
        if contract is not None:
            require_contract(runtime, tx, contract)
        found = {*contracts.names(tx), *(stub.name for stub in discover(runtime.settings.contracts) if stub.name)}
    names = sorted(found) if contract is None else [contract]
    told = [{"contract": name, "groups": shares(runtime, name, by or "contract")} for name in names]
    return Result(data={"by": by or "contract", "contracts": told}, view=render_shares.shares)


def estimate(session: Session, name: NameArgument, version: VersionOption = None, reason: ReasonOption = "") -> Result:
    """Estimate the AI share of a version anew, and keep it beside earlier ones: the console draws them.

    It needs a reason, which stands in the audit log with your name. Nothing is read again: what the model said of each
    document stands in the version.
    """
    from ingestion.estimating import estimate_version  # noqa: PLC0415 - help must not load SQLAlchemy

    found = estimate_version(session.runtime(), name, version, reason=reason)
    data = {"contract": name, "version": found.number, "measured_at": found.measured_at.isoformat()}
    return Result(data={**data, "estimated": dict(found.report)}, view=render_shares.estimated)
