"""`stemma metrics`: the figures of the catalog for Prometheus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.cli.command import Result, command
from console.cli.session import Session

OutputOption = Annotated[
    Path | None, typer.Option("--output", metavar="FILE", help="Write them into this file instead, all at once.")
]


def register(app: typer.Typer) -> None:
    """Adds the command to the app."""
    command(app, "metrics", examples=("metrics", "metrics --output stemma.prom"))(metrics)


def metrics(session: Session, output: OutputOption = None) -> Result:
    """Print figures for monitoring, in the text form of Prometheus.

    Documents by state, quarantine, runs, versions, freshness, AI share by what it rests on, size of the catalog.
    With the setting metrics_file each run leaves them in a file when it ends.
    """
    from ingestion import metrics as gathered  # noqa: PLC0415 - help must not load SQLAlchemy

    runtime = session.runtime()
    if output is not None:
        gathered.write(runtime, output)
        return Result(data={"file": str(output)}, view=lambda data: f"wrote {data['file']}\n")
    found = gathered.text(runtime)
    return Result(data={"metrics": found}, view=lambda data: str(data["metrics"]))
