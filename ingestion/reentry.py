"""Looks incoming texts up among the answers that the RAG system served."""

from __future__ import annotations

from corpus.catalog import answers
from corpus.types import Assessment, Finding
from ingestion.examine import Matcher
from ingestion.runtime import Runtime
from provenance.answers import document_grams
from provenance.reuse import match


def matcher(runtime: Runtime) -> Matcher:
    """Returns the look-up for one shard; with no answers registered it costs nothing per document."""
    with runtime.catalog.reading() as tx:
        registered = answers.count(tx)
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
    with runtime.catalog.reading() as tx:
        hits = answers.hits(tx, sorted(grams.values), before=draft.updated_at)
        served = answers.get(tx, sorted(hits)).values()
    return match(text, hits, served, updated_at=draft.updated_at, document=grams)
