"""`stemma quarantine`: what is held back and why, what was admitted with warnings, and what people decide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from console.cli import render, render_triage
from console.cli.command import Json, Result, command, group
from console.cli.ingest import NameArgument
from console.cli.session import Session, require_known
from console.cli.splitting import split
from corpus.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session as Transaction

    from contracts.model import Contract
    from corpus.catalog.records import DecisionRecord, DocumentState, OverrideRecord, VoteRecord
    from ingestion.runtime import Runtime
    from ingestion.triage import Settlement

OutcomeOption = Annotated[
    Literal["quarantine", "reject", "fail"],
    typer.Option("--outcome", help="quarantine waits for a person; reject cannot be used; fail is tried again."),
]
DocumentArgument = Annotated[str, typer.Argument(metavar="DOCUMENT", help="Document id, as `list` shows it.")]
DocumentsArgument = Annotated[list[str], typer.Argument(metavar="DOCUMENT", help="Document ids, as `list` shows them.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it goes into the audit log.")]
ByOption = Annotated[str | None, typer.Option("--by", metavar="WHO", help="Who decides; default: the actor setting.")]
SeenOption = Annotated[
    str, typer.Option("--sha256", metavar="DIGEST", help="Digest that `show` printed: refuse if the bytes changed.")
]
RuleOption = Annotated[str | None, typer.Option("--rule", metavar="RULE", help="Only documents that break this rule.")]
OwnerOption = Annotated[
    str | None, typer.Option("--owner", metavar="TEAM", help="Only documents held by rules of this team.")
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="How many documents at most; all are counted.")]
AcceptOption = Annotated[
    list[str] | None, typer.Option("--accept", metavar="DOCUMENT", help="Note that its warnings were seen.")
]
WhyOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, with --accept; it is in the audit log.")]
_MOST = 50
_ABOVE = "statistics.above_threshold"
"""Code of the one finding that orders a list (`provenance.statistics.detector.ABOVE`; a test compares)."""


def register(app: typer.Typer) -> None:
    """Adds the group to the app."""
    nouns = group(app, "quarantine", "See what is held back or warned about, and decide.")
    examples = (
        "quarantine list handbook",
        "quarantine list handbook --rule hidden_text --owner security",
        "quarantine list handbook --outcome reject",
    )
    command(nouns, "list", examples=examples)(list_held)
    command(nouns, "show", examples=("quarantine show handbook policies/refunds.md",))(show)
    example = "quarantine release handbook policies/refunds.md --reason 'checked against the original' --by mara"
    command(nouns, "release", examples=(example,))(release)
    example = "quarantine reject handbook inbox/offer.html --reason 'orders to the assistant in white text' --by mara"
    command(nouns, "reject", examples=(example,))(reject)
    shown = "quarantine split handbook inbox/offer.html --show"
    done = "quarantine split handbook inbox/offer.html --drop 3 --reason 'one paragraph gives orders' --by mara"
    command(nouns, "split", examples=(shown, done))(split)
    examples = (
        "quarantine review handbook",
        "quarantine review handbook --rule instruction_text",
        "quarantine review handbook --accept security/attacks.md --reason 'quotes attacks' --by mara",
    )
    command(nouns, "review", examples=examples)(review)


def list_held(
    session: Session,
    name: NameArgument,
    outcome: OutcomeOption = "quarantine",
    rule: RuleOption = None,
    owner: OwnerOption = None,
    limit: LimitOption = _MOST,
) -> Result:
    """List the documents that are held back, with the rule that holds each and its owner."""
    runtime = session.runtime()
    held, teams = _items(runtime, name, (outcome,))
    found = _filtered(held, teams, rule, owner)
    data = {"contract": name, "outcome": outcome, **_counted(held, found, limit)}
    if found:
        data["next"] = f"stemma quarantine show {name} {found[0]['doc_id']}"
    elif outcome == "quarantine" and not held:
        data["next"] = f"stemma quarantine review {name}"
    return Result(data=data, view=render_triage.held)


def show(session: Session, name: NameArgument, document: DocumentArgument) -> Result:
    """Show all that is known about one document: rules and owners, evidence in its place, decisions, votes.

    Offsets count characters of the extracted text. What can be done next stands at the end.
    """
    from corpus.catalog import decisions, votes  # noqa: PLC0415 - help must not load SQLAlchemy
    from ingestion import dossier  # noqa: PLC0415

    runtime = session.runtime()
    with runtime.catalog.reading() as tx:
        require_contract(runtime, tx, name)
        state = _state(tx, name, document)
        override = decisions.overrides(tx, name).get((state.doc_id, state.judged_sha256))
        history = decisions.of_document(tx, name, document)
        cast = votes.of_content(tx, name, document, state.judged_sha256)
        trail = [render.record(entry) for entry in decisions.trail(tx, name, document)]
    contract = dossier.contract_or_none(runtime, name)
    newest = history[0] if history else None
    data: Json = {
        "contract": name,
        "document": render.record(state),
        "sha256": state.judged_sha256,
        "override": render.record(override) if override else None,
        "persons": contract.triage.persons if contract else 1,
        "rules": [asdict(told) for told in dossier.rules_told(contract, newest.reasons if newest else ())],
        "evidence": [render.record(found) for found in dossier.evidence(runtime, newest, name)] if newest else [],
        "decisions": [render.record(found) for found in history],
        "votes": [render.record(vote) for vote in cast],
        "trail": trail,
        "steps": _steps(name, state, override, newest),
    }
    if state.state == "quarantined" and override is None:
        data["next"] = f"stemma quarantine release {name} {document} --reason '...'"
    elif override is not None and _waits(state, override):
        data["next"] = f"stemma ingest {name}"
    return Result(data=data, view=render_triage.document)


def release(
    session: Session,
    name: NameArgument,
    documents: DocumentsArgument,
    reason: ReasonOption,
    by: ByOption = None,
    sha256: SeenOption = "",
) -> Result:
    """Let quarantined documents through, as they are now.

    The next ingest takes them in; a document that changes is judged afresh. All or none are released.
    Where the contract asks for more than one person, this is a vote until enough of them agree.
    """
    from ingestion import triage  # noqa: PLC0415 - help must not load SQLAlchemy

    runtime, actor = _opened(session, name, by)
    settled = triage.release_held(runtime, name, documents, reason=reason, actor=actor, seen=sha256)
    means = "They enter the index with the next ingest; a later change is judged afresh."
    return _decided(name, settled, reason, actor, means)


def reject(
    session: Session,
    name: NameArgument,
    documents: DocumentsArgument,
    reason: ReasonOption,
    by: ByOption = None,
    sha256: SeenOption = "",
) -> Result:
    """Keep documents out until they change; one that is in the index leaves it with the next ingest.

    All or none are rejected. Where the contract asks for more than one person, this is a vote until
    enough of them agree.
    """
    from ingestion import triage  # noqa: PLC0415 - help must not load SQLAlchemy

    runtime, actor = _opened(session, name, by)
    settled = triage.reject_held(runtime, name, documents, reason=reason, actor=actor, seen=sha256)
    means = "They stay out, or leave the index with the next ingest; a later change is judged afresh."
    return _decided(name, settled, reason, actor, means)


def review(
    session: Session,
    name: NameArgument,
    rule: RuleOption = None,
    owner: OwnerOption = None,
    limit: LimitOption = _MOST,
    accept: AcceptOption = None,
    reason: WhyOption = "",
    by: ByOption = None,
) -> Result:
    """List documents that were admitted although they break a rule with `onFail: warn`.

    With --accept, note that a person saw the warnings: the document is listed again once its bytes change.
    To take one out of the index, use `stemma quarantine reject`.
    """
    if accept:
        return _accepted(session, name, accept, reason, by)
    if reason.strip() or by is not None:
        raise ConfigurationError("--reason and --by belong to --accept DOCUMENT. Name the documents that you saw.")
    runtime = session.runtime()
    admitted, teams = _items(runtime, name, ("accept", "repair"))
    warned = [item for item in admitted if item["reasons"] and not item["released_by"]]
    waiting = [item for item in warned if not item["seen_by"]]
    found = _filtered(waiting, teams, rule, owner)
    data = {"contract": name, "seen": len(warned) - len(waiting), **_counted(waiting, found, limit)}
    if found:
        data["next"] = f"stemma quarantine show {name} {found[0]['doc_id']}"
    return Result(data=data, view=render_triage.warned)


def _accepted(session: Session, name: str, accept: Sequence[str], reason: str, by: str | None) -> Result:
    from ingestion import triage  # noqa: PLC0415 - help must not load SQLAlchemy

    runtime, actor = _opened(session, name, by)
    triage.acknowledge(runtime, name, accept, reason=reason, actor=actor)
    means = "They are no longer listed for review until their bytes change; the audit log says who saw them."
    data: Json = {"contract": name, "documents": list(accept), "reason": reason.strip(), "by": actor.strip()}
    data |= {"means": means, "next": f"stemma quarantine review {name}"}
    return Result(data=data, view=render_triage.accepted)


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


def _opened(session: Session, name: str, by: str | None) -> tuple[Runtime, str]:
    runtime = session.runtime()
    with runtime.catalog.reading() as tx:
        require_contract(runtime, tx, name)
    return runtime, runtime.settings.actor if by is None else by


def _items(runtime: Runtime, name: str, outcomes: Sequence[str]) -> tuple[list[Json], dict[str, str]]:
    """Returns the documents whose standing outcome is one of these, and rule to team."""
    from corpus.catalog import decisions, documents, votes  # noqa: PLC0415 - help must not load SQLAlchemy
    from ingestion import dossier  # noqa: PLC0415

    with runtime.catalog.reading() as tx:
        require_contract(runtime, tx, name)
        states = documents.states(tx, name)
        settled = decisions.overrides(tx, name)
        cast = votes.of_contract(tx, name)
        standing = decisions.standing(tx, name, *outcomes)
    contract = dossier.contract_or_none(runtime, name)
    teams = dossier.owners(contract)
    items = []
    for found in standing:
        state = states[found.doc_id]
        key = found.doc_id, state.judged_sha256
        told = dossier.holding_first(contract, _told(found))
        items.append(_item(found, state, settled.get(key), cast.get(key, ()), told, _teams(contract, teams, found)))
    return sorted(items, key=_priority), teams


def _priority(item: Json) -> tuple[bool, float]:
    """What a statistical model marks comes first, the rarest score first; it changes nothing but the order."""
    marked = item["statistics"]
    return marked is None, marked["p"] if marked else 0.0


def _marked(found: DecisionRecord) -> Json | None:
    """Returns what a statistical model said of a document that scored above its threshold."""
    for finding in found.findings:
        if finding["code"] == _ABOVE:
            return {key: finding["detail"][key] for key in ("model", "p", "alpha")}
    return None


def _teams(contract: Contract | None, teams: Mapping[str, str], found: DecisionRecord) -> list[str]:
    """Returns who answers for the rules that a decision names; for what no rule names, the contract's team."""
    team = contract.owner_team if contract else ""
    named = [teams.get(str(reason.get("rule") or ""), team) for reason in found.reasons]
    return sorted({owner for owner in named if owner})


def _told(found: DecisionRecord) -> list[Mapping[str, Any]]:
    """Returns the reasons that a person can do something about: neither repairs nor what somebody decided."""
    return [reason for reason in found.reasons if not str(reason["code"]).startswith(("repair.", "override"))]


def _item(
    found: DecisionRecord,
    state: DocumentState,
    override: OverrideRecord | None,
    cast: Iterable[VoteRecord],
    told: Sequence[Mapping[str, Any]],
    teams: list[str],
) -> Json:
    by = {override.outcome: override.actor} if override else {}
    return {
        "doc_id": found.doc_id,
        "path": state.path,
        "decided_at": found.decided_at.isoformat(),
        "quality_score": found.quality_score,
        "origin": found.digital_source_type,
        "reasons": [{key: reason.get(key, "") for key in ("code", "message", "rule")} for reason in told],
        "owners": teams,
        "statistics": _marked(found),
        "released_by": by.get("accept"),
        "rejected_by": by.get("reject"),
        "waits": override is not None and _waits(state, override),
        "split_by": by.get("split"),
        "votes": [{"by": vote.actor, "outcome": vote.outcome} for vote in cast if vote.outcome != "reviewed"],
        "seen_by": [vote.actor for vote in cast if vote.outcome == "reviewed"],
    }


def _filtered(items: list[Json], teams: Mapping[str, str], rule: str | None, owner: str | None) -> list[Json]:
    if rule is not None:
        known = {*teams, *(name for item in items for name in _rules(item))}
        require_known("rule", rule, known, "See them with `stemma contract explain`.")
        items = [item for item in items if rule in _rules(item)]
    if owner is not None:
        known = {*teams.values(), *(team for item in items for team in item["owners"])}
        require_known("team", owner, known - {""}, "The contract names its teams under `team` and in its rules.")
        items = [item for item in items if owner in item["owners"]]
    return items


def _rules(item: Json) -> set[str]:
    """Returns what a document can be asked for by: rules, and codes of reasons that no rule names."""
    return {reason["rule"] or reason["code"] for reason in item["reasons"]}


def _counted(every: Sequence[Json], found: Sequence[Json], limit: int) -> Json:
    reasons = Counter(reason["code"] for item in found for reason in item["reasons"])
    return {
        "total": len(every),
        "matching": len(found),
        "reasons": dict(reasons.most_common()),
        "documents": list(found[:limit]),
    }


def _decided(name: str, settled: Sequence[Settlement], reason: str, actor: str, means: str) -> Result:
    data: Json = {
        "contract": name,
        "documents": [item.doc_id for item in settled],
        "outcome": settled[0].outcome,
        "reason": reason.strip(),
        "by": actor.strip(),
        "settled": [item.doc_id for item in settled if item.settled],
        "settled_by": {item.doc_id: list(item.people) or [actor.strip()] for item in settled if item.settled},
        "waiting": [
            {
                "doc_id": item.doc_id,
                "missing": item.missing,
                "persons": item.persons,
                "votes": [{"by": vote.actor, "outcome": vote.outcome} for vote in item.votes],
            }
            for item in settled
            if not item.settled
        ],
        "means": f"This holds for exactly these bytes and the metadata beside them. {means}",
    }
    first = data["documents"][0]
    data["next"] = f"stemma ingest {name}" if data["settled"] else f"stemma quarantine show {name} {first}"
    return Result(data=data, view=render_triage.decided)


def _steps(
    name: str, state: DocumentState, override: OverrideRecord | None, newest: DecisionRecord | None
) -> list[dict[str, str]]:
    """Returns what a person can do about a document, as command and meaning."""
    ingest, document = f"stemma ingest {name}", state.doc_id
    rejecting = f"stemma quarantine reject {name} {document} --reason '...'"
    releasing = f"stemma quarantine release {name} {document} --reason '...'"
    if override is not None and _waits(state, override):
        return [{"do": ingest, "means": f"carries out what {override.actor} decided"}]
    if state.state == "quarantined":
        cutting = f"stemma quarantine split {name} {document} --show"
        return [
            {"do": releasing, "means": "lets these bytes into the index"},
            {"do": cutting, "means": "shows parts, to keep some and drop the others"},
            {"do": rejecting, "means": "keeps these bytes out for good"},
            {"do": ingest, "means": "after the source is mended: judges it afresh"},
        ]
    if state.state == "rejected" and override is not None:
        return [{"do": releasing, "means": "takes the rejection back"}]
    if state.state == "active" and newest is not None and _told(newest) and override is None:
        seen = f"stemma quarantine review {name} --accept {document} --reason '...'"
        return [
            {"do": seen, "means": "notes that the warnings were seen"},
            {"do": rejecting, "means": "takes it out of the index"},
        ]
    return []


def _waits(state: DocumentState, override: OverrideRecord) -> bool:
    """Whether a decision is still to be carried out by an ingest."""
    if override.outcome == "split":
        return not state.state_key  # a run that looked at it again leaves one, whatever came of it
    done: dict[str, Any] = {"accept": "active", "reject": "rejected"}
    return state.state != done.get(override.outcome)


def _state(tx: Transaction, name: str, document: str) -> DocumentState:
    from corpus.catalog import documents  # noqa: PLC0415 - help must not load SQLAlchemy

    state = documents.find(tx, name, document)
    if state is None:
        known = documents.states(tx, name)
        require_known(f"document of {name}", document, known, f"See them with `stemma quarantine list {name}`.")
        return known[document]
    return state
