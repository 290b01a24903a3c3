"""What the catalog remembers of documents over HTTP between runs, and the options of such a source.

A source gets data and no store: what is remembered is handed to it before it lists, and taken back afterwards.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from contracts.model import SourceSpec
from corpus.catalog import validators
from corpus.catalog.validators import ValidatorRecord
from corpus.ids import normalise_doc_id
from corpus.seams import Source
from corpus.settings import Settings
from ingestion.runtime import Runtime

if TYPE_CHECKING:
    from ingestion.web.source import WebSource


def web_options(spec: SourceSpec, settings: Settings) -> dict[str, Any]:
    """Returns what a source over HTTP takes beside the four arguments of every source."""
    from ingestion.web.policy import Access  # noqa: PLC0415 - brings the HTTP library along

    return {"kind": spec.format, "urls": spec.urls, "hosts": spec.hosts, "access": Access.of(settings)}


def recall(runtime: Runtime, contract: str, source: Source) -> None:
    """Tells a source over HTTP what is remembered of its documents; any other source needs nothing."""
    if not (web := _web(source)):
        return
    from ingestion.web.fetch import Validators  # noqa: PLC0415 - as above

    with runtime.catalog.reading() as tx:
        records = validators.of_contract(tx, contract)
    web.known = {
        each.url: Validators(etag=each.etag, last_modified=each.last_modified, sha256=each.sha256, size=each.size)
        for each in records
    }


def remember(runtime: Runtime, contract: str, source: Source) -> None:
    """Keeps what a source over HTTP learnt when it listed whole; any other source learnt nothing."""
    if not (web := _web(source)):
        return
    from ingestion.web.source import path_of  # noqa: PLC0415 - as above

    named = ((normalise_doc_id(path_of(url)), url, known) for url, known in web.known.items())
    records = [
        ValidatorRecord(
            doc_id=doc_id,
            url=url,
            etag=known.etag,
            last_modified=known.last_modified,
            sha256=known.sha256,
            size=known.size,
        )
        for doc_id, url, known in named
        if known.etag or known.last_modified
    ]
    with runtime.catalog.transaction() as tx:
        validators.replace(tx, contract, records)


def _web(source: Source) -> WebSource | None:
    module = sys.modules.get("ingestion.web.source")  # where it is not loaded, no source is of it
    return source if module is not None and isinstance(source, module.WebSource) else None
