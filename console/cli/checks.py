"""What one check of `stemma doctor` found, and how trouble becomes such a finding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from corpus.errors import StemmaError


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What one check found.

    Attributes:
        name: What was looked at.
        status: `ok`, `warn` or `fail`.
        found: What is there.
        next: What to do; empty when the status is `ok`.
    """

    name: str
    status: str
    found: str
    next: str = ""


class Trouble(StemmaError):
    """A check that did not pass without anything having been raised below."""


def attempt(name: str, step: str, look: Callable[[], str]) -> Check:
    """Returns what a look found, or the trouble that it ended in with the next step."""
    try:
        return Check(name=name, status="ok", found=look())
    except StemmaError as error:
        return Check(name=name, status="fail", found=str(error), next=step)
    except (OSError, ValueError) as error:
        return Check(name=name, status="fail", found=f"{type(error).__name__}: {error}", next=step)
