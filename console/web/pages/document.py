"""All about one document: revisions and what changed, decisions, score, lineage, chunks, versions; erasing it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from pydantic import Field

from console.drawings.lineage import drawn
from console.web.drawings.comparing import Line as Changed
from console.web.drawings.comparing import compared
from console.web.drawings.marked import Mark, Run, marks_of, runs_of
from console.web.page import Action, Done, Form, Line, Page, Paging, View, Visit
from console.web.pages.held import Asked as OfDocument
from console.web.pages.held import Like, like_of, related_to, state_of, stored_text
from console.web.pages.quarantine import Reason, reasons_of
from console.web.views.gathering import contract_of, stages_of
from corpus import batches
from corpus.catalog import decisions, documents, listing, versions
from corpus.catalog.records import DecisionRecord, DocumentState, VersionRecord
from corpus.errors import ConfigurationError
from ingestion.history.presence import Presence, find
from ingestion.history.states import Stage
from ingestion.history.stored import chunks_of, revision_row
from ingestion.lineage.gather import lineage_of
from ingestion.runtime import Runtime

_MOST_VERSIONS = 24
_MOST_DECISIONS = 30
_MOST_CHUNKS = 200
_GENERATIONS = 5


class Asked(OfDocument):
    """The query of the page."""

    before: str = Field(default="", max_length=64, description="Revision to compare from; empty for the one before.")
    after: str = Field(default="", max_length=64, description="Revision to compare with; empty for the newest.")
    page: int = Field(default=1, ge=1, description="Which versions are looked into, from 1, newest first.")
    score: Literal["", "explained"] = Field(default="", description="`explained` measures the score again, in words.")


class Decided(View):
    """One decision of a run about the document."""

    at: datetime
    outcome: str
    by: str
    quality: float | None
    origin: str
    basis: str
    run_id: str
    reasons: list[Reason]


class Revised(View):
    """A revision that was made active."""

    revision_id: str
    at: datetime
    run_id: str
    kept: bool = Field(description="Whether its segment is still kept.")


class Difference(View):
    """What changed between two revisions."""

    before: str
    after: str
    lines: list[Changed] = Field(description="Lines that differ, with one equal line around them.")
    note: str = Field(description="Why there is no comparison; empty where there is.")


class Part(View):
    """A sub-score."""

    part: str
    about: str
    value: float


class Chunk(View):
    """A chunk with its exact place: `text[start:end]` is the chunk's text."""

    chunk_id: str
    start: int
    end: int
    tokens: int
    headings: list[str]
    origin: str
    basis: str
    exact: bool = Field(description="Whether the stored text holds exactly this chunk at this place.")
    text: str = Field(description="Its beginning.")


class Serving(View):
    """A version that holds the document."""

    number: int
    state: Stage = Field(description="As on the page of the index: `live`, `candidate`, `superseded` and so on.")
    created_at: datetime
    revision_id: str


class Lineage(View):
    """What the document was made of, ready to be drawn."""

    depth: str = Field(description="Generation depth in words.")
    loops: list[list[str]] = Field(description="Ways on which it was made of what came of itself.")
    hidden: int = Field(description="Documents and answers behind the last generation drawn.")
    unseen: int = Field(description="Documents of contracts that who asks may not see: drawn without a name.")
    graph: dict[str, Any] = Field(description="What is drawn, as `stemma lineage show --format json` prints it.")


class Document(View):
    """Everything about one document."""

    contract: str
    doc_id: str
    title: str
    state: str
    since: datetime
    uri: str
    size: int
    sha256: str
    facts: dict[str, str] = Field(description="What it says of itself, or is said of it: owner, validation, language.")
    revisions: list[Revised] = Field(description="Newest first.")
    difference: Difference | None = Field(description="Null where there are not two revisions.")
    decisions: list[Decided] = Field(description="Newest first, 30 at the most.")
    quality: float | None
    parts: list[Part] = Field(description="Sub-scores.")
    sentences: list[str] = Field(description="The score in words, where that was asked for.")
    evidence: list[Mark]
    text: list[Run]
    text_note: str
    chunks: list[Chunk] = Field(description="200 at the most.")
    served: list[Serving] = Field(description="Versions that hold it, newest first, of those that were looked into.")
    looked: Paging = Field(description="Which versions of the index were looked into, newest first, 24 at a time.")
    unreadable: list[str] = Field(description="Versions that could not be looked into, with the reason.")
    lineage: Lineage | None = Field(description="Null where it repeats no answer that is registered here.")
    like: list[Like]
    can_erase: bool


def load(visit: Visit, query: Asked) -> Document:
    """Reads the page."""
    runtime, name = visit.runtime, query.contract
    with runtime.catalog.reading() as tx:
        state = state_of(runtime, tx, name, query.id)
        history = decisions.of_document(tx, name, state.doc_id)
        revised = listing.revisions(tx, name, state.doc_id)
        paging = Paging.of(query.page, versions.count(tx, name), _MOST_VERSIONS)
        known = versions.page(tx, name, limit=_MOST_VERSIONS, offset=paging.offset(_MOST_VERSIONS))
        stage = stages_of(tx, name)
        related, others = related_to(tx, name, state.doc_id)
    newest = history[0] if history else None
    text, note, dropped = stored_text(runtime, name, state, newest)
    row = revision_row(runtime.store, state.segment_id, state.doc_id, state.revision_id) or {}
    presence = find(runtime, known, state.doc_id)
    evidence = marks_of(newest.findings if newest else ())
    contract = contract_of(runtime, name)[0]
    return Document(
        contract=name,
        doc_id=state.doc_id,
        title=str(row.get("title") or ""),
        state=state.state,
        since=state.updated_at,
        uri=state.uri,
        size=state.size,
        sha256=state.judged_sha256,
        facts=_facts(row),
        revisions=[_revised(item) for item in revised],
        difference=_difference(runtime, state, revised, query),
        decisions=[_decided(item, reasons_of(contract, item.reasons)) for item in history[:_MOST_DECISIONS]],
        quality=newest.quality_score if newest else None,
        parts=_parts(row),
        sentences=_sentences(runtime, name, state) if query.score else [],
        evidence=evidence,
        text=runs_of(text, evidence, dropped=dropped),
        text_note=note,
        chunks=_chunks(runtime, state, text),
        served=_served(presence, stage),
        looked=paging,
        unreadable=[f"v{item.number:06d}: {item.why}" for item in presence.unreadable if item.state != "retired"],
        lineage=_lineage(visit, name, state),
        like=[like_of(record, state.doc_id, others) for record in related],
        can_erase=contract is not None,
    )


def _facts(row: Mapping[str, Any]) -> dict[str, str]:
    names = (
        "owner", "source_system", "last_validated_date", "sensitivity_label", "version", "language", "media_type",
        "parser", "document_type", "updated_at", "generation_depth",
    )  # fmt: skip
    told = {name.replace("_", " "): row.get(name) for name in names}
    return {name: f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)
            for name, value in told.items() if value not in (None, "")}  # fmt: skip


def _revised(found: listing.Revision) -> Revised:
    return Revised(
        revision_id=found.revision_id, at=found.activated_at, run_id=found.run_id, kept=bool(found.segment_id)
    )


def _difference(
    runtime: Runtime, state: DocumentState, revised: Sequence[listing.Revision], query: Asked
) -> Difference | None:
    each = {found.revision_id: found for found in reversed(revised)}
    if len(each) < 2 and not query.before:
        return None
    order = [found.revision_id for found in sorted(each.values(), key=lambda found: found.activated_at, reverse=True)]
    after = query.after or order[0]
    before = (
        query.before or next((name for name in order[order.index(after) + 1 :] if name != after), "")
        if (after in order)
        else query.before
    )
    rows = [
        revision_row(runtime.store, each[name].segment_id, state.doc_id, name) if name in each else None
        for name in (before, after)
    ]
    if rows[0] is None or rows[1] is None:
        note = "The text of one of them is not kept any more."
        return Difference(before=before, after=after, lines=[], note=note)
    lines = compared(str(rows[0]["text"] or ""), str(rows[1]["text"] or ""))
    note = "" if lines is not None else "They are too long to be compared here."
    return Difference(before=before, after=after, lines=lines or [], note=note)


def _decided(found: DecisionRecord, reasons: list[Reason]) -> Decided:
    return Decided(
        at=found.decided_at,
        outcome=found.outcome,
        by=found.actor,
        quality=found.quality_score,
        origin=found.digital_source_type,
        basis=found.origin_basis,
        run_id=found.run_id,
        reasons=reasons,
    )


def _parts(row: Mapping[str, Any]) -> list[Part]:
    from ingestion.scorers.limits import PARTS  # noqa: PLC0415 - with the parsers

    stored: Mapping[str, float] = batches.loads(row["quality_parts"]) or {} if row.get("quality_parts") else {}
    known = [name for name in PARTS if name in stored] + sorted(set(stored) - set(PARTS))
    return [Part(part=name, about=PARTS.get(name, ""), value=stored[name]) for name in known]


def _sentences(runtime: Runtime, contract: str, state: DocumentState) -> list[str]:
    from ingestion.quality import explain_stored  # noqa: PLC0415 - brings the parsers

    try:
        return [line.strip() for line in explain_stored(runtime, contract, state.doc_id)["sentences"]]
    except ConfigurationError as error:
        return [str(error)]


def _chunks(runtime: Runtime, state: DocumentState, text: str) -> list[Chunk]:
    if state.state != "active":
        return []
    found = chunks_of(runtime.store, state.segment_id, state.doc_id, state.revision_id)
    return [
        Chunk(
            chunk_id=row["chunk_id"],
            start=row["start"],
            end=row["end"],
            tokens=row["token_count"],
            headings=[str(heading) for heading in batches.loads(row["headings"]) or []],
            origin=row["digital_source_type"],
            basis=row["origin_basis"],
            exact=text[row["start"] : row["end"]] == row["text"],
            text=" ".join(str(row["text"]).split())[:160],
        )
        for row in found[:_MOST_CHUNKS]
    ]


def _served(presence: Presence, stage: Callable[[int, str], Stage]) -> list[Serving]:
    def told(record: VersionRecord, revision_id: str) -> Serving:
        return Serving(
            number=record.number,
            state=stage(record.number, record.state),
            created_at=record.created_at,
            revision_id=revision_id,
        )

    return [told(held.record, str(held.document["revision_id"])) for held in reversed(presence.held)]


def _lineage(visit: Visit, contract: str, state: DocumentState) -> Lineage | None:
    gathered = lineage_of(visit.runtime, contract, state.doc_id, state.revision_id)
    found = drawn(gathered, _GENERATIONS, lru_cache(maxsize=None)(visit.sees))
    if not found["edges"]:
        return None
    graph = {"contract": contract, "document": state.doc_id, **found}
    return Lineage(
        depth=found["depth"]["words"], loops=found["loops"], hidden=found["hidden"], unseen=found["unseen"], graph=graph
    )


class Erase(Form):
    """An order to erase one document for good."""

    contract: Line
    id: Line
    confirm: Line


def _erase(visit: Visit, form: Erase) -> Done:
    from ingestion.openreaders import READERS  # noqa: PLC0415 - brings the engines
    from ingestion.stages import erase  # noqa: PLC0415

    if form.confirm != form.id:
        raise ConfigurationError("The id that was typed is not that of the document. Nothing was erased.")
    with visit.runtime.catalog.reading() as tx:
        known = documents.find(tx, form.contract, form.id)
    if known is None:
        raise ConfigurationError("There is no such document. Nothing was erased.")
    done = erase.erase(visit.runtime, form.contract, form.id, reason=form.reason, actor=visit.person.name)
    READERS.close_others(visit.runtime.store.url, form.contract, ())
    words = f"The document is erased, from every version and from all that was kept of it. Signed receipt: {done.path}."
    return Done(words=words, path="/source", query={"contract": form.contract})


PAGE = Page(
    path="/document",
    title="Document",
    template="document.html",
    model=Document,
    load=load,
    query=Asked,
    under="/documents",
)
ACTIONS = (Action(path="/document/erase", form=Erase, do=_erase, back="/document", back_query=("contract", "id")),)
