"""`stemma quarantine`: what is held back, why, and letting it through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from console.cli import render
from console.cli.command import Json, Result, command, group
from console.cli.ingest import NameArgument
from console.cli.session import Session, require_known

if TYPE_CHECKING:
    from sqlalchemy.orm import Session as Transaction

    from corpus.catalog.records import DecisionRecord, DocumentState, OverrideRecord
    from ingestion.runtime import Runtime

OutcomeOption = Annotated[
    Literal["quarantine", "reject", "fail"],
    typer.Option("--outcome", help="quarantine waits for a person; reject cannot be used; fail is tried again."),
]
DocumentArgument = Annotated[str, typer.Argument(metavar="DOCUMENT", help="Document id, as `list` shows it.")]
DocumentsArgument = Annotated[list[str], typer.Argument(metavar="DOCUMENT", help="Document ids, as `list` shows them.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it goes into the audit log.")]
ByOption = Annotated[str | None, typer.Option("--by", metavar="WHO", help="Who decides; default: the actor setting.")]


def register(app: typer.Typer) -> None:
    """Adds the group to the app."""
    nouns = group(app, "quarantine", "See what is held back, why, and let it through.")
    examples = ("quarantine list handbook", "quarantine list handbook --outcome reject")
    command(nouns, "list", examples=examples)(list_held)
    command(nouns, "show", examples=("quarantine show handbook policies/refunds.md",))(show)
    example = "quarantine release handbook policies/refunds.md --reason 'checked against the original' --by mara"
    command(nouns, "release", examples=(example,))(release)


def list_held(session: Session, name: NameArgument, outcome: OutcomeOption = "quarantine") -> Result:
    """List the documents that are held back, with the first reason of each."""
    from corpus.catalog import decisions, documents  # noqa: PLC0415 - help must not load SQLAlchemy

    runtime = session.runtime()
    with runtime.catalog.reading() as tx:
        require_contract(runtime, tx, name)
        states = documents.states(tx, name)
        released = decisions.overrides(tx, name)
        held = [_held(found, states[found.doc_id], released) for found in decisions.standing(tx, name, outcome)]
    reasons = Counter(reason["code"] for item in held for reason in item["reasons"])
    data = {"contract": name, "outcome": outcome, "reasons": dict(reasons.most_common()), "documents": held}
    if held:
        data["next"] = f"stemma quarantine show {name} {held[0]['doc_id']}"
    return Result(data=data, view=render.held)


def show(session: Session, name: NameArgument, document: DocumentArgument) -> Result:
    """Show all that is known about one document: every decision, with reasons and evidence."""
    from corpus.catalog import decisions  # noqa: PLC0415 - help must not load SQLAlchemy

    runtime = session.runtime()
    with runtime.catalog.reading() as tx:
        require_contract(runtime, tx, name)
        state = _state(tx, name, document)
        override = decisions.overrides(tx, name).get((state.doc_id, state.raw_sha256))
        history = [render.record(found) for found in decisions.of_document(tx, name, document)]
    data: Json = {
        "contract": name,
        "document": render.record(state),
        "override": render.record(override) if override else None,
        "decisions": history,
    }
    if state.state == "quarantined" and override is None:
        data["next"] = f"stemma quarantine release {name} {document} --reason '...'"
    return Result(data=data, view=render.document)


def release(
    session: Session, name: NameArgument, documents: DocumentsArgument, reason: ReasonOption, by: ByOption = None
) -> Result:
    """Let quarantined documents through, as they are now.

    The next ingest takes them in; a document that changes is judged afresh. All or none are released.
    """
    from ingestion import triage  # noqa: PLC0415 - help must not load SQLAlchemy

    runtime = session.runtime()
    actor = runtime.settings.actor if by is None else by
    with runtime.catalog.reading() as tx:
        require_contract(runtime, tx, name)
    triage.release_held(runtime, name, documents, reason=reason, actor=actor)
    data = {
        "contract": name,
        "documents": documents,
        "reason": reason.strip(),
        "by": actor.strip(),
        "means": "This holds for exactly these bytes. They enter the index with the next ingest; a later change is "
        "judged afresh.",
        "next": f"stemma ingest {name}",
    }
    return Result(data=data, view=render.released)


def require_contract(runtime: Runtime, tx: Transaction, name: str) -> None:
    """Refuses a name that is no contract of the project and was never one.

    Raises:
        ConfigurationError: The message holds the nearest names.
    """
    from corpus.catalog import contracts  # noqa: PLC0415 - help must not load SQLAlchemy
    from ingestion.discovery import discover  # noqa: PLC0415

    known = {*contracts.names(tx), *(stub.name for stub in discover(runtime.settings.contracts))}
    hint = "Run `stemma ingest` first." if known else "Make one with `stemma contract new NAME --path '...'`."
    require_known("contract", name, known, hint)


def _held(found: DecisionRecord, state: DocumentState, released: Mapping[tuple[str, str], OverrideRecord]) -> Json:
    override = released.get((found.doc_id, state.raw_sha256))
    reasons: list[Mapping[str, Any]] = list(found.reasons)
    return {
        "doc_id": found.doc_id,
        "path": state.path,
        "decided_at": found.decided_at.isoformat(),
        "quality_score": found.quality_score,
        "origin": found.digital_source_type,
        "reasons": [{"code": reason["code"], "message": reason["message"]} for reason in reasons],
        "released_by": override.actor if override else None,
    }


def _state(tx: Transaction, name: str, document: str) -> DocumentState:
    from corpus.catalog import documents  # noqa: PLC0415 - help must not load SQLAlchemy

    state = documents.find(tx, name, document)
    if state is None:
        known = documents.states(tx, name)
        require_known(f"document of {name}", document, known, f"See them with `stemma quarantine list {name}`.")
        return known[document]
    return state
