"""The reports of runs: where they are kept, and what is in them beside the rules.

reports/<contract>/<run>.json, written by `admit` whether it lets the run through or blocks it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from contracts.model import CheckSpec, Contract, Verdict
from contracts.report import ContractReport, RuleResult, verdict_of, worst
from corpus.catalog import runs
from corpus.errors import ConfigurationError
from corpus.storage import Store
from corpus.types import OnFail, Outcome
from ingestion.runtime import Runtime

_SUFFIX = ".json"
_BESIDE = {
    "family": ("in-force", "the version in force", OnFail.QUARANTINE),
    "governance": ("declarations", "declarations that can be read", OnFail.QUARANTINE),
    "parse": ("readable", "files that can be read", OnFail.WARN),
    "quality": ("usable-text", "text that can be used", OnFail.QUARANTINE),
}
"""Kind of reason to its name in a report, what is expected and what it leads to; no contract has to ask for these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A run that was judged.

    Attributes:
        run_id: The run.
        judged_at: When, aware; None where neither the report nor its file says it.
        state: How the run ended: `succeeded`, `failed`, `running`; empty where the catalog does not know it.
    """

    run_id: str
    judged_at: datetime | None
    state: str


def path_of(contract: str, run_id: str) -> str:
    """Returns where the report of a run is kept."""
    return f"reports/{contract}/{run_id}{_SUFFIX}"


def document(report: ContractReport, run_id: str, judged_at: datetime) -> dict[str, Any]:
    """Returns the report of a run as it is kept."""
    return {"run_id": run_id, "judged_at": judged_at.isoformat(), **report.to_json()}


def with_rules_of(judged: Mapping[str, Any], before: Mapping[str, Any], kind: str = "drift") -> dict[str, Any]:
    """Returns a report of a run as it is kept, with the rules of one kind as an earlier report of it has them."""
    stood = {rule["name"]: rule for rule in before["rules"] if rule["rule"] == kind}
    rules = [stood.get(rule["name"], rule) for rule in judged["rules"]]
    return {**judged, "rules": rules, "verdict": worst(Verdict(rule["verdict"]) for rule in rules).value}


def with_decisions(report: ContractReport, contract: Contract, rows: Iterable[Mapping[str, Any]]) -> ContractReport:
    """Adds what kept documents of a run out although no rule of the contract did.

    Args:
        report: The report of the contract's rules.
        contract: The contract.
        rows: Assessed documents, with `doc_id`, `outcome` and `reasons`.

    Returns:
        The report with one more line per kind of reason that occurs: held documents fail it, rejected ones warn.
    """
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        if row["outcome"] in (Outcome.QUARANTINE, Outcome.REJECT):
            for reason in json.loads(row["reasons"]):
                kind = str(reason["code"]).partition(".")[0]
                if kind in _BESIDE:
                    found.setdefault(kind, {}).setdefault(str(row["doc_id"]), str(reason["message"]))
    added = (_beside(contract, kind, failing) for kind, failing in sorted(found.items()))
    return replace(report, results=(*report.results, *added))


def _beside(contract: Contract, kind: str, failing: Mapping[str, str]) -> RuleResult:
    name, expected, on_fail = _BESIDE[kind]
    spec = CheckSpec(name=name, rule=kind, engine="stemma", scope="row", on_fail=on_fail, owner=contract.owner_team)
    first = min(failing)
    many = f"{len(failing)} documents, the first" if len(failing) > 1 else "1 document,"
    return RuleResult(
        spec=spec,
        expected=expected,
        actual=f"{many} {first}: {failing[first]}",
        failing=tuple(sorted(failing)),
        verdict=verdict_of(spec, failed=True, enforcement=contract.enforcement),
    )


def of_contract(runtime: Runtime, contract: str) -> tuple[Reported, ...]:
    """Returns the runs of a contract that were judged, newest first."""
    found = [
        name.removesuffix(_SUFFIX) for name in runtime.store.names(f"reports/{contract}") if name.endswith(_SUFFIX)
    ]
    with runtime.catalog.reading() as tx:
        states = {run_id: run.state for run_id in found if (run := runs.get(tx, run_id)) is not None}
    listed = [
        Reported(run_id=run_id, judged_at=_written(runtime.store, contract, run_id), state=states.get(run_id, ""))
        for run_id in found
    ]
    return tuple(sorted(listed, key=_age, reverse=True))


def read(runtime: Runtime, contract: str, run_id: str) -> dict[str, Any]:
    """Reads the report of a run.

    Raises:
        ConfigurationError: There is none.
    """
    try:
        data = runtime.store.read_bytes(path_of(contract, run_id))
    except (FileNotFoundError, ValueError) as error:  # ValueError: an id that would lead out of the folder
        raise ConfigurationError(f"no report of run {run_id!r} of {contract!r}.") from error
    value: Mapping[str, Any] = json.loads(data)
    return {"run_id": run_id, "judged_at": None, **value}


def kept(runtime: Runtime, contract: str, run_ids: Iterable[str], most: int) -> tuple[dict[str, Any], ...]:
    """Reads the reports of some runs, in their order, until there are so many; runs without one are passed over.

    Args:
        runtime: The project.
        contract: The contract.
        run_ids: Ids of runs, such as the catalog has them.
        most: How many reports at the most.
    """
    found: list[dict[str, Any]] = []
    for run_id in run_ids:
        if len(found) == most:
            break
        with suppress(ConfigurationError):
            found.append(read(runtime, contract, run_id))
    return tuple(found)


def _written(store: Store, contract: str, run_id: str) -> datetime | None:
    return store.modified_at(path_of(contract, run_id))


def _age(item: Reported) -> tuple[float, str]:
    return (item.judged_at.timestamp() if item.judged_at else 0.0, item.run_id)
