"""The outside judge: datacontract-cli in an environment of its own, because its pins contradict ours.

It is the program that STEMMA_DATACONTRACT names, else one that is installed once into pytest's cache folder
(30 s, 550 MB, measured on two cores). Without either its tests are skipped, but fail where CI is set.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from environments import installed, unavailable

VERSION = "1.2.8"
INSTALL_SECONDS = 500
_HINT = "Name it with STEMMA_DATACONTRACT."


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
    if named:
        program = Path(named)
    else:
        folder = Path(request.config.cache.mkdir(f"datacontract-{VERSION}"))
        command = f"pip install 'datacontract-cli[duckdb]=={VERSION}'"
        program = installed(folder, command, seconds=INSTALL_SECONDS, hint=_HINT) / "datacontract"
    judge = Judge(program)
    if not program.is_file() or VERSION not in judge("--version").stdout:
        unavailable(f"{program} is not datacontract-cli {VERSION}", _HINT)
    return judge
