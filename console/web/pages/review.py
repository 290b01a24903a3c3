"""What was admitted with warnings and nobody has looked at yet; a person notes that they were seen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from pydantic import ConfigDict, Field

from console.web.page import PER_PAGE, Action, Done, Form, Line, Page, PageQuery, Paging, View, Visit
from console.web.pages.quarantine import Reason, reasons_of
from console.web.views.gathering import contract_of, require_source
from contracts.model import Contract
from corpus.catalog import warned
from corpus.errors import ConfigurationError
from ingestion import dossier, triage


class Asked(PageQuery):
    """The query of the page."""

    rule: str = Field(default="", max_length=100, description="Only documents that break this rule.")


class Item(View):
    """One document that was admitted with warnings."""

    doc_id: str
    sha256: str = Field(description="Digest of the bytes and of the metadata beside them.")
    since: datetime = Field(description="When it was let in as it is.")
    reasons: list[Reason]
    owners: list[str] = Field(description="Teams that answer for the rules.")
    quality: float | None = Field(description="Quality score in [0, 1].")
    origin: str = Field(description="IPTC digital source type, or `unknown`.")
    basis: str = Field(description="What the origin rests on.")


class Review(View):
    """One page of documents that were admitted with warnings."""

    contract: str
    rule: str
    rules: list[str] = Field(description="Rules of the contract that warn.")
    seen: int = Field(description="Admitted documents that a person released, or whose warnings one saw.")
    items: list[Item]
    paging: Paging


def load(visit: Visit, query: Asked) -> Review:
    """Reads the page."""
    name = query.contract
    with visit.runtime.catalog.reading() as tx:
        require_source(visit.runtime, tx, name)
        known = warned.seen(tx, name)
        paging = Paging.of(query.page, warned.count(tx, name, known, query.rule))
        found = warned.page(tx, name, known, rule=query.rule, limit=PER_PAGE, offset=paging.offset())
    contract = contract_of(visit.runtime, name)[0]
    teams = dossier.owners(contract)
    return Review(
        contract=name,
        rule=query.rule,
        rules=sorted({check.rule for check in contract.checks if check.on_fail.value == "warn"}) if contract else [],
        seen=len(known),
        items=[_item(item, contract, teams) for item in found],
        paging=paging,
    )


def _item(found: warned.Warned, contract: Contract | None, teams: Mapping[str, str]) -> Item:
    reasons = reasons_of(contract, found.decision.reasons)
    team = contract.owner_team if contract else ""
    return Item(
        doc_id=found.state.doc_id,
        sha256=found.state.judged_sha256,
        since=found.state.updated_at,
        reasons=reasons,
        owners=sorted({teams.get(reason.rule, team) for reason in reasons} - {""}),
        quality=found.decision.quality_score,
        origin=found.decision.digital_source_type,
        basis=found.decision.origin_basis,
    )


class Seen(Form):
    """Whose warnings were seen: `seen1`, `seen2` and so on, each a digest, a colon and a document's id."""

    model_config = ConfigDict(frozen=True, extra="allow")

    contract: Line
    rule: str = Field(default="", max_length=100)

    def documents(self) -> dict[str, str]:
        """Returns document to the digest of what was looked at."""
        extra = self.model_extra or {}
        named = [str(value) for name, value in extra.items() if re.fullmatch(r"seen\d{1,3}", name)]
        return {doc_id: digest for digest, _, doc_id in (value.partition(":") for value in named)}


def _seen(visit: Visit, form: Seen) -> Done:
    found = form.documents()
    if not found:
        raise ConfigurationError("No document is ticked. Nothing was noted.")
    triage.acknowledge(
        visit.runtime, form.contract, list(found), reason=form.reason, actor=visit.person.name, seen=found
    )
    number = f"{len(found)} document{'' if len(found) == 1 else 's'}"
    words = f"The warnings of {number} are noted as seen. They come back here when their bytes change."
    return Done(words=words, path="/review", query={"contract": form.contract, "rule": form.rule})


PAGE = Page(
    path="/review",
    title="Admitted with warnings",
    template="review.html",
    model=Review,
    load=load,
    query=Asked,
    under="/quarantine",
)
ACTIONS = (Action(path="/review", form=Seen, do=_seen, back="/review", back_query=("contract", "rule")),)
