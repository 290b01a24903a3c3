"""The query box: hits of a version with where they come from, or of two versions or models side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import Field

from console.web.page import Asked as NoQuery
from console.web.page import Page, View, Visit
from console.web.views.gathering import require_source, sources_of
from corpus.errors import StemmaError
from index.reader import Hit
from ingestion import sidebyside
from ingestion.sidebyside import CANDIDATE, Choices, Found, Question, Side

_MOST_TEXT = 1_500
_PREFIX = 5
"""Letters by which a word of the question is told in a text: `refunds` marks `refund`, `refunded`."""
_WORD = re.compile(r"\w+")


class Asked(NoQuery):
    """The query of the page."""

    contract: str = Field(
        default="", max_length=63, description="Name of the index; empty for the first with a version."
    )
    q: str = Field(default="", max_length=2_000, description="The question; empty shows the form only.")
    k: int = Field(default=5, ge=1, le=50, description="Hits of each side.")
    version: str = Field(
        default="",
        max_length=80,
        description="An alias, a number, or `candidate:` and the id of a candidate; empty for what is live, or newest.",
    )
    other: str = Field(default="", max_length=80, description="The same, for the other side; empty for one side.")
    origin: Literal[
        "",
        "digitalCreation",
        "compositeWithTrainedAlgorithmicMedia",
        "trainedAlgorithmicMedia",
        "unknown",
    ] = Field(default="", description="Only chunks of this origin.")
    basis: Literal["", "declared", "matched", "suspected", "none"] = Field(
        default="", description="Only chunks whose origin rests on this."
    )
    quality: str = Field(default="", max_length=20, description="Only chunks of documents that score so much or more.")
    where: str = Field(
        default="",
        max_length=500,
        description="More filters as `stemma index query --where` takes them, with ; between.",
    )
    words: float = Field(default=0.0, ge=0, le=100, description="Weight of a search by words beside; 0 for none.")


class Piece(View):
    """A stretch of a text."""

    text: str
    marked: bool = Field(description="Whether it is a word of the question.")


class HitTold(View):
    """One hit."""

    rank: int
    score: float = Field(
        description="What the order rests on: the cosine, or the fused score of a search by words too."
    )
    cosine: float | None
    bm25: float | None
    chunk_id: str
    doc_id: str
    title: str
    headings: list[str]
    start: int = Field(description="`text of the document[start:end]` is the chunk.")
    end: int
    pieces: list[Piece] = Field(description="Its text, at most 1500 characters.")
    cut: int = Field(description="Characters left out.")
    origin: str = Field(description="IPTC digital source type, or `unknown`.")
    basis: str = Field(description="`declared`, `matched`, `suspected` or `none`.")
    depth: int = Field(description="Generation depth: 0 for a primary source.")
    quality: float | None
    owner: str | None
    validated: str | None
    fate: Literal["", "same", "moved", "behind", "rewritten", "absent"] = Field(
        description="What became of it on the other side; empty where there is none."
    )
    other_rank: int | None


class SideTold(View):
    """One version that was asked."""

    asked_as: str = Field(description="What it was asked by, such as `live`.")
    label: str
    number: int | None = Field(description="Null for a candidate.")
    model: str
    space: str = Field(description="Fingerprint of its vectors.")
    documents: int
    chunks: int
    manifest_sha256: str
    seconds: float
    opened: bool = Field(description="Whether it was opened, verified and its model loaded for this question.")
    hits: list[HitTold]


class Choice(View):
    """Something that may be asked."""

    value: str
    words: str


class QueryPage(View):
    """A question and its hits."""

    contract: str = Field(description="Empty where no contract is known.")
    contracts: list[str] = Field(description="Those that who asks may see.")
    choices: list[Choice]
    q: str
    k: int
    version: str
    other: str
    origin: str
    basis: str
    quality: str
    where: str
    words: float
    newest: datetime | None = Field(description="When the newest version was built; null where there is none.")
    problem: str = Field(description="Why it was not asked; empty where it was, or no question was given.")
    sides: list[SideTold] = Field(description="One or two; none where nothing was asked.")
    same_space: bool = Field(
        description="Whether both sides hold vectors of one model, so that scores may be compared."
    )
    both: int = Field(description="Chunks among the hits of both sides.")


def load(visit: Visit, query: Asked) -> QueryPage:
    """Reads the page, and asks."""
    runtime = visit.runtime
    with runtime.catalog.reading() as tx:
        names = sources_of(runtime, tx)
        if query.contract:
            require_source(runtime, tx, query.contract)
    name = query.contract or next(iter(names), "")
    known = sidebyside.choices_of(runtime, name) if name else Choices(name="", versions=(), aliases={}, candidates=())
    version = query.version or _first(known)
    which = [version, *([query.other] if query.other else [])]
    sides, problem = _sides(visit, query, known, which)
    shown = [{found.hit.chunk_id for found in side.hits} for side in sides]
    return QueryPage(
        contract=name,
        contracts=list(visit.visible(names)),
        choices=_choices(known),
        q=query.q,
        k=query.k,
        version=version,
        other=query.other,
        origin=query.origin,
        basis=query.basis,
        quality=query.quality,
        where=query.where,
        words=query.words,
        newest=known.versions[0].created_at if known.versions else None,
        problem=problem,
        sides=[_side(side, text, query.q) for side, text in zip(sides, which, strict=False)],
        same_space=len({side.version.space for side in sides}) < 2,
        both=len(shown[0] & shown[1]) if len(shown) == 2 else 0,
    )


def _sides(visit: Visit, query: Asked, known: Choices, which: Sequence[str]) -> tuple[tuple[Side, ...], str]:
    """Returns what was found and "", or nothing and why: a person keeps what was typed where it cannot be asked."""
    if not query.q.strip() or not (known.versions or known.candidates):
        return (), ""
    question = Question(text=query.q, k=query.k, where=_where(query), words=query.words)
    try:
        return sidebyside.ask(visit.runtime, known, question, which), ""
    except StemmaError as error:
        return (), str(error)


def _first(known: Choices) -> str:
    """Returns what is asked where nobody says what: what is live, else the newest, else what a gate refused last."""
    if "live" in known.aliases or not (known.versions or known.candidates):
        return "live"
    return str(known.versions[0].number) if known.versions else f"{CANDIDATE}{known.candidates[0].id}"


def _where(query: Asked) -> tuple[str, ...]:
    chosen = (("origin=", query.origin), ("origin_basis=", query.basis), ("quality>=", query.quality.strip()))
    return (
        *(f"{sign}{value}" for sign, value in chosen if value),
        *(part.strip() for part in query.where.split(";") if part.strip()),
    )


def _choices(known: Choices) -> list[Choice]:
    models = {choice.number: choice.model for choice in known.versions}
    aliases = [
        Choice(value=alias, words=f"{alias}: v{number:06d}" + (f", {models[number]}" if models.get(number) else ""))
        for alias, number in sorted(known.aliases.items(), key=lambda item: (item[0] != "live", item[0]))
    ]
    numbers = [
        Choice(
            value=str(choice.number),
            words=f"v{choice.number:06d}, {choice.model or 'model not known'}, {choice.created_at:%Y-%m-%d}"
            + (", not released" if choice.state == "candidate" else ""),
        )
        for choice in known.versions
    ]
    refused = [
        Choice(value=f"{CANDIDATE}{item.id}", words=f"refused: {item.id}, {item.model} ({', '.join(item.failed)})")
        for item in known.candidates
    ]
    return [*aliases, *numbers, *refused]


def _side(side: Side, asked_as: str, question: str) -> SideTold:
    return SideTold(
        asked_as=asked_as,
        label=side.version.label,
        number=side.version.number,
        model=side.version.model,
        space=side.version.space,
        documents=side.version.documents,
        chunks=side.version.chunks,
        manifest_sha256=side.version.manifest_sha256,
        seconds=side.seconds,
        opened=side.opened,
        hits=[_hit(rank, found, question) for rank, found in enumerate(side.hits, start=1)],
    )


def _hit(rank: int, found: Found, question: str) -> HitTold:
    hit: Hit = found.hit
    return HitTold(
        rank=rank,
        score=round(hit.score, 6),
        cosine=None if hit.cosine is None else round(hit.cosine, 6),
        bm25=None if hit.bm25 is None else round(hit.bm25, 4),
        chunk_id=hit.chunk_id,
        doc_id=hit.doc_id,
        title=hit.title,
        headings=list(hit.headings),
        start=hit.span.start,
        end=hit.span.end,
        pieces=pieces_of(hit.text[:_MOST_TEXT], question),
        cut=max(0, len(hit.text) - _MOST_TEXT),
        origin=hit.digital_source_type,
        basis=hit.origin_basis,
        depth=hit.generation_depth,
        quality=hit.quality_score,
        owner=hit.owner,
        validated=hit.last_validated_date,
        fate=found.fate,
        other_rank=found.other_rank,
    )


def pieces_of(text: str, question: str) -> list[Piece]:
    """Cuts a text so that words of the question can be marked: those of four letters and more, by their beginning."""
    wanted = {word.casefold()[:_PREFIX] for word in _WORD.findall(question) if len(word) > 3}
    found: list[Piece] = []
    end = 0
    for match in _WORD.finditer(text):
        if match[0].casefold()[:_PREFIX] in wanted:
            if match.start() > end:
                found.append(Piece(text=text[end : match.start()], marked=False))
            found.append(Piece(text=match[0], marked=True))
            end = match.end()
    return [*found, Piece(text=text[end:], marked=False)] if end < len(text) else found


PAGE = Page(
    path="/query",
    title="Query",
    template="query.html",
    model=QueryPage,
    load=load,
    query=Asked,
    menu="Query",
    key="s",
)
