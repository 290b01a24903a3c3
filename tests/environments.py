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


def installed(folder: Path, command: str, *, seconds: int, hint: str) -> Path:
    """Returns the folder of programs of an environment that a command filled; its exit code says that it is whole.

    Args:
        folder: Where it is kept between sessions.
        command: What is typed into a new environment, such as `pip install pipx`.
        seconds: Longest time for one step.
        hint: What to do where it cannot be installed.
    """
    done, programs = folder / "done", folder / "venv" / "bin"
    if not done.exists() or done.read_text("utf-8") != command:
        path = os.pathsep.join((str(programs), os.environ["PATH"]))
        hurried = {"PATH": path, "PIP_QUIET": "1", "PIP_RETRIES": "1", "PIP_TIMEOUT": "20"}
        _run([sys.executable, "-m", "venv", "--clear", str(folder / "venv")], {}, command, seconds, hint)
        _run(["bash", "-euc", command], hurried, command, seconds, hint)
        done.write_text(command, "utf-8")
    return programs


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


def _run(step: list[str], variables: dict[str, str], what: str, seconds: int, hint: str) -> None:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        ran = subprocess.run(step, env=kept | variables, capture_output=True, text=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired:
        unavailable(f"not done within {seconds} s: {what}", hint)
    if ran.returncode != 0:
        last = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
        unavailable(f"this failed: {what}: {last}", hint)
