"""Differences of two versions, remembered for minutes: leafing through one does not read both versions again.

Both manifests are checked each time a difference is shown. It is kept in memory only, and goes with its time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from cachetools import TTLCache, cached

from corpus.errors import ConfigurationError
from index import layout
from index.diff import diff_versions
from index.manifest import Manifest
from ingestion.history.changes import Difference, diff
from ingestion.history.opened import open_history
from ingestion.history.trusted import manifest_of
from ingestion.runtime import Runtime

FRESH = timedelta(minutes=10)
_MOST = 6
_MOST_DOCUMENTS = 200_000
"""Documents that differ, in all differences that are remembered: some hundred bytes each."""
_Key = tuple[str, str, str, str]


def _size(found: Difference) -> int:
    """Returns the room that a difference takes, in documents: `_MOST` of any size fit, or one that fills it all."""
    return min(_MOST_DOCUMENTS, max(len(found.versions.documents), _MOST_DOCUMENTS // _MOST))


_KNOWN: TTLCache[_Key, Difference] = TTLCache(_MOST_DOCUMENTS, FRESH.total_seconds(), getsizeof=_size)


def difference_of(runtime: Runtime, name: str, before: int | str | None, after: int | str | None) -> Difference:
    """Returns what differs between two versions, as `stemma index diff` says it.

    Args:
        runtime: The project.
        name: The index.
        before: A number or an alias; None for the version that `after` follows.
        after: A number or an alias; None for what serves.

    Raises:
        ConfigurationError: There is no such index or version, or none before it.
        IntegrityError: A version is not what was signed, or is not kept any more.
    """
    history = open_history(runtime, name)
    later = history.resolve("live" if after is None else after)
    earlier = history.before(later) if before is None else history.resolve(before)
    for record in (earlier, later):
        if record.state == "retired":
            raise ConfigurationError(
                f"v{record.number:06d} of {name!r} was removed, so there is nothing left to compare. The page of the "
                "index says which versions are kept."
            )
        manifest_of(runtime, record)
    key = (runtime.store.url, name, earlier.manifest_sha256, later.manifest_sha256)
    return _worked_out(key, lambda: diff(runtime, name, earlier.number, later.number))


def difference_of_refused(runtime: Runtime, name: str, before: int | str | None, candidate: str) -> Difference:
    """Returns what differs between a version and one that a gate refused, as far as files tell.

    Raises:
        ConfigurationError: There is no such index, version or refused version.
        IntegrityError: The version is not what was signed.
    """
    from index.candidates import read_candidate  # noqa: PLC0415 - brings faiss

    earlier = open_history(runtime, name).resolve("live" if before is None else before)
    old: Manifest = manifest_of(runtime, earlier, (layout.DOCUMENTS, layout.CHUNKS))
    new = read_candidate(runtime.store, name, candidate)
    folder = layout.candidate_path(name, new.identity[:16])
    found = diff_versions(runtime.store, old, new, after_folder=folder)
    unknown = "" if old.contract.digest == new.contract.digest else "of a refused version they are not compared"
    return Difference(versions=found, clauses=(), clauses_unknown=unknown)


@cached(_KNOWN, key=lambda key, _work: key, condition=threading.Condition())
def _worked_out(_key: _Key, work: Callable[[], Difference]) -> Difference:
    """Works out a difference that is not known; others that want it wait, and those that want another do not."""
    return work()
