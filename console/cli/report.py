"""`stemma report`: how each rule of a contract came out in a run, in the form that somebody needs it in."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from console.cli import render
from console.cli.command import Json, Result, command
from console.cli.ingest import NameArgument
from console.cli.session import Session, require_known
from corpus.errors import EXIT_FINDINGS, EXIT_OK, ConfigurationError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ingestion.reports import Reported
    from ingestion.runtime import Runtime

Format = Literal["table", "json", "junit", "markdown", "html"]

RunOption = Annotated[
    str | None, typer.Option("--run", metavar="ID", help="Run, as --list shows it; default: the last that was judged.")
]
FormatOption = Annotated[
    Format, typer.Option("--format", help="junit for build servers, markdown for a pull request, html for a browser.")
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", metavar="FILE", help="Write it there, all or nothing, instead of printing it."),
]
ListOption = Annotated[bool, typer.Option("--list", help="List the runs that were judged, the newest first.")]

_FAILED = ("fail", "block")


def register(app: typer.Typer) -> None:
    """Adds the command to the app."""
    examples = (
        "report handbook",
        "report handbook --format html --output report.html",
        "report handbook --format junit --output report.xml",
        "report handbook --list",
    )
    command(app, "report", examples=examples)(report)


def report(
    session: Session,
    name: NameArgument,
    run: RunOption = None,
    format: FormatOption = "table",  # noqa: A002 - the option's name
    output: OutputOption = None,
    list: ListOption = False,  # noqa: A002, FBT002 - a flag of the command line
) -> Result:
    """Show how each rule of a contract came out: what was expected and found, and which documents failed.

    Ends with exit code 1 if the contract was not kept: its verdict is fail or block.
    """
    from console.cli.quarantine import require_contract  # noqa: PLC0415 - help must not load SQLAlchemy
    from ingestion import reports  # noqa: PLC0415

    runtime = session.runtime()
    with runtime.catalog.reading() as tx:
        require_contract(runtime, tx, name)
    known = reports.of_contract(runtime, name)
    if list:
        return _listed(runtime, name, known)
    run_id = _run(name, run, known)
    found = reports.read(runtime, name, run_id)
    status = EXIT_FINDINGS if found["verdict"] in _FAILED else EXIT_OK
    if output is None:
        return Result(data=found, view=_view(format), exit_code=status)
    if format == "table":
        raise ConfigurationError("--output needs a format that is a file: --format json, junit, markdown or html.")
    _write(output, _FORMATS[format](found))
    data = {**found, "format": format, "output": str(output)}
    return Result(data=data, view=_written, exit_code=status)


def _listed(runtime: Runtime, name: str, known: tuple[Reported, ...]) -> Result:
    from console.cli.render_report import listed  # noqa: PLC0415
    from ingestion import reports  # noqa: PLC0415

    runs = []
    for item in known:
        found = reports.read(runtime, name, item.run_id)
        judged = found["judged_at"] or (item.judged_at.isoformat() if item.judged_at else None)
        runs.append(
            {
                "run_id": item.run_id,
                "judged_at": judged,
                "state": item.state,
                "verdict": found["verdict"],
                "documents": found["documents"],
            }
        )
    data: Json = {"contract": name, "runs": runs}
    if runs:
        data["next"] = f"stemma report {name} --run {runs[0]['run_id']}"
    return Result(data=data, view=listed)


def _run(name: str, run: str | None, known: tuple[Reported, ...]) -> str:
    """Returns the run that is meant.

    Raises:
        ConfigurationError: No run of the contract was judged, or that one was not.
    """
    if not known:
        raise ConfigurationError(f"no run of {name!r} was judged yet. Run `stemma ingest {name}` first.")
    if run is None:
        return known[0].run_id
    require_known(
        f"report of {name} for run", run, [item.run_id for item in known], f"See `stemma report {name} --list`."
    )
    return run


def _view(form: str) -> Callable[[Json], RenderableType | str]:
    from console.cli.render_report import report as table  # noqa: PLC0415

    return table if form == "table" else _FORMATS[form]


def _written(data: Json) -> RenderableType:
    from rich.text import Text  # noqa: PLC0415 - help must not load Rich's tables

    return Text.assemble(render.word(data["verdict"]), f"  {render.plain(data['output'])} ({data['format']})")


def _write(output: Path, text: str) -> None:
    """Writes a file, all or nothing.

    Raises:
        ConfigurationError: It cannot be written there.
    """
    target = output.resolve()
    if target.exists() and not target.is_file():
        raise ConfigurationError(f"--output {output} is no regular file. Name a file; without --output it is printed.")
    draft = target.with_name(f".tmp-{uuid.uuid4().hex}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, "utf-8", newline="")
        draft.replace(target)
    except OSError as error:
        raise ConfigurationError(
            f"--output {output} cannot be written: {error.strerror}. Name a file in a folder that you may write."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def _json(data: Json) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _junit(data: Json) -> str:
    from console.reports.junit import junit  # noqa: PLC0415

    return junit(data)


def _markdown(data: Json) -> str:
    from console.reports.markdown import markdown  # noqa: PLC0415

    return markdown(data)


def _html(data: Json) -> str:
    from console.reports.page import page  # noqa: PLC0415

    return page(data)


_FORMATS: dict[str, Callable[[Json], str]] = {"json": _json, "junit": _junit, "markdown": _markdown, "html": _html}
"""Each form but the table by name: the report in, a whole document out."""
