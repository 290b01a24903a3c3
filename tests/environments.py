"""Environments beside ours: for programs that cannot live in it, and to install as a reader does.

A program is installed once, in an environment of its own. A reader's environment has all that ours has, but not Stemma.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
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


def wheel(project: Path, into: Path) -> Path:
    """Builds the wheel of a project without a network, and returns it."""
    command = (
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(into),
        ".",
    )
    run = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    [built] = into.glob("*.whl")
    return built


def beside(folder: Path) -> Path:
    """Makes an environment in which all that is installed here is installed, but not Stemma; returns its programs.

    Links cost nothing: a test pays for what it installs and not for what that builds on. `pip` is among the programs.

    Args:
        folder: Where; it is made.
    """
    seen = folder / "seen"
    venv.create(folder, symlinks=True)
    seen.mkdir()
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(place).iterdir():
            if "stemma_rag" not in entry.name and entry.suffix != ".pth" and entry.name != "__pycache__":
                (seen / entry.name).symlink_to(entry)
    [site] = folder.glob("lib/python*/site-packages")
    (site / "seen.pth").write_text(f"{seen}\n")
    programs = folder / "bin"
    pip = programs / "pip"
    pip.write_text(f'#!/bin/sh\nexec {programs / "python"} -m pip "$@"\n')
    pip.chmod(0o755)
    return programs


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
