"""The catalog's door: one URL, one engine, transactions, and the schema's version.

SQLite by default, PostgreSQL by URL. Every transaction that may write takes SQLite's write lock when it
begins: two that both read first and then write would otherwise fail each other. What is stored is
for the query modules to know.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session

from corpus.errors import CatalogError, CatalogUnavailable, ConfigurationError
from corpus.ids import canonical_json

# The newest migration; a test compares it with the migrations folder. Kept here so that checking the
# schema, which every process does, does not import Alembic.
SCHEMA_REVISION = "0014"

_BUSY_SECONDS = 30
GUARD: ContextVar[Callable[[Session], None] | None] = ContextVar("stemma_guard", default=None)
"""What a transaction asks before anything is changed: `corpus.catalog.exclusive` makes sure that its gate holds."""
_READING = "stemma_reading"
# Any fixed number will do; PostgreSQL's advisory locks are named by number.
_UPGRADE_LOCK = 0x57E3A001


@dataclass(frozen=True, slots=True, repr=False)
class Catalog:
    """An open catalog. Cheap to make; connects on first use.

    Attributes:
        engine: SQLAlchemy's engine.
    """

    engine: Engine

    @property
    def url(self) -> str:
        """The URL it was opened with, password included; `repr` hides it."""
        return self.engine.url.render_as_string(hide_password=False)

    def __repr__(self) -> str:
        return f"Catalog({self.engine.url.render_as_string(hide_password=True)!r})"

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Session]:
        """Gives a session whose changes are committed together at the end, or not at all.

        Raises:
            CatalogError: The database refused the change.
            CatalogUnavailable: The connection was lost, or somebody else wrote at the time.
        """
        told = _Told()
        with _translated(self, told), Session(self.engine, autoflush=False) as session, session.begin():
            guard = GUARD.get()
            if guard is not None:
                guard(session)
            yield session
            told.committing = True

    @contextlib.contextmanager
    def reading(self) -> Iterator[Session]:
        """Gives a session that sees one state of the catalog, changes nothing and blocks no writer.

        Raises:
            CatalogError: A change was tried.
            CatalogUnavailable: The database cannot be reached.
        """
        engine = self.engine.execution_options(**{_READING: True})
        with _translated(self), Session(engine, autoflush=False) as session, session.begin():
            yield session

    def upgrade(self) -> None:
        """Brings the schema to this build's revision; does nothing when it is there.

        Safe when two processes do it at once: the second waits, then finds nothing to do.

        Raises:
            ConfigurationError: The schema was made by a newer build.
            CatalogError: The database refused or cannot be reached.
        """
        with _translated(self):
            _prepare(self.engine)
            with self.engine.begin() as connection:
                _lock_upgrade(connection)
                found = _revision(connection)
                _refuse_newer(self, found)
                if found != SCHEMA_REVISION:
                    _migrate(connection)

    def check(self) -> None:
        """Makes sure that the schema is this build's, with one small query.

        Raises:
            ConfigurationError: There is no catalog yet, or its schema is older or newer.
            CatalogError: The database cannot be reached.
        """
        path = _sqlite_path(self.engine.url)
        if path is not None and not path.exists():
            raise ConfigurationError(f"{self!r} does not exist. Make it with `stemma init`.")
        with _translated(self), self.engine.connect() as connection:
            found = _revision(connection)
        if not found:
            raise ConfigurationError(f"{self!r} has no tables yet. Make them with `stemma init`.")
        _refuse_newer(self, found)
        if found != SCHEMA_REVISION:
            raise ConfigurationError(
                f"{self!r} has schema {found}, this build needs {SCHEMA_REVISION}. Upgrade it with `stemma init`; "
                "nothing is lost."
            )

    def close(self) -> None:
        """Closes the connections that are kept for reuse."""
        self.engine.dispose()


def open_catalog(url: str) -> Catalog:
    """Opens a catalog without connecting yet.

    Args:
        url: `sqlite:///path/to/catalog.db` or `postgresql://user@host/name`.

    Raises:
        ConfigurationError: The URL is not one of these, or the driver is not installed.
    """
    parsed = _parse(url)
    try:
        # What was bound to a statement is texts and questions: an error that is logged must not repeat them.
        engine = create_engine(parsed, json_serializer=_json, hide_parameters=True, **_options(parsed))
    except ImportError as error:
        raise ConfigurationError(
            f"the catalog {parsed.render_as_string()!r} needs psycopg: pip install 'stemma-rag[postgres]' ({error})."
        ) from error
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
    else:
        event.listen(engine, "before_cursor_execute", _answer_in_binary)
    event.listen(engine, "begin", _begin)
    return Catalog(engine)


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: its port is no number
        # Without the cause: a traceback must not repeat the URL, which may hold a password.
        raise ConfigurationError(f"the catalog's URL cannot be read. {_VALID_URLS}") from None
    if "@" in (parsed.host or ""):  # what stands after the first @ of a password would be shown as the host
        raise ConfigurationError(
            "the catalog's URL has an @ in its password. Write it as %40 (and : / ? # % as %3A %2F %3F %23 %25)."
        )
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise ConfigurationError(f"the catalog cannot live in {parsed.drivername!r}. {_VALID_URLS}")
    if parsed.get_backend_name() == "sqlite" and _sqlite_path(parsed) is None:
        raise ConfigurationError(f"a catalog in memory would be lost at once. {_VALID_URLS}")
    return parsed


_VALID_URLS = "Use sqlite:///path/to/catalog.db or postgresql://user@host/name (catalog_url in stemma.toml)."


def _options(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": _BUSY_SECONDS}}
    patience = {} if "connect_timeout" in url.query else {"connect_timeout": 10}
    return {"pool_pre_ping": True, "connect_args": patience}


def _json(value: Any) -> str:
    return canonical_json(value).decode("utf-8")


def _sqlite_path(url: URL) -> Path | None:
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    return Path(str(url.database))


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # `_begin` says BEGIN; the driver would say it too late
    connection.execute("PRAGMA foreign_keys = ON")
    # With NORMAL a power cut may take the last commits, while the files that were published after them stay.
    connection.execute("PRAGMA synchronous = FULL")


BINARY = {"stemma_binary": True}
"""Execution options of a query whose rows PostgreSQL sends in binary: bytes then arrive without hexadecimal text."""


def _answer_in_binary(_connection: Any, cursor: Any, _sql: str, _values: Any, context: Any, *_rest: Any) -> None:
    if context is not None and context.execution_options.get("stemma_binary"):
        cursor.format = 1  # psycopg.pq.Format.BINARY


def _begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get(_READING, False)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if reading else 'OFF'}")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
    elif reading:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _prepare(engine: Engine) -> None:
    """Makes the file of a SQLite catalog and turns on its write-ahead log, which stays on."""
    path = _sqlite_path(engine.url)
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogError(f"the folder of the catalog cannot be made: {error}.") from error
    deadline = time.monotonic() + _BUSY_SECONDS
    while not _write_ahead(engine, last=time.monotonic() > deadline):
        time.sleep(0.02)


def _write_ahead(engine: Engine, *, last: bool) -> bool:
    """Whether the switch was made; SQLite does not wait for another process at this one."""
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        if last or "locked" not in str(error):
            raise
        return False
    finally:
        connection.close()
    return True


def _lock_upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})


def _revision(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def _refuse_newer(catalog: Catalog, found: str) -> None:
    if found > SCHEMA_REVISION:
        raise ConfigurationError(
            f"{catalog!r} has schema {found}, made by a newer build; this one knows up to {SCHEMA_REVISION}. "
            "Install the newer stemma-rag."
        )


def _migrate(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - only an upgrade pays for Alembic
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "corpus.catalog:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def answered(catalog: Catalog) -> contextlib.AbstractContextManager[None]:
    """Turns what a database says within into our errors, for who has a connection of its own."""
    return _translated(catalog)


@dataclass(slots=True)
class _Told:
    """How far a transaction was: an error of the last step leaves open whether it was kept."""

    committing: bool = False


@contextlib.contextmanager
def _translated(catalog: Catalog, told: _Told | None = None) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise _refused(catalog, error.orig or error, committing=bool(told and told.committing)) from error
    except sqlite3.Error as error:  # from preparing a connection, where SQLAlchemy does not wrap it
        raise _refused(catalog, error) from error


def _refused(catalog: Catalog, cause: BaseException, *, committing: bool = False) -> CatalogError:
    said = str(cause).strip() or type(cause).__name__
    kind, step = _next_step(cause, committing=committing)
    return kind(f"{catalog!r} refused: {said.splitlines()[0]}. {step}")


def _next_step(cause: BaseException, *, committing: bool) -> tuple[type[CatalogError], str]:
    for words, kind, step in _SAID:
        if any(word in str(cause) for word in words):
            return kind, step
    if type(cause).__name__ not in _LOST:
        return CatalogError, "Nothing was changed. Run `stemma doctor`; if it finds nothing, report this as a bug."
    if committing:
        return CatalogUnavailable, (
            "The connection was lost while a change was being kept, so it may be there or not. Run the same command "
            "again: what is there is found, and nothing is done twice."
        )
    lost: type[CatalogError] = CatalogError if isinstance(cause, sqlite3.Error) else CatalogUnavailable
    return lost, (
        "Nothing was changed. Check that catalog_url is right and the database can be reached, then run `stemma "
        "doctor`, and the same command again."
    )


_SAID: tuple[tuple[tuple[str, ...], type[CatalogError], str], ...] = (
    (
        ("is full", "No space left"),
        CatalogError,
        "Nothing was changed. Make room on the disk of the catalog, then run it again.",
    ),
    (
        ("readonly", "read-only"),
        CatalogError,
        "Nothing was changed. Let this user write the catalog, or mount its disk for writing.",
    ),
    (
        ("unable to open database",),
        CatalogError,
        (
            "Nothing was changed. Check that catalog_url is right, that its disk is mounted, and that this user may "
            "write its folder: SQLite writes there also to read. `stemma doctor` looks at it."
        ),
    ),
    (
        ("locked", "deadlock", "could not serialize"),
        CatalogUnavailable,
        "Another process is writing; nothing was changed, run again when it is done.",
    ),
)
_LOST = frozenset(
    (
        # PEP 249: the database cannot be reached or opened. All else is about what was asked of it.
        *("OperationalError", "DatabaseError", "ConnectionTimeout", "InterfaceError"),
        # psycopg's names of SQLSTATE 57P01 to 57P03 and class 08
        *("AdminShutdown", "CrashShutdown", "CannotConnectNow", "ConnectionFailure", "ConnectionDoesNotExist"),
        *("IdleInTransactionSessionTimeout", "TooManyConnections"),
    )
)
