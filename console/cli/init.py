"""`stemma init`: makes a project, or what is missing of one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from console.cli import render
from console.cli.command import Result, command
from console.cli.session import Session

FolderArgument = Annotated[Path | None, typer.Argument(metavar="DIR", help="Folder of the project; default: here.")]


def register(app: typer.Typer) -> None:
    """Adds the command to the app."""
    command(app, "init", examples=("init", "init my-corpus"))(init)


def init(session: Session, folder: FolderArgument = None) -> Result:
    """Make a project, or what is missing of one.

    A project is a folder with settings, contracts, a signing key and a catalog. Nothing that exists is
    overwritten.
    """
    from console.cli.project import make_project  # noqa: PLC0415 - help must not load settings and cryptography

    place = (folder or session.project or Path.cwd()).absolute()
    steps = make_project(place)
    move = "" if place == Path.cwd() else f"cd {folder or place} && "
    data = {
        "project": str(place),
        "steps": [asdict(step) for step in steps],
        "next": f"{move}stemma contract new NAME --path 'docs/**/*.md'",
    }
    return Result(data=data, view=render.steps)
