"""One source: what it holds, how that changed over its versions, its last runs, and what needs a person."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from console.web.page import Action, Done, Figure, Form, Line, OfContract, Page, Trouble, View, Visit
from console.web.views.gathering import facts_of, stages_of, versions_of
from console.web.views.health import RunTold, Source, VersionTold, run_told, source_of, version_told
from console.web.views.troubles import troubles_of
from corpus.catalog import estimates
from provenance.share import CAVEAT


class Estimated(View):
    """The share of AI-written text that was estimated of one version, over documents of unknown origin."""

    number: int = Field(description="The version.")
    at: datetime = Field(description="When it was estimated.")
    share: Figure = Field(description="The estimate with its 95 % interval; no part of the declared or matched shares.")
    scored: int = Field(description="Documents that the model scored.")
    model: str
    why_not: str = Field(description="Why there is no estimate; empty where there is one.")


class SourcePage(View):
    """One source in full."""

    source: Source
    troubles: list[Trouble] = Field(description="What needs a person, most urgent first.")
    versions: list[VersionTold] = Field(description="The last versions, oldest first, 24 at the most.")
    runs: list[RunTold] = Field(description="The last runs, newest first, 20 at the most.")
    model: str = Field(description="Statistical model that documents are scored by; empty for none.")
    estimates: list[Estimated] = Field(
        description="The newest estimate of each version shown that has one, oldest first."
    )
    caveat: str = Field(description="What an estimate holds for; empty where there is none.")


def load(visit: Visit, query: OfContract) -> SourcePage:
    """Reads the page."""
    facts = facts_of(visit.runtime, query.contract)
    source = source_of(facts, visit.now.date())
    versions = versions_of(visit.runtime, query.contract)
    with visit.runtime.catalog.reading() as tx:
        known = estimates.latest(tx, query.contract)
        stage = stages_of(tx, query.contract)
    told = [_estimated(known[version.number]) for version in versions if version.number in known]
    return SourcePage(
        source=source,
        troubles=troubles_of(source, facts, visit.now),
        versions=[version_told(version, stage(version.number, version.state)) for version in versions],
        runs=[run_told(run) for run in facts.runs],
        model=facts.contract.origin.model if facts.contract else "",
        estimates=told,
        caveat=CAVEAT if told else "",
    )


def _estimated(record: estimates.EstimateRecord) -> Estimated:
    report = record.report
    return Estimated(
        number=record.number,
        at=record.measured_at,
        share=Figure(
            value=report["point"], basis="estimated", low=report["low"], high=report["high"], of=report.get("of")
        ),
        scored=int(report.get("scored", 0)),
        model=str(report.get("model", "")),
        why_not=str(report.get("why_not", "")),
    )


class Estimate(Form):
    """An order to estimate the version that serves anew, and to keep the figure."""

    contract: Line


def _estimate(visit: Visit, form: Estimate) -> Done:
    from ingestion.estimating import estimate_version  # noqa: PLC0415 - brings numpy

    found = _estimated(estimate_version(visit.acting, form.contract, reason=form.reason))
    query = {"contract": form.contract}
    if found.why_not:
        return Done(words=f"Nothing can be estimated: {found.why_not}.", path="/source", query=query, tone="warning")
    return Done(words=f"v{found.number:06d} is estimated anew.", path="/source", query=query)


PAGE = Page(
    path="/source",
    title="Source",
    template="source.html",
    model=SourcePage,
    load=load,
    query=OfContract,
    under="/corpus",
)
ACTIONS = (Action(path="/source/estimate", form=Estimate, do=_estimate, back="/source", back_query=("contract",)),)
