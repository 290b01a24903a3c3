"""What is said of a source at a glance: how much, how good, how fresh, where from, what waits. Models and their making.

Figures are those of the version that serves, as its manifest has them; nothing here is estimated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from pydantic import Field

from console.web.page import Figure, View
from console.web.views.refused import Refused
from contracts.model import Contract
from contracts.text.thresholds import words
from corpus.catalog.board import BoardRun, BoardVersion, Waiting
from corpus.receipts import Counts
from corpus.types import OriginKind
from ingestion.history.states import Stage

SHARE_RULE = "ai_generated_share"
SHARE_GATE = "ai-share"
"""Name of the gate that lays the rule to a candidate (`index.gates.ai_share`)."""


class Mix(View):
    """Where documents came from, as shares of all; they add up to 1."""

    total: int = Field(description="Documents.")
    human_declared: Figure
    ai_declared: Figure = Field(description="AI-written or AI-assisted, as the source or a signed manifest declares.")
    ai_matched: Figure = Field(description="Recognised as an answer that was served.")
    ai_suspected: Figure = Field(description="Told apart by traces; never part of the AI share.")
    unknown: Figure = Field(description="Nothing is known; this is never human.")

    def shares(self) -> list[tuple[str, float]]:
        """Returns name and share of each part, for drawing."""
        parts = ("human_declared", "ai_declared", "ai_matched", "ai_suspected", "unknown")
        return [(part.replace("_", "-"), getattr(self, part).value or 0.0) for part in parts]


class Spread(View):
    """How values are spread over documents: quantiles that occur, by nearest rank."""

    known: int = Field(description="Documents with a value.")
    missing: int = Field(description="Documents without one.")
    quantiles: dict[str, float] = Field(
        description="`min p10 p25 p50 p75 p90 max` to value; empty where none is known."
    )


class Ages(View):
    """How long ago documents were validated, in days, and how long that may be."""

    known: int = Field(description="Documents with a date.")
    missing: int = Field(description="Documents without one.")
    newest: int | None = Field(description="Days since the newest date; null where none is known.")
    median: int | None
    oldest: int | None
    limit: int | None = Field(description="Days that the contract allows; null where it says nothing.")


class AiLimit(View):
    """The contract's limit on AI-written text, and how the served version came out."""

    expected: str = Field(description="The limit in words.")
    limit: float | None = Field(description="The limit as one number; null where it is a range.")
    actual: str = Field(description="What was found when the version was built; empty before there is one.")
    kept: bool | None = Field(description="Whether it was kept; null before there is a version.")


class RunTold(View):
    """One run."""

    run_id: str
    kind: str
    actor: str
    state: str
    started_at: datetime
    seconds: float | None = Field(description="How long it took; null while it runs.")
    counts: dict[str, int] = Field(description="Documents by outcome; empty where the run counts none.")
    balanced: bool | None = Field(description="received = indexed + unchanged + quarantined + rejected + failed.")


class VersionTold(View):
    """One index version, and what it is made of."""

    number: int
    state: Stage = Field(description="As on the page of the index: `live`, `candidate`, `superseded` and so on.")
    created_at: datetime
    documents: int
    chunks: int
    mix: Mix


class Source(View):
    """Health of one source, under its contract."""

    contract: str
    version: str = Field(description="Version of the contract; empty where its file is gone or invalid.")
    owner: str = Field(description="Team that answers for it.")
    description: str
    problem: str = Field(description="Why the contract cannot be read; empty where it can.")
    live: int | None = Field(description="Number of the version that serves.")
    live_since: datetime | None
    documents: int = Field(description="Documents in the version that serves.")
    chunks: int
    states: dict[str, int] = Field(description="Documents of the source by state.")
    oldest_held: datetime | None = Field(description="Since when the longest held document waits.")
    quality: Spread
    ages: Ages
    mix: Mix | None = Field(description="Null before there is a version.")
    ai_limit: AiLimit | None = Field(description="Null where the contract sets none.")
    trend: list[int] = Field(description="Documents that the last ingests received, oldest first.")
    last_run: RunTold | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the catalog and the contract say of one source."""

    name: str
    contract: Contract | None
    problem: str
    states: Mapping[str, int] = field(default_factory=dict)
    runs: tuple[BoardRun, ...] = ()
    live: tuple[BoardVersion, datetime] | None = None
    waiting: Waiting = field(default_factory=Waiting)
    alarms: int = 0
    golden: tuple[int, int] | None = None
    newest: BoardVersion | None = None
    refused: Refused | None = None


def source_of(facts: Facts, today: date) -> Source:
    """Returns the health of one source."""
    version, since = facts.live or (None, None)
    contract = facts.contract
    received = [
        run.counts["received"] for run in reversed(facts.runs) if run.kind == "ingest" and "received" in run.counts
    ]
    return Source(
        contract=facts.name,
        version=contract.version if contract else "",
        owner=contract.owner_team if contract else "",
        description=contract.description if contract else "",
        problem=facts.problem,
        live=version.number if version else None,
        live_since=since,
        documents=version.documents if version else 0,
        chunks=version.chunks if version else 0,
        states=dict(facts.states),
        oldest_held=facts.waiting.oldest,
        quality=_spread(version),
        ages=_ages(version, contract, today),
        mix=mix_of(version) if version else None,
        ai_limit=_ai_limit(contract, version),
        trend=received,
        last_run=run_told(facts.runs[0]) if facts.runs else None,
    )


def run_told(run: BoardRun) -> RunTold:
    """Returns a run as pages show it."""
    counts = {name: int(number) for name, number in run.counts.items()}
    return RunTold(
        run_id=run.run_id,
        kind=run.kind,
        actor=run.actor,
        state=run.state,
        started_at=run.started_at,
        seconds=round((run.finished_at - run.started_at).total_seconds(), 3) if run.finished_at else None,
        counts=counts,
        balanced=Counts(**counts).balanced if counts else None,
    )


def version_told(version: BoardVersion, stage: Stage) -> VersionTold:
    """Returns a version as pages show it."""
    return VersionTold(
        number=version.number,
        state=stage,
        created_at=version.created_at,
        documents=version.documents,
        chunks=version.chunks,
        mix=mix_of(version),
    )


def mix_of(version: BoardVersion) -> Mix:
    """Returns what a version is made of, by its manifest: AI text neither declared nor matched is suspected."""
    kinds, shares = version.origin["documents"], version.origin["ai_share_documents"]
    total = sum(kinds.values())
    generated, assisted = (kinds.get(kind.value, 0) for kind in (OriginKind.AI_GENERATED, OriginKind.AI_ASSISTED))
    declared, matched = float(shares["declared"]), float(shares["matched"])
    human = kinds.get(OriginKind.HUMAN.value, 0) / total if total else 0.0
    ai = (generated + assisted) / total if total else 0.0
    # Shares are stored with six digits; what is left of rounding is nothing.
    suspected = ai - declared - matched
    suspected = round(suspected, 6) if suspected > 1e-5 else 0.0
    unknown = max(0.0, round(1 - human - declared - matched - suspected, 6)) if total else 0.0
    return Mix(
        total=total,
        human_declared=Figure(value=round(human, 6), basis="declared", of=total),
        ai_declared=Figure(value=declared, basis="declared", of=total),
        ai_matched=Figure(value=matched, basis="matched", of=total),
        ai_suspected=Figure(value=suspected, basis="suspected", of=total),
        unknown=Figure(value=unknown, basis="unknown", of=total),
    )


def _spread(version: BoardVersion | None) -> Spread:
    if version is None:
        return Spread(known=0, missing=0, quantiles={})
    found = version.quality
    quantiles = {name: float(value) for name, value in found["quantiles"].items()}
    return Spread(known=found["count"], missing=found["missing"], quantiles=quantiles)


def _ages(version: BoardVersion | None, contract: Contract | None, today: date) -> Ages:
    none: Mapping[str, Any] = {"count": 0, "missing": 0, "quantiles": {}}
    found = version.freshness if version else none
    days = {name: (today - date.fromisoformat(str(value)[:10])).days for name, value in found["quantiles"].items()}
    return Ages(
        known=found["count"],
        missing=found["missing"],
        newest=days.get("max"),
        median=days.get("p50"),
        oldest=days.get("min"),
        limit=_age_limit(contract),
    )


def _age_limit(contract: Contract | None) -> int | None:
    if contract is None:
        return None
    gate = contract.gates.freshness
    return contract.governance.max_validation_age_days or (gate.max_age_days if gate else None)


def _ai_limit(contract: Contract | None, version: BoardVersion | None) -> AiLimit | None:
    check = next((check for check in contract.checks if check.rule == SHARE_RULE), None) if contract else None
    if check is None or check.threshold is None:
        return None
    gate = next((gate for gate in (version.gates if version else ()) if gate["name"] == SHARE_GATE), None)
    limit = check.threshold.value
    return AiLimit(
        expected=words(check.threshold),
        limit=None if isinstance(limit, tuple) else float(limit),
        actual=str(gate["actual"]) if gate else "",
        kept=bool(gate["passed"]) if gate else None,
    )
