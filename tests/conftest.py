"""Fixtures for every test: real data beside the repository, and a real PostgreSQL.

PostgreSQL is the one that STEMMA_TEST_POSTGRES_URL names, else a private server started from binaries on
PATH or in /usr/lib/postgresql. Without either its tests are skipped, but fail where CI is set.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from corpus.catalog.session import open_catalog

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 60


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real documents, beside the repository."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no shared/data beside the repository: the tests on real documents need it")
    return folder


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """A PostgreSQL server, as the URL of its maintenance database."""
    given = os.environ.get("STEMMA_TEST_POSTGRES_URL")
    if given:
        yield make_url(given).set(drivername="postgresql+psycopg")
        return
    binaries = _find_binaries()
    if binaries is None:
        _unavailable("no PostgreSQL: set STEMMA_TEST_POSTGRES_URL, or install its server (initdb, postgres)")
    with _private_server(binaries) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_server: URL) -> Iterator[str]:
    """Name of a database at the current schema, to be copied."""
    name = f"stemma_template_{uuid.uuid4().hex}"
    _administer(postgres_server, f"CREATE DATABASE {name}")
    catalog = open_catalog(_database(postgres_server, name))
    catalog.upgrade()
    catalog.close()
    yield name
    _administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_url(postgres_server: URL, postgres_template: str) -> Iterator[str]:
    """URL of a fresh database at the current schema."""
    with _fresh_database(postgres_server, postgres_template) as url:
        yield url


@pytest.fixture
def empty_postgres_url(postgres_server: URL) -> Iterator[str]:
    """URL of a fresh database without a single table."""
    with _fresh_database(postgres_server, "template1") as url:
        yield url


@pytest.fixture(scope="module")
def two_databases(postgres_server: URL) -> Iterator[tuple[str, str]]:
    """URLs of two databases without a single table, for the tests of a module."""
    with _fresh_database(postgres_server, "template1") as one, _fresh_database(postgres_server, "template1") as two:
        yield one, two


@contextlib.contextmanager
def _fresh_database(server: URL, template: str) -> Iterator[str]:
    name = f"stemma_test_{uuid.uuid4().hex}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _database(server, name)
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def _database(server: URL, name: str) -> str:
    return server.set(database=name).render_as_string(hide_password=False)


def _administer(server: URL, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"{reason} (CI is set, so this is no reason to skip)")
    pytest.skip(reason)


def _find_binaries() -> Path | None:
    """Folder of initdb and postgres: of those on PATH, else of the newest installed version."""
    on_path = shutil.which("initdb")
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = sorted(installed, key=lambda path: int(path.parts[-3]) if path.parts[-3].isdigit() else 0, reverse=True)
    candidates = [Path(on_path).resolve(), *newest] if on_path else newest
    return next((path.parent for path in candidates if (path.parent / "postgres").exists()), None)


@contextlib.contextmanager
def _private_server(binaries: Path) -> Iterator[URL]:
    """A server on a socket of its own, gone with its files afterwards; as root it runs as somebody else."""
    # Not pytest's folder: the path of a socket has at most 107 bytes, and root's folders are closed to others.
    folder = Path(tempfile.mkdtemp(prefix="stemma-pg-"))
    try:
        become = _unprivileged(folder)
        _initialise(binaries, folder, become)
        settings = ("listen_addresses=", f"unix_socket_directories={folder}", "fsync=off", "max_connections=50")
        options = [part for setting in settings for part in ("-c", setting)]
        command = [*become, str(binaries / "postgres"), "-D", str(folder / "data"), *options]
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as server,
        ):
            try:
                url = URL.create("postgresql+psycopg", "stemma", database="postgres", query={"host": str(folder)})
                _wait_until_ready(url, server, folder / "log")
                yield url
            finally:
                server.send_signal(signal.SIGINT)
                server.wait(timeout=30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged(folder: Path) -> list[str]:
    """The words that run a command as an ordinary user: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    known = {user.pw_name: user for user in pwd.getpwall()}
    user = known.get("postgres") or known["nobody"]
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--pdeathsig=INT"]


def _initialise(binaries: Path, folder: Path, become: list[str]) -> None:
    # A locale that sorts unlike code points, where the build has one: the catalog's order must not follow it.
    base = [*become, str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "stemma", "-A", "trust", "-E", "UTF8"]
    attempts = (["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en"], ["--locale=C.UTF-8"], ["--no-locale"])
    for options in attempts:
        run = subprocess.run([*base, "--no-sync", *options], cwd=folder, capture_output=True, text=True, check=False)
        if run.returncode == 0:
            return
        shutil.rmtree(folder / "data", ignore_errors=True)
    pytest.fail(f"initdb failed: {run.stderr}")


def _wait_until_ready(url: URL, server: subprocess.Popen[bytes], log: Path) -> None:
    engine = create_engine(url)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            engine.connect().close()
        except OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"PostgreSQL did not start:\n{log.read_text('utf-8', 'replace')}")
            time.sleep(0.05)
        else:
            engine.dispose()
            return
