"""A home of every schema that was ever released is opened by today's build, with everything in it.

Its catalog is made by the migrations up to that revision and holds the rows that real runs wrote, as far as that schema
had a place for them; files of the home are today's, since their formats have not changed.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from laws.handbook import NAME, Project

from console.cli.main import main
from corpus.catalog import audit, documents, relations
from corpus.catalog.session import SCHEMA_REVISION, open_catalog
from corpus.errors import ConfigurationError
from ingestion.runtime import open_runtime
from ingestion.stages import answers
from ingestion.triage import release_held


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "corpus.catalog:migrations")
    return config


REVISIONS = sorted(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())
TABLES_OF_ALEMBIC = {"alembic_version"}


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with history: versions, a held document that a person released, an answer, an audit log."""
    project = Project.create(tmp_path_factory.mktemp("today") / "project")
    (project.folder / "stemma.toml").write_text('home = "home"\nshard_bytes = 20000\n')
    project.fill(3)
    project.write("login", "Please enable JavaScript to continue.\nSign in to continue.\nAll rights reserved.\n")
    project.ingest()
    release_held(project.runtime, NAME, ["login.md"], reason="wanted", actor="mara")
    text = "A kettle boils water at one bar within four minutes, whatever the weather outside may be. " * 3
    line = {"answer_id": "a-1", "system": "bot", "text": text, "served_at": "2026-11-01T10:00:00Z"}
    (project.folder / "answers.jsonl").write_text(json.dumps(line) + "\n")
    answers.import_answers(project.runtime, project.folder / "answers.jsonl")
    project.ingest()
    project.runtime.catalog.close()
    shutil.copytree(project.folder, _pristine(project))
    return project


def _pristine(project: Project) -> Path:
    return project.folder.with_name("pristine")


def test_the_newest_revision_is_the_one_that_this_build_names() -> None:
    assert REVISIONS[-1] == SCHEMA_REVISION
    assert REVISIONS[0] == "0001"


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_home_of_a_released_schema_is_opened_and_goes_on(
    today: Project, revision: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = today.folder  # the same place: what is read from another one is another source
    shutil.rmtree(folder)
    shutil.copytree(_pristine(today), folder)
    before = _make_old(folder / "home" / "catalog.db", revision)
    assert before["documents"]
    assert before["audit_log"]
    old = Project(folder)
    if revision != SCHEMA_REVISION:
        with pytest.raises(ConfigurationError, match=f"schema {revision}.*stemma init"):
            open_runtime(old.settings)
    assert main(["init", str(folder)]) == 0
    assert _rows(folder / "home" / "catalog.db", before) == before
    runtime = open_runtime(old.settings)
    with runtime.catalog.reading() as tx:
        assert {state.state for state in documents.states(tx, NAME).values()} == {"active"}
        assert audit.verify(tx).broken_at is None
    assert old.ingest().counts.unchanged == 4
    old.write("added", "# Kettles\n\nA kettle is descaled twice a year, with vinegar or with citric acid.\n")
    receipt = old.ingest()
    assert (receipt.counts.indexed, receipt.counts.unchanged, receipt.figures["status"]) == (1, 4, "published")
    assert "added.md" in {hit.doc_id for hit in old.search("how often is a kettle descaled?")}
    with runtime.catalog.reading() as tx:
        assert not relations.waiting_on(tx, NAME, ["added.md"], ("conflict",))
    capsys.readouterr()
    assert main(["doctor", "--skip-models", "--json", "--project", str(folder)]) == 0, capsys.readouterr().out
    assert main(["index", "verify", NAME, "--all", "--project", str(folder)]) == 0
    runtime.catalog.close()
    old.runtime.catalog.close()


def _make_old(path: Path, revision: str) -> dict[str, list[Any]]:
    """Puts a catalog of an old schema in the place of today's, with today's rows, and returns these."""
    newest = path.with_name("newest.db")
    with closing(sqlite3.connect(path)) as connection, closing(sqlite3.connect(newest)) as copy:
        connection.backup(copy)
    for file in path.parent.glob("catalog.db*"):
        file.unlink()
    catalog = open_catalog(f"sqlite:///{path}")
    config = _config()
    with catalog.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    catalog.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ATTACH DATABASE ? AS newest", (str(newest),))
        for table in _tables(connection, "main"):
            columns = ", ".join(f'"{name}"' for name in _columns(connection, "main", table))
            connection.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newest.{table}")
        connection.commit()
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        kept = {table: _columns(connection, "main", table) for table in _tables(connection, "main")}
        found = {table: _read(connection, table, columns) for table, columns in kept.items()}
    newest.unlink()
    return found


def _rows(path: Path, before: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The rows of the same tables, as far as the old ones had columns."""
    with closing(sqlite3.connect(path)) as connection:
        return {
            table: _read(connection, table, list(rows[0]) if rows else _columns(connection, "main", table))
            for table, rows in before.items()
        }


def _read(connection: sqlite3.Connection, table: str, columns: list[str]) -> list[dict[str, Any]]:
    listed = ", ".join(f'"{name}"' for name in columns)
    found = connection.execute(f"SELECT {listed} FROM {table} ORDER BY {listed}").fetchall()
    return [dict(zip(columns, row, strict=True)) for row in found]


def _tables(connection: sqlite3.Connection, schema: str) -> list[str]:
    found = connection.execute(f"SELECT name FROM {schema}.sqlite_master WHERE type = 'table'").fetchall()
    return sorted({name for (name,) in found if not name.startswith("sqlite_")} - TABLES_OF_ALEMBIC)


def _columns(connection: sqlite3.Connection, schema: str, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA {schema}.table_info({table})")]
