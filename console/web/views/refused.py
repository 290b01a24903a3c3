"""Versions that a gate refused: kept aside in the home for a while, without a number of their own."""

from __future__ import annotations

import threading
import time
from datetime import datetime

from pydantic import Field

from console.web.page import View
from index import layout
from ingestion.runtime import Runtime

_REMOTE_SECONDS = 30.0
"""How long a listing of a home elsewhere is believed; a local one is read each time."""


class Refused(View):
    """A version that a gate refused, and that is kept to be looked at."""

    id: str
    failed: list[str] = Field(description="The gates that refused it; empty where that cannot be read.")
    created_at: datetime | None
    by: str = Field(description="Who built it.")
    documents: int | None
    chunks: int | None
    problem: str = Field(description="Why it cannot be read; empty where it can.")


_lock = threading.Lock()
_listed: dict[tuple[str, str], tuple[float, list[Refused]]] = {}


def refused_of(runtime: Runtime, name: str) -> list[Refused]:
    """Returns the refused versions of an index that are kept, newest first; there are a few at the most."""
    if runtime.store.is_local:
        return _read(runtime, name)
    key, now = (runtime.store.url, name), time.monotonic()
    with _lock:
        known = _listed.get(key)
    if known is not None and now - known[0] < _REMOTE_SECONDS:
        return known[1]
    found = _read(runtime, name)
    with _lock:
        _listed[key] = (now, found)
    return found


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
