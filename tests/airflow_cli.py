"""Airflow's command line in a process of its own, for a project: its warnings are not ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def airflow(
    home: Path, folder: Path, *arguments: str, program: tuple[str, ...] = ("-m", "airflow")
) -> subprocess.CompletedProcess[str]:
    """Runs a command of Airflow, or a program that ends in one, with our DAGs.

    Args:
        home: Airflow's home.
        folder: The project.
        arguments: Of the command.
        program: What Python runs.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "STEMMA_"))}
    environment = kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "STEMMA_PROJECT": str(folder),
        "STEMMA_ACTOR": "builder",
    }
    return subprocess.run(
        [sys.executable, *program, *arguments],
        env=environment, cwd=home, capture_output=True, text=True, check=False,
    )  # fmt: skip
