"""`stemma contract`: makes contracts and checks them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cli import contract_diff, contract_export, contract_import, contract_trial, contract_words, render
from console.cli.command import Json, Result, command, group
from console.cli.session import Session, pairs, require_known
from corpus.errors import EXIT_OK, EXIT_USAGE, ConfigurationError, ContractError, SourceError

if TYPE_CHECKING:
    from contracts.model import Contract
    from corpus.settings import Settings

SUFFIX = ".odcs.yaml"

WhichArgument = Annotated[
    list[str] | None, typer.Argument(metavar="PATH|NAME", help="Files, or contracts by name; default: all.")
]
NewNameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the contract and of its index.")]
PathOption = Annotated[
    list[str],
    typer.Option(
        "--path",
        metavar="GLOB",
        help="Documents, relative to the project, in quotes so that the shell leaves it alone.",
    ),
]
ModelOption = Annotated[
    str,
    typer.Option("--model", metavar="MODEL", help="Embedding model, path: and a folder, or remote: and an endpoint."),
]
OwnerOption = Annotated[
    str | None, typer.Option("--owner", metavar="TEAM", help="Who answers for the documents; default: you.")
]
DefaultOption = Annotated[
    list[str] | None,
    typer.Option(
        "--default",
        metavar="FIELD=VALUE",
        help="Governance field for documents that do not say it themselves; may be repeated.",
    ),
]
ScheduleOption = Annotated[
    str | None, typer.Option("--schedule", metavar="CRON", help="When Airflow ingests, such as '0 2 * * *'.")
]


def register(app: typer.Typer) -> None:
    """Adds the group to the app."""
    nouns = group(app, "contract", "Make and check contracts: what a source promises.")
    examples: tuple[str, ...] = (
        "contract new handbook --path 'docs/**/*.md'",
        "contract new handbook --path 'docs/**/*.{md,html}' --default version=1",
    )
    command(nouns, "new", examples=examples)(new)
    examples = ("contract validate", "contract validate handbook", "contract validate contracts/handbook.odcs.yaml")
    command(nouns, "validate", examples=examples)(validate)
    examples = ("contract explain handbook", "contract explain handbook quality_score")
    command(nouns, "explain", examples=examples)(contract_words.explain)
    examples = ("contract test handbook", "contract test new.odcs.yaml --path ./inbox --all")
    command(nouns, "test", examples=examples)(contract_trial.rehearse)
    examples = ("contract diff old.odcs.yaml new.odcs.yaml", "contract diff handbook --against 1.0.0")
    command(nouns, "diff", examples=examples)(contract_diff.diff)
    examples = ("contract import ./inbox", "contract import ./inbox --owner docs --output contracts/inbox.odcs.yaml")
    command(nouns, "import", examples=examples)(contract_import.propose)
    examples = ("contract export handbook --output check.odcs.yaml",)
    command(nouns, "export", examples=examples)(contract_export.export)


def new(
    session: Session,
    name: NewNameArgument,
    path: PathOption,
    model: ModelOption = "all-MiniLM-L6-v2",
    owner: OwnerOption = None,
    default: DefaultOption = None,
    schedule: ScheduleOption = None,
) -> Result:
    """Write a commented contract for a folder of documents, ready to be edited.

    Says how many documents its globs find now.
    """
    from contracts.load import parse_contract  # noqa: PLC0415 - help must not load the validator
    from contracts.scaffold import new_contract  # noqa: PLC0415
    from ingestion.discovery import discover  # noqa: PLC0415

    settings = session.settings()
    target = settings.contracts / f"{name}{SUFFIX}"
    taken = [stub.path for stub in discover(settings.contracts) if stub.name == name]
    if taken or target.exists():
        raise ConfigurationError(
            f"contract {name!r} exists in {(taken or [target])[0]} and is not overwritten. Edit it, or rename."
        )
    root, include = _common_root(path)
    team = owner or settings.actor
    said = dict(pairs(default or [], "--default"))
    defaults = {"owner": team, "source_system": name, "sensitivity_label": "internal", **said}
    text = new_contract(
        name,
        root=root,
        include=include,
        embedder=model,
        owner=team,
        dimension=_dimension(settings, model),
        defaults=defaults,
        schedule=schedule,
    )
    contract = parse_contract(text, target.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")
    data = {
        **_summary(contract),
        "path": _label(target, settings),
        "documents": _documents(contract, settings),
        "unsaid": [field for field in contract.governance.required if field not in contract.governance.defaults],
        "next": f"stemma ingest {name}",
    }
    return Result(data=data, view=render.new_contract)


def _dimension(settings: Settings, model: str) -> int | None:
    """Returns the numbers per vector of a model that only the project knows: a folder, or an endpoint."""
    if ":" not in model:
        return None
    from ingestion.models import declared_dimension  # noqa: PLC0415 - brings the catalog

    return declared_dimension(settings, model)


def validate(session: Session, which: WhichArgument = None) -> Result:
    """Check contracts against the standard and this build; reports every problem at once, with its line.

    Ends with exit code 2 if one is invalid.
    """
    settings = session.settings()
    checked = [_checked(path, settings) for path in _files(settings, which or [])]
    _mark_twins(checked)
    valid = all(item["valid"] for item in checked)
    return Result(
        data={"valid": valid, "contracts": checked},
        view=render.validation,
        exit_code=EXIT_OK if valid else EXIT_USAGE,
    )


def _common_root(paths: list[str]) -> tuple[str, tuple[str, ...]]:
    """Returns the folder that all globs share, and the globs under it."""
    from contracts.reading.locations import split_path  # noqa: PLC0415

    joined = paths[0] if len(paths) == 1 else "{" + ",".join(paths) + "}"
    try:
        root, include = split_path(joined)
    except ValueError as error:
        raise ConfigurationError(
            f"--path: {error}. Write a folder and globs, such as 'docs/**/*.{{md,html}}'."
        ) from error
    return (root if root.startswith(("/", ".")) else f"./{root}"), include


def _documents(contract: Contract, settings: Settings) -> int | None:
    """Counts what the contract's globs find now; None where the source cannot be listed yet."""
    from ingestion.toolkit import source_of  # noqa: PLC0415

    try:
        return sum(1 for _ in source_of(contract, settings).list())
    except SourceError:
        return None


def _files(settings: Settings, which: list[str]) -> list[Path]:
    files = sorted(settings.contracts.glob(f"*{SUFFIX}"))
    if not which and not files:
        raise ConfigurationError(
            f"{settings.contracts} holds no contract (*{SUFFIX}). Make one: `stemma contract new NAME --path '...'`."
        )
    return [_file(word, settings, files) for word in which] or files


def _file(word: str, settings: Settings, files: list[Path]) -> Path:
    """Returns the file that a path or a contract's name stands for."""
    from ingestion.discovery import discover  # noqa: PLC0415

    if Path(word).is_file():
        return Path(word)
    known = {path.name.removesuffix(SUFFIX): path for path in files}
    known |= {stub.name: stub.path for stub in discover(settings.contracts)}
    require_known("contract file or name", word, known, "See them with `stemma contract validate`.")
    return known[word]


def _checked(path: Path, settings: Settings) -> Json:
    from contracts.load import load_contract  # noqa: PLC0415

    blank = {"name": None, "version": None, "checks": None, "model": None}
    try:
        contract = load_contract(path, settings.project)
    except ContractError as error:
        problems = list(error.problems) or [str(error)]
        return {"path": _label(path, settings), "valid": False, **blank, "problems": problems}
    return {"path": _label(path, settings), "valid": True, **_summary(contract), "problems": []}


def _summary(contract: Contract) -> dict[str, Any]:
    return {
        "name": contract.name,
        "version": contract.version,
        "checks": len(contract.checks),
        "model": contract.embedder.model,
    }


def _mark_twins(checked: list[Json]) -> None:
    """Makes contracts invalid that share a name: no run could tell which is meant."""
    for item, twin in _twins(checked):
        item["valid"] = False
        item["problems"].append(f"{item['path']}: the name {item['name']!r} is also declared by {twin}. Rename one.")


def _twins(checked: list[Json]) -> Iterator[tuple[Json, str]]:
    first: dict[str, Json] = {}
    for item in checked:
        other = first.setdefault(item["name"] or item["path"], item)
        if other["path"] != item["path"]:
            yield item, other["path"]


def _label(path: Path, settings: Settings) -> str:
    from console.cli.project import shown_path  # noqa: PLC0415

    return shown_path(path.absolute(), settings.project)
