"""What is imported when: help, a typo and an ingest with nothing to do answer without heavy libraries."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HEAVY = {"torch", "great_expectations", "pandas", "airflow", "sentence_transformers", "transformers", "unstructured"}
PROGRAM = """
import json, sys
from console.cli.main import main
status = main(sys.argv[1:])
print("\\n" + json.dumps([status, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def _modules(folder: Path, *arguments: str) -> tuple[int, set[str]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    run = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    status, names = json.loads(run.stdout.strip().splitlines()[-1])
    return status, set(names)


@pytest.mark.parametrize("arguments", [("--help",), ("index", "query", "--help"), ("ingst",), ("version",)])
def test_help_and_typos_import_next_to_nothing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    _, names = _modules(tmp_path, *arguments)
    assert names.isdisjoint(HEAVY | {"sqlalchemy", "pyarrow", "numpy", "faiss", "cryptography", "jsonschema"})


def test_an_unchanged_ingest_imports_nothing_heavy(ingested: Any) -> None:
    status, names = _modules(ingested.folder, "ingest", "handbook")
    assert status == 0
    assert names.isdisjoint(HEAVY | {"faiss", "alembic"})


@pytest.mark.parametrize(
    "arguments",
    [
        ("quarantine", "list", "handbook"),
        ("index", "list"),
        ("index", "show", "handbook"),
        ("index", "verify", "handbook"),
        ("audit", "verify"),
        ("contract", "validate"),
        ("doctor", "--skip-models"),
    ],
    ids=" ".join,
)
def test_looking_imports_nothing_heavy(ingested: Any, arguments: tuple[str, ...]) -> None:
    status, names = _modules(ingested.folder, *arguments)
    assert status == 0
    assert names.isdisjoint(HEAVY)


def test_output_into_a_closed_pipe_is_no_error(ingested: Any) -> None:
    program = "import sys; from console.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-P", "-c", program, "index", "show", "handbook"]
    with subprocess.Popen(command, cwd=ingested.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def _with_terminal_as_stderr(folder: Path, *arguments: str) -> tuple[bytes, bytes]:
    """Returns what a process prints on stdout, a pipe, and on stderr, a terminal."""
    ours, theirs = pty.openpty()
    program = "import sys; from console.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-P", "-c", program, *arguments]
    environment = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=theirs, env=environment) as process:
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError), os.fdopen(ours, "rb", buffering=0) as terminal:
            while block := terminal.read(65536):
                seen += block
        assert process.stdout is not None
        out = process.stdout.read()
        assert process.wait() == 0
    return out, seen


def test_a_person_sees_progress_and_a_pipe_does_not(project: Any) -> None:
    out, seen = _with_terminal_as_stderr(project.folder, "ingest", "handbook")
    assert b"embedding" in seen
    assert b"published" in out
    assert b"embedding" not in out
    out, seen = _with_terminal_as_stderr(project.folder, "ingest", "handbook", "--json")
    assert json.loads(out)["figures"]["status"] == "unchanged"
    assert seen == b""
