"""`stemma contract diff`: what changed between two versions, whom it breaks, and what number that asks for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from console.cli import render_contract
from console.cli.command import Result
from console.cli.contract_files import loaded
from console.cli.session import Session
from corpus.errors import EXIT_FINDINGS, EXIT_OK, ConfigurationError, ContractError

if TYPE_CHECKING:
    from contracts.model import Contract

OldArgument = Annotated[str, typer.Argument(metavar="OLD", help="The earlier contract: a name or a file.")]
NewArgument = Annotated[str | None, typer.Argument(metavar="NEW", help="The later one.")]
AgainstOption = Annotated[
    str | None,
    typer.Option(
        "--against",
        metavar="VERSION",
        help="Compare one contract with the text of an earlier version of it that a run has used.",
    ),
]


def diff(session: Session, old: OldArgument, new: NewArgument = None, against: AgainstOption = None) -> Result:
    """Compare two versions of a contract: each change, whom it concerns, and the version number it asks for.

    A change is breaking (major), compatible (minor) or a notice (patch). Ends with exit code 1 if the version number
    was raised too little.
    """
    from contracts.versions.compare import compare  # noqa: PLC0415 - help must not load the validator

    if (new is None) == (against is None):
        raise ConfigurationError(
            "give two contracts, or one with --against VERSION: `stemma contract diff OLD NEW`, or "
            "`stemma contract diff handbook --against 1.0.0`."
        )
    before, after = _pair(session, old, new) if new is not None else _registered(session, old, str(against))
    found = compare(before, after)
    return Result(
        data=found.to_json(),
        view=render_contract.comparison,
        exit_code=EXIT_OK if found.sufficient else EXIT_FINDINGS,
    )


def _pair(session: Session, old: str, new: str) -> tuple[Contract, Contract]:
    """Loads both; where both are invalid, the problems of both are reported."""
    found: list[Contract] = []
    problems: list[str] = []
    for word in (old, new):
        try:
            found.append(loaded(session, word)[0])
        except ContractError as error:
            problems += list(error.problems) or [str(error)]
    if problems:
        raise ContractError(f"what is invalid cannot be compared ({len(problems)} problems):", tuple(problems))
    return found[0], found[1]


def _used(name: str, versions: Iterable[str]) -> str:
    used = ", ".join(sorted(versions))
    if not used:
        return f"None was used yet: run `stemma ingest {name}` first, or give two files."
    return f"Used: {used}. Name one of them with --against."


def _registered(session: Session, word: str, version: str) -> tuple[Contract, Contract]:
    from contracts.load import parse_contract  # noqa: PLC0415
    from corpus.catalog import contracts  # noqa: PLC0415 - help must not load SQLAlchemy

    after, _ = loaded(session, word)
    with session.runtime().catalog.reading() as tx:
        texts = contracts.texts(tx, after.name)
    if version not in texts:
        raise ConfigurationError(f"no run has used version {version!r} of {after.name}. {_used(after.name, texts)}")
    return parse_contract(texts[version], f"{after.name} {version} (as registered)"), after
