"""Signatures of versions, as pages tell them: checked, remembered for minutes, and never longer than a page may take.

A version never changes, but a file may be put in its place. So what was found is believed for `FRESH`, and on a local
home only while manifest and signature have the size and the time that they had. Moving an alias asks nothing of this:
it checks again itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from cachetools import TTLCache
from pydantic import Field

from console.web.page import View
from corpus.catalog.records import VersionRecord
from corpus.types import utc_now
from index import layout
from index.signing import TrustStore
from ingestion.history.trusted import signature_of
from ingestion.runtime import Runtime

FRESH = timedelta(minutes=5)
_BUDGET_SECONDS = 0.08
"""What a page spends on signatures that it does not know yet: here it takes milliseconds, elsewhere requests."""
_MOST = 4_096

_States = Literal["verified", "not verified", "unsigned", "removed", "not checked yet"]
_Key = tuple[str, str, int, str, str]
_Stamp = tuple[tuple[int, int], ...]


class Seal(View):
    """Whether a version's manifest may be believed. Its other files are not read for this."""

    state: _States
    key: str = Field(description="Name of the trusted key that signed it, as its file is called; empty for none.")
    keyid: str = Field(description="Id of that key; empty for none.")
    why: str = Field(description="What is wrong; empty where nothing is.")
    checked_at: datetime | None = Field(description="When that was found out; null where it was not.")


_SEALS: TTLCache[tuple[_Key, _Stamp], Seal] = TTLCache(maxsize=_MOST, ttl=FRESH.total_seconds())
_LOCK = threading.Lock()


def seals_of(runtime: Runtime, versions: Iterable[VersionRecord], first: int | None = None) -> Mapping[int, Seal]:
    """Returns the seals of versions: those that are known, and as many others as a page has time for.

    Args:
        runtime: The project.
        versions: The versions.
        first: Number of one that is checked before all others, and in any case.
    """
    trust = TrustStore.from_folder(runtime.settings.trusted_keys)
    end = time.monotonic() + _BUDGET_SECONDS
    found: dict[int, Seal] = {}
    for version in sorted(versions, key=lambda item: item.number != first):
        may_check = version.number == first or time.monotonic() < end
        found[version.number] = _seal(runtime, version, trust, may_check=may_check)
    return found


def seal_now(runtime: Runtime, version: VersionRecord) -> Seal:
    """Checks one version, whatever is known of it."""
    trust = TrustStore.from_folder(runtime.settings.trusted_keys)
    return _checked(runtime, version, trust)


def _seal(runtime: Runtime, version: VersionRecord, trust: TrustStore, *, may_check: bool) -> Seal:
    if version.state == "retired":
        return Seal(state="removed", key="", keyid="", why="its files are gone", checked_at=None)
    with _LOCK:
        known = _SEALS.get((_key(runtime, version, trust), _stamp(runtime, version)))
    if known is not None:
        return known
    if may_check:
        return _checked(runtime, version, trust)
    return Seal(state="not checked yet", key="", keyid="", why="", checked_at=None)


def _checked(runtime: Runtime, version: VersionRecord, trust: TrustStore) -> Seal:
    stamp, now = _stamp(runtime, version), utc_now()
    found = signature_of(runtime, version)
    named = {keyid: name for name, keyid in trust.names.items()}
    state: _States = "verified" if found.state == "valid" else "removed" if found.state == "retired" else "not verified"
    if state == "not verified" and not runtime.store.exists(f"{_folder(version)}/{layout.ENVELOPE}"):
        state = "unsigned"
    seal = Seal(state=state, key=named.get(found.keyid, ""), keyid=found.keyid, why=found.why, checked_at=now)
    with _LOCK:
        _SEALS[_key(runtime, version, trust), stamp] = seal
    return seal


def _key(runtime: Runtime, version: VersionRecord, trust: TrustStore) -> _Key:
    keys = ",".join(sorted(str(keyid) for keyid in trust.keys))
    return runtime.store.url, version.name, version.number, version.manifest_sha256, keys


def _stamp(runtime: Runtime, version: VersionRecord) -> _Stamp:
    """Returns times and sizes of what is signed; nothing for a home elsewhere, where asking is what takes the time."""
    if not runtime.store.is_local:
        return ()
    stamps = []
    for name in (layout.MANIFEST, layout.ENVELOPE):
        try:
            status = Path(runtime.store.path(f"{_folder(version)}/{name}")).stat()
            stamps.append((status.st_mtime_ns, status.st_size))
        except OSError:
            stamps.append((0, -1))
    return tuple(stamps)


def _folder(version: VersionRecord) -> str:
    return layout.version_path(version.name, version.number)
