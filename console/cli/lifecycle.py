"""`stemma index approve|approvals|hold|unhold|prune|gc`: who says yes to a version, and which ones stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from console.cli import render_lifecycle
from console.cli.command import Json, Result, command
from console.cli.session import Session
from console.cli.versions import Index, open_one

if TYPE_CHECKING:
    from ingestion.runtime import Runtime
    from ingestion.waiting import Waiting

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the index, which is that of its contract.")]
AnyNameArgument = Annotated[str | None, typer.Argument(metavar="NAME", help="Name of an index; default: all.")]
VersionArgument = Annotated[
    str, typer.Argument(metavar="VERSION", help="The version: a number, or an alias such as live.")
]
ByOption = Annotated[
    str | None, typer.Option("--by", metavar="PERSON", help="Who approves; default: the setting `actor`.")
]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it goes into the audit log.")]
KeepOption = Annotated[
    int | None, typer.Option("--keep", min=0, help="Newest versions that stay; default: what the contract says.")
]
DaysOption = Annotated[
    int | None,
    typer.Option("--days", min=0, help="Days a version stays after it served; default: what the contract says."),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")]


def attach(nouns: typer.Typer) -> None:
    """Adds the commands to the group `index`."""
    examples: tuple[str, ...] = ("index approvals", "index approvals handbook --json")
    command(nouns, "approvals", examples=examples)(approvals)
    examples = ("index approve handbook 3 --by ada --reason 'answers of the golden set read'",)
    command(nouns, "approve", examples=examples)(approve)
    command(nouns, "hold", examples=("index hold handbook 3 --reason 'audit of May'",))(hold)
    command(nouns, "unhold", examples=("index unhold handbook 3 --reason 'audit is over'",))(unhold)
    examples = ("index prune handbook --dry-run", "index prune handbook --keep 2 --days 7")
    command(nouns, "prune", examples=examples)(prune)
    command(nouns, "gc", examples=("index gc handbook --dry-run", "index gc handbook"))(gc)


def approvals(session: Session, name: AnyNameArgument = None) -> Result:
    """List the versions that wait for approval, with who has approved and how many are missing."""
    from ingestion.history.opened import known_indexes  # noqa: PLC0415 - help must not load the stages
    from ingestion.waiting import all_waiting  # noqa: PLC0415

    runtime = session.runtime()
    with runtime.catalog.reading() as tx:
        names = [open_one(runtime, tx, name).name] if name else known_indexes(runtime, tx)
    rows = [_waiting(item) for each in names for item in all_waiting(runtime, each)]
    return Result(data={"waiting": rows}, view=render_lifecycle.waiting)


def _waiting(item: Waiting) -> Json:
    return {
        "name": item.version.name,
        "number": item.version.number,
        "alias": item.alias,
        "builder": item.version.manifest["run"]["actor"],
        "created_at": item.version.created_at.isoformat(),
        "asked": item.standing.asked,
        "missing": item.standing.missing,
        "approvals": [approval.to_json() for approval in item.standing.counted],
        "passed_over": dict(item.standing.passed_over),
    }


def approve(
    session: Session,
    name: NameArgument,
    version: VersionArgument,
    by: ByOption = None,
    reason: ReasonOption = "",
) -> Result:
    """Approve a version: a signed statement beside it, and an entry in the audit log.

    Moves nothing: `stemma index promote` does, once as many persons have approved as the contract asks for. The builder
    of a version cannot approve it. The statement is signed with the project's signing key; a person who has a
    key of their own in the trust folder, in a file that is named like them, has to sign with that one.
    """
    from ingestion import approving  # noqa: PLC0415 - help must not load the signing library
    from ingestion.waiting import asked_aliases  # noqa: PLC0415

    runtime = session.runtime()
    number = _opened(runtime, name).resolve(version).number
    who = by or runtime.settings.actor
    found = approving.approve(runtime, name, number, by=who, reason=reason)
    stands = [approving.standing_of(runtime, found, alias) for alias in asked_aliases(runtime, name)]
    standing = max(stands, key=lambda item: item.missing)
    follow = f"stemma index promote {name} {number}" if not standing.missing else f"stemma index approvals {name}"
    data = {
        "name": name,
        "number": number,
        "by": who,
        "reason": reason,
        "manifest_sha256": found.manifest_sha256,
        "asked": standing.asked,
        "missing": standing.missing,
        "next": follow,
    }
    return Result(data=data, view=render_lifecycle.approved)


def hold(session: Session, name: NameArgument, version: VersionArgument, reason: ReasonOption = "") -> Result:
    """Keep a version, whatever the contract's retention says."""
    return _hold(session, name, version, reason, lift=False)


def unhold(session: Session, name: NameArgument, version: VersionArgument, reason: ReasonOption = "") -> Result:
    """Lift the hold on a version; retention may remove it from then on."""
    return _hold(session, name, version, reason, lift=True)


def _hold(session: Session, name: str, version: str, reason: str, *, lift: bool) -> Result:
    from ingestion import holding  # noqa: PLC0415 - help must not load SQLAlchemy

    runtime = session.runtime()
    number = _opened(runtime, name).resolve(version).number
    held = list((holding.unhold if lift else holding.hold)(runtime, name, number, reason=reason))
    data = {"name": name, "number": number, "held": not lift, "reason": reason.strip(), "all_held": held}
    return Result(data=data, view=render_lifecycle.held)


def prune(
    session: Session,
    name: NameArgument,
    keep: KeepOption = None,
    days: DaysOption = None,
    dry_run: DryRunOption = False,  # noqa: FBT002 - a flag of the command line
) -> Result:
    """Remove old versions, and candidates that failed a gate, as the contract's ragRetention says.

    Never a version that an alias points to, that is held, or that is newer than what serves. Without ragRetention
    no version goes, unless --keep or --days says so here.
    """
    from ingestion.stages import collect as stage  # noqa: PLC0415 - help must not load the stages

    receipt = stage.prune(session.runtime(), name, limits=stage.Limits(keep=keep, days=days), dry_run=dry_run)
    return Result(data=receipt.to_json(), view=render_lifecycle.collected)


def gc(
    session: Session,
    name: NameArgument,
    keep: KeepOption = None,
    days: DaysOption = None,
    dry_run: DryRunOption = False,  # noqa: FBT002
) -> Result:
    """Prune, then remove segments that no document stands in and vectors of models that no version uses.

    What is younger than a week stays, since a run may be writing it. Nothing that a kept version serves is lost: a
    version carries all it serves.
    """
    from ingestion.stages import collect as stage  # noqa: PLC0415 - help must not load the stages

    receipt = stage.gc(session.runtime(), name, limits=stage.Limits(keep=keep, days=days), dry_run=dry_run)
    return Result(data=receipt.to_json(), view=render_lifecycle.collected)


def _opened(runtime: Runtime, name: str) -> Index:
    with runtime.catalog.reading() as tx:
        return open_one(runtime, tx, name)
