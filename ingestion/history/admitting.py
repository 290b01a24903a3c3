"""Why documents came into an index or left it between two versions, as the catalog's decisions tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.model import Contract
from corpus.catalog import decided, relations
from corpus.catalog.decided import Decided
from corpus.catalog.records import DocumentState
from corpus.errors import ConfigurationError
from corpus.types import Outcome
from index.causes import Absent, Setting, Told
from ingestion.history import joined
from ingestion.relations.codes import EXPIRED, NOT_YET, SUPERSEDED
from ingestion.runtime import Runtime
from ingestion.sources.globs import compile_globs

_ADMITTED = (Outcome.ACCEPT.value, Outcome.REPAIR.value)
_BY_RULE: Mapping[str, str] = {
    "freshness": "time",
    "near_duplicate": "documents",
    "conflict": "documents",
    "poisoning": "documents",
    "self_ingestion": "answers",
    "paraphrase": "answers",
    "generation_depth": "answers",
}
"""Rule to what changes its outcome although neither the document nor the contract did."""
_BY_CODE: Mapping[str, str] = {SUPERSEDED: "documents", NOT_YET: "time", EXPIRED: "time"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The time between two versions, and what changed in it.

    Attributes:
        name: The contract.
        since: When the earlier version was built.
        until: When the later one was.
        setting: What differs as a whole.
        before: The contract of the earlier version; None where it cannot be read.
        after: The contract of the later one.
    """

    name: str
    since: datetime
    until: datetime
    setting: Setting
    before: Contract | None
    after: Contract | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One document with what the catalog knows of it.

    Attributes:
        absent: The document.
        state: Its standing row, if any.
        old: The decision that stood when the earlier version was built, if any.
        new: The last decision between the two versions, if any.
        erased: Who erased or withdrew it between the two, if anybody.
    """

    absent: Absent
    state: DocumentState | None
    old: Decided | None
    new: Decided | None
    erased: joined.Act | None


def explain(runtime: Runtime, admission: Admission, absent: Sequence[Absent]) -> dict[str, Told]:
    """Says why documents came or left, by document id.

    Args:
        runtime: The project.
        admission: The two versions.
        absent: The documents; a few hundred at once.
    """
    names = [item.doc_id for item in absent]
    with runtime.catalog.reading() as tx:
        states = relations.states(tx, admission.name, names)
        made = decided.of_documents(tx, admission.name, names)
        erased = joined.erased_between(tx, admission.name, names, admission.since, admission.until)
    found: dict[str, Told] = {}
    for item in absent:
        mine = made.get(item.doc_id, [])
        case = _Case(
            absent=item,
            state=states.get(item.doc_id),
            old=_last(mine, None, admission.since),
            new=_last(mine, admission.since, admission.until),
            erased=erased.get(item.doc_id),
        )
        found[item.doc_id] = _added(case, admission) if item.kind == "added" else _removed(case, admission)
    return found


def _last(made: Iterable[Decided], after: datetime | None, until: datetime) -> Decided | None:
    fitting = [item for item in made if item.decided_at <= until and (after is None or item.decided_at > after)]
    return fitting[-1] if fitting else None


def _added(case: _Case, admission: Admission) -> Told:
    new = case.new
    if new is not None and new.actor != "stemma":
        return Told(cause="person", why=f"{new.actor} let it in ({new.outcome})")
    if case.old is None:
        if _left_out(admission.before, case, admission):
            return Told(cause="contract", why="the contract's globs did not take it before")
        return Told(cause="source", why="new in its source")
    if case.old.outcome in _ADMITTED:
        return Told(cause="source", why="it is back in its source, or its run was not released before")
    return _judged(case.old, new, admission, f"it was held before ({case.old.outcome})")


def _removed(case: _Case, admission: Admission) -> Told:
    if case.erased is not None:
        return Told(cause="erasure", why=f"{case.erased.actor} did {case.erased.action}")
    new = case.new
    if new is None or new.outcome in _ADMITTED:
        if _left_out(admission.after, case, admission):
            return Told(cause="contract", why="the contract's globs leave it out now")
        return Told(cause="source", why="its source no longer lists it")
    if new.actor != "stemma":
        return Told(cause="person", why=f"{new.actor} took it out ({new.outcome})")
    state = case.state
    same_row = state is not None and state.revision_id == new.revision_id
    if same_row and state is not None and state.raw_sha256 != (case.absent.row["raw_sha256"] or ""):
        return Told(cause="source", why=f"its bytes changed, and it was held for it: {_said(new)}")
    return _judged(new, new, admission, f"it is held now: {_said(new)}", same_bytes=same_row)


def _judged(held: Decided, new: Decided | None, admission: Admission, why: str, *, same_bytes: bool = False) -> Told:
    """Says what changed the judgement of a document: the contract, what looks at documents, or its surroundings.

    Args:
        held: The decision that kept it out.
        new: The decision between the versions, if any.
        admission: The two versions.
        why: How it was or is held, for the sentence.
        same_bytes: Whether its bytes are known to be the same.
    """
    setting, around = admission.setting, _surroundings(held)
    same = same_bytes or (new is not None and new is not held and new.revision_id == held.revision_id)
    asks = setting.contract("admission")
    works = next((role for role in ("parser", "detectors", "scorer") if role in setting.changed), "")
    possible = (
        (bool(around) and (same or new is None), around, ""),
        (asks, "contract", ", under another contract"),
        (bool(works), works, ""),
        (bool(around), around, ""),
        (setting.software, "software", ""),
        (not same, "source", "; the document or the metadata beside it changed"),
    )
    cause, more = next(((cause, more) for holds, cause, more in possible if holds), ("unknown", ""))
    return Told(cause=cause, why=why + more)


def _surroundings(held: Decided) -> str:
    for reason in held.reasons:
        code, rule = str(reason["code"]), str(reason.get("rule") or "")
        if code in _BY_CODE or rule in _BY_RULE:
            return _BY_CODE.get(code) or _BY_RULE[rule]
    return ""


def _left_out(contract: Contract | None, case: _Case, admission: Admission) -> bool:
    """Returns whether a contract's globs do not take the document, and the source clauses changed."""
    if contract is None or case.state is None or not admission.setting.contract("source"):
        return False
    try:
        takes, leaves = compile_globs(contract.source.include), compile_globs(contract.source.exclude)
    except ConfigurationError:
        return False
    return not takes(case.state.path) or leaves(case.state.path)


def _said(held: Decided) -> str:
    return next((str(reason["message"]) for reason in held.reasons), held.outcome)
