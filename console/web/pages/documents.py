"""The documents of a contract, by id: a list to leaf through and to search in."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from console.web.page import PER_PAGE, Page, PageQuery, Paging, View, Visit
from console.web.views.gathering import require_source, sources_of
from corpus.catalog import board, listing


class Asked(PageQuery):
    """The query of the list."""

    contract: str = Field(default="", max_length=63, description="Name of the contract; empty for the first.")
    state: Literal["", "active", "quarantined", "rejected", "failed", "gone"] = Field(
        default="", description="Only documents in this state; empty for all."
    )
    q: str = Field(default="", max_length=200, description="Only ids that hold this text.")


class Row(View):
    """One document."""

    doc_id: str
    state: str
    size: int = Field(description="Bytes.")
    since: datetime = Field(description="When it was last judged so.")
    quality: float | None
    origin: str
    basis: str


class Documents(View):
    """One page of a contract's documents."""

    contract: str = Field(description="Empty where there is no contract.")
    contracts: list[str] = Field(description="Those that who asks may see.")
    states: dict[str, int] = Field(description="Documents by state.")
    state: str
    q: str
    rows: list[Row]
    paging: Paging


def load(visit: Visit, query: Asked) -> Documents:
    """Reads the page."""
    with visit.runtime.catalog.reading() as tx:
        names = sources_of(visit.runtime, tx)
        name = query.contract or next(iter(names), "")
        if name:
            require_source(visit.runtime, tx, name)
        states = board.states(tx, name).get(name, {})
        simple = not query.q
        total = sum(states.values()) if simple and not query.state else states.get(query.state, 0) if simple else None
        total = listing.count(tx, name, query.state, query.q) if total is None else total
        paging = Paging.of(query.page, total)
        found = listing.page(tx, name, state=query.state, text=query.q, limit=PER_PAGE, offset=paging.offset())
    return Documents(
        contract=name,
        contracts=list(visit.visible(names)),
        states=states,
        state=query.state,
        q=query.q,
        rows=[
            Row(
                doc_id=item.doc_id,
                state=item.state,
                size=item.size,
                since=item.updated_at,
                quality=item.quality_score,
                origin=item.digital_source_type,
                basis=item.origin_basis,
            )
            for item in found
        ],
        paging=paging,
    )


PAGE = Page(
    path="/documents",
    title="Documents",
    template="documents.html",
    model=Documents,
    load=load,
    query=Asked,
    menu="Documents",
    key="d",
)
