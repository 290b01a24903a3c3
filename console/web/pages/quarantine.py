"""The queue: documents that are kept out, those that wait longest first, with the rule that holds each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from console.web.page import PER_PAGE, Page, Paging, View, Visit
from console.web.page import Asked as NoQuery
from console.web.views.gathering import contract_of, require_source
from contracts.model import Contract
from corpus.catalog import board, decisions, queue
from corpus.catalog.records import DocumentState, OverrideRecord
from ingestion import dossier

Outcome = Literal["quarantine", "reject", "fail"]


class Asked(NoQuery):
    """The query of the queue."""

    contract: str = Field(default="", max_length=63, description="Name of the contract; empty for the fullest queue.")
    outcome: Outcome = Field(
        default="quarantine", description="`quarantine` for held, `reject` for rejected, `fail` for not readable."
    )
    rule: str = Field(default="", max_length=100, description="Only documents that break this rule.")
    page: int = Field(default=1, ge=1, description="Which page of the list, from 1.")


class Reason(View):
    """Why a document is kept out."""

    code: str
    message: str
    rule: str = Field(description="The rule of the contract; empty for a reason of its own.")


class Item(View):
    """One document of the queue."""

    doc_id: str
    since: datetime = Field(description="When it was last judged so.")
    reasons: list[Reason] = Field(description="Those that hold it back first.")
    owners: list[str] = Field(description="Teams that answer for the rules.")
    quality: float | None = Field(description="Quality score in [0, 1].")
    origin: str = Field(description="IPTC digital source type, or `unknown`.")
    basis: str = Field(description="What the origin rests on.")
    wants: dict[str, str] = Field(description="Who voted, to what.")
    decided: str = Field(description="What a person decided and the next ingest carries out; empty for nothing.")


class QueueOf(View):
    """How many documents of a contract are held."""

    contract: str
    held: int


class Queue(View):
    """One page of a queue."""

    contract: str = Field(description="Empty where nothing is held anywhere.")
    outcome: Outcome
    rule: str
    rules: list[str] = Field(description="Rules of the contract that can hold a document.")
    persons: int = Field(description="People who must agree.")
    queues: list[QueueOf] = Field(description="Every contract with held documents that who asks may see.")
    items: list[Item]
    paging: Paging


def load(visit: Visit, query: Asked) -> Queue:
    """Reads the page."""
    with visit.runtime.catalog.reading() as tx:
        states = board.states(tx)
        held = {name: counts.get("quarantined", 0) for name, counts in states.items()}
        name = query.contract or max(
            (name for name, number in held.items() if number), key=held.__getitem__, default=""
        )
        if query.contract:
            require_source(visit.runtime, tx, name)
        total = queue.count(tx, name, query.outcome, query.rule)
        paging = Paging.of(query.page, total)
        found = queue.page(tx, name, query.outcome, rule=query.rule, limit=PER_PAGE, offset=paging.offset())
    contract = contract_of(visit.runtime, name)[0] if name else None
    teams = dossier.owners(contract)
    return Queue(
        contract=name,
        outcome=query.outcome,
        rule=query.rule,
        rules=sorted({check.rule for check in contract.checks if check.on_fail.value != "warn"}) if contract else [],
        persons=contract.triage.persons if contract else 1,
        queues=[QueueOf(contract=item, held=held[item]) for item in visit.visible(sorted(held)) if held[item]],
        items=[_item(item, contract, teams) for item in found],
        paging=paging,
    )


def _item(held: queue.Held, contract: Contract | None, teams: Mapping[str, str]) -> Item:
    decision, override = held.decision, held.override
    reasons = reasons_of(contract, decision.reasons if decision else ())
    team = contract.owner_team if contract else ""
    return Item(
        doc_id=held.state.doc_id,
        since=held.state.updated_at,
        reasons=reasons,
        owners=sorted({teams.get(reason.rule, team) for reason in reasons} - {""}),
        quality=decision.quality_score if decision else None,
        origin=decision.digital_source_type if decision else "unknown",
        basis=decision.origin_basis if decision else "none",
        wants={vote.actor: wanted_of(vote.outcome) for vote in held.votes if vote.outcome != "reviewed"},
        decided=waits_of(held.state, override),
    )


WANTS: Mapping[str, str] = {"accept": "release", "reject": "reject", "reviewed": "seen"}
"""Outcome of a vote or a decision to the word for it."""


def wanted_of(outcome: str) -> str:
    """Returns the word for the outcome of a vote or a decision; of a split, without the digest of its cut."""
    return WANTS.get(outcome, outcome.partition(":")[0])


def waits_of(state: DocumentState, override: OverrideRecord | None) -> str:
    """Returns what a person decided and the next ingest carries out; empty for nothing.

    A split that an ingest has looked at is carried out, whatever came of it.
    """
    if override is None or (override.outcome == decisions.SPLIT and state.state_key):
        return ""
    return f"{wanted_of(override.outcome)} by {override.actor}"


def reasons_of(contract: Contract | None, reasons: Any) -> list[Reason]:
    """Returns the reasons that a person can do something about, those first that hold a document back."""
    told = [reason for reason in reasons if not str(reason["code"]).startswith(("repair.", "override"))]
    return [
        Reason(code=str(reason["code"]), message=str(reason["message"]), rule=str(reason.get("rule") or ""))
        for reason in dossier.holding_first(contract, told)
    ]


PAGE = Page(
    path="/quarantine",
    title="Quarantine",
    template="quarantine.html",
    model=Queue,
    load=load,
    query=Asked,
    menu="Quarantine",
    key="q",
)
