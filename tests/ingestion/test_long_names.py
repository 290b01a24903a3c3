"""A name as long as a file system or a URL allows costs its own document at the most, on both databases."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from laws.handbook import Project, on_database

from ingestion.stages import answers

TEXT = "# Lamps\n\nWhich lamps in the hall are mended by whom and by when stands in the list of spare parts. " * 3


@pytest.fixture(params=["sqlite", "postgresql"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    with on_database(request, tmp_path / "p") as made:
        yield made


def write_deep(folder: Path, depth: int) -> str:
    """Writes a document below so many folders of 250 random letters each: nothing that a database could pack."""
    source = random.Random(7)
    here = os.open(folder, os.O_RDONLY)
    parts = ["".join(source.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=250)) for _ in range(depth)]
    for name in parts:
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    descriptor = os.open("page.md", os.O_CREAT | os.O_WRONLY, dir_fd=here)
    os.write(descriptor, TEXT.encode())
    os.close(descriptor)
    os.close(here)
    return "/".join((*parts, "page.md"))


NUL, LONG = "x\\0y", "".join(random.Random(3).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=6_000))
FIELDS = ("owner", "author", "version", "source_system", "supersedes", "language")


def test_names_that_a_database_cannot_index_or_hold_cost_no_run(project: Project) -> None:
    project.fill(2)
    path = write_deep(project.inbox, 13)
    assert len(path) > 3_000
    for field in FIELDS:
        for kind, value in (("nul", NUL), ("long", LONG)):
            text = f'---\n{field}: "{value}"\n---\n\n# {field} {kind}\n\n{field} {kind} {TEXT}'
            project.write(f"{kind}-{field}", text)
    receipt = project.ingest()
    assert receipt.counts.received == 3 + 2 * len(FIELDS)
    assert receipt.counts.indexed >= 3
    [deep] = [state for state in project.states().values() if state.path == path]
    assert (deep.state, len(deep.doc_id) <= 1_000) == ("active", True)
    assert project.ingest().counts.unchanged == 3 + 2 * len(FIELDS)


def test_a_line_of_a_log_with_names_without_end_is_an_answer_like_any(project: Project) -> None:
    said = {"served_at": "2026-11-01T10:00:00Z", "text": "The lamps in the hall are mended within a week, always."}
    fields = ("answer_id", "system", "model", "index_version", "question", "trace_id", "mark")
    rows = [said | {"answer_id": field, field: value} for field in fields for value in (LONG, "ä" * 900, "x\0y")]
    log = project.folder / "answers.jsonl"
    log.write_text("\n".join(json.dumps(row) for row in [{**said, "answer_id": "plain"}, *rows]))
    assert answers.import_answers(project.runtime, log).figures["registered"] == 1 + 3 + len(fields) - 1
    again = answers.import_answers(project.runtime, log)
    assert (again.figures["registered"], again.figures["known"]) == (0, 1 + len(rows))
