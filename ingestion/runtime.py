"""What every stage needs: settings, a home, a catalog, and the contracts of the project.

Opened once at an edge and passed down. Nothing here loads a model, a parser or a data frame.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from contracts.load import load_contract
from contracts.model import Contract
from corpus import logs
from corpus.catalog.session import Catalog, open_catalog
from corpus.errors import ConfigurationError
from corpus.settings import Settings, load_settings
from corpus.storage import Store, open_store
from ingestion.discovery import discover


@dataclass(frozen=True, slots=True)
class Runtime:
    """An open project.

    Attributes:
        settings: The project's settings.
        store: The home.
        catalog: The system of record, at the current schema.
    """

    settings: Settings
    store: Store
    catalog: Catalog

    def contract(self, name: str) -> Contract:
        """Loads and validates one contract of the project.

        Args:
            name: The contract's name, as inside its file.

        Raises:
            ConfigurationError: No contract of that name exists.
            ContractError: The contract is invalid, or two files carry the name.
        """
        stubs = discover(self.settings.contracts)
        paths = [stub.path for stub in stubs if stub.name == name]
        if len(paths) > 1:
            files = ", ".join(str(path) for path in paths)
            raise ConfigurationError(f"contract {name!r} is declared by more than one file: {files}. Rename one.")
        if not paths:
            raise ConfigurationError(
                _unknown_contract(name, tuple(stub.name for stub in stubs), self.settings.contracts)
            )
        stat = paths[0].stat()
        return _load(paths[0], self.settings.project, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _load(path: Path, project: Path, mtime_ns: int, size: int) -> Contract:  # noqa: ARG001 - what a file must keep
    """Loads a contract once per process and content: every stage asks for it."""
    return load_contract(path, project)


def _unknown_contract(name: str, known: tuple[str, ...], folder: Path) -> str:
    if not known:
        return f"no contract {name!r}: {folder} holds none. Make one with `stemma contract new {name} --path '...'`."
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else " See them with `stemma contract validate`."
    return f"no contract {name!r} in {folder}. Known: {', '.join(sorted(known))}.{hint}"


def catalog_url(settings: Settings) -> str:
    """Returns the URL of the catalog: as set, else SQLite inside a local home.

    Raises:
        ConfigurationError: The home is remote and no catalog is set.
    """
    if settings.catalog_url:
        return settings.catalog_url
    if "://" in settings.home:
        raise ConfigurationError(
            f"home {settings.home} is not a local folder, so the catalog cannot live inside it. Set catalog_url "
            "(stemma.toml or STEMMA_CATALOG_URL), for example postgresql://user@host/stemma."
        )
    return f"sqlite:///{settings.home}/catalog.db"


def _make_home(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"home {folder} cannot be made: {error.strerror}. Set home (stemma.toml or STEMMA_HOME) to a folder that "
            "you may write."
        ) from error


def open_runtime(settings: Settings | None = None) -> Runtime:
    """Opens a project: reads settings where none are given, opens home and catalog.

    Raises:
        ConfigurationError: Settings are invalid, or the catalog's schema is not this build's.
        CatalogError: The catalog cannot be reached.
    """
    settings = settings or load_settings()
    logs.configure(settings.log_format)
    store = open_store(settings.home)
    if store.is_local:
        _make_home(Path(settings.home))
    catalog = open_catalog(catalog_url(settings))
    catalog.check()
    return Runtime(settings=settings, store=store, catalog=catalog)
