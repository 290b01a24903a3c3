"""Which decision stood when a person looked: an order that rests on another one is refused, and changes nothing.

The look and the write are one transaction under the lock of the audit log, so of two people who decide within
milliseconds one is second, and told so.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from corpus.catalog import queue
from corpus.catalog.records import DocumentState, OverrideRecord
from corpus.errors import ConfigurationError

_WORDS = {"accept": "release"}
"""Outcome of a decision to what a person calls it, where that is another word."""


def standing_of(override: OverrideRecord | None) -> str:
    """Returns what names a standing decision, so that an order can say which one was shown; empty for none."""
    return f"{override.outcome} {override.at.isoformat()}" if override else ""


def require_standing(tx: Session, contract: str, state: DocumentState, shown: str | None) -> None:
    """Refuses an order where another decision about the same content stands than was shown.

    Args:
        tx: The transaction that will write; it holds the lock of the audit log since before it read anything.
        contract: Name of the contract.
        state: The document.
        shown: `standing_of` what was shown; None to decide whatever stands.

    Raises:
        ConfigurationError: Somebody decided, or took a decision back.
    """
    if shown is None:
        return
    override = queue.override_of(tx, contract, state)
    if standing_of(override) == shown:
        return
    done = f"{override.actor} decided to {_WORDS.get(override.outcome, override.outcome)} it" if override else ""
    raise ConfigurationError(
        f"Since this page was loaded, {done or 'a decision was taken back'}. Nothing was done. Look at it again before "
        "you decide."
    )
