"""The house keeps its shape: borders, sizes, names, and nothing of the machine it was built on."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("corpus", "contracts", "provenance", "index", "ingestion", "console")
MODULES = sorted(path for package in (*PACKAGES, "dags") for path in (ROOT / package).rglob("*.py"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_tree_has_the_given_rooms() -> None:
    expected = {*PACKAGES, "dags", "tests", "pyproject.toml", "README.md", "airflow.cfg.example"}
    assert expected <= {path.name for path in ROOT.iterdir()}


def test_import_borders_are_kept() -> None:
    program = "import sys; from importlinter.cli import lint_imports_command as c; sys.argv=['lint-imports']; c()"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("path", [path for path in MODULES if path.name == "__init__.py"], ids=_name)
def test_package_files_stay_empty(path: Path) -> None:
    assert path.read_text() == ""


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_modules_stay_small_and_say_what_they_are(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert text.count("\n") <= 500
    if text:
        assert ast.get_docstring(tree), f"{_name(path)} has no module docstring"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or 0) - node.lineno + 1
            assert size <= 60, f"{_name(path)}:{node.lineno} {node.name} has {size} lines"


def test_no_module_has_a_name_that_says_nothing() -> None:
    hollow = {"utils.py", "helpers.py", "misc.py", "common.py", "base.py"}
    assert [_name(path) for path in MODULES if path.name in hollow] == []


def test_no_dag_file_shadows_a_package() -> None:
    assert {path.stem for path in (ROOT / "dags").glob("*.py")}.isdisjoint({*PACKAGES, "airflow"})


def test_tests_have_no_package_files_and_unique_names() -> None:
    files = [path for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert not [path for path in files if path.name == "__init__.py"]
    assert len({path.name for path in files}) == len(files)


def test_nothing_names_a_path_of_a_machine() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    pattern = re.compile(r"(?<![\w.<*}\"'])/(?:work|root|home/\w+)/[a-z.]")
    found = [
        name
        for name in tracked.stdout.splitlines()
        if (ROOT / name).is_file()
        and not name.endswith((".parquet", ".pdf", ".png", ".docx"))
        and pattern.search((ROOT / name).read_text("utf-8", "replace"))
    ]
    assert found == []
