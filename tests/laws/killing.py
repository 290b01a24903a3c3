"""Kills a process at its n-th effect on home or catalog: what the scripts that fork once for each effect share.

Everything is imported once, then each piece of work is forked: killing before effect n + 1 is killing after effect n.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from corpus.storage import Store

ROOT = Path(__file__).parents[2]
EFFECTS = ("publish", "publish_file", "publish_folder", "replace", "replace_file", "remove")
_seen: list[str] = []


def step(name: str, number: int) -> None:
    """Notes an effect of this process; kills it before its n-th."""
    _seen.append(name)
    if len(_seen) == number:
        os.kill(os.getpid(), signal.SIGKILL)


def watch(number: int) -> None:
    """Notes every effect of this process from now on, and kills it before the n-th; 0 for never."""

    def committing(connection: Any) -> None:
        step("commit", number)

    for name in EFFECTS:
        setattr(Store, name, _wrapped(name, getattr(Store, name), number))
    event.listen(Engine, "commit", committing)


def _wrapped(name: str, real: Callable[..., Any], number: int) -> Callable[..., Any]:
    def effect(*args: Any, **kwargs: Any) -> Any:
        step(f"{name} {args[1]}", number)
        return real(*args, **kwargs)

    return effect


def fork_each(work: Callable[[Path, int], None], numbered: Iterable[tuple[int, Path]], *, killing: bool) -> None:
    """Works on each folder in a process of its own, which prints its effects if it comes to its end.

    Args:
        work: What is done in a folder, killed before the n-th effect.
        numbered: That n, and the folder.
        killing: Kill, and print how each process ended; else n is 0.
    """
    for number, folder in numbered:
        child = os.fork()
        if child == 0:
            work(folder, number if killing else 0)
            print("\n".join(_seen), flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if killing:
            print(os.waitstatus_to_exitcode(status), flush=True)


def run_script(script: Path, *arguments: Path | str) -> list[str]:
    """Runs one of the scripts with the tests' modules in reach; returns the lines that it printed."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))}
    command = [sys.executable, "-W", "ignore", str(script), *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()
