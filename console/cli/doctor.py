"""`stemma doctor`: is this environment, and this project, able to work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from console.cli import render
from console.cli.command import Result, command
from console.cli.session import Session
from corpus.errors import EXIT_FINDINGS, EXIT_OK

if TYPE_CHECKING:
    from console.cli.checks import Check

SkipModelsOption = Annotated[bool, typer.Option("--skip-models", help="Do not load the embedding models (seconds).")]


def register(app: typer.Typer) -> None:
    """Adds the command to the app."""
    command(app, "doctor", examples=("doctor", "doctor --skip-models --json"))(doctor)


def doctor(session: Session, skip_models: SkipModelsOption = False) -> Result:  # noqa: FBT002 - a flag
    """Check whether environment and project can work.

    Looks at Python, packages, project, home, disk, clock, keys, catalog, signatures, Airflow's keys, contracts and
    models; each trouble comes with its next step.

    Ends with exit code 1 if a check fails; a warning does not.
    """
    checks = [asdict(check) for check in _checks(session, skip_models=skip_models)]
    healthy = all(check["status"] != "fail" for check in checks)
    return Result(
        data={"healthy": healthy, "checks": checks}, view=render.checks, exit_code=EXIT_OK if healthy else EXIT_FINDINGS
    )


def _checks(session: Session, *, skip_models: bool) -> Iterator[Check]:
    from console.cli import health  # noqa: PLC0415 - help must not load what the checks look at

    yield from health.environment()
    settings, check = health.project(session.project)
    yield check
    if settings is not None:
        yield from health.parts(settings, load_models=not skip_models)
