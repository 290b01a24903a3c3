"""What pages say of contract files and of runs that were judged: models and their making."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from console.web.page import View
from contracts.text.problems import Problem
from corpus.catalog.board import BoardRun
from corpus.catalog.contracts import Registered
from ingestion import reports
from ingestion.contractfiles import ContractFile
from ingestion.runtime import Runtime


class ProblemTold(View):
    """One thing that is wrong in a contract file."""

    line: int
    column: int
    path: str = Field(description="Place in the document, such as `schema[0].name`; empty for the whole.")
    message: str
    hint: str = Field(description="The next step; empty where the message says it all.")
    text: str = Field(description="The line of the file.")


class Used(View):
    """How the version that a file has now stands to what runs have used."""

    versions: int = Field(description="Versions that runs have used.")
    since: datetime | None = Field(description="When a run used this version first; null where none did yet.")
    last: datetime | None = Field(description="When a run used any version last; null where none did.")
    last_version: str = Field(description="Which version that was.")
    same_terms: bool = Field(
        description="False where the file changed its meaning and kept its version: the next run will refuse it."
    )


class Judged(View):
    """A run that was judged by a contract's rules."""

    run_id: str
    judged_at: datetime | None
    state: str = Field(description="How the run ended; empty where the catalog does not know it.")
    actor: str
    verdict: str = Field(description="`pass`, `warn`, `fail` or `block`.")
    version: str = Field(description="Version of the contract that judged it.")
    documents: int = Field(description="Documents that the next version would hold.")
    broken: int = Field(description="Rules that did not come out well.")


def problems_told(file: ContractFile) -> list[ProblemTold]:
    """Returns what is wrong with a file, each with its line of text."""
    lines = file.text.splitlines()
    return [_told(problem, lines) for problem in file.problems]


def _told(problem: Problem, lines: Sequence[str]) -> ProblemTold:
    text = lines[problem.line - 1] if 0 < problem.line <= len(lines) else ""
    return ProblemTold(
        line=problem.line,
        column=problem.column,
        path=problem.path,
        message=problem.message,
        hint=problem.hint,
        text=text[:200],
    )


def used_of(file: ContractFile, known: Sequence[Registered]) -> Used:
    """Returns how a file stands to the versions that runs have used."""
    contract = file.contract
    this = next((item for item in known if contract and item.version == contract.version), None)
    last = max(known, key=lambda item: item.seen_at, default=None)
    return Used(
        versions=len(known),
        since=this.registered_at if this else None,
        last=last.seen_at if last else None,
        last_version=last.version if last else "",
        same_terms=this is None or contract is None or this.digest == contract.digest,
    )


def judged_runs(runtime: Runtime, contract: str, runs: Sequence[BoardRun], most: int) -> tuple[dict[str, Any], ...]:
    """Returns the reports of the newest runs that were judged, newest first."""
    return reports.kept(runtime, contract, [run.run_id for run in runs if run.kind == "ingest"], most)


def judged_of(report: Mapping[str, Any], runs: Sequence[BoardRun]) -> Judged:
    """Returns a judged run as lists show it."""
    run = next((run for run in runs if run.run_id == report["run_id"]), None)
    return Judged(
        run_id=str(report["run_id"]),
        judged_at=moment_of(report.get("judged_at")),
        state=run.state if run else "",
        actor=run.actor if run else "",
        verdict=str(report["verdict"]),
        version=str(report["version"]),
        documents=int(report["documents"]),
        broken=sum(rule["verdict"] != "pass" for rule in report["rules"]),
    )


def moment_of(text: object) -> datetime | None:
    """Returns a time as a report holds it; None where it holds none."""
    if not text:
        return None
    found = datetime.fromisoformat(str(text))
    return found if found.tzinfo else found.replace(tzinfo=UTC)
