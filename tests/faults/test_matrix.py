"""The page on faults and the tests are one: each row names a test that is there, each test here has a row."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "faults.md"


def _rows() -> list[list[str]]:
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] != "fault" and not set(row[0]) <= {"-"}]


def _named(row: list[str]) -> list[tuple[str, str]]:
    return [(path, test) for path, test in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", row[-1])]


def _tests(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_row_says_what_was_promised_what_is_seen_and_which_test_shows_it() -> None:
    rows = _rows()
    assert len(rows) > 30
    for row in rows:
        assert len(row) == 4, row
        assert all(row), row
        assert _named(row), row
        for path, test in _named(row):
            assert (ROOT / path).is_file(), path
            assert not test or test in _tests(ROOT / path), (path, test)


def test_every_test_of_a_fault_has_a_row() -> None:
    named = {pair for row in _rows() for pair in _named(row)}
    here = {path for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__)}
    missing = {
        (path.name, test) for path in here for test in _tests(path) if (f"tests/faults/{path.name}", test) not in named
    }
    assert not missing
