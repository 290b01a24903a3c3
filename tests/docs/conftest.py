"""The reader's own project: the shell blocks of the pages, run through bash in the order of the story."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from docs.pages import SMALL_MODEL, STORY, Page, page

MARK = "=== end of block ==="


@dataclass
class Story:
    """What the shell blocks did.

    Attributes:
        project: The folder that they made.
        first: A copy of it as the README leaves it.
        output: Page name to what each of its blocks printed, in order.
    """

    project: Path
    first: Path
    output: dict[str, list[str]] = field(default_factory=dict)

    def tell(self, told: Page, folder: Path) -> None:
        blocks = [block.text for block in told.blocks("bash") if block.runs]
        script = "set -euo pipefail\n" + "".join(f"{block}\necho '{MARK}'\n" for block in blocks)
        small = script.replace("contract new handbook", f"contract new handbook --model {SMALL_MODEL}")
        done = self.shell(small, folder)
        assert done.returncode == 0, f"{told.name}:\n{done.stdout}\n{done.stderr}"
        self.output[told.name] = done.stdout.split(MARK + "\n")[:-1]

    def shell(self, script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs a script as a reader would, at a prompt in a folder."""
        return subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            env=_environment() | variables,
            capture_output=True,
            text=True,
            check=False,
        )


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STEMMA_")}
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    return kept | {"PATH": path, "COLUMNS": "120", "STEMMA_ACTOR": "reader"}


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    start = tmp_path_factory.mktemp("reader")
    told = Story(start / "my-corpus", start / "first" / "my-corpus")
    told.tell(page("README.md"), start)
    shutil.copytree(told.project, told.first)
    [answers] = page("docs/answers.md").blocks("json")
    (told.project / "answers.jsonl").write_text(answers.text, "utf-8")
    for name in STORY[1:]:
        told.tell(page(name), told.project)
    return told


@pytest.fixture
def in_project(story: Story, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project as working directory, as a reader at a prompt has it."""
    for name in [name for name in os.environ if name.startswith("STEMMA_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(story.project)
    return story.project
