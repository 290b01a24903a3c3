"""Everything that a person needs to decide about one document: rules and their owners, evidence with its place.

It reads the catalog, the contract and the stored text, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.model import Contract
from corpus.catalog import answers
from corpus.catalog.records import DecisionRecord
from corpus.errors import ConfigurationError, ContractError, IntegrityError
from corpus.types import Outcome
from ingestion.judge import HOLDS, evidence_prefix
from ingestion.relations.codes import HOLDING
from ingestion.runtime import Runtime
from ingestion.splitting.cut import STALE

CONTEXT = 90
"""Characters shown on each side of a piece of evidence."""
_ALWAYS = ("governance.",)
"""Codes of findings that are a reason by themselves, whatever rules there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One rule of the contract that a reason names.

    Attributes:
        rule: What is checked.
        name: Its name in the contract, empty where the contract no longer holds it.
        owner: The team that is told.
        on_fail: What breaking it leads to, empty where the contract no longer holds it.
    """

    rule: str
    name: str
    owner: str
    on_fail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One finding that reasons rest on.

    Attributes:
        code: What was found.
        rule: Rule that is judged on it, empty for a reason of its own.
        detector: Who found it.
        span: `[start, end]` in the text; None where it is not in the text.
        line: Line of the text, from 1; None where it is not in the text.
        quote: The evidence as it came, before repairs; `span`, `before` and `after` are of the repaired text.
        before: The text before it.
        after: The text after it.
        detail: Figures.
    """

    code: str
    rule: str
    detector: str
    span: tuple[int, int] | None
    line: int | None
    quote: str
    before: str
    after: str
    detail: Mapping[str, Any]


def contract_or_none(runtime: Runtime, name: str) -> Contract | None:
    """Returns a contract; None where its file is gone or invalid, which must not hide what is held."""
    try:
        return runtime.contract(name)
    except (ConfigurationError, ContractError):
        return None


def owners(contract: Contract | None) -> dict[str, str]:
    """Returns rule to the team that answers for it."""
    if contract is None:
        return {}
    return {check.rule: check.owner or contract.owner_team for check in contract.checks}


def rules_told(contract: Contract | None, reasons: Iterable[Mapping[str, Any]]) -> tuple[Told, ...]:
    """Returns the rules that reasons name, with what the contract says of each, in the order of the reasons."""
    told: list[Told] = []
    for rule in dict.fromkeys(str(reason.get("rule", "")) for reason in reasons):
        checks = [check for check in (contract.checks if contract else ()) if check.rule == rule]
        owner = contract.owner_team if contract else ""
        told += [
            Told(rule=rule, name=check.name, owner=check.owner or owner, on_fail=check.on_fail.value)
            for check in checks
        ]
        if rule and not checks:
            told.append(Told(rule=rule, name="", owner=owner, on_fail=""))
    return tuple(told)


def holding_first(contract: Contract | None, reasons: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Returns reasons with those first that hold a document back, else in their order."""
    checks = contract.checks if contract else ()
    warned = {check.rule for check in checks} - {check.rule for check in checks if check.on_fail in HOLDS}
    return sorted(reasons, key=lambda reason: not _holds(reason, warned))


def _holds(reason: Mapping[str, Any], warned: Collection[str]) -> bool:
    rule, code = str(reason.get("rule") or ""), str(reason["code"])
    return code in (*HOLDING, STALE) or (bool(rule) and rule not in warned)


def evidence(runtime: Runtime, decision: DecisionRecord, contract: str) -> tuple[Evidence, ...]:
    """Returns the findings that a decision's reasons rest on, each with the text around it.

    Args:
        runtime: The project.
        decision: The newest decision about the document.
        contract: Name of the contract.
    """
    prefixes = {prefix: rule for rule in _rules(decision.reasons) if (prefix := evidence_prefix(rule))}
    prefixes |= dict.fromkeys(_ALWAYS, "")
    resting = [
        (rule, finding)
        for finding in decision.findings
        for prefix, rule in prefixes.items()
        if str(finding["code"]).startswith(prefix)
    ]
    text = _text(runtime, decision, contract) if any(finding["span"] for _, finding in resting) else ""
    served = _served(runtime, [finding for _, finding in resting])
    return tuple(_placed(rule, _beside(finding, text, served), text) for rule, finding in resting)


def _served(runtime: Runtime, findings: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Returns the texts of the answers whose sentences findings point to; an answer that is not kept has none."""
    names = {str(finding["detail"]["answer_id"]) for finding in findings if "pairs" in finding["detail"]}
    if not names:
        return {}
    with runtime.catalog.reading() as tx:
        return {name: record.text or "" for name, record in answers.get(tx, sorted(names)).items()}


def _beside(finding: Mapping[str, Any], text: str, served: Mapping[str, str]) -> Mapping[str, Any]:
    """Puts the two sentences of each aligned pair side by side; findings keep their places only."""
    detail = finding["detail"]
    if "pairs" not in detail:
        return finding
    answer = served.get(str(detail["answer_id"]), "")
    pairs = [
        {**pair, "ours": text[slice(*pair["span"])], "theirs": answer[slice(*pair["answer_span"])]}
        for pair in detail["pairs"]
    ]
    return {**finding, "detail": {**detail, "pairs": pairs}}


def _rules(reasons: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(str(reason.get("rule", "")) for reason in reasons))


def _text(runtime: Runtime, decision: DecisionRecord, contract: str) -> str:
    from ingestion.quality import stored_row  # noqa: PLC0415 - brings the parsers, which a list does not need

    if decision.outcome == Outcome.FAIL.value:
        return ""
    try:
        row = stored_row(runtime, contract, decision.doc_id)
    except (ConfigurationError, IntegrityError):
        return ""
    return str(row["text"] or "") if row["revision_id"] == decision.revision_id else ""


def _placed(rule: str, finding: Mapping[str, Any], text: str) -> Evidence:
    span = (int(finding["span"][0]), int(finding["span"][1])) if finding["span"] else None
    inside = span is not None and span[1] <= len(text)
    start, end = span if span is not None and inside else (0, 0)
    return Evidence(
        code=str(finding["code"]),
        rule=rule,
        detector=str(finding["detector"]),
        span=span,
        line=text.count("\n", 0, start) + 1 if inside else None,
        quote=str(finding["quote"]),
        before=text[max(0, start - CONTEXT) : start] if inside else "",
        after=text[end : end + CONTEXT] if inside else "",
        detail=finding["detail"],
    )
