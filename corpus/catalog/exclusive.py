"""Who may work on the content of a home at once: many who add to it, or one who takes out of it.

An erasure reads a file, writes it again without the document, and removes it; whoever adds documents meanwhile would
bring back what it took. So those who add hold the gate together, and who takes out holds it alone. A process that is
killed lets go: the lock is a file's (beside a SQLite catalog), or a connection's (PostgreSQL). A database that restarts
lets go too, behind the back of who holds it; so each transaction of a holder first makes sure that it still does.
"""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.orm import Session

from corpus.catalog.session import GUARD, Catalog, answered
from corpus.errors import CatalogError, CatalogUnavailable

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
    with contextlib.closing(_Holder(catalog, engine, alone=alone)) as holder:
        taking = f"SELECT pg_try_advisory_lock{shared}(:lock)"
        while not holder.ask(taking):
            _wait(until)
        before = GUARD.set(holder.check)
        try:
            yield
        finally:
            GUARD.reset(before)
            holder.let_go(f"SELECT pg_advisory_unlock{shared}(:lock)")


class _Holder:
    """The connection whose session holds the gate."""

    def __init__(self, catalog: Catalog, engine: Engine, *, alone: bool) -> None:
        self._alone = alone
        self._catalog = catalog
        with answered(catalog):
            self._connection = engine.connect()

    def ask(self, statement: str) -> object:
        with answered(self._catalog):
            return self._connection.execute(text(statement), {"lock": _LOCK}).scalar()

    def check(self, tx: Session) -> None:
        """Makes sure that the gate is still ours until a transaction ends.

        Those who add take the lock for the transaction too, which an erasure that came meanwhile would refuse; that
        the session's own lock was there all the time, its connection says by being there.
        """
        taken = (
            self._alone or tx.execute(text("SELECT pg_try_advisory_xact_lock_shared(:lock)"), {"lock": _LOCK}).scalar()
        )
        if not taken or self._is_lost():
            raise CatalogUnavailable(
                f"the database let go of this run's hold on the home, as when it restarts. {self._catalog!r} was not "
                "changed. Run the same command again."
            )

    def _is_lost(self) -> bool:
        try:
            self._connection.execute(text("SELECT 1"))
        except (DBAPIError, PendingRollbackError):
            return True
        return False

    def let_go(self, statement: str) -> None:
        """Gives the lock back; with a lost connection it is gone already, and what was committed was guarded."""
        with contextlib.suppress(DBAPIError, PendingRollbackError):
            self._connection.execute(text(statement), {"lock": _LOCK})

    def close(self) -> None:
        """Gives the connection back to the pool."""
        with contextlib.suppress(DBAPIError, PendingRollbackError):
            self._connection.close()


def _wait(until: float) -> None:
    if time.monotonic() > until:
        raise CatalogError(
            "an erasure waits for runs at work, or a run for an erasure, and neither ended in time. Nothing was "
            "changed; run again when the other is done."
        )
    time.sleep(_EVERY)
