"""`stemma family`: how one document stands to the others: copies, versions, contradictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from console.cli import render
from console.cli.command import Json, Result, command
from console.cli.ingest import NameArgument
from console.cli.quarantine import require_contract
from console.cli.session import Session, require_known

if TYPE_CHECKING:
    from rich.console import RenderableType
    from sqlalchemy.orm import Session as Transaction

    from corpus.catalog.records import DocumentState, RelationRecord

MOST_SHOWN = 200
"""Documents of one family that are looked up: the nearest ones, step by step."""

DocumentArgument = Annotated[str, typer.Argument(metavar="DOCUMENT", help="Document id, as `query` shows it.")]

MEANINGS = {
    "duplicate.exact": "the same text as",
    "duplicate.near": "nearly the same text as",
    "family.version_of": "perhaps a version of",
    "family.superseded": "superseded by",
    "family.not_yet_effective": "not yet effective beside",
    "family.expired": "expired beside",
    "family.cycle": "in a circle of claims with",
    "family.conflict": "contradicts",
}
"""Kind of a relation to what it says between the two documents."""


def register(app: typer.Typer) -> None:
    """Adds the command to the app."""
    command(app, "family", examples=("family handbook policies/travel-v2.md",))(family)


def family(session: Session, name: NameArgument, document: DocumentArgument) -> Result:
    """Show the copies, versions and contradictions of one document, and which of them is served."""
    from corpus.catalog import documents, relations  # noqa: PLC0415 - help must not load SQLAlchemy

    runtime = session.runtime()
    with runtime.catalog.reading() as tx:
        require_contract(runtime, tx, name)
        if documents.find(tx, name, document) is None:
            known = documents.states(tx, name)
            require_known(f"document of {name}", document, known, f"See them with `stemma quarantine list {name}`.")
        found = _around(tx, name, document)
        members = {document, *(end for item in found for end in (item.doc_id, item.other_id))}
        states = relations.states(tx, name, members)
        declared = {note.doc_id: dict(note.detail) for note in relations.notes(tx, name, members, "declares")}
        why = {doc_id: _why(tx, name, state) for doc_id, state in states.items()}
    data: Json = {
        "contract": name,
        "document": document,
        "members": [
            _member(doc_id, states.get(doc_id), declared.get(doc_id), why.get(doc_id, ())) for doc_id in sorted(members)
        ],
        "relations": [
            {"doc_id": item.doc_id, "kind": item.kind, "other_id": item.other_id, "detail": dict(item.detail)}
            for item in found
        ],
    }
    if any(item.kind == "family.conflict" for item in found):
        data["next"] = f"stemma quarantine show {name} {document}"
    return Result(data=data, view=view)


def _around(tx: Transaction, name: str, document: str) -> Sequence[RelationRecord]:
    """Walks from one document to the others, as far as relations lead."""
    from corpus.catalog import relations  # noqa: PLC0415 - help must not load SQLAlchemy

    seen: set[str] = set()
    found: dict[tuple[str, str, str], RelationRecord] = {}
    fresh = {document}
    while fresh and len(seen) < MOST_SHOWN:
        seen |= fresh
        for item in relations.around(tx, name, sorted(fresh)):
            found[item.doc_id, item.other_id, item.kind] = item
        fresh = {end for item in found.values() for end in (item.doc_id, item.other_id)} - seen
    return [found[key] for key in sorted(found)]


def _why(tx: Transaction, name: str, state: DocumentState) -> list[str]:
    """Returns why a document is not served, as it was last decided; nothing for one that is."""
    from corpus.catalog import decisions  # noqa: PLC0415 - help must not load SQLAlchemy

    told = decisions.of_document(tx, name, state.doc_id)
    if state.state in ("active", "gone") or not told:
        return []
    return [str(reason["message"]) for reason in told[0].reasons]


def _member(doc_id: str, state: DocumentState | None, declared: Json | None, why: Sequence[str]) -> Json:
    """Returns one document of a family; one that is only spoken of has no state."""
    said = {key: value for key, value in (declared or {}).items() if value and key != "sound"}
    return {
        "doc_id": doc_id,
        "state": state.state if state else "unknown",
        "due_at": state.due_at.isoformat() if state and state.due_at else None,
        "declares": said,
        "why": why,
    }


def view(data: Json) -> RenderableType:
    """Returns a family for a person."""
    served = sum(item["state"] == "active" for item in data["members"])
    if len(data["members"]) == 1:
        [alone] = data["members"]
        lines = [Text(f"{render.plain(data['document'])} stands alone: no copy, version or contradiction.")]
        if alone["state"] != "active":
            why = "; ".join(alone["why"]) or "no reason is recorded"
            lines.append(Text(f"It is not served, its state is {alone['state']}: {render.plain(why)}"))
        return render.page(*lines)
    head = f"Family of {render.plain(data['document'])}: {len(data['members'])} documents, {served} served."
    members = render.table(
        ("document", "state", "why", "looked at again"),
        [
            (item["doc_id"], render.word(item["state"]), "; ".join(item["why"]), render.when(item["due_at"]))
            for item in data["members"]
        ],
    )
    ties = render.table(
        ("document", "is", "of", "figures"),
        [
            (item["doc_id"], MEANINGS.get(item["kind"], item["kind"]), item["other_id"], _figures(item["detail"]))
            for item in data["relations"]
        ],
    )
    return render.page(Text(head), members, ties, render.next_step(data))


def _figures(detail: Json) -> str:
    if "ours" in detail:
        return f"{detail['ours']!r} against {detail['theirs']!r}"
    return f"{float(detail['similarity']):.2f} alike" if "similarity" in detail else ""
