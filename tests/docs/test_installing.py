"""What pages say to install is installed as they say it, from our own wheel or a copy of the repository, offline.

Only what the lines build on is there already: everything of `constraints.txt`, through links (`environments.beside`).
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest
from docs.pages import ROOT, Page, page
from environments import beside, wheel
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LINES = [line.split("==") for line in (ROOT / "constraints.txt").read_text("utf-8").split() if "==" in line]
PINS = {canonicalize_name(name): version for name, version in LINES}
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_COMPILE": "1", "PIP_CONFIG_FILE": os.devnull}
NEEDED_BY = {"console": "console.web.serve", "openlineage": "ingestion.events.emit"}
"""What of ours an extra is for."""


def typed(text: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Types lines at a prompt of somebody who knows nothing of this environment."""
    own = ("STEMMA_", "PIP_", "MAKE", "MFLAGS", "PYTHON", "VENV", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return subprocess.run(
        ["bash", "-euc", text],
        cwd=folder,
        env=kept | OFFLINE | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel(ROOT, tmp_path_factory.mktemp("wheels")).parent


@pytest.mark.parametrize("told", [page("docs/console.md"), page("docs/openlineage.md")], ids=lambda told: told.name)
def test_an_extra_is_installed(wheels: Path, tmp_path: Path, told: Page) -> None:
    [text] = [block.text for block in told.blocks("bash") if "pip install" in block.text]
    programs = beside(tmp_path / "environment")
    path = os.pathsep.join((str(programs), os.environ["PATH"]))
    done = typed(text, ROOT, PATH=path, PIP_FIND_LINKS=str(wheels))
    assert done.returncode == 0, done.stderr
    assert "Successfully installed stemma-rag" in done.stdout
    [extra] = re.findall(r"stemma-rag\[(\w+)\]", text)
    [site] = (tmp_path / "environment").glob("lib/python*/site-packages")
    [stemma] = distributions(name="stemma-rag", path=[str(site)])
    wanted = required(stemma, extra)
    assert len(wanted) > 1
    assert [str(item) for item in wanted if not item.specifier.contains(PINS[canonicalize_name(item.name)])] == []
    tried = f"import {NEEDED_BY[extra]} as ours; print(ours.__file__)"
    used = typed(f"stemma --version && python -c '{tried}'", tmp_path, PATH=path)
    assert used.returncode == 0, used.stderr
    assert Path(used.stdout.splitlines()[-1]).is_relative_to(site)


def required(distribution: Distribution, extra: str) -> list[Requirement]:
    """What an extra of a distribution adds to what it needs anyway."""
    assert extra in distribution.metadata.get_all("Provides-Extra")
    every = [Requirement(line) for line in distribution.requires or ()]
    return [item for item in every if item.marker and item.marker.evaluate({"extra": extra})]


# The two commands of the README


PYTHON = """#!{python}
import json, os, sys
told, words = {told!r}, sys.argv[1:]
with open(told, "a") as lines:
    lines.write(json.dumps(words) + "\\n")
if words[:2] == ["-m", "venv"]:
    sys.path.insert(0, {tests!r})
    from pathlib import Path
    from environments import beside
    programs = beside(Path(words[2]).absolute())
    real = (programs / "python").rename(programs / "real-python")
    (programs / "python").symlink_to(sys.argv[0])
elif words[:2] == ["-m", "pip"]:
    real = os.path.join(os.path.dirname(sys.argv[0]), "real-python")
    os.execv(real, [real, *words, "--no-build-isolation"])
"""
"""A `python3.11` that notes what it is asked. It makes environments as above, lets pip work, and leaves the demo and
the tests to the gate."""


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], list[list[str]]]:
    """Types lines in a copy of the repository; returns what Python was asked for, after pip did its part."""
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "README.md", "LICENSE"):
        (clone / name).write_bytes((ROOT / name).read_bytes())
    for name in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        (clone / name).symlink_to(ROOT / name)
    told, python = tmp_path / "told", tmp_path / "programs" / "python3.11"
    python.parent.mkdir()
    python.write_text(PYTHON.format(python=sys.executable, told=str(told), tests=str(ROOT / "tests")))
    python.chmod(0o755)

    def run(text: str) -> list[list[str]]:
        done = typed(text, clone, PATH=os.pathsep.join((str(python.parent), os.environ["PATH"])))
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in told.read_text("utf-8").splitlines()]

    return run


def _of_the_readme(words: str) -> str:
    [text] = [block.text for block in page("README.md").blocks("bash") if words in block.text]
    return text


def test_the_two_commands_install_and_then_do_what_the_gate_does(
    make: Callable[[str], list[list[str]]],
) -> None:
    text = _of_the_readme("make test ")
    environment, install, demo, tests = make(text)
    assert environment == ["-m", "venv", ".venv"]
    assert install[:3] == ["-m", "pip", "install"]
    assert install[install.index("-c") + 1] == "constraints.txt"
    extras = set(re.findall(r"\w+", install[install.index("-e") + 1]))
    assert {"dev", "airflow"} <= extras <= set(PROJECT["project"]["optional-dependencies"])
    assert demo == ["examples/demo/run.py"]
    assert tests[:2] == ["-m", "pytest"]
    gate = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    assert [line for line in text.splitlines() if line.partition("#")[0].strip() not in gate] == []


def test_another_index_is_given_to_pip(make: Callable[[str], list[list[str]]]) -> None:
    text = _of_the_readme("PIP_ARGS")
    _, install, demo = make(text)
    [(_, given)] = [word.split("=", 1) for word in shlex.split(text) if word.startswith("PIP_ARGS=")]
    at = install.index("--extra-index-url")
    assert install[at : at + 2] == shlex.split(given)
    assert at < install.index("-e")
    assert demo == ["examples/demo/run.py"]
