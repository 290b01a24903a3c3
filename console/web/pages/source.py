"""One source: what it holds, how that changed over its versions, its last runs, and what needs a person."""

from __future__ import annotations

from pydantic import Field

from console.web.gathering import facts_of, versions_of
from console.web.health import RunTold, Source, VersionTold, run_told, source_of, version_told
from console.web.page import OfContract, Page, Trouble, View, Visit
from console.web.troubles import troubles_of


class SourcePage(View):
    """One source in full."""

    source: Source
    troubles: list[Trouble] = Field(description="What needs a person, most urgent first.")
    versions: list[VersionTold] = Field(description="The last versions, oldest first, 24 at the most.")
    runs: list[RunTold] = Field(description="The last runs, newest first, 20 at the most.")
    model: str = Field(description="Statistical model that documents are scored by; empty for none.")


def load(visit: Visit, query: OfContract) -> SourcePage:
    """Reads the page."""
    facts = facts_of(visit.runtime, query.contract)
    source = source_of(facts, visit.now.date())
    return SourcePage(
        source=source,
        troubles=troubles_of(source, facts, visit.now),
        versions=[version_told(version) for version in versions_of(visit.runtime, query.contract)],
        runs=[run_told(run) for run in facts.runs],
        model=facts.contract.origin.model if facts.contract else "",
    )


PAGE = Page(
    path="/source",
    title="Source",
    template="source.html",
    model=SourcePage,
    load=load,
    query=OfContract,
    under="/corpus",
)
