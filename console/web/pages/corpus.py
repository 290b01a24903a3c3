"""The first page: every source at a glance, and what needs a person now."""

from __future__ import annotations

from pydantic import Field

from console.web.page import Asked, Page, Trouble, View, Visit
from console.web.views.gathering import facts_of_all
from console.web.views.health import Source, source_of
from console.web.views.troubles import trouble_of_file, troubles_of
from ingestion.contractfiles import contract_files

_MOST_TROUBLES = 50


class Corpus(View):
    """Every source, with what needs a person now."""

    documents: int = Field(description="Documents that are served, over all sources.")
    chunks: int = Field(description="Chunks that are served.")
    held: int = Field(description="Documents in quarantine.")
    troubles: list[Trouble] = Field(description="What needs a person, most urgent first; 50 at the most.")
    more_troubles: int = Field(description="How many more there are.")
    sources: list[Source]


def load(visit: Visit, _query: Asked) -> Corpus:
    """Reads the page."""
    facts = facts_of_all(visit.runtime)
    sources = [source_of(known, visit.now.date()) for known in facts]
    pairs = zip(sources, facts, strict=True)
    troubles = [trouble for source, known in pairs for trouble in troubles_of(source, known, visit.now)]
    named = {known.name for known in facts}
    files = contract_files(visit.runtime.settings)
    troubles += [trouble_of_file(file) for file in files if file.contract is None and file.name not in named]
    troubles.sort(key=lambda trouble: ("bad", "warning", "notice").index(trouble.tone))
    return Corpus(
        documents=sum(source.documents for source in sources),
        chunks=sum(source.chunks for source in sources),
        held=sum(source.states.get("quarantined", 0) for source in sources),
        troubles=troubles[:_MOST_TROUBLES],
        more_troubles=max(0, len(troubles) - _MOST_TROUBLES),
        sources=sources,
    )


PAGE = Page(path="/corpus", title="Corpus", template="corpus.html", model=Corpus, load=load, menu="Corpus", key="c")
