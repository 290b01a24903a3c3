"""The generated reference is what the code says now, and the help teaches."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from console.cli.main import app, main

ROOT = Path(__file__).resolve().parents[2]
GENERATOR = ROOT / "docs" / "reference" / "generate.py"


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    children = getattr(command, "commands", {})
    if not children:
        yield path, command
    for name, child in children.items():
        yield from _commands(child, (*path, name))


COMMANDS = dict(_commands(typer.main.get_command(app)))


def test_the_reference_is_not_stale() -> None:
    run = subprocess.run([sys.executable, str(GENERATOR), "--check"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_command_is_in_the_reference() -> None:
    page = (GENERATOR.parent / "cli.md").read_text()
    for path in COMMANDS:
        assert f"`stemma {' '.join(path)}`" in page


def test_the_promised_commands_are_there() -> None:
    promised = {
        "init", "contract validate", "contract new", "ingest", "quarantine list", "quarantine show",
        "quarantine release", "index list", "index show", "index diff", "index query", "index promote",
        "index rollback", "index verify", "reembed", "answers import", "audit verify", "reconcile", "doctor", "version",
    }  # fmt: skip
    assert promised <= {" ".join(path) for path in COMMANDS}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_examples_of_itself_and_the_shared_options(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*path, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"    stemma {' '.join(path)}" in text.partition("Examples:")[2]
    for option in ("--project", "--json", "--debug"):
        assert option in text


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_parameter_is_explained(path: tuple[str, ...]) -> None:
    assert [parameter.name for parameter in COMMANDS[path].params if not getattr(parameter, "help", None)] == []


def test_the_exit_codes_are_documented(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    lines = capsys.readouterr().out.partition("Exit codes:")[2].splitlines()[1:6]
    assert [line.split()[0] for line in lines] == ["0", "1", "2", "3", "4"]


def test_a_group_alone_shows_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["index"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "rollback" in shown.err
    assert main(["index", "--json"]) == 2
    assert '"UsageError"' in capsys.readouterr().out
