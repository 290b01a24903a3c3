"""What runs ask of the catalog is answered by an index: every statement of real runs is shown to the planner."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from laws.handbook import NAME, Project
from sqlalchemy import event

from ingestion import pipeline
from ingestion.stages.reconcile import reconcile

GROWING = (
    "documents",
    "revisions",
    "decisions",
    "sketches",
    "sketch_bands",
    "relations",
    "chunk_digests",
    "answers",
    "answer_grams",
    "lineage_nodes",
    "lineage_edges",
    "segments",
    "vectors",
)
"""Tables with a row or more for each document, chunk, answer or segment."""

MEANT = (
    "SELECT segments.segment_id FROM segments",
    "SELECT vectors.segment_id, vectors.embedder_fingerprint FROM vectors",
)
"""What reconciling asks for: the whole list of segments, to compare it with the files that are there, once."""
ONE_ROW = re.compile(r"LIMIT \S+( OFFSET \S+)?$")

Asked = dict[str, Any]


@pytest.fixture(params=["sqlite", "postgresql"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    made = Project.create(tmp_path / "project")
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
        made.settings = made.settings.model_copy(update={"catalog_url": url})
    yield made
    made.runtime.catalog.close()


def _statements(project: Project) -> Asked:
    """Runs what runs every night, and returns each statement with parameters that it had."""
    asked: Asked = {}

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if re.match(r"\s*(SELECT|UPDATE|DELETE|WITH)\b", statement, re.IGNORECASE):
            asked[statement] = parameters[0] if many else parameters

    event.listen(project.runtime.catalog.engine, "before_cursor_execute", note)
    project.fill(6)
    project.ingest()
    paths = sorted(project.inbox.glob("*.md"))
    paths[0].write_text(paths[0].read_text() + "\n\nA sentence about gaskets was added at the very end.\n")
    paths[1].rename(project.inbox / "renamed.md")
    paths[2].unlink()
    project.ingest()
    project.ingest()
    reconcile(project.runtime, NAME)
    project.declare("wordllama-256", version="1.1.0")
    pipeline.reembed(project.runtime, NAME)
    event.remove(project.runtime.catalog.engine, "before_cursor_execute", note)
    return asked


def _scanned(project: Project, statement: str, parameters: Any) -> set[str]:
    """Returns the tables that a statement reads from end to end."""
    engine = project.runtime.catalog.engine
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        if sqlite:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            lines = [str(row[3]) for row in plan]
            found = [re.match(r"SCAN (\w+)", line) for line in lines]
        else:
            # A few rows are read faster from end to end: without that way, it is taken only where there is no other.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            lines = [str(row[0]) for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]
            found = [re.search(r"Seq Scan on (\w+)", line) for line in lines]
        connection.rollback()
    names = {match[1] for match in found if match}
    alias = {match[2]: match[1] for match in re.finditer(r"(?:FROM|JOIN) (\w+)(?: AS)? (\w+)", statement)}
    return {alias.get(name, name) for name in names}


def test_no_statement_of_a_run_reads_a_growing_table_from_end_to_end(project: Project) -> None:
    asked = _statements(project)
    assert len(asked) > 60
    wrong = []
    for statement, parameters in asked.items():
        words = " ".join(statement.split())
        # Taking the first row of a table that is in no order reads that one row.
        if words in MEANT or (ONE_ROW.search(words) and "WHERE" not in words and "ORDER" not in words):
            continue
        scanned = _scanned(project, statement, parameters) & set(GROWING)
        if scanned:
            wrong.append((sorted(scanned), words[:400]))
    assert wrong == []
