"""Which contract a word on the command line means: a file, or a contract of the project by its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.cli.session import Session, require_known

if TYPE_CHECKING:
    from contracts.model import Contract
    from corpus.settings import Settings

WhichArgument = Annotated[str, typer.Argument(metavar="CONTRACT|FILE", help="A contract by name, or its file.")]


def loaded(session: Session, word: str) -> tuple[Contract, Settings]:
    """Loads the contract that a word means, with the settings of its project; a file needs no project.

    Raises:
        ConfigurationError: There is no such file or contract.
        ContractError: It is invalid; every problem is in it.
    """
    from contracts.load import load_contract  # noqa: PLC0415 - help must not load the validator
    from ingestion.discovery import discover  # noqa: PLC0415

    if Path(word).is_file():
        settings = settings_anywhere(session)
        return load_contract(Path(word), settings.project), settings
    settings = session.settings()
    known = {stub.name: stub.path for stub in discover(settings.contracts)}
    require_known("contract or file", word, known, "See them with `stemma contract validate`.")
    return load_contract(known[word], settings.project), settings


def settings_anywhere(session: Session) -> Settings:
    """Returns the settings of the project, or the defaults where there is none: nothing will be written."""
    from corpus.settings import load_settings  # noqa: PLC0415

    return load_settings(session.project)
