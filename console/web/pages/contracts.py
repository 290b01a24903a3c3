"""All contracts: what each promises in a line, whether its file holds, and how the last run under it came out."""

from __future__ import annotations

from pydantic import Field

from console.web.page import Asked, Page, View, Visit
from console.web.views.judged import Judged, ProblemTold, Used, judged_of, judged_runs, problems_told, used_of
from contracts.gist import gist
from corpus.catalog import board
from corpus.catalog import contracts as registry
from corpus.catalog.contracts import Registered
from ingestion.contractfiles import ContractFile, contract_files
from ingestion.runtime import Runtime

_RUNS = 10
"""Runs of each contract among which the last judged one is looked for."""


class Listed(View):
    """One contract."""

    contract: str
    file: str = Field(description="Its file; empty where there is none any more.")
    version: str = Field(description="Empty where the file is invalid or gone.")
    status: str = Field(description="Its state of life, as it says itself.")
    owner: str
    purpose: str
    promise: str = Field(description="What it promises, in a line.")
    rules: int
    valid: bool
    problems: list[ProblemTold] = Field(description="Everything that is wrong with the file.")
    used: Used
    last: Judged | None = Field(description="The last run that was judged by it; null before there is one.")


class Contracts(View):
    """Every contract of the project."""

    folder: str = Field(description="Where the files are.")
    invalid: int = Field(description="Files that cannot be used.")
    contracts: list[Listed] = Field(description="Invalid ones first, then by name.")


def load(visit: Visit, _query: Asked) -> Contracts:
    """Reads the page."""
    runtime = visit.runtime
    with runtime.catalog.reading() as tx:
        known, runs = registry.registered(tx), board.runs(tx, _RUNS)
    files = contract_files(runtime.settings)
    there = {file.name for file in files}
    gone = [ContractFile(file="", name=name, owner="", text="", contract=None) for name in known if name not in there]
    listed = [_listed(runtime, file, known.get(file.name, ()), runs.get(file.name, ())) for file in (*files, *gone)]
    listed.sort(key=lambda item: (item.valid or not item.file, not item.file, item.contract))
    return Contracts(
        folder=_shown(runtime),
        invalid=sum(bool(item.problems) for item in listed),
        contracts=listed,
    )


def _shown(runtime: Runtime) -> str:
    folder, project = runtime.settings.contracts, runtime.settings.project
    return folder.relative_to(project).as_posix() if folder.is_relative_to(project) else folder.name


def _listed(
    runtime: Runtime, file: ContractFile, known: tuple[Registered, ...], runs: tuple[board.BoardRun, ...]
) -> Listed:
    contract = file.contract
    found = judged_runs(runtime, file.name, runs, 1)
    return Listed(
        contract=file.name,
        file=file.file,
        version=contract.version if contract else "",
        status=contract.status if contract else "",
        owner=file.owner,
        purpose=contract.description if contract else "",
        promise=gist(contract) if contract else "",
        rules=len(contract.checks) if contract else 0,
        valid=contract is not None,
        problems=problems_told(file),
        used=used_of(file, known),
        last=judged_of(found[0], runs) if found else None,
    )


PAGE = Page(
    path="/contracts",
    title="Contracts",
    template="contracts.html",
    model=Contracts,
    load=load,
    menu="Contracts",
    key="k",
)
