"""Which model each source is embedded with, which its contract declares, and which are on their way into another."""

from __future__ import annotations

from pydantic import Field

from console.web.page import Asked, Page, View, Visit
from console.web.views.gathering import contract_of, sources_of
from corpus.catalog import reembeds


class Model(View):
    """The model of one source."""

    contract: str
    served: str = Field(description="The model of the version that serves; empty where none does.")
    live: int | None = Field(description="The version that serves.")
    declared: str = Field(description="The model that the contract declares; empty where it cannot be read.")
    problem: str = Field(description="Why the contract cannot be used; empty where it can.")
    under_way: int = Field(description="Re-embeds that are under way.")

    @property
    def differs(self) -> bool:
        """Whether the contract asks for another model than the one that serves."""
        return bool(self.served and self.declared and self.served != self.declared)


class Models(View):
    """The model of every source."""

    models: list[Model]


def load(visit: Visit, _query: Asked) -> Models:
    """Reads the page."""
    with visit.runtime.catalog.reading() as tx:
        known, served = sources_of(visit.runtime, tx), reembeds.served_models(tx)
        moving = reembeds.under_way(tx)
    found = []
    for name in known:
        contract, problem = contract_of(visit.runtime, name)
        live, model = served.get(name, (None, ""))
        found.append(
            Model(
                contract=name,
                served=model,
                live=live,
                declared=contract.embedder.model if contract else "",
                problem=problem,
                under_way=moving.get(name, 0),
            )
        )
    return Models(models=found)


PAGE = Page(path="/reembeds", title="Models", template="reembeds.html", model=Models, load=load, menu="Models", key="m")
