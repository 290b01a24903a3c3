"""Programs that tests ask and that cannot live in our environment: each is installed once, in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest


def installed(folder: Path, requirements: tuple[str, ...], *, seconds: int, hint: str) -> Path:
    """Returns the folder of programs of an environment with these requirements; pip's exit code says that it is whole.

    Args:
        folder: Where it is kept between sessions.
        requirements: What pip installs.
        seconds: Longest time for one step.
        hint: What to do where it cannot be installed.
    """
    done = folder / "done"
    if not done.exists():
        steps: tuple[tuple[str, ...], ...] = (
            (sys.executable, "-m", "venv", "--clear", str(folder / "venv")),
            (
                *(str(folder / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet"),
                *("--retries", "1", "--timeout", "20", *requirements),
            ),
        )
        for step in steps:
            _run(step, requirements[0], seconds, hint)
        done.touch()
    return folder / "venv" / "bin"


def unavailable(reason: str, hint: str) -> NoReturn:
    """Skips a test, but fails it where CI is set."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason} (CI is set, so this is no reason to skip)")
    pytest.skip(f"{reason}. {hint}")


def _run(step: tuple[str, ...], what: str, seconds: int, hint: str) -> None:
    try:
        ran = subprocess.run(step, capture_output=True, text=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired:
        unavailable(f"{what} was not installed within {seconds} s", hint)
    if ran.returncode != 0:
        last = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
        unavailable(f"{what} cannot be installed: {last}", hint)
