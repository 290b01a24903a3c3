"""One document to decide about: the rules in words, the evidence in its place, what it is like, who said what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from console.web.drawings.marked import Mark, Run, marks_of, runs_of
from console.web.http.failures import Missing
from console.web.page import Action, Done, Form, Line, OfContract, Page, View, Visit
from console.web.pages.quarantine import Reason, reasons_of, waits_of, wanted_of
from console.web.views.gathering import contract_of, require_source
from contracts.explain import checks_words
from contracts.model import Contract
from contracts.wording import expected_of
from corpus import batches
from corpus.catalog import decisions, documents, queue, relations, votes
from corpus.catalog.records import (
    AuditRecord,
    DecisionRecord,
    DocumentState,
    OverrideRecord,
    RelationRecord,
    VoteRecord,
)
from corpus.errors import ConfigurationError, IntegrityError
from corpus.naming import require_known
from corpus.types import BlockKind
from ingestion import triage
from ingestion.runtime import Runtime
from ingestion.shown import standing_of
from ingestion.splitting.cut import cut_in

_MOST_TRAIL = 30
_MOST_LIKE = 20


class Asked(OfContract):
    """The query of a page about one document."""

    id: str = Field(min_length=1, max_length=2_000, description="Id of the document.")


class RuleTold(View):
    """A rule of the contract that the document breaks, in words."""

    rule: str
    checks: str = Field(description="What it checks; empty where the contract no longer holds it.")
    expects: str
    found: list[str] = Field(description="What was found in this document.")
    on_fail: str
    owner: str


class Voted(View):
    """What one person said about these bytes."""

    by: str
    wants: str
    reason: str
    at: datetime


class Said(View):
    """An entry of the audit log about the document."""

    at: datetime
    by: str
    did: str
    reason: str
    same_bytes: bool = Field(description="Whether it speaks of the document as it is now.")


class Like(View):
    """Another document that stands in a relation to this one."""

    doc_id: str
    kind: str = Field(description="Code of the relation, such as `duplicate.near`.")
    outward: bool = Field(description="Whether the relation goes from this document to the other.")
    state: str = Field(description="State of the other; `unknown` where it is not in the catalog.")
    similarity: float | None = Field(description="Estimated Jaccard similarity; null where none was measured.")


class Case(View):
    """One document to decide about."""

    contract: str
    doc_id: str
    state: str
    uri: str
    size: int
    sha256: str = Field(description="Digest of what a decision holds for: bytes and the metadata beside them.")
    since: datetime
    quality: float | None
    origin: str
    basis: str
    reasons: list[Reason]
    rules: list[RuleTold]
    evidence: list[Mark]
    text: list[Run] = Field(description="The stored text, cut at its evidence; empty where none is stored.")
    text_note: str = Field(description="Why there is no text; empty where there is.")
    like: list[Like] = Field(description="Documents in relation to it, 20 at the most.")
    persons: int = Field(description="People who must agree.")
    votes: list[Voted]
    decided: str = Field(description="What a person decided about these bytes; empty for nothing.")
    standing: str = Field(description="Names that decision, for a form to send back; empty for none.")
    split: str = Field(description="Who keeps which of its parts; empty where it is whole.")
    trail: list[Said] = Field(description="The audit log about it, newest first, 30 entries at the most.")
    can: list[Literal["release", "reject", "split"]]
    next: str = Field(description="The next held document; empty where there is none.")


def load(visit: Visit, query: Asked) -> Case:
    """Reads the page."""
    name, contract = query.contract, contract_of(visit.runtime, query.contract)[0]
    with visit.runtime.catalog.reading() as tx:
        state = state_of(visit.runtime, tx, name, query.id)
        history = decisions.of_document(tx, name, state.doc_id)
        override = queue.override_of(tx, name, state)
        cast = votes.of_content(tx, name, state.doc_id, state.judged_sha256)
        trail = decisions.trail(tx, name, state.doc_id)[:_MOST_TRAIL]
        related, others = related_to(tx, name, state.doc_id)
        following = queue.following(tx, name, state)
    newest = history[0] if history else None
    text, note, dropped = stored_text(visit.runtime, name, state, newest)
    evidence = marks_of(newest.findings if newest else ())
    return Case(
        contract=name,
        doc_id=state.doc_id,
        state=state.state,
        uri=state.uri,
        size=state.size,
        sha256=state.judged_sha256,
        since=state.updated_at,
        quality=newest.quality_score if newest else None,
        origin=newest.digital_source_type if newest else "unknown",
        basis=newest.origin_basis if newest else "none",
        reasons=reasons_of(contract, newest.reasons if newest else ()),
        rules=_rules(contract, newest),
        evidence=evidence,
        text=runs_of(text, evidence, dropped=dropped),
        text_note=note,
        like=[like_of(record, state.doc_id, others) for record in related],
        persons=contract.triage.persons if contract else 1,
        votes=[voted(vote) for vote in cast],
        decided=waits_of(state, override),
        standing=standing_of(override),
        split=_split_words(override),
        trail=[_said(entry, state.judged_sha256) for entry in trail],
        can=_can(state, override.outcome if override else "", text=bool(text)),
        next=following,
    )


def state_of(runtime: Runtime, tx: Any, contract: str, doc_id: str) -> DocumentState:
    """Returns the standing row of a document.

    Raises:
        ConfigurationError: There is no such contract; the message holds the nearest.
        Missing: It has no such document.
    """
    require_source(runtime, tx, contract)
    state = documents.find(tx, contract, doc_id)
    if state is not None:
        return state
    known = queue.resembling(tx, contract, doc_id)
    try:
        require_known(f"document of {contract}", doc_id, known, "The page of the source shows what there is.")
    except ConfigurationError as error:
        raise Missing(str(error)) from error
    raise Missing(f"no document {doc_id!r} of {contract}.")


def stored_text(
    runtime: Runtime, contract: str, state: DocumentState, newest: DecisionRecord | None
) -> tuple[str, str, list[tuple[int, int]]]:
    """Returns the stored text of a document, "", and what a person dropped of it; or "" and why there is none."""
    from ingestion.quality import stored_row  # noqa: PLC0415 - brings the parsers

    try:
        row = stored_row(runtime, contract, state.doc_id)
    except (ConfigurationError, IntegrityError) as error:
        return "", str(error), []
    if newest is not None and row["revision_id"] != newest.revision_id:
        return "", "What is stored is another revision than the one that was decided about.", []
    text = str(row["text"] or "")
    blocks = batches.blocks_from_json(row["blocks"])
    dropped = [(block.span.start, block.span.end) for block in blocks if block.kind is BlockKind.DROPPED]
    return text, "" if text else "No text could be had from its bytes.", dropped


def _rules(contract: Contract | None, newest: DecisionRecord | None) -> list[RuleTold]:
    found: dict[str, list[str]] = {}
    for reason in newest.reasons if newest else ():
        rule = str(reason.get("rule") or "")
        if rule:
            found.setdefault(rule, []).append(str(reason["message"]))
    told = []
    for rule, messages in found.items():
        check = next((check for check in contract.checks if check.rule == rule), None) if contract else None
        told.append(
            RuleTold(
                rule=rule,
                checks=checks_words(check) if check else "",
                expects=expected_of(check) if check else "",
                found=messages,
                on_fail=check.on_fail.value if check else "",
                owner=(check.owner if check else "") or (contract.owner_team if contract else ""),
            )
        )
    return told


Can = Literal["release", "reject", "split"]


def _can(state: DocumentState, decided: str, *, text: bool) -> list[Can]:
    found: list[Can] = []
    if state.state == "quarantined":
        found = ["release", "reject"]
    elif state.state == "rejected" and decided == "reject":
        found = ["release"]
    elif state.state == "active":
        found = ["reject"]
    return [*found, "split"] if found and text else found


def _split_words(override: OverrideRecord | None) -> str:
    cut = cut_in(override.parts) if override else None
    if override is None or cut is None or not cut.dropped:
        return ""
    by = f"by {override.actor}: " if override.outcome == decisions.SPLIT else ""
    return f"Split {by}{cut.words()}"


def _other(record: RelationRecord, doc_id: str) -> str:
    return record.other_id if record.doc_id == doc_id else record.doc_id


def related_to(
    tx: Any, contract: str, doc_id: str
) -> tuple[tuple[RelationRecord, ...], dict[str, tuple[str, datetime]]]:
    """Returns the relations of a document, and the state of each document at their other end."""
    found = relations.around(tx, contract, [doc_id])[:_MOST_LIKE]
    return found, queue.states_of(tx, contract, [_other(record, doc_id) for record in found])


def like_of(record: RelationRecord, doc_id: str, others: dict[str, tuple[str, datetime]]) -> Like:
    """Returns a relation as pages show it."""
    other = _other(record, doc_id)
    similarity = record.detail.get("similarity")
    return Like(
        doc_id=other,
        kind=record.kind,
        outward=record.doc_id == doc_id,
        state=others[other][0] if other in others else "unknown",
        similarity=float(similarity) if isinstance(similarity, (int, float)) else None,
    )


def vote_kept(path: str, contract: str, item: triage.Settlement, same: str) -> Done:
    """Returns how a decision ended that waits for other people.

    Args:
        path: The page of the document that it was taken on.
        contract: The contract.
        item: What became of it.
        same: What the others must do, after `must`.
    """
    people = "one more person" if item.missing == 1 else f"{item.missing} more people"
    words = f"Your vote is kept. The contract asks for {item.persons} people: {people} must {same}."
    return Done(words=words, path=path, query={"contract": contract, "id": item.doc_id}, tone="notice")


def voted(vote: VoteRecord) -> Voted:
    """Returns a vote as pages show it."""
    cut = cut_in(vote.parts)
    wants = wanted_of(vote.outcome) + (f", {cut.words()}" if cut else "")
    return Voted(by=vote.actor, wants=wants, reason=vote.reason, at=vote.at)


def _said(entry: AuditRecord, sha256: str) -> Said:
    wanted = wanted_of(str(entry.detail.get("outcome", "")))
    did = (
        "saw the warnings"
        if wanted == "seen"
        else (f"{'decided' if entry.action == 'decision.override' else 'voted'} to {wanted}")
    )
    return Said(
        at=entry.at,
        by=entry.actor,
        did=did,
        reason=str(entry.detail.get("reason", "")),
        same_bytes=entry.detail.get("raw_sha256") in (None, sha256),
    )


class Decision(Form):
    """A decision about one held document."""

    contract: Line
    id: Line
    sha256: Line
    standing: str = Field(default="", max_length=200)


def _release(visit: Visit, form: Decision) -> Done:
    settled = triage.release_held(
        visit.runtime, form.contract, [form.id], reason=form.reason, actor=visit.person.name, seen=form.sha256,
        standing=form.standing,
    )  # fmt: skip
    return _done(form, settled, "released", "It enters the index with the next ingest.")


def _reject(visit: Visit, form: Decision) -> Done:
    settled = triage.reject_held(
        visit.runtime, form.contract, [form.id], reason=form.reason, actor=visit.person.name, seen=form.sha256,
        standing=form.standing,
    )  # fmt: skip
    return _done(
        form, settled, "rejected", "It stays out until its bytes change, or leaves the index at the next ingest."
    )


def _done(form: Decision, settled: Sequence[triage.Settlement], word: str, means: str) -> Done:
    [item] = settled
    if item.settled:
        words = f"{form.id} is {word}. {means} A later change is judged afresh."
        return Done(words=words, path="/quarantine", query={"contract": form.contract})
    return vote_kept("/held", form.contract, item, "say the same")


PAGE = Page(
    path="/held",
    title="Held document",
    template="held.html",
    model=Case,
    load=load,
    query=Asked,
    under="/quarantine",
)
ACTIONS = (
    Action(path="/held/release", form=Decision, do=_release, back="/held", back_query=("contract", "id")),
    Action(path="/held/reject", form=Decision, do=_reject, back="/held", back_query=("contract", "id")),
)
