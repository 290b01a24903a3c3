"""`stemma eval`: golden questions, bound to where their answers stand, asked of each version."""

from __future__ import annotations

from typing import Annotated

import typer

from console.cli import render_evaluation
from console.cli.command import Result, command, group
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
ItemOption = Annotated[
    list[str] | None,
    typer.Option("--item", metavar="ID", help="Only this item; may be repeated. Default: all that are not valid."),
]
ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; it goes into the audit log, with your name.")
]
FullOption = Annotated[bool, typer.Option("--all", help="List every item, not only those that need a look.")]


def register(app: typer.Typer) -> None:
    """Adds the group to the app."""
    nouns = group(app, "eval", "Ask golden questions of versions, and see which of them still hold.")
    command(nouns, "bind", examples=("eval bind handbook", "eval bind handbook --version 3"))(bind)
    examples = ("eval run handbook", "eval run handbook --version shadow --against live --json")
    command(nouns, "run", examples=examples)(run)
    command(nouns, "show", examples=("eval show handbook", "eval show handbook --version 2 --all"))(show)
    command(nouns, "history", examples=("eval history handbook",))(history)
    examples = (
        "eval rebase handbook --reason 'refund terms of May'",
        "eval rebase handbook --item q7 --reason 'read it: terms.md says the same'",
    )
    command(nouns, "rebase", examples=examples)(rebase)


def bind(session: Session, name: NameArgument, version: AtOption = None) -> Result:
    """Bind golden items to where their evidence stands in a version.

    Items that are bound already stay as they are. `eval run` and each release bind new ones as well. Ends with
    exit code 1 if evidence is not found.
    """
    from ingestion.stages import evaluation as stage  # noqa: PLC0415 - loads faiss and a model

    found = stage.bind(session.runtime(), name, version=_number(session, name, version or "live"))
    return Result(
        data=found.to_json(),
        view=render_evaluation.binding,
        exit_code=EXIT_FINDINGS if found.unbound else EXIT_OK,
    )


def run(
    session: Session,
    name: NameArgument,
    version: AtOption = None,
    against: AgainstOption = None,
    reason: ReasonOption = "",
) -> Result:
    """Ask the golden questions of a version and of the one before it.

    Says of each item whether its evidence is valid, moved, changed, gone or contested, checks whether it is found,
    and splits what changed into invalidation and regression. Ends with exit code 1 if fewer items
    hold than the contract asks (`minValid`).
    """
    from ingestion.stages import evaluation as stage  # noqa: PLC0415 - loads faiss and a model

    found = stage.run(
        session.runtime(),
        name,
        version=_number(session, name, version or "live"),
        against=_number(session, name, against) if against else None,
        reason=reason,
    )
    return Result(
        data=found.to_json(),
        view=render_evaluation.evaluation,
        exit_code=EXIT_FINDINGS if found.stale else EXIT_OK,
    )


def show(session: Session, name: NameArgument, version: AtOption = None, every: FullOption = False) -> Result:  # noqa: FBT002
    """Show the last evaluation of a version, as it was kept."""
    from ingestion.stages import evaluation as stage  # noqa: PLC0415 - loads faiss

    found = stage.show(session.runtime(), name, version=_number(session, name, version or "live"))
    view = render_evaluation.evaluation_of_all if every else render_evaluation.evaluation
    return Result(data=dict(found), view=view)


def history(session: Session, name: NameArgument) -> Result:
    """Show how many golden items held in each version, over time."""
    from ingestion.stages import evaluation as stage  # noqa: PLC0415 - loads faiss

    points = stage.history(session.runtime(), name)
    return Result(data={"name": name, "points": [point.to_json() for point in points]}, view=render_evaluation.history)


def rebase(
    session: Session,
    name: NameArgument,
    item: ItemOption = None,
    version: AtOption = None,
    reason: ReasonOption = "",
) -> Result:
    """Bind golden items anew to where their evidence stands now: a new baseline, with a reason.

    Which items, from which version to which, and why, goes into the audit log. Items whose evidence is not
    in the version are left as they are; mend their quotes first. Ends with exit code 1 if there are such.
    """
    from ingestion.stages import evaluation as stage  # noqa: PLC0415 - loads faiss and a model

    number = _number(session, name, version or "live")
    found = stage.rebase(session.runtime(), name, reason=reason, items=tuple(item or ()), version=number)
    return Result(
        data=found.to_json(), view=render_evaluation.rebased, exit_code=EXIT_FINDINGS if found.left else EXIT_OK
    )


def _number(session: Session, name: str, version: str) -> int:
    runtime = session.runtime()
    with runtime.catalog.reading() as tx:
        return open_one(runtime, tx, name).resolve(version).number
