"""`stemma version`: what is installed here."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

import typer

from console.cli import render
from console.cli.command import Result, command
from console.cli.session import Session

DISTRIBUTION = "stemma-rag"


def register(app: typer.Typer) -> None:
    """Adds the command to the app."""
    command(app, "version", examples=("version", "version --json"))(version)


def version(_session: Session) -> Result:
    """Show what is installed here."""
    names = ("faiss-cpu", "torch", "sentence-transformers", "pyarrow", "sqlalchemy", "apache-airflow")
    data = {
        "stemma": version_of(DISTRIBUTION),
        "python": platform.python_version(),
        "packages": {name: version_of(name) for name in names},
    }
    return Result(data=data, view=render.versions_installed)


def version_of(distribution: str) -> str | None:
    """Returns the version of an installed distribution, None where it is not installed."""
    try:
        return installed(distribution)
    except PackageNotFoundError:
        return None
