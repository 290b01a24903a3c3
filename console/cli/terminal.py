"""The terminal: consoles for results and for errors, and the progress bar.

Imported only when something is to be seen. Colour is Rich's business (`NO_COLOR`, `FORCE_COLOR`).
"""

from __future__ import annotations

import os
import sys

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

PIPED_WIDTH = 120
"""Columns where stdout is no terminal and COLUMNS is not set: Rich's own 80 would cut long names."""


def print_view(view: RenderableType) -> None:
    """Prints a result on stdout; into a file or pipe without the blanks that fill lines up."""
    terminal = sys.stdout.isatty()
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False, width=_width(terminal))
    if terminal:
        console.print(view)
        return
    with console.capture() as captured:
        console.print(view)
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def stderr_console() -> Console:
    """Returns the console for errors and progress."""
    return Console(file=sys.stderr, highlight=False, markup=False, emoji=False, width=_width(sys.stderr.isatty()))


def _width(terminal: bool) -> int | None:  # noqa: FBT001 - one caller per console
    if terminal or os.environ.get("COLUMNS", "").isdigit():
        return None
    return PIPED_WIDTH


class Bar:
    """Draws `ingestion.progress.Progress` on stderr: one bar at a time, gone when done."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task = TaskID(0)

    def start(self, label: str, total: int) -> None:
        """Begins a bar; a total of 0 means that nobody knows how much there is."""
        self.done()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=stderr_console(),
            transient=True,
        )
        self._task = self._progress.add_task(label, total=total or None)
        self._progress.start()

    def advance(self, units: int = 1) -> None:
        """Moves the bar."""
        if self._progress is not None:
            self._progress.advance(self._task, units)

    def done(self) -> None:
        """Takes the bar away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
