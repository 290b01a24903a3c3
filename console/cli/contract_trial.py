"""`stemma contract test`: a dry run on real documents, with nothing written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.cli import render_contract
from console.cli.command import Json, Result
from console.cli.contract_files import WhichArgument, loaded
from console.cli.session import Session
from corpus.errors import EXIT_FINDINGS, EXIT_OK, ConfigurationError

if TYPE_CHECKING:
    from ingestion.rehearsal import Rehearsal

SampleOption = Annotated[
    int | None,
    typer.Option("--sample", metavar="N", min=1, help="Look at N documents, the same ones each time; default: 200."),
]
AllOption = Annotated[bool, typer.Option("--all", help="Look at every document.")]
FolderOption = Annotated[
    Path | None,
    typer.Option("--path", metavar="FOLDER", help="Take the documents from here; the contract's globs stay."),
]


def rehearse(
    session: Session,
    contract: WhichArgument,
    sample: SampleOption = None,
    every: AllOption = False,  # noqa: FBT002 - a flag of the command line
    path: FolderOption = None,
) -> Result:
    """Try a contract on real documents: what each rule would find and what would be decided. Nothing is written.

    Works on a contract that has never run. Ends with exit code 1 if a document would not enter or a rule would stop
    the run, and with 2 if the contract is invalid.
    """
    from ingestion import rehearsal  # noqa: PLC0415 - help must not load the validator

    if every and sample is not None:
        raise ConfigurationError("--sample and --all contradict each other. Give one.")
    terms, settings = loaded(session, contract)
    if path is not None:
        if not path.is_dir():
            raise ConfigurationError(f"--path {path} is no folder. Name the folder that holds the documents.")
        terms = rehearsal.elsewhere(terms, path)
    number = None if every else sample or rehearsal.DEFAULT_SAMPLE
    found = rehearsal.rehearse(terms, settings, sample=number, progress=session.progress())
    return Result(
        data=_data(found), view=render_contract.rehearsal, exit_code=EXIT_OK if found.passes else EXIT_FINDINGS
    )


def _data(found: Rehearsal) -> Json:
    documents = [
        {
            "doc_id": item.ref.doc_id,
            "outcome": item.decision.outcome.value,
            "quality_score": item.score.value if item.score else None,
            "origin": item.origin.kind.value,
            "reasons": [{"code": reason.code, "message": reason.message} for reason in item.decision.reasons],
        }
        for item in found.assessments
    ]
    return {
        "contract": found.contract.name,
        "version": found.contract.version,
        "enforcement": found.contract.enforcement,
        "listed": found.listed,
        "examined": len(found.assessments),
        "remembers": found.remembers,
        "passes": found.passes,
        "outcomes": {outcome.value: number for outcome, number in sorted(found.outcomes.items())},
        "rules": [trial.to_json() for trial in found.trials],
        "documents": documents,
    }
