"""Who may work on the content of a home at once: many who add to it, or one who takes out of it.

An erasure reads a file, writes it again without the document, and removes it; whoever adds documents meanwhile would
bring back what it took. So those who add hold the gate together, and who takes out holds it alone. A process that is
killed lets go: the lock is a file's (beside a SQLite catalog), or a connection's (PostgreSQL).
"""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import text

from corpus.catalog.session import Catalog
from corpus.errors import CatalogError

WAIT_SECONDS = 600.0
"""How long somebody waits for the gate: a stage of a run takes minutes, not hours."""
_EVERY = 0.05
# Any fixed number will do; PostgreSQL's advisory locks are named by number.
_LOCK = 0x57E3A009


@contextlib.contextmanager
def gate(catalog: Catalog, *, alone: bool = False, seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Holds the gate of the home that a catalog belongs to.

    Args:
        catalog: The catalog.
        alone: Take out of the home, and let nobody add meanwhile.
        seconds: How long to wait for it.

    Raises:
        CatalogError: Others held it all that time.
    """
    holding = _held_file if catalog.engine.dialect.name == "sqlite" else _held_connection
    with holding(catalog, alone, time.monotonic() + seconds):
        yield


@contextlib.contextmanager
def _held_file(catalog: Catalog, alone: bool, until: float) -> Iterator[None]:  # noqa: FBT001
    path = Path(f"{catalog.engine.url.database}.lock")
    with path.open("ab") as handle:
        kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        while True:
            try:
                fcntl.flock(handle, kind | fcntl.LOCK_NB)
                break
            except OSError:
                _wait(until)
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)  # forked workers may still hold the descriptor


@contextlib.contextmanager
def _held_connection(catalog: Catalog, alone: bool, until: float) -> Iterator[None]:  # noqa: FBT001
    shared = "" if alone else "_shared"
    engine = catalog.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        taking = text(f"SELECT pg_try_advisory_lock{shared}(:lock)")
        while not connection.execute(taking, {"lock": _LOCK}).scalar():
            _wait(until)
        try:
            yield
        finally:
            connection.execute(text(f"SELECT pg_advisory_unlock{shared}(:lock)"), {"lock": _LOCK})


def _wait(until: float) -> None:
    if time.monotonic() > until:
        raise CatalogError(
            "an erasure waits for runs at work, or a run for an erasure, and neither ended in time. Nothing was "
            "changed; run again when the other is done."
        )
    time.sleep(_EVERY)
