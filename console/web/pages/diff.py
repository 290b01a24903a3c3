"""What changed between two versions and why: counts by cause, clauses, parameters, and every document that differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ConfigDict, Field

from console.web.page import PER_PAGE, OfContract, Page, Paging, View, Visit
from console.web.views.differences import difference_of, difference_of_refused
from console.web.views.gathering import require_source
from corpus.catalog import timeline, versions
from corpus.errors import ConfigurationError
from index.causes import ABOUT, CAUSES
from index.diff import DocumentChange
from ingestion.history.changes import Difference

_MOST_NUMBERS = 300
_MOST_TEXT = 120


class Asked(OfContract):
    """The query of a difference."""

    model_config = ConfigDict(populate_by_name=True)

    before: str = Field(
        default="",
        alias="from",
        max_length=63,
        description="A number or an alias; empty for the version that the other follows.",
    )
    after: str = Field(
        default="", alias="to", max_length=63, description="A number or an alias; empty for what serves."
    )
    candidate: str = Field(
        default="", max_length=64, description="Id of a version that a gate refused, instead of `to`."
    )
    cause: str = Field(default="", max_length=20, description="Only documents with this primary cause.")
    change: str = Field(
        default="", max_length=20, description="Only documents that were `added`, `removed` or `changed`."
    )
    page: int = Field(default=1, ge=1, description="Which page of the documents, from 1.")


class CauseTold(View):
    """Documents under one primary cause."""

    cause: str
    about: str = Field(description="What it means.")
    added: int
    removed: int
    changed: int
    chunks_added: int
    chunks_dropped: int


class Clause(View):
    """A clause of the contract, or a parameter, that is not as it was."""

    of: str
    name: str
    before: str
    after: str


class DocumentTold(View):
    """One document that differs."""

    doc_id: str
    change: str = Field(description="`added`, `removed` or `changed`.")
    kinds: list[str] = Field(description="For a changed one: what differs.")
    cause: str
    also: list[str] = Field(description="Further causes.")
    why: str
    chunks_added: int
    chunks_kept: int
    chunks_dropped: int


class VersionTold(View):
    """One of the two versions."""

    number: int | None = Field(description="Null for one that a gate refused.")
    candidate: str = Field(description="Its id, where a gate refused it; empty for a version.")
    live: bool = Field(description="Whether readers get it.")


class Diff(View):
    """What changed between two versions."""

    contract: str
    before: VersionTold
    after: VersionTold
    numbers: list[int] = Field(description="Versions that can be compared, newest first, 300 at the most.")
    changed: list[str] = Field(description="What differs as a whole, such as `corpus`, `contract` or `embedder`.")
    added: int
    removed: int
    altered: int = Field(description="Documents that both hold and that differ.")
    same: int
    chunks_added: int
    chunks_kept: int
    chunks_dropped: int
    causes: list[CauseTold] = Field(description="Documents by primary cause, the one that acts earliest first.")
    clauses: list[Clause] = Field(description="Clauses of the contract that changed.")
    clauses_unknown: str = Field(description="Why they are not known; empty where they are.")
    parts: list[Clause] = Field(description="Parameters that changed.")
    cause: str
    change: str
    documents: list[DocumentTold] = Field(description="One page of the documents that differ, by id.")
    paging: Paging


def load(visit: Visit, query: Asked) -> Diff:
    """Reads the page."""
    runtime, name = visit.runtime, query.contract
    _require_choice("cause", query.cause, CAUSES)
    _require_choice("change", query.change, ("added", "removed", "changed"))
    with runtime.catalog.reading() as tx:
        require_source(runtime, tx, name)
        states = timeline.states(tx, name)
        pointed = versions.alias(tx, name, "live")
    if query.candidate:
        found = difference_of_refused(runtime, name, query.before or None, query.candidate)
    else:
        found = difference_of(runtime, name, query.before or None, query.after or None)
    chosen = [
        item
        for item in found.versions.documents
        if query.cause in ("", item.cause) and query.change in ("", item.change)
    ]
    paging = Paging.of(query.page, len(chosen))
    live = pointed.number if pointed else None
    numbers = [number for number, state in states.items() if state != "retired"][:_MOST_NUMBERS]
    return Diff(
        contract=name,
        before=_version(found.versions.before, "", live),
        after=_version(None if query.candidate else found.versions.after, query.candidate, live),
        numbers=numbers,
        cause=query.cause,
        change=query.change,
        documents=[_document(item) for item in chosen[paging.offset() : paging.offset() + PER_PAGE]],
        paging=paging,
        **_counts(found),
    )


def _require_choice(what: str, value: str, known: Sequence[str]) -> None:
    if value and value not in known:
        raise ConfigurationError(f"no {what} {value!r}. There are: {', '.join(known)}.")


def _version(number: int | None, candidate: str, live: int | None) -> VersionTold:
    return VersionTold(number=number, candidate=candidate, live=number is not None and number == live)


def _counts(found: Difference) -> dict[str, Any]:
    versions = found.versions
    causes = [
        CauseTold(
            cause=item.cause,
            about=ABOUT[item.cause],
            added=item.added,
            removed=item.removed,
            changed=item.changed,
            chunks_added=item.chunks_added,
            chunks_dropped=item.chunks_dropped,
        )
        for item in versions.causes
    ]
    return {
        "changed": list(versions.changed),
        "added": len(versions.added),
        "removed": len(versions.removed),
        "altered": len(versions.documents) - len(versions.added) - len(versions.removed),
        "same": versions.same,
        "chunks_added": versions.chunks.add,
        "chunks_kept": versions.chunks.keep,
        "chunks_dropped": versions.chunks.drop,
        "causes": causes,
        "clauses": [
            Clause(of="contract", name=item.path, before=_short(item.before), after=_short(item.after))
            for item in found.clauses
        ],
        "clauses_unknown": found.clauses_unknown,
        "parts": [
            Clause(of=item.role, name=item.part, before=_short(item.before), after=_short(item.after))
            for item in versions.parts
        ],
    }


def _short(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"{text[:_MOST_TEXT]}\u2026" if len(text) > _MOST_TEXT else text


def _document(item: DocumentChange) -> DocumentTold:
    return DocumentTold(
        doc_id=item.doc_id,
        change=item.change,
        kinds=list(item.kinds),
        cause=item.cause,
        also=list(item.also),
        why=item.why,
        chunks_added=item.chunks.add,
        chunks_kept=item.chunks.keep,
        chunks_dropped=item.chunks.drop,
    )


PAGE = Page(
    path="/diff",
    title="Difference",
    template="diff.html",
    model=Diff,
    load=load,
    query=Asked,
    under="/index",
)
