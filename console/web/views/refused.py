"""Versions that a gate refused: kept aside in the home for a while, without a number of their own."""

from __future__ import annotations

import threading
from datetime import datetime

from cachetools import TTLCache, cached
from pydantic import Field

from console.web.page import View
from index import layout
from ingestion.runtime import Runtime

_REMOTE_SECONDS = 30.0
"""How long a listing of a home elsewhere is believed; a local one is read each time."""
_MOST = 1_024
"""Indexes whose listing is remembered."""


class Refused(View):
    """A version that a gate refused, and that is kept to be looked at."""

    id: str
    failed: list[str] = Field(description="The gates that refused it; empty where that cannot be read.")
    created_at: datetime | None
    by: str = Field(description="Who built it.")
    documents: int | None
    chunks: int | None
    problem: str = Field(description="Why it cannot be read; empty where it can.")


def refused_of(runtime: Runtime, name: str) -> list[Refused]:
    """Returns the refused versions of an index that are kept, newest first; there are a few at the most."""
    if runtime.store.is_local:
        return _read(runtime, name)
    return list(_listed(runtime, name))


@cached(TTLCache(_MOST, _REMOTE_SECONDS), key=lambda runtime, name: (runtime.store.url, name), lock=threading.Lock())
def _listed(runtime: Runtime, name: str) -> list[Refused]:
    return _read(runtime, name)


def _read(runtime: Runtime, name: str) -> list[Refused]:
    try:
        if not runtime.store.names(layout.candidates_path(name)):
            return []
    except ValueError:  # a contract whose name no index can have
        return []
    from index.candidates import kept_candidates  # noqa: PLC0415 - brings faiss, and mostly there is none

    return [
        Refused(
            id=kept.id,
            failed=list(kept.failed),
            created_at=kept.created_at,
            by=kept.manifest.run.actor if kept.manifest else "",
            documents=kept.manifest.contents.documents if kept.manifest else None,
            chunks=kept.manifest.contents.chunks if kept.manifest else None,
            problem=kept.problem,
        )
        for kept in kept_candidates(runtime.store, name)
    ]
