"""`stemma contract import`: proposes a contract from a folder of documents."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from console.cli import render_contract
from console.cli.command import Result
from console.cli.contract_files import settings_anywhere
from console.cli.session import Session, pairs
from corpus.errors import ConfigurationError

FolderArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of documents.")]
NameOption = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="Name of the contract; default: that of the folder.")
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", metavar="FILE", help="Write it here; default: show it and write nothing.")
]
OwnerOption = Annotated[
    str, typer.Option("--owner", metavar="TEAM", help="Who answers for the documents; default: whom they name most.")
]
DefaultOption = Annotated[
    list[str] | None,
    typer.Option(
        "--default", metavar="FIELD=VALUE", help="Governance field for documents that do not say it; may be repeated."
    ),
]
ModelOption = Annotated[str, typer.Option("--model", metavar="MODEL", help="Embedding model, by name.")]
SampleOption = Annotated[
    int | None, typer.Option("--sample", metavar="N", min=1, help="Look at N documents; default: 500.")
]


def propose(
    session: Session,
    folder: FolderArgument,
    name: NameOption = None,
    output: OutputOption = None,
    owner: OwnerOption = "",
    default: DefaultOption = None,
    model: ModelOption = "all-MiniLM-L6-v2",
    sample: SampleOption = None,
) -> Result:
    """Propose a contract from what is in a folder: formats, languages, lengths, quality, dates, governance fields.

    Every figure comes with what was observed, as a comment. What nobody said stays empty, marked TODO, and
    `stemma contract validate` names it.
    """
    from contracts.load import problems_of  # noqa: PLC0415 - help must not load the validator
    from ingestion import proposal  # noqa: PLC0415

    if output is not None and str(output) == "-":
        output = None
    if not folder.is_dir():
        raise ConfigurationError(f"{folder} is no folder. Name a folder of documents.")
    if output is not None and output.exists():
        raise ConfigurationError(f"{output} exists and is not overwritten. Name another file.")
    called = name or _name_of(folder)
    suggestion, seen = proposal.propose(
        folder,
        settings_anywhere(session),
        name=called,
        owner=owner,
        defaults=dict(pairs(default or [], "--default")),
        model=model,
        sample=sample or proposal.DEFAULT_SAMPLE,
        progress=session.progress(),
    )
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(suggestion.text, "utf-8")
    data = {
        "name": called,
        "output": str(output) if output is not None else None,
        "listed": seen.listed,
        "examined": seen.examined,
        "left_out": dict(seen.exclude),
        "beside": dict(seen.beside),
        "todo": list(suggestion.todo),
        "problems": [problem.located(str(output or called)) for problem in problems_of(suggestion.text, called)],
        "yaml": suggestion.text,
    }
    if output is not None:
        # Works outside a project too, and names what is still to be filled in.
        data["next"] = f"stemma contract test {output}"
    return Result(data=data, view=render_contract.proposal)


def _name_of(folder: Path) -> str:
    name = re.sub(r"[^a-z0-9._-]+", "-", folder.absolute().name.lower()).strip("-._")[:63]
    if not name:
        raise ConfigurationError(f"no name can be made of {folder}. Give one: --name handbook.")
    return name
