"""`stemma contract export`: the standard half of a contract, for other tools to check our files with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.cli import render_contract
from console.cli.command import Result
from console.cli.contract_files import WhichArgument, loaded
from console.cli.session import Session
from corpus.errors import ConfigurationError

if TYPE_CHECKING:
    from corpus.settings import Settings

DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="PATH", help="A documents.parquet; default: that of the version that serves."),
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", metavar="FILE", help="Write it here; default: show it and write nothing.")
]


def export(session: Session, contract: WhichArgument, data: DataOption = None, output: OutputOption = None) -> Result:
    """Write a contract so that another tool of the standard can check documents.parquet against it.

    The server becomes the file, and what stands for chunks is left out:
    `datacontract test FILE` then judges the standard half of the contract.
    """
    from contracts.handover import handed_over  # noqa: PLC0415 - help must not load the validator

    terms, settings = loaded(session, contract)
    place = data if data is not None else _served(settings, terms.name)
    if not place.is_file():
        raise ConfigurationError(f"{place} is no file. Name a documents.parquet with --data.")
    text = handed_over(terms, place.absolute().as_posix())
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, "utf-8")
    found = {"contract": terms.name, "version": terms.version, "data": str(place), "yaml": text}
    return Result(data={**found, "output": str(output) if output is not None else None}, view=render_contract.exported)


def _served(settings: Settings, name: str) -> Path:
    """Returns the documents of the version that serves."""
    from corpus.storage import open_store  # noqa: PLC0415 - help must not load it
    from index.layout import version_path  # noqa: PLC0415
    from index.pointer import read_pointer  # noqa: PLC0415

    store = open_store(settings.home)
    pointer = read_pointer(store, name, "live")
    if pointer is None:
        raise ConfigurationError(
            f"no version of {name!r} serves in {settings.home}. Run `stemma ingest {name}`, or name a file with --data."
        )
    return Path(store.path(f"{version_path(name, pointer.version)}/documents.parquet"))
