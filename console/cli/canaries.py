"""`stemma index canaries`: when a model was asked whether it still is the model it was, and what moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.padding import Padding
from rich.text import Text

from console.cli import render
from console.cli.command import Json, Result, command
from console.cli.session import Session
from console.cli.versions import open_one

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ingestion.runtime import Runtime

NameArgument = Annotated[
    str | None, typer.Argument(metavar="NAME", help="Of the models of this index only; default: of all.")
]
FailedOption = Annotated[bool, typer.Option("--failed", help="Only checks that found a moved vector.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="How many checks, newest first.")]

_COLUMNS = ("checked (UTC)", "", "model", "space", "occasion", "subject", "lowest cosine", "least", "moved")
_NAMED = 5
"""Moved texts of a check that are shown; `--json` gives all of them."""


def attach(nouns: typer.Typer) -> None:
    """Adds the command to the group `index`."""
    examples = ("index canaries", "index canaries handbook --failed --json")
    command(nouns, "canaries", examples=examples)(canaries)


def canaries(
    session: Session,
    name: NameArgument = None,
    failed: FailedOption = False,  # noqa: FBT002 - a flag of the command line
    limit: LimitOption = 20,
) -> Result:
    """Show when canary texts were embedded again, and which vectors were not where they were.

    That happens when a space is new, a model is opened, before vectors are written, and in an audit. Each
    failed check names the texts that moved and what differs in the runtime.
    """
    from corpus.catalog import canaries as history  # noqa: PLC0415 - help must not load SQLAlchemy

    runtime = session.runtime()
    spaces = None if name is None else _spaces(runtime, name)
    with runtime.catalog.reading() as tx:
        found = history.newest(tx, fingerprints=spaces, failed=failed, limit=limit)
    return Result(data={"checks": [render.record(check) for check in found]}, view=_view)


def _spaces(runtime: Runtime, name: str) -> set[str]:
    """Returns the spaces of an index: of its versions, and of the model that its contract names now."""
    from corpus.catalog import embedders  # noqa: PLC0415
    from corpus.errors import ConfigurationError  # noqa: PLC0415

    with runtime.catalog.reading() as tx:
        spaces = {version.embedder_fingerprint for version in open_one(runtime, tx, name).versions}
        try:
            spec = runtime.contract(name).embedder
        except ConfigurationError:  # an index may outlive its contract
            return spaces
        named = embedders.by_model(tx, spec.model, spec.revision or "")
    return spaces | ({named.fingerprint} if named else set())


def _view(data: Json) -> RenderableType:
    if not data["checks"]:
        return Text("No such check yet.")
    rows = [_row(check) for check in data["checks"]]
    return render.page(
        render.table(_COLUMNS, rows, numbers=("lowest cosine", "least", "moved")),
        *(Padding(_moved(check), (1, 0, 0, 0)) for check in data["checks"] if not check["passed"]),
    )


def _row(check: Json) -> tuple[Any, ...]:
    return (
        render.when(check["checked_at"]),
        render.word("ok" if check["passed"] else "fail"),
        check["model"],
        check["fingerprint"][:12],
        check["occasion"],
        check["subject"],
        f"{check['min_cosine']:.6f}" if check["texts"] else "none",
        check["threshold"],
        len(check["moved"]),
    )


def _moved(check: Json) -> RenderableType:
    lines = [f"{render.when(check['checked_at'])}  {check['model']}: vectors moved, nothing was written"]
    lines += [
        f"  canary {item['canary']:>2}  {item['cosine']:9.6f}  {item['text']!r}" for item in check["moved"][:_NAMED]
    ]
    if len(check["moved"]) > _NAMED:
        lines.append(f"  and {len(check['moved']) - _NAMED} more")
    lines += [f"  {name}: {then or 'none'} -> {now or 'none'}" for name, (then, now) in check["differs"].items()]
    return Text(render.plain("\n".join(lines), lines=True))


def _canary(item: Json) -> str:
    return f"  canary {item['canary']:>2}  {item['cosine']:9.6f}  {item['text']!r}"
