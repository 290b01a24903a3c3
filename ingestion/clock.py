"""The time that removing by age goes by: this machine's, if the clock of the home says the same.

Files are stamped by whoever stores them. A machine whose clock is days ahead would take what a run has just written
for what nobody needs, and what is kept for a month for what is over. So it removes nothing, and says why.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from datetime import datetime, timedelta

from corpus.errors import ConfigurationError, StoreError
from corpus.storage import Store
from corpus.types import utc_now
from ingestion.runtime import Runtime

SKEW = timedelta(minutes=2)
"""As `stemma doctor` has it: clocks that are kept by NTP differ by milliseconds."""


def now_to_remove_by(runtime: Runtime, *, dry_run: bool = False) -> datetime:
    """Returns the time that ages are counted to.

    Args:
        runtime: The project.
        dry_run: Nothing will be removed; a home that may not be written is not asked.

    Raises:
        ConfigurationError: The home's clock says another time. Nothing was removed.
        StoreError: The home cannot be written.
    """
    here, there = utc_now(), None
    with suppress(*((StoreError,) if dry_run else ())):
        there = _stamped(runtime.store)
    if there is not None and abs(there - here) > SKEW:
        apart = abs(there - here).total_seconds()
        raise ConfigurationError(
            f"this machine's clock says {here:%Y-%m-%d %H:%M:%S} UTC and that of the home {runtime.store.url} "
            f"{there:%Y-%m-%d %H:%M:%S}: {apart:,.0f} seconds apart. What is removed by age would go too early or too "
            "late, so nothing was. Set the clocks by NTP (`stemma doctor` compares them) and run again."
        )
    return here


def _stamped(store: Store) -> datetime | None:
    """Returns when the home says that a file was written which was written just now; None where it does not say."""
    name = f".tmp/clock-{uuid.uuid4().hex}"
    store.replace(name, b"")
    try:
        return store.modified_at(name)
    finally:
        store.remove(name)
