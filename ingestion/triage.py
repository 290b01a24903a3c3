"""Triage: what a person decides about a held document, and what that means for the next run."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from sqlalchemy.orm import Session

from corpus.catalog import decisions, documents
from corpus.catalog.records import DocumentState, OverrideRecord
from corpus.errors import ConfigurationError
from corpus.types import Outcome, utc_now
from ingestion.runtime import Runtime

_NOT_HELD = {
    "active": "it is in the index",
    "rejected": "no text could be had from it; mend the file and ingest again",
    "failed": "it could not be read; the next ingest tries again",
    "gone": "its source no longer lists it",
}


def release_held(runtime: Runtime, contract: str, doc_ids: Sequence[str], *, reason: str, actor: str) -> None:
    """Lets quarantined documents in with the next ingest; all of them or, where one is wrong, none.

    The decision holds for the bytes that were looked at: a later change is judged afresh. It is in the
    audit log, by name.

    Args:
        runtime: The project.
        contract: Name of the contract.
        doc_ids: The documents.
        reason: Why, in a person's words.
        actor: Who.

    Raises:
        ConfigurationError: A document is unknown or not quarantined, or reason or name are missing.
    """
    if not reason.strip() or not actor.strip():
        raise ConfigurationError(
            "a release needs --reason and a name (--by): somebody will ask who let it through, and why."
        )
    with runtime.catalog.transaction() as tx:
        for state in [_held(tx, contract, doc_id) for doc_id in doc_ids]:
            decisions.set_override(tx, _accepted(contract, state, reason.strip(), actor.strip()))


def _held(tx: Session, contract: str, doc_id: str) -> DocumentState:
    state = documents.find(tx, contract, doc_id)
    if state is None:
        close = difflib.get_close_matches(doc_id, documents.states(tx, contract), n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ConfigurationError(
            f"unknown document of {contract} {doc_id!r}.{hint} See them with `stemma quarantine list {contract}`."
        )
    if state.state != "quarantined":
        raise ConfigurationError(
            f"{doc_id!r} is {state.state}, not quarantined: {_NOT_HELD.get(state.state, 'look at it')}. Nothing was "
            f"released. See `stemma quarantine show {contract} {doc_id}`."
        )
    return state


def _accepted(contract: str, state: DocumentState, reason: str, actor: str) -> OverrideRecord:
    return OverrideRecord(
        contract=contract,
        doc_id=state.doc_id,
        raw_sha256=state.raw_sha256,
        outcome=Outcome.ACCEPT.value,
        reason=reason,
        actor=actor,
        at=utc_now(),
    )
