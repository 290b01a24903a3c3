"""How long work tells a person how far it is, without knowing who looks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol


class Progress(Protocol):
    """Receives the advance of one labelled piece of work after another."""

    def start(self, label: str, total: int) -> None:
        """Begins a piece of work of `total` units; ends the one before."""
        ...

    def advance(self, units: int = 1) -> None:
        """Says that `units` more are done."""
        ...

    def done(self) -> None:
        """Ends the piece of work."""
        ...


class Silent:
    """Looks at nothing."""

    def start(self, label: str, total: int) -> None:
        """Does nothing."""

    def advance(self, units: int = 1) -> None:
        """Does nothing."""

    def done(self) -> None:
        """Does nothing."""


NO_PROGRESS: Progress = Silent()


class Whole:
    """Shows many pieces of work as one.

    Args:
        progress: Who looks at the whole.
        label: What it is called.
        total: Its units.
    """

    def __init__(self, progress: Progress, label: str, total: int) -> None:
        self._progress = progress
        progress.start(label, total)

    def start(self, label: str, total: int) -> None:
        """Does nothing: a piece has begun."""

    def advance(self, units: int = 1) -> None:
        """Says that `units` more of the whole are done."""
        self._progress.advance(units)

    def done(self) -> None:
        """Does nothing: a piece has ended."""


class Logged:
    """Writes a line now and then, with the time that is left; for tasks that nobody watches.

    Args:
        log: Where.
        every_s: Seconds between lines.
        now: The clock.
    """

    def __init__(
        self, log: logging.Logger, *, every_s: float = 10.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._log, self._every, self._now = log, every_s, now
        self._label, self._total, self._done = "", 0, 0
        self._began = self._told = now()

    def start(self, label: str, total: int) -> None:
        """Begins a piece of work."""
        self._label, self._total, self._done = label, total, 0
        self._began = self._told = self._now()

    def advance(self, units: int = 1) -> None:
        """Says so, if it has not for a while."""
        self._done += units
        now = self._now()
        if now - self._told >= self._every:
            self._told = now
            left = time_left(self._done, self._total, now - self._began)
            self._log.info("%s: %d of %d, about %s left", self._label, self._done, self._total, clock(left))

    def done(self) -> None:
        """Does nothing: what was done stands in the receipt."""


def time_left(done: int, total: int, elapsed_s: float) -> float:
    """Returns the seconds that are left if the rest goes as what is done; 0 where nothing is known."""
    return elapsed_s / done * max(0, total - done) if done else 0.0


def clock(seconds: float) -> str:
    """Returns a time as hours, minutes and seconds, such as `1:02:03`."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
