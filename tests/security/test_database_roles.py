"""The roles of `examples/postgres/roles.sql` on a real PostgreSQL: each does its work and nothing else."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from laws.handbook import NAME, Project
from sqlalchemy import URL, create_engine, text
from sqlalchemy.exc import ProgrammingError

from corpus.catalog import audit, documents, versions
from corpus.catalog.session import open_catalog
from corpus.catalog.tables import Base
from corpus.errors import CatalogError

ROOT = Path(__file__).resolve().parents[2]
ROLES = ("owner", "ingest", "reader", "auditor")


@dataclass(frozen=True)
class Database:
    """A database whose schema the owner made; the roles have names of their own, since a server shares them."""

    server: URL
    name: str
    prefix: str

    def url(self, role: str) -> str:
        named = self.server.set(database=self.name, username=f"{self.prefix}_{role}")
        return named.render_as_string(hide_password=False)

    def run(self, role: str, *statements: str) -> None:
        engine = create_engine(self.url(role))
        try:
            with engine.begin() as connection:
                for statement in statements:
                    connection.execute(text(statement))
        finally:
            engine.dispose()

    def refuses(self, role: str, statement: str) -> None:
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
            self.run(role, statement)


@pytest.fixture(scope="module")
def database(postgres_server: URL) -> Iterator[Database]:
    made = Database(postgres_server, f"stemma_roles_{uuid.uuid4().hex}", f"r{uuid.uuid4().hex[:8]}")
    engine = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for role in ROLES:
            connection.execute(text(f"CREATE ROLE {made.prefix}_{role} LOGIN"))
        connection.execute(text(f"CREATE DATABASE {made.name} OWNER {made.prefix}_owner"))
    catalog = open_catalog(made.url("owner"))
    catalog.upgrade()
    catalog.close()
    sql = (ROOT / "examples" / "postgres" / "roles.sql").read_text().replace("stemma_", f"{made.prefix}_")
    given = [part for part in re.sub(r"--.*", "", sql).split(";") if part.strip()]
    made.run("owner", *given)
    made.run("owner", *given)  # it may be run again
    yield made
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {made.name} WITH (FORCE)"))
        for role in ROLES:
            connection.execute(text(f"DROP ROLE {made.prefix}_{role}"))
    engine.dispose()


class RoleProject(Project):
    """A project that leaves no connection open."""

    def upgrade(self) -> None:
        Path(self.settings.home).mkdir(exist_ok=True)
        catalog = open_catalog(self.settings.catalog_url)
        catalog.upgrade()
        catalog.close()


@pytest.fixture(scope="module")
def project(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project that has ingested and published as the ingest role, which may make no table."""
    made = RoleProject(tmp_path_factory.mktemp("roles") / "project")
    made.settings = made.settings.model_copy(update={"catalog_url": database.url("ingest")})
    made._create()
    made.fill(3)
    assert made.ingest().figures["status"] == "published"
    made.write("more", "# More\n\n" + "Goods may be returned within thirty days of delivery with the receipt. " * 4)
    assert made.ingest().figures["status"] == "published"
    yield made
    made.runtime.catalog.close()


def test_ingest_needs_no_right_to_change_the_schema(database: Database, project: Project) -> None:
    assert {state.state for state in project.states().values()} <= {"active", "quarantined"}
    for statement in (
        "CREATE TABLE mine (a int)",
        "ALTER TABLE documents ADD COLUMN mine int",
        "DROP TABLE documents",
        "TRUNCATE documents",
        "UPDATE audit_log SET actor = 'nobody'",
        "DELETE FROM audit_log",
        "UPDATE alembic_version SET version_num = '9999'",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ):
        database.refuses("ingest", statement)


def test_a_reader_sees_all_and_changes_nothing(database: Database, project: Project) -> None:
    catalog = open_catalog(database.url("reader"))
    catalog.check()
    with catalog.reading() as tx:
        assert documents.states(tx, NAME).keys() == project.states().keys()
        assert len(versions.all_of(tx, NAME)) == 2
    for table in Base.metadata.sorted_tables:
        database.run("reader", f"SELECT count(*) FROM {table.name}")
        database.refuses("reader", f"DELETE FROM {table.name}")
    database.refuses("reader", "INSERT INTO authors SELECT * FROM authors")
    catalog.close()
    looking = Project(project.folder)
    looking.settings = looking.settings.model_copy(update={"catalog_url": database.url("reader")})
    with pytest.raises(CatalogError, match="permission denied"):
        looking.ingest()
    looking.runtime.catalog.close()
    assert looking.search("How long may goods be returned?", k=1), "an index is read without a database"


def test_an_auditor_verifies_the_log_and_reads_no_answer(database: Database, project: Project) -> None:
    catalog = open_catalog(database.url("auditor"))
    with catalog.reading() as tx:
        report = audit.verify(tx)
    catalog.close()
    assert report.entries > 0
    for table in ("answers", "answer_grams", "answer_postings"):
        database.refuses("auditor", f"SELECT * FROM {table}")
    for table in ("decisions", "versions", "aliases", "erasures", "runs"):
        database.run("auditor", f"SELECT count(*) FROM {table}")
        database.refuses("auditor", f"DELETE FROM {table}")


def test_tables_of_a_later_upgrade_are_open_to_the_roles(database: Database) -> None:
    database.run("owner", "CREATE TABLE later (a int)")
    database.run("ingest", "INSERT INTO later VALUES (1)")
    database.run("reader", "SELECT * FROM later")
    database.refuses("reader", "INSERT INTO later VALUES (1)")
    database.run("owner", "DROP TABLE later")
