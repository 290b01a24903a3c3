from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from corpus.catalog import audit, contracts, runs
from corpus.catalog.session import SCHEMA_REVISION, Catalog, open_catalog
from corpus.catalog.tables import Base
from corpus.errors import CatalogError, ConfigurationError


def test_the_migrations_make_the_models(catalog: Catalog) -> None:
    with catalog.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_an_error_does_not_repeat_what_was_to_be_written(catalog: Catalog) -> None:
    secret = "Mara".swapcase()  # so that a line of this test in the traceback does not count
    with pytest.raises(CatalogError) as refused, catalog.transaction() as tx:
        tx.execute(text("INSERT INTO nowhere VALUES (:text)"), {"text": secret})
    assert secret not in "".join(traceback.format_exception(refused.value))


def test_the_schema_constant_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", "corpus.catalog:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA_REVISION]


def test_a_migration_can_be_taken_back(catalog: Catalog) -> None:
    config = Config()
    config.set_main_option("script_location", "corpus.catalog:migrations")
    with catalog.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    with pytest.raises(ConfigurationError, match="no tables yet"):
        catalog.check()
    catalog.upgrade()
    catalog.check()


def test_checking_a_catalog_that_does_not_exist_makes_nothing(tmp_path: Path) -> None:
    catalog = open_catalog(f"sqlite:///{tmp_path}/catalog.db")
    with pytest.raises(ConfigurationError, match=r"does not exist.*stemma init"):
        catalog.check()
    assert list(tmp_path.iterdir()) == []


def test_upgrade_makes_what_check_wants(empty_url: str) -> None:
    catalog = open_catalog(empty_url)
    with pytest.raises(ConfigurationError, match="stemma init"):
        catalog.check()
    catalog.upgrade()
    catalog.check()
    with catalog.transaction() as tx:
        runs.start(tx, run_id="r", contract="c", kind="ingest", actor="a")
    catalog.upgrade()
    with catalog.transaction() as tx:
        assert runs.get(tx, "r") is not None
    catalog.close()


@pytest.mark.parametrize(("found", "message"), [("0000", "Upgrade it with `stemma init`"), ("9999", "newer build")])
def test_another_schema_is_refused_with_the_next_step(catalog: Catalog, found: str, message: str) -> None:
    with catalog.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :found"), {"found": found})
    with pytest.raises(ConfigurationError, match=message):
        catalog.check()


def test_a_newer_schema_is_not_touched_by_upgrade(catalog: Catalog) -> None:
    with catalog.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="newer build"):
        catalog.upgrade()


def _upgrade(url: str, gate: object) -> None:
    gate.wait()  # type: ignore[attr-defined]
    catalog = open_catalog(url)
    catalog.upgrade()
    catalog.check()
    catalog.close()


def test_processes_that_upgrade_at_once_agree(empty_url: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    gate = spawn.Barrier(3)
    processes = [spawn.Process(target=_upgrade, args=(empty_url, gate)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0, 0]


def test_an_error_undoes_the_whole_transaction(catalog: Catalog) -> None:
    def fail() -> None:
        with catalog.transaction() as tx:
            runs.start(tx, run_id="r", contract="c", kind="ingest", actor="a")
            audit.append(tx, actor="a", action="x", subject="s", detail={})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with catalog.transaction() as tx:
        assert runs.get(tx, "r") is None
        assert audit.verify(tx).entries == 0


KILLED = """
import os, signal, sys
from corpus.catalog import contracts, runs
from corpus.catalog.session import open_catalog
with open_catalog(sys.argv[1]).transaction() as tx:
    contracts.register(tx, name="c", version="1", digest="d", yaml="y")
    runs.start(tx, run_id="killed", contract="c", kind="ingest", actor="a")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_killed_inside_a_transaction_leaves_nothing_and_no_lock(catalog: Catalog) -> None:
    root = Path(__file__).resolve().parents[2]
    run = subprocess.run([sys.executable, "-c", KILLED, catalog.url], cwd=root, capture_output=True, check=False)
    assert run.returncode == -signal.SIGKILL, run.stderr
    with catalog.transaction() as tx:
        assert runs.get(tx, "killed") is None
        assert contracts.names(tx) == ()
        runs.start(tx, run_id="next", contract="c", kind="ingest", actor="a")


def test_writers_wait_for_each_other_and_lose_nothing(catalog: Catalog) -> None:
    def write(number: int) -> None:
        with catalog.transaction() as tx:
            assert runs.recent(tx, "c", limit=1000) is not None  # read first, then write: the deadlock of old
            runs.start(tx, run_id=f"r{number:03d}", contract="c", kind="ingest", actor="a")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    with catalog.transaction() as tx:
        assert len(runs.recent(tx, "c", limit=1000)) == 40


def test_reading_sees_one_state_and_blocks_no_writer(catalog: Catalog) -> None:
    with catalog.reading() as seen:
        assert runs.get(seen, "r") is None
        with catalog.transaction() as tx:
            runs.start(tx, run_id="r", contract="c", kind="ingest", actor="a")
        assert runs.get(seen, "r") is None
    with catalog.reading() as seen:
        assert runs.get(seen, "r") is not None


def test_reading_cannot_write_and_does_not_spoil_the_connection(catalog: Catalog) -> None:
    with pytest.raises(CatalogError, match=r"read.?only"), catalog.reading() as tx:
        runs.start(tx, run_id="r", contract="c", kind="ingest", actor="a")
    with catalog.transaction() as tx:
        runs.start(tx, run_id="r", contract="c", kind="ingest", actor="a")


def test_times_come_back_aware_in_utc_to_the_microsecond(catalog: Catalog) -> None:
    at = datetime(2026, 3, 29, 2, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    with catalog.transaction() as tx:
        audit.append(tx, actor="a", action="x", subject="s", detail={}, at=at)
    with catalog.transaction() as tx:
        [entry] = audit.tail(tx)
    assert entry.at == at
    assert entry.at.tzinfo is UTC


def test_a_naive_time_is_refused(catalog: Catalog) -> None:
    with pytest.raises(Exception, match="aware times only"), catalog.transaction() as tx:
        audit.append(tx, actor="a", action="x", subject="s", detail={}, at=datetime(2026, 1, 1))  # noqa: DTZ001


def test_sqlite_runs_with_a_write_ahead_log_and_foreign_keys(tmp_path: Path) -> None:
    catalog = open_catalog(f"sqlite:///{tmp_path}/catalog.db")
    catalog.upgrade()
    with catalog.transaction() as tx:
        assert tx.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert tx.execute(text("PRAGMA foreign_keys")).scalar() == 1
    catalog.close()


@pytest.mark.parametrize("url", ["postgresql://me:secret@h/d", "postgres://me:secret@h/d"])
def test_plain_postgresql_urls_use_psycopg_and_hide_their_password(url: str) -> None:
    catalog = open_catalog(url)
    assert catalog.engine.url.drivername == "postgresql+psycopg"
    assert "secret" not in repr(catalog)
    assert catalog.url == "postgresql+psycopg://me:secret@h/d"


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://h/d", "postgresql+psycopg2://h/d", "sqlite://", "sqlite:///:memory:"]
)
def test_other_urls_are_refused_with_the_valid_ones(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"sqlite:///path/to/catalog\.db or postgresql://"):
        open_catalog(url)


def test_an_at_sign_in_a_password_is_refused_and_no_part_of_it_is_shown() -> None:
    """Otherwise what follows it is taken for the host, which messages show."""
    with pytest.raises(ConfigurationError, match="Write it as %40") as caught:
        open_catalog("postgresql://me:se@cret@127.0.0.1:1/d")
    assert "cret" not in str(caught.value)
    assert open_catalog("postgresql://me:se%40cret@127.0.0.1:1/d").engine.url.password == "se@cret"


def test_an_unreachable_database_is_a_catalog_error_without_the_password(tmp_path: Path) -> None:
    catalog = open_catalog(f"postgresql://me:secret@/d?host={tmp_path}")
    with pytest.raises(CatalogError, match="catalog_url") as caught:
        catalog.check()
    assert "secret" not in str(caught.value)
    assert caught.value.exit_code == 4


def test_a_file_that_is_no_database_is_a_catalog_error(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_bytes(b"not a database" * 100)
    with pytest.raises(CatalogError, match="not a database"):
        open_catalog(f"sqlite:///{tmp_path}/catalog.db").check()
    with pytest.raises(CatalogError, match="not a database"):
        open_catalog(f"sqlite:///{tmp_path}/catalog.db").upgrade()


def test_opening_and_querying_imports_nothing_heavy(catalog: Catalog) -> None:
    program = (
        "import sys; from corpus.catalog.session import open_catalog; open_catalog(sys.argv[1]).check(); "
        "from corpus.catalog import answers, audit, contracts, decisions, documents, embedders; "
        "from corpus.catalog import runs, segments, versions; "
        "print([n for n in ('alembic', 'mako', 'numpy', 'pyarrow', 'pandas', 'torch') if n in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    run = subprocess.run(
        [sys.executable, "-c", program, catalog.url], cwd=root, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
