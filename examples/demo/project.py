"""The Stemma project of the demo, made and changed the way a person would: with the command line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CONTRACT = "package-docs"
GLOB = "**/*.{md,rst,txt,pdf}"
MODELS = ("all-MiniLM-L6-v2", "wordllama-256")
SHARDS = "shard_bytes = 130_000"
DIMENSIONS = (384, 256)


@dataclass(frozen=True, slots=True)
class Project:
    """A project folder, and the `stemma` command run inside it."""

    folder: Path

    @property
    def contract(self) -> Path:
        """The contract's file."""
        return self.folder / "contracts" / f"{CONTRACT}.odcs.yaml"

    def make(self, inbox: Path) -> str:
        """Makes project, key and contract; returns a sentence about it."""
        self.folder.mkdir(parents=True)
        self.stemma("init")
        with (self.folder / "stemma.toml").open("a", encoding="utf-8") as settings:
            settings.write(f"\n# Small enough that both slots of the demo's Airflow have something to do.\n{SHARDS}\n")
        self.stemma("contract", "new", CONTRACT, "--path", f"{os.path.relpath(inbox, self.folder)}/{GLOB}")
        self.stemma("contract", "validate")
        return f"contract {CONTRACT}: {MODELS[0]}, five governance fields required of every document"

    def change_model(self) -> str:
        """Gives the contract another embedding model and a new version, as an editor would."""
        text = self.contract.read_text("utf-8").replace(MODELS[0], MODELS[1])
        text = text.replace(f"dimensions: {DIMENSIONS[0]}", f"dimensions: {DIMENSIONS[1]}")
        text = re.sub(r"(?m)^version: .*$", "version: 2.0.0", text, count=1)
        self.contract.write_text(text, "utf-8")
        self.stemma("contract", "validate")
        return f"{MODELS[0]} -> {MODELS[1]}, contract version 2.0.0"

    def stemma(self, *arguments: str, show: bool = False) -> str:
        """Runs one `stemma` command of this environment inside the project.

        Args:
            *arguments: As on the command line.
            show: Let it print for itself instead of returning what it prints.

        Raises:
            subprocess.CalledProcessError: It ended with another status than 0.
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith("STEMMA_")}
        done = subprocess.run(  # noqa: S603 - our own interpreter and arguments
            [str(Path(sys.executable).with_name("stemma")), *arguments],
            cwd=self.folder, env=kept, check=True, text=True, capture_output=not show,
        )  # fmt: skip
        return done.stdout or ""
