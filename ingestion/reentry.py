"""Looks incoming texts up among the answers that the RAG system served."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from corpus.catalog import answers
from corpus.types import Assessment, Finding
from ingestion.examine import Matcher
from ingestion.runtime import Runtime
from provenance.answers import document_grams
from provenance.reuse import match


def matcher(runtime: Runtime) -> Matcher:
    """Returns the look-up for one shard; with no answers registered it costs nothing per document."""
    with runtime.catalog.reading() as tx:
        registered = answers.has_any(tx)
    if not registered:
        return _none

    def look_up(draft: Assessment) -> tuple[Finding, ...]:
        return _look_up(runtime, draft)

    return look_up


def _none(draft: Assessment) -> tuple[Finding, ...]:  # noqa: ARG001 - one shape with the look-up
    return ()


def _look_up(runtime: Runtime, draft: Assessment) -> tuple[Finding, ...]:
    if draft.document is None:
        return ()
    text = draft.document.text
    grams = document_grams(text)
    changed = last_change(draft)
    with runtime.catalog.reading() as tx:
        served = answers.candidates(tx, grams.values, before=changed)
    return match(text, served, updated_at=changed, document=grams)


def last_change(draft: Assessment) -> datetime | None:
    """Returns the latest time at which the text may have come into the document; None for now.

    What a document says of its own date does not clear it: a copied answer may stand under an old one.
    A bare date counts to the end of its day, everywhere on earth.
    """
    said = draft.updated_at
    if said is not None and said.time() == time.min:
        said += timedelta(days=1, hours=12)
    known = [moment for moment in (said, draft.ref.modified_at) if moment is not None]
    return max(known) if draft.ref.modified_at is not None else None
