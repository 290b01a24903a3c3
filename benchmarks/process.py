"""Runs one command and reads the operating system's own account of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """A finished command.

    Attributes:
        wall_s: Seconds on the clock.
        cpu_s: Seconds of processor time, user and system.
        peak_mb: Largest resident memory, MiB.
        out: What it printed.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    out: str


def run(command: list[str], env: dict[str, str] | None = None) -> Run:
    """Runs a command to its end and measures it; exits with its error output if it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})}
    )
    assert process.stdout is not None
    out = process.stdout.read()
    assert process.stderr is not None
    err = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    if status:
        sys.exit(f"{' '.join(command)}\nended with status {os.waitstatus_to_exitcode(status)}\n{out}\n{err}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out)
