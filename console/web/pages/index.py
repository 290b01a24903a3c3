"""The versions of an index as a timeline: what serves, what waits and for whom, what was measured of them over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import Field
from sqlalchemy.orm import Session

from console.web.page import Action, Done, Form, Line, Page, Paging, View, Visit
from console.web.page import Asked as NoQuery
from console.web.views.gathering import contract_of, require_source, sources_of
from console.web.views.measures import (
    AlarmTold,
    Check,
    Series,
    alarms_of,
    check_of,
    contamination_series,
    golden_series,
)
from console.web.views.refused import Refused, refused_of
from console.web.views.seals import seals_of
from console.web.views.versions import LIVE, Around, VersionRow, row_of
from contracts.model import Contract
from corpus.catalog import aliasmoves, canaries, embedders, erasures, holds, timeline, versions
from corpus.errors import ConfigurationError
from ingestion.releasing import order_release, unfinished_order
from ingestion.runtime import Runtime

PER_PAGE = 25
_MOVES = 30
"""Moves of the alias that are drawn and listed."""
_CURVE = 60
"""Versions that curves are drawn of: a point each, on a phone too."""
_CHECKS = 60


class Asked(NoQuery):
    """The query of the timeline."""

    contract: str = Field(default="", max_length=63, description="Name of the contract; empty for the first with one.")
    page: int = Field(default=1, ge=1, description="Which page of the list, from 1.")


class MoveTold(View):
    """One move of `live`."""

    at: datetime
    before: int | None
    number: int
    by: str
    reason: str
    back: bool = Field(description="Whether it went to an older version.")


class Ordered(View):
    """A release that somebody ordered on this page and that has not ended."""

    by: str
    reason: str
    at: datetime
    state: Literal["working", "broken-off", "elsewhere"] = Field(
        description="`broken-off` where its process is gone, as when the server was stopped; `elsewhere` where it is "
        "on another machine, of which nobody here can tell."
    )
    place: str = Field(description="The machine that it was ordered on.")


class Index(View):
    """The versions of one index."""

    contract: str = Field(description="Empty where there is no contract.")
    contracts: list[str] = Field(description="Those that who asks may see.")
    live: int | None = Field(description="Number of the version that readers get.")
    approvers: int = Field(description="People who must approve before a version first serves.")
    ordered: Ordered | None = Field(description="A release that was ordered here and has not ended; null for none.")
    rows: list[VersionRow] = Field(description="Versions, newest first.")
    paging: Paging
    waiting: list[int] = Field(
        description="Versions that were never served and are newer than what serves; of this page."
    )
    refused: list[Refused] = Field(description="Versions that a gate refused and that are kept; they have no number.")
    moves: list[MoveTold] = Field(description="The last moves of `live`, oldest first, 30 at the most.")
    contamination: list[Series] = Field(description="What was measured of the newest 60 versions that were measured.")
    alarms: list[AlarmTold] = Field(description="Alarms of the last measurement.")
    golden: list[Series] = Field(description="The same of golden questions.")
    checks: list[Check] = Field(description="The last checks of canary texts, oldest first, 60 at the most.")


def load(visit: Visit, query: Asked) -> Index:
    """Reads the page."""
    runtime = visit.runtime
    with runtime.catalog.reading() as tx:
        names = sources_of(runtime, tx)
        name = query.contract or next(iter(timeline.names(tx)), next(iter(names), ""))
        if name:
            require_source(runtime, tx, name)
        contract = contract_of(runtime, name)[0] if name else None
        states = timeline.states(tx, name)
        paging = Paging.of(query.page, len(states), PER_PAGE)
        found = timeline.page(tx, name, limit=PER_PAGE, offset=paging.offset(PER_PAGE))
        around = around_of(tx, name, contract, [version.number for version in found])
        measured = timeline.measured(tx, name, _CURVE)
        evaluated = timeline.evaluated(tx, name, _CURVE)
        checks = canaries.newest(tx, fingerprints=_spaces(tx, around), limit=_CHECKS)
    seals = seals_of(runtime, found, around.aliases.get(LIVE))
    rows = [row_of(version, around, seals[version.number], states) for version in found]
    return Index(
        contract=name,
        contracts=list(visit.visible(names)),
        live=around.aliases.get(LIVE),
        approvers=contract.approvals.persons if contract else 0,
        ordered=_ordered(runtime, name),
        rows=rows,
        paging=paging,
        waiting=[row.number for row in rows if row.stage == "candidate"],
        refused=refused_of(runtime, name) if name else [],
        moves=_moves(around),
        contamination=contamination_series(measured),
        alarms=alarms_of(measured[-1]) if measured else [],
        golden=golden_series(evaluated),
        checks=[check_of(record, visit.sees) for record in reversed(checks)],
    )


def _ordered(runtime: Runtime, name: str) -> Ordered | None:
    found = unfinished_order(runtime, name) if name else None
    return (
        Ordered(by=found.by, reason=found.reason, at=found.at, state=found.state, place=found.place) if found else None
    )


def around_of(tx: Session, name: str, contract: Contract | None, numbers: Sequence[int]) -> Around:
    """Reads what is known of an index beside the rows of its versions."""
    return Around(
        contract=contract,
        aliases={state.alias: state.number for state in versions.aliases(tx, name)},
        moves=aliasmoves.moves(tx, name),
        replaced=erasures.replacements(tx, name),
        holds={hold.number: hold for hold in holds.of_index(tx, name)},
        models=timeline.models(tx, name),
        approved=timeline.approvals(tx, name, numbers),
    )


def _spaces(tx: Session, around: Around) -> set[str]:
    """Returns the spaces of an index: of its versions, and of the model that its contract names now."""
    spec = around.contract.embedder if around.contract else None
    named = embedders.by_model(tx, spec.model, spec.revision or "") if spec else None
    return {*around.models, *({named.fingerprint} if named else ())}


def _moves(around: Around) -> list[MoveTold]:
    """Returns the last moves of `live`, versions under the numbers that they have since an erasure."""
    told = []
    for move in [move for move in around.moves if move.alias == LIVE][-_MOVES:]:
        number = around.replaced.get(move.number, move.number)
        before = around.replaced.get(move.before or 0, move.before or 0) or None
        told.append(
            MoveTold(
                at=move.at,
                before=move.before if before == number else before,
                number=number,
                by=move.actor,
                reason=move.reason,
                back=move.before is not None and move.number < move.before,
            )
        )
    return told


class Release(Form):
    """An order to publish what was taken in."""

    contract: Line
    insist: bool = False


class Insist(Form):
    """An order to publish what is in force now, although a gate refused it before."""

    contract: Line
    candidate: Line


_SAID = {
    "published": "v{number:06d} is built, passed its gates and is live.",
    "waiting-for-approval": "v{number:06d} is built and passed its gates. It waits for approval.",
    "unchanged": "Nothing changed since v{number:06d}, which is live. Nothing was built.",
    "empty": "There is nothing to publish: no document is in force.",
    "held": "Somebody rolled back from exactly these documents, so they are not published again by themselves: a "
    "change does, or a release that insists.",
}
"""Status of a release to what the next page says."""


def _release(visit: Visit, form: Release) -> Done:
    return _released(visit.acting, form.contract, form.reason, force=form.insist)


def _insist(visit: Visit, form: Insist) -> Done:
    if form.candidate not in {item.id for item in refused_of(visit.runtime, form.contract)}:
        raise ConfigurationError("That refused version is not kept any more. Nothing was released.")
    return _released(visit.acting, form.contract, form.reason, force=True)


def _released(runtime: Runtime, name: str, reason: str, *, force: bool) -> Done:
    receipt = order_release(runtime, name, reason=reason, force=force)
    status, number = str(receipt.figures["status"]), int(receipt.figures.get("version", 0))
    words = _SAID[status].format(number=number)
    if status in ("published", "waiting-for-approval"):
        query = {"contract": name, "number": str(number)}
        return Done(words=words, path="/version", query=query, tone="good" if status == "published" else "notice")
    return Done(words=words, path="/index", query={"contract": name}, tone="notice")


PAGE = Page(
    path="/index",
    title="Index",
    template="index.html",
    model=Index,
    load=load,
    query=Asked,
    menu="Index",
    key="i",
)
ACTIONS = (
    Action(path="/index/release", form=Release, do=_release, back="/index", back_query=("contract",)),
    Action(path="/index/insist", form=Insist, do=_insist, back="/index", back_query=("contract",)),
)
