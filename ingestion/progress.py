"""How long work tells a person how far it is, without knowing who looks."""

from __future__ import annotations

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
