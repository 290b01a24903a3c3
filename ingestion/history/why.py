"""Why a document or a chunk is in a version of an index, or why it is not: one state, its reasons, and since when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.model import Contract
from corpus.catalog import decisions, documents, relations
from corpus.catalog.records import DecisionRecord, DocumentState, RelationRecord, VersionRecord
from corpus.errors import ConfigurationError, SourceError
from corpus.ids import normalise_doc_id
from corpus.naming import nearest
from corpus.types import Outcome
from index.layout import version_name
from ingestion.dossier import Told, contract_or_none, holding_first, rules_told
from ingestion.history import joined
from ingestion.history.opened import History, open_history
from ingestion.history.presence import Held, Presence, find, is_chunk_id
from ingestion.history.trusted import Unreadable
from ingestion.relations.codes import HOLDING
from ingestion.runtime import Runtime
from ingestion.sources.globs import compile_globs

STATES: Mapping[str, str] = {
    "in": "the version holds it",
    "replaced": "its document is there with another text at this place",
    "gone": "its source no longer listed it",
    "superseded": "another document stands in its place",
    "quarantined": "it was held for a person",
    "rejected": "it was refused",
    "failed": "it could not be read, and no decision was reached",
    "erased": "it was erased or withdrawn on purpose",
    "later": "it was not yet known when the version was built",
    "waiting": "it was admitted, and the version was built without it",
    "excluded": "the contract's globs leave it out",
    "unlisted": "it is where the contract looks, and no run has listed it yet",
    "unknown": "no version and no run has ever seen it",
}
"""Answer to what it means."""

_OUTCOMES = {
    Outcome.QUARANTINE.value: "quarantined",
    Outcome.REJECT.value: "rejected",
    Outcome.FAIL.value: "failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why something is in a version, or is not.

    Attributes:
        name: The index.
        subject: What was asked about.
        kind: `document` or `chunk`.
        doc_id: The document; empty where it is not known.
        version: Number of the version that was asked about; None where the index has none.
        state: A name out of `STATES`.
        means: The state in words.
        answer: One or two sentences for a person.
        since: First version of the unbroken run that holds it, up to the one asked about; None where it is not in.
        spans: First and last version of each unbroken run of versions that hold it, ascending.
        decision: The decision that stood when the version was built; None where there was none.
        decided_at: When that was.
        reasons: Its reasons, those first that hold a document back.
        rules: The contract's rules that they name, with the team that answers.
        people: What people decided about the document, oldest first.
        erasures: When it was erased or withdrawn, oldest first.
        relations: How it stands to other documents now.
        near: Document ids that look like what was asked about.
        unreadable: Versions that could not be looked into.
        next: The next step; empty where there is none.
    """

    name: str
    subject: str
    kind: str
    doc_id: str
    version: int | None
    state: str
    means: str
    answer: str
    since: int | None
    spans: tuple[tuple[int, int], ...]
    decision: DecisionRecord | None
    reasons: tuple[Mapping[str, Any], ...]
    rules: tuple[Told, ...]
    people: tuple[joined.Act, ...]
    erasures: tuple[joined.Act, ...]
    relations: tuple[RelationRecord, ...]
    near: tuple[str, ...]
    unreadable: tuple[Unreadable, ...]
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the catalog knows of the document."""

    state: DocumentState | None
    decisions: tuple[DecisionRecord, ...]
    people: tuple[joined.Act, ...]
    erasures: tuple[joined.Act, ...]
    relations: tuple[RelationRecord, ...]
    near: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """A state with its sentence, the decision it rests on, and the next step."""

    state: str
    answer: str
    decision: DecisionRecord | None = None
    next: str = ""


def why(runtime: Runtime, name: str, subject: str, *, version: str | int | None = None) -> Why:
    """Says why a document or a chunk is in a version, or why it is not.

    Args:
        runtime: The project.
        name: The index.
        subject: A document id, a path inside the source, or a chunk id.
        version: A number or an alias; None for what `live` serves, or the newest where nothing is served.

    Raises:
        ConfigurationError: There is no such index or version.
    """
    history = open_history(runtime, name)
    asked = _asked(history, version)
    presence = find(runtime, history.versions, subject)
    doc_id = presence.doc_id or ("" if is_chunk_id(subject) else subject)
    known = _known(runtime, name, doc_id, subject)
    if known.state is None and not presence.held and not is_chunk_id(subject):
        presence, doc_id, known = _by_path(runtime, history, subject, (presence, doc_id, known))
    answer = _answered(runtime, history, asked, presence, known, subject)
    held = presence.holds(asked.number) if asked else None
    reasons = tuple(_reasons(runtime, name, answer.decision))
    return Why(
        name=name,
        subject=subject,
        kind=presence.kind,
        doc_id=doc_id if known.state or presence.held else "",
        version=asked.number if asked else None,
        state=answer.state,
        means=STATES[answer.state],
        answer=answer.answer,
        since=presence.run_to(held.record.number)[0].record.number if held else None,
        spans=tuple(presence.spans()),
        decision=answer.decision,
        reasons=reasons,
        rules=rules_told(contract_or_none(runtime, name), reasons),
        people=known.people,
        erasures=known.erasures,
        relations=known.relations,
        near=() if known.state or presence.held else known.near,
        unreadable=presence.unreadable,
        next=answer.next,
    )


def _asked(history: History, version: str | int | None) -> VersionRecord | None:
    if version is not None:
        return history.resolve(version)
    if "live" in history.aliases:
        return history.resolve("live")
    return history.versions[0] if history.versions else None


def _known(runtime: Runtime, name: str, doc_id: str, subject: str) -> _Known:
    with runtime.catalog.reading() as tx:
        erasures = joined.erasures(tx, name, *dict.fromkeys(filter(None, (doc_id, subject))))
        if not doc_id:
            return _Known(state=None, decisions=(), people=(), erasures=erasures, relations=(), near=())
        state = documents.find(tx, name, doc_id)
        return _Known(
            state=state,
            decisions=decisions.of_document(tx, name, doc_id),
            people=joined.decided_by_people(tx, name, doc_id),
            erasures=erasures,
            relations=relations.around(tx, name, [doc_id]) if state else (),
            near=() if state else tuple(nearest(doc_id, documents.states(tx, name))),
        )


def _by_path(
    runtime: Runtime, history: History, subject: str, otherwise: tuple[Presence, str, _Known]
) -> tuple[Presence, str, _Known]:
    """Takes what was asked about as a path inside the source, whose document id may look otherwise."""
    try:
        doc_id = normalise_doc_id(subject)
    except ValueError:
        return otherwise
    if doc_id == subject:
        return otherwise
    known = _known(runtime, history.name, doc_id, subject)
    presence = find(runtime, history.versions, doc_id)
    return (presence, doc_id, known) if known.state or presence.held else otherwise


def _answered(
    runtime: Runtime,
    history: History,
    asked: VersionRecord | None,
    presence: Presence,
    known: _Known,
    subject: str,
) -> _Answer:
    held = presence.holds(asked.number) if asked else None
    if known.erasures and not known.erasures[-1].undoes:
        return _erased(known.erasures[-1], held)
    if asked and held:
        return _inside(presence, held, known)
    if presence.kind == "chunk" and (answer := _chunk_outside(runtime, history, asked, presence, subject)):
        return answer
    if known.state is None and not presence.held:
        return _never(runtime, history, known, subject)
    return _outside(history, asked, presence, known)


def _erased(last: joined.Act, held: Held | None) -> _Answer:
    why_not = f": {last.reason}" if last.reason else ""
    still = f" The files of {version_name(held.record.number)} hold it still; readers leave it out." if held else ""
    return _Answer(
        state="erased", answer=f"{last.actor} did {last.action} of {last.subject} on {_day(last.at)}{why_not}.{still}"
    )


def _inside(presence: Presence, held: Held, known: _Known) -> _Answer:
    since = presence.run_to(held.record.number)[0]
    decision = _standing(known, held.record.created_at, held.document["revision_id"])
    where = f"{version_name(held.record.number)} holds it, since {version_name(since.record.number)}"
    if decision is None:
        return _Answer(state="in", answer=f"{where}; the catalog has no decision about this revision.")
    by = f"by {decision.actor}" if decision.actor != "stemma" else "by the contract's rules"
    how = {Outcome.ACCEPT.value: "accepted", Outcome.REPAIR.value: "admitted with repairs"}.get(
        decision.outcome, decision.outcome
    )
    under = f"{held.manifest.contract.name} {since.manifest.contract.version}"
    return _Answer(
        state="in",
        answer=f"{where}. It was {how} {by} under {under} on {_day(decision.decided_at)} (run {decision.run_id}).",
        decision=decision,
    )


def _standing(known: _Known, moment: datetime, revision_id: str | None = None) -> DecisionRecord | None:
    """Returns the newest decision of a moment, about one revision or about any."""
    mine = [
        item
        for item in known.decisions
        if item.decided_at <= moment and (revision_id is None or item.revision_id == revision_id)
    ]
    return mine[0] if mine else None


def _chunk_outside(
    runtime: Runtime, history: History, asked: VersionRecord | None, presence: Presence, subject: str
) -> _Answer | None:
    """Answers for a chunk whose document is in the version without it; None where the document is not in either."""
    if not presence.held:
        looked = ", ".join(version_name(number) for number in presence.looked) or "none"
        return _Answer(
            state="unknown",
            answer=f"no version that is kept holds a chunk {subject} (looked into: {looked}), so its document is not "
            "known. It may have been in a version that was retired, or be of another index.",
            next=f"stemma index list {history.name}",
        )
    document = find(runtime, [asked], presence.doc_id) if asked else None
    if document is None or not document.held or asked is None:
        return None
    first, last = presence.spans()[-1]
    if asked.number < presence.held[0].record.number:
        return _Answer(
            state="later",
            answer=f"{presence.doc_id} did not have this passage in {version_name(asked.number)}; it came with "
            f"{version_name(presence.held[0].record.number)}.",
            next=f"stemma index blame {history.name} {subject}",
        )
    return _Answer(
        state="replaced",
        answer=f"{presence.doc_id} is in {version_name(asked.number)} without this passage: it was last in "
        f"{version_name(last)} (since {version_name(first)}), and the document was rewritten or cut anew after that.",
        next=f"stemma index diff {history.name} {last} {asked.number}",
    )


def _outside(history: History, asked: VersionRecord | None, presence: Presence, known: _Known) -> _Answer:
    if asked is None:
        return _Answer(
            state="waiting", answer="the index has no version yet.", next=f"stemma index release {history.name}"
        )
    moment, number = asked.created_at, version_name(asked.number)
    decision = _standing(known, moment)
    state = known.state
    if state is not None and state.state == "gone" and state.updated_at <= moment:
        return _Answer(
            state="gone",
            answer=f"its source did not list it any more on {_day(state.updated_at)} (run {state.run_id}), before "
            f"{number} was built.{_last(presence)}",
            decision=decision,
            next=f"stemma ingest {history.name}",
        )
    if decision is None:
        return _later(history, asked, presence, known)
    if decision.outcome in _OUTCOMES:
        return _held_back(history, number, decision, known)
    if presence.held and presence.held[0].record.number < asked.number:
        # Every version is built from all documents that stand; no decision took this one out, so it was not listed.
        now = f" It is {state.state} now." if state else ""
        return _Answer(
            state="gone",
            answer=f"it was in an earlier version, and no decision kept it out of {number}: its source did not list it "
            f"when {number} was built.{now}{_last(presence)}",
            decision=decision,
        )
    return _Answer(
        state="waiting",
        answer=f"it was admitted on {_day(decision.decided_at)} (run {decision.run_id}), and {number} was built "
        "without it: its run was not released, or a gate held that version back.",
        decision=decision,
        next=f"stemma index release {history.name}",
    )


def _later(history: History, asked: VersionRecord, presence: Presence, known: _Known) -> _Answer:
    number = version_name(asked.number)
    first, last = (known.decisions[-1], known.decisions[0]) if known.decisions else (None, None)
    came = f" It was first decided on {_day(first.decided_at)} (run {first.run_id})." if first else ""
    if presence.held:
        brought = f" {version_name(presence.held[0].record.number)} is the first version that holds it."
        return _Answer(
            state="later", answer=f"nothing was known of it when {number} was built.{came}{brought}", decision=first
        )
    if last is not None and last.outcome in _OUTCOMES:
        return _held_back(history, number, last, known, stood=False)
    if asked is not history.versions[0]:
        return _Answer(state="later", answer=f"nothing was known of it when {number} was built.{came}", decision=first)
    return _Answer(
        state="waiting",
        answer=f"it came after {number} was built, and no version was built since.{came}",
        decision=last,
        next=f"stemma index release {history.name}",
    )


def _held_back(
    history: History, number: str, decision: DecisionRecord, known: _Known, *, stood: bool = True
) -> _Answer:
    codes = [str(reason["code"]) for reason in decision.reasons]
    superseded = [item for item in known.relations if item.kind in HOLDING and item.kind in codes]
    state = "superseded" if superseded else _OUTCOMES[decision.outcome]
    by = f" by {decision.actor}" if decision.actor != "stemma" else ""
    first = next((str(reason["message"]) for reason in decision.reasons if reason["code"] != "override"), "")
    told = f": {first}" if first else ""
    when = f"which stood when {number} was built" if stood else f"after {number} was built"
    instead = ", ".join(
        sorted({item.other_id if item.doc_id == decision.doc_id else item.doc_id for item in superseded})
    )
    in_place = f" In its place stands {instead}." if instead else ""
    return _Answer(
        state=state,
        answer=f"it was {_OUTCOMES[decision.outcome]}{by} on {_day(decision.decided_at)} (run {decision.run_id}), "
        f"{when}{told.removesuffix('.')}.{in_place}",
        decision=decision,
        next=f"stemma quarantine show {history.name} {decision.doc_id}",
    )


def _never(runtime: Runtime, history: History, known: _Known, subject: str) -> _Answer:
    """Answers for what no run has ever listed: what the contract's globs say of it, and whether it is there."""
    contract = contract_or_none(runtime, history.name)
    mean = f" Did you mean {' or '.join(map(repr, known.near))}?" if known.near else ""
    unknown = _Answer(state="unknown", answer=f"no run of {history.name} has ever listed {subject!r}.{mean}")
    if contract is None:
        return unknown
    matches, there = _globs(contract, subject), _listed(runtime, contract, subject)
    if matches:
        return _Answer(
            state="excluded",
            answer=f"no run has listed {subject!r}: {matches}.",
            next=f"stemma contract validate {history.name}",
        )
    if there:
        return _Answer(
            state="unlisted",
            answer=f"{subject!r} is in the source, and no run has listed it yet.",
            next=f"stemma ingest {history.name}",
        )
    if known.near:
        return unknown
    return _Answer(
        state="unknown",
        answer=f"no run has ever listed {subject!r}; the contract's globs would take it, and it is not in the source.",
        next=f"stemma contract test {history.name}",
    )


def _globs(contract: Contract, path: str) -> str:
    """Returns which glob keeps a path out; empty where none does."""
    source = contract.source
    try:
        takes: Callable[[str], bool] = compile_globs(source.include)
        if not takes(path):
            return f"it matches none of the contract's globs ({', '.join(source.include)})"
        left_out = [glob for glob in source.exclude if compile_globs((glob,))(path)]
    except ConfigurationError:
        return ""
    return f"the contract leaves out {', '.join(left_out)}" if left_out else ""


def _listed(runtime: Runtime, contract: Contract, subject: str) -> bool:
    """Returns whether the source lists a path now; the listing is read until it is found."""
    from ingestion.toolkit import source_of  # noqa: PLC0415 - brings the parsers

    try:
        return any(subject in (ref.doc_id, ref.path) for ref in source_of(contract, runtime.settings).list())
    except (SourceError, ConfigurationError, OSError):
        return False


def _reasons(runtime: Runtime, name: str, decision: DecisionRecord | None) -> list[Mapping[str, Any]]:
    return holding_first(contract_or_none(runtime, name), decision.reasons) if decision else []


def _last(presence: Presence) -> str:
    if not presence.held:
        return ""
    first, last = presence.spans()[-1]
    return f" {version_name(last)} was the last version that held it (since {version_name(first)})."


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
