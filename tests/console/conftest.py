"""The command line over real projects: real contracts, real documents, a real catalog, a small real model."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from console.cli.main import QUIET, main

NAME = "handbook"
FRONT = "---\nversion: '3'\nlast_validated_date: 2026-02-01\n---\n"

PAGES = {
    "refunds": """# Refunds

A customer may ask for a refund within thirty days of delivery. The support team checks the order number, the
payment method and the reason, and answers within two working days.
""",
    "shipping": """# Shipping

Parcels leave the warehouse in Leipzig on the day after the order. Heavy goods travel with a forwarding agent, who
calls the customer before the delivery to agree on an hour.
""",
    "passwords": """# Passwords

A forgotten password is reset from the sign-in page. The link that is sent by mail holds for one hour; after that a
new one has to be asked for, and the old one no longer works.
""",
}


@dataclass(frozen=True)
class Ran:
    """What one command line ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.out)
        return value


@dataclass(frozen=True)
class Cli:
    """A project folder and the command line inside it."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str, code: int | None = 0) -> Ran:
        self.capture.readouterr()
        status = main([*arguments, "--project", str(self.folder)])
        ran = Ran(status, *self.capture.readouterr())
        assert code is None or ran.code == code, (arguments, ran)
        return ran

    def json(self, *arguments: str, code: int | None = 0) -> dict[str, Any]:
        return self(*arguments, "--json", code=code).json

    def write(self, name: str, text: str, front: str = FRONT) -> Path:
        path = self.folder / "docs" / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(front + text, "utf-8")
        return path

    @property
    def contract(self) -> Path:
        return self.folder / "contracts" / f"{NAME}.odcs.yaml"

    def files(self) -> dict[str, bytes]:
        """Every file of the project but what SQLite keeps beside the catalog."""
        paths = (path for path in self.folder.rglob("*") if path.is_file() and "catalog.db" not in path.name)
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("STEMMA_")]:
        monkeypatch.delenv(name)
    for name, value in {**QUIET, "NO_COLOR": "1", "COLUMNS": "200"}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """A folder without a project."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Cli(folder, capsys)


@pytest.fixture
def project(cli: Cli) -> Cli:
    """A project with a contract and three documents, nothing ingested."""
    cli("init")
    for name, text in PAGES.items():
        cli.write(name, text)
    cli("contract", "new", NAME, "--path", "docs/**/*.md", "--model", "wordllama-256", "--owner", "support-team")
    return cli


@pytest.fixture
def ingested(project: Cli) -> Cli:
    """The project at version 1, with one document in quarantine: it has no validation date."""
    project.write("returns", "# Returns\n\nGoods come back in their box, with the slip that lay inside.\n", front="")
    project("ingest", NAME)
    return project


@pytest.fixture
def changed(ingested: Cli) -> Cli:
    """The project at version 2: one document edited, one added, one removed."""
    ingested.write("refunds", PAGES["refunds"].replace("thirty days", "sixty days"))
    ingested.write(
        "invoices", "# Invoices\n\nAn invoice is sent by mail when the parcel leaves, as a signed PDF file.\n"
    )
    (ingested.folder / "docs" / "shipping.md").unlink()
    ingested("ingest", NAME)
    return ingested
