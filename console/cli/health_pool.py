"""A check of `stemma doctor`: the pool of tasks that embed. Airflow's database is read, Airflow is not imported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from console.cli.checks import Check
from corpus.settings import Settings

ALWAYS_THERE = "default_pool"
_NAME = "airflow pool"
_SLOTS = text("SELECT slots FROM slot_pool WHERE pool = :pool")


def checks(database: str, settings: Settings) -> Iterator[Check]:
    """Checks that the pool exists and has slots; nothing where tasks stand in the one that always exists.

    Args:
        database: URL of Airflow's database.
        settings: The project's settings.
    """
    pool = settings.embed_pool
    if pool == ALWAYS_THERE:
        return
    make = f"airflow pools set {pool} 2 'Tasks that embed', with the number that may embed at once."
    try:
        slots = _slots(database, pool)
    except (SQLAlchemyError, ImportError, OSError, ValueError) as error:  # ValueError: a port that is no number
        found = (
            f"embed_pool is {pool!r}; whether it exists is not known: {type(error).__name__} from Airflow's database"
        )
        yield Check(name=_NAME, status="warn", found=found, next=f"Where `airflow pools list` lacks it: {make}")
        return
    if slots is None:
        found = f"embed_pool is {pool!r}, and Airflow has no pool of that name: tasks that embed wait for ever"
        yield Check(name=_NAME, status="fail", found=found, next=make)
    elif slots == 0:
        found = f"the pool {pool!r} has no slots: tasks that embed wait for ever"
        yield Check(name=_NAME, status="fail", found=found, next=make)


def _slots(database: str, pool: str) -> int | None:
    """Returns the slots of a pool, -1 for any number; None where there is no such pool."""
    url = make_url(database)
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")  # the driver that we bring
    elif url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        raise FileNotFoundError(str(url.database))  # to connect would make one
    patience = {"connect_timeout": 10} if url.get_backend_name() == "postgresql" else {}
    engine = create_engine(url, connect_args=patience)
    try:
        with engine.connect() as connection:
            found: int | None = connection.execute(_SLOTS, {"pool": pool}).scalar()
            return found
    finally:
        engine.dispose()
