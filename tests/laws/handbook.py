"""A real project over real documents: the texts that the installed distributions carry."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.scaffold import new_contract
from corpus.catalog import documents
from corpus.catalog.session import open_catalog
from corpus.receipts import Receipt
from corpus.settings import Settings
from index.embedders.registry import load_embedder
from index.reader import Hit, IndexReader, open_index
from index.signing import TrustStore, generate_keypair
from ingestion import pipeline
from ingestion.runtime import Runtime, catalog_url, open_runtime

if TYPE_CHECKING:
    import pytest

NAME = "handbook"
DEFAULTS = {
    "owner": "docs-team",
    "source_system": "package-index",
    "last_validated_date": "2026-11-01",
    "sensitivity_label": "public",
    "version": "1",
}


@cache
def real_texts() -> tuple[tuple[str, str], ...]:
    """Returns (name, Markdown) of installed distributions with a readable description, longest last."""
    found: dict[str, str] = {}
    for distribution in distributions():
        text = str(distribution.metadata.get_payload() or distribution.metadata.get("Description") or "")
        if 1_400 < len(text) < 15_000 and distribution.metadata.get("Description-Content-Type", "").startswith(
            "text/markdown"
        ):
            found[distribution.metadata["Name"].lower()] = text
    return tuple(sorted(found.items(), key=lambda item: (len(item[1]), item[0])))


@dataclass
class Project:
    """A project in a folder, driven through the same functions as the command line."""

    folder: Path
    model: str = "wordllama-256"
    settings: Settings = field(init=False)
    _open: Runtime | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.settings = Settings(project=self.folder, home=str(self.folder / "home"), shard_bytes=20_000)

    @classmethod
    def create(cls, folder: Path, model: str = "wordllama-256") -> Project:
        project = cls(folder, model)
        project._create()
        return project

    def _create(self) -> None:
        self.inbox.mkdir(parents=True)
        self.settings.contracts.mkdir()
        self.settings.trusted_keys.mkdir(parents=True)
        generate_keypair(self.settings.signing_key, self.settings.trusted_keys / "test.pub")
        self.upgrade()
        self.declare(self.model)

    def upgrade(self) -> None:
        """Makes the catalog that the settings name."""
        if "://" not in self.settings.home:
            Path(self.settings.home).mkdir(exist_ok=True)
        open_catalog(catalog_url(self.settings)).upgrade()

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    @property
    def contract_path(self) -> Path:
        return self.settings.contracts / f"{NAME}.odcs.yaml"

    @property
    def runtime(self) -> Runtime:
        """One for as long as the settings are the same: each holds connections."""
        if self._open is None or self._open.settings is not self.settings:
            self._open = open_runtime(self.settings)
        return self._open

    def declare(self, model: str, version: str = "1.0.0") -> None:
        dimension = 384 if model.startswith("path:") else None
        text = new_contract(
            NAME,
            root="./inbox",
            include=("**/*.md",),
            embedder=model,
            owner="docs-team",
            dimension=dimension,
            defaults=DEFAULTS,
        )
        self.contract_path.write_text(text.replace("version: 1.0.0", f"version: {version}", 1))

    def write(self, name: str, text: str) -> Path:
        path = self.inbox / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def fill(self, number: int) -> None:
        for name, text in real_texts()[:number]:
            self.write(name, text)

    def ingest(self, *, allow_shrink: bool = False, publish: bool = True) -> Receipt:
        reason = "the test removed documents" if allow_shrink else ""
        return pipeline.ingest(self.runtime, NAME, allow_shrink=allow_shrink, reason=reason, release=publish)

    def reader(self, alias: str = "live") -> IndexReader:
        trust = TrustStore.from_folder(self.settings.trusted_keys)
        return open_index(self.settings.home, NAME, alias=alias, trust=trust, embedder=load_embedder(self.model))

    def search(self, text: str, k: int = 10) -> tuple[Hit, ...]:
        return self.reader().search(text, k=k)

    def states(self) -> dict[str, documents.DocumentState]:
        with self.runtime.catalog.transaction() as tx:
            return documents.states(tx, NAME)


@contextlib.contextmanager
def on_database(request: pytest.FixtureRequest, folder: Path) -> Iterator[Project]:
    """Makes an empty project on the database that a fixture's parameter names, `sqlite` or `postgresql`."""
    made = Project.create(folder)
    if request.param == "postgresql":
        made.settings = made.settings.model_copy(update={"catalog_url": request.getfixturevalue("postgres_url")})
    yield made
    made.runtime.catalog.close()
