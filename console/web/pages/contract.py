"""One contract for people: what it promises in words, how each rule came out in the last runs, drift of every field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from console.web.drawings.drifts import Drift, drifts_of
from console.web.page import OfContract, Page, View, Visit
from console.web.views.gathering import sources_of
from console.web.views.judged import (
    Judged,
    ProblemTold,
    Used,
    judged_of,
    judged_runs,
    problems_told,
    used_of,
)
from contracts.explain import parts_in_words, rules_in_words
from contracts.fieldwords import fields_in_words
from contracts.model import Contract
from corpus.catalog import board
from corpus.catalog import contracts as registry
from corpus.naming import require_known
from corpus.types import IPTC
from ingestion.contractfiles import ContractFile, contract_files

_RUNS = 40
"""Runs among which judged ones are looked for: a source that is watched hourly has many that change nothing."""
_JUDGED = 16
"""Judged runs that are shown: a column each."""


class FieldTold(View):
    """One column, in words."""

    object: str = Field(description="`document` or `chunk`.")
    name: str
    type: str
    promises: list[str]
    meaning: str = Field(description="As the contract says; empty where it says nothing.")
    classification: str
    rules: list[str] = Field(description="Names of the rules that look at it.")


class CameOut(View):
    """How a rule came out in one run."""

    run_id: str
    verdict: str = Field(
        description="`pass`, `warn`, `fail`, `block`, `not judged`; empty where that run had no such rule."
    )
    actual: str = Field(description="What was found, in words.")
    failing: int = Field(description="Documents that did not keep it.")


class RuleTold(View):
    """One rule in words, and how it came out."""

    name: str
    rule: str
    checks: str = Field(description="What is checked, in a sentence.")
    on: str = Field(description="What it looks at.")
    expects: str = Field(description="The figure or value that is asked.")
    fails: str = Field(description="What a failure leads to.")
    tells: str = Field(description="Who is told.")
    severity: str
    line: int = Field(description="Its line in the file; 0 for a rule that every contract has.")
    runs: list[CameOut] = Field(description="Of the judged runs, oldest first.")


class PartTold(View):
    """One part of a contract beside its rules."""

    part: str
    says: str
    line: int = Field(description="Its line in the file; 0 where a default holds.")


class SlaTold(View):
    """One promise about the service."""

    property: str
    value: str
    unit: str
    element: str
    driver: str
    description: str


class Registered(View):
    """A version that runs have used."""

    version: str
    since: datetime
    last: datetime


class ContractPage(View):
    """One contract in full."""

    contract: str
    file: str = Field(description="Its file; empty where there is none any more.")
    sourced: bool = Field(description="Whether there are pages of its source: its file is YAML, or once was used.")
    version: str
    status: str
    owner: str
    purpose: str
    enforcement: str = Field(description="`block`, or `warn` where nothing is held back.")
    tags: list[str]
    problems: list[ProblemTold] = Field(description="Why it cannot be used; empty where it can.")
    used: Used
    versions: list[Registered] = Field(description="Newest first.")
    parts: list[PartTold]
    fields: list[FieldTold]
    rules: list[RuleTold]
    sla: list[SlaTold]
    statements: list[str] = Field(description="What is said to people and models, and what no machine judges.")
    judged: list[Judged] = Field(description="The last judged runs, newest first.")
    drift: list[Drift] = Field(description="Columns that a rule watches, then those that crossed the convention.")
    yaml: str = Field(description="The text of the file.")


def load(visit: Visit, query: OfContract) -> ContractPage:
    """Reads the page."""
    runtime, name = visit.runtime, query.contract
    with runtime.catalog.reading() as tx:
        known = registry.registered(tx)
        runs = board.runs(tx, _RUNS, name).get(name, ())
        sourced = name in sources_of(runtime, tx)
    file = file_of(contract_files(runtime.settings), name, tuple(known))
    contract, mine = file.contract, known.get(name, ())
    reports = judged_runs(runtime, name, runs, _JUDGED)
    older = reports[::-1]
    return ContractPage(
        contract=name,
        file=file.file,
        sourced=sourced,
        version=contract.version if contract else "",
        status=contract.status if contract else "",
        owner=file.owner,
        purpose=contract.description if contract else "",
        enforcement=contract.enforcement if contract else "",
        tags=list(contract.tags) if contract else [],
        problems=problems_told(file),
        used=used_of(file, mine),
        versions=[Registered(version=v.version, since=v.registered_at, last=v.seen_at) for v in reversed(mine)],
        parts=_parts(contract) if contract else [],
        fields=_fields(contract) if contract else [],
        rules=_rules(contract, older) if contract else [],
        sla=_sla(contract) if contract else [],
        statements=[item.text for item in contract.statements] if contract else [],
        judged=[judged_of(report, runs) for report in reports],
        drift=drifts_of(contract, older),
        yaml=file.text,
    )


def file_of(files: Sequence[ContractFile], name: str, known: Sequence[str]) -> ContractFile:
    """Returns the file of a contract, or an empty one where the file is gone.

    Raises:
        ConfigurationError: There is no such contract and never was; the message holds the nearest.
    """
    require_known("contract", name, {*known, *(file.name for file in files)}, "The page of contracts lists them.")
    gone = ContractFile(file="", name=name, owner="", text="", contract=None)
    return next((file for file in files if file.name == name), gone)


def _parts(contract: Contract) -> list[PartTold]:
    return [PartTold(part=found.part, says=found.says, line=found.line) for found in parts_in_words(contract)]


def _fields(contract: Contract) -> list[FieldTold]:
    watching: dict[str, list[str]] = {}
    for check in contract.checks:
        watching.setdefault(check.field or str(check.arguments.get("column") or ""), []).append(check.name)
    return [
        FieldTold(
            object=found.object,
            name=found.name,
            type=found.type,
            promises=list(found.promises),
            meaning=found.meaning,
            classification=found.classification,
            rules=watching.get(found.name, []) if found.object == "document" else [],
        )
        for found in fields_in_words(contract)
    ]


def _rules(contract: Contract, reports: Sequence[Mapping[str, Any]]) -> list[RuleTold]:
    by_run = [(str(report["run_id"]), {rule["name"]: rule for rule in report["rules"]}) for report in reports]
    return [
        RuleTold(
            name=found.name,
            rule=found.rule,
            checks=found.checks,
            on=found.on,
            expects=found.expects.replace(IPTC, ""),
            fails=found.fails,
            tells=found.tells,
            severity=found.severity,
            line=found.line,
            runs=[_came_out(run_id, rules.get(found.name)) for run_id, rules in by_run],
        )
        for found in rules_in_words(contract)
    ]


def _came_out(run_id: str, rule: Mapping[str, Any] | None) -> CameOut:
    if rule is None:
        return CameOut(run_id=run_id, verdict="", actual="", failing=0)
    verdict = str(rule["verdict"]) if rule.get("judged", True) else "not judged"
    return CameOut(run_id=run_id, verdict=verdict, actual=str(rule["actual"])[:300], failing=int(rule["failing_count"]))


def _sla(contract: Contract) -> list[SlaTold]:
    return [
        SlaTold(
            property=item.property,
            value=item.value,
            unit=item.unit,
            element=item.element,
            driver=item.driver,
            description=item.description,
        )
        for item in contract.sla
    ]


PAGE = Page(
    path="/contract",
    title="Contract",
    template="contract.html",
    model=ContractPage,
    load=load,
    query=OfContract,
    under="/contracts",
)
