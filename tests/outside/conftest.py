"""The outside judge: datacontract-cli in an environment of its own, because its pins contradict ours.

It is the program that STEMMA_DATACONTRACT names, else one that is installed once into pytest's cache folder
(30 s, 550 MB, measured on two cores). Without either its tests are skipped, but fail where CI is set.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

VERSION = "1.2.8"
INSTALL_SECONDS = 500


@dataclass(frozen=True)
class Judge:
    """The command `datacontract`."""

    program: Path

    def __call__(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.program), *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
        )


@pytest.fixture(scope="session")
def datacontract(request: pytest.FixtureRequest) -> Judge:
    """The outside judge, of the version that our figures and findings speak of."""
    named = os.environ.get("STEMMA_DATACONTRACT")
    program = Path(named) if named else _installed(Path(request.config.cache.mkdir(f"datacontract-{VERSION}")))
    judge = Judge(program)
    if not program.is_file() or VERSION not in judge("--version").stdout:
        _unavailable(f"{program} is not datacontract-cli {VERSION}")
    return judge


def _installed(folder: Path) -> Path:
    """Installs the judge unless an earlier session did; pip says that it is done by its exit code alone."""
    done = folder / "done"
    if not done.exists():
        steps: tuple[tuple[str, ...], ...] = (
            (sys.executable, "-m", "venv", "--clear", str(folder / "venv")),
            (
                *(str(folder / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet"),
                *("--retries", "1", "--timeout", "20", f"datacontract-cli[duckdb]=={VERSION}"),
            ),
        )
        for step in steps:
            _run(step)
        done.touch()
    return folder / "venv" / "bin" / "datacontract"


def _run(step: tuple[str, ...]) -> None:
    try:
        ran = subprocess.run(step, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        _unavailable(f"datacontract-cli {VERSION} was not installed within {INSTALL_SECONDS} s")
    if ran.returncode != 0:
        last = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
        _unavailable(f"datacontract-cli {VERSION} cannot be installed: {last}")


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"{reason} (CI is set, so this is no reason to skip)")
    pytest.skip(f"{reason}. Name it with STEMMA_DATACONTRACT.")
