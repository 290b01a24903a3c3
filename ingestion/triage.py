"""Triage: what people decide about a document, and what that means for the next run.

A decision holds for the bytes that were looked at and the metadata file beside them; a later change of either is
judged afresh. Where the contract asks for more
than one person, the first decisions are votes, and the one that makes enough of them agree settles it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from sqlalchemy.orm import Session

from corpus.catalog import audit, decisions, documents, queue, votes
from corpus.catalog.records import DocumentState, OverrideRecord, VoteRecord
from corpus.errors import ConfigurationError
from corpus.types import Outcome, utc_now
from ingestion.runtime import Runtime
from ingestion.shown import require_standing
from ingestion.splitting.cut import STALE, Cut, cut_in

_NOT_HELD = {
    "active": "it is in the index",
    "rejected": "no text could be had from it, or a person rejected it; mend the file and ingest again",
    "failed": "it could not be read; the next ingest tries again",
    "gone": "its source no longer lists it",
}
_NOUNS = {"accept": "a release", "reject": "a rejection", "split": "a split", votes.REVIEWED: "a review"}
_LEAST_DIGEST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of one person's decision about one document.

    Attributes:
        doc_id: The document.
        raw_sha256: Digest of what it holds for, `corpus.ids.judged_digest`: bytes and the metadata beside them.
        outcome: What the person wants: `accept`, `reject`, or `split:` and the digest of the cut.
        settled: Whether that holds now; else it is a vote that waits for others.
        votes: Every vote on these bytes; none where one person decides.
        persons: How many must agree.
    """

    doc_id: str
    raw_sha256: str
    outcome: str
    settled: bool
    votes: tuple[VoteRecord, ...]
    persons: int

    @property
    def people(self) -> tuple[str, ...]:
        """Who wants it, oldest vote first; nobody where one person decides."""
        return tuple(vote.actor for vote in votes.agreeing(self.votes, self.outcome))

    @property
    def missing(self) -> int:
        """How many more people must say the same."""
        return 0 if self.settled else self.persons - len(votes.agreeing(self.votes, self.outcome))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    contract: str
    outcome: str
    reason: str
    actor: str
    persons: int
    cut: Cut | None = None


def release_held(
    runtime: Runtime,
    contract: str,
    doc_ids: Sequence[str],
    *,
    reason: str,
    actor: str,
    seen: str = "",
    standing: str | None = None,
) -> tuple[Settlement, ...]:
    """Lets quarantined documents in with the next ingest; all of them or, where one is wrong, none.

    The decision holds for the bytes that were looked at: a later change is judged afresh. It is in the
    audit log, by name.

    Args:
        runtime: The project.
        contract: Name of the contract.
        doc_ids: The documents.
        reason: Why, in a person's words.
        actor: Who.
        seen: First characters of the digest of the bytes that were looked at; empty to trust that they are those.
        standing: `ingestion.shown.standing_of` the decision that was shown; None to decide whatever stands.

    Raises:
        ConfigurationError: A document is unknown, not held or no longer what was seen, another decision stands than
            was shown, or reason or name are missing.
    """
    wish = _wish(runtime, contract, Outcome.ACCEPT, reason, actor)
    with runtime.catalog.transaction() as tx:
        audit.lock(tx)
        states = [_held(tx, contract, doc_id, seen) for doc_id in dict.fromkeys(doc_ids)]
        return tuple(_settle(tx, wish, state, standing) for state in states)


def reject_held(
    runtime: Runtime,
    contract: str,
    doc_ids: Sequence[str],
    *,
    reason: str,
    actor: str,
    seen: str = "",
    standing: str | None = None,
) -> tuple[Settlement, ...]:
    """Keeps documents out until their bytes change; what is in the index leaves it with the next ingest.

    Args:
        runtime: The project.
        contract: Name of the contract.
        doc_ids: Documents that are quarantined or in the index; all of them or, where one is wrong, none.
        reason: Why, in a person's words.
        actor: Who.
        seen: First characters of the digest of the bytes that were looked at; empty to trust that they are those.
        standing: `ingestion.shown.standing_of` the decision that was shown; None to decide whatever stands.

    Raises:
        ConfigurationError: A document is unknown, in no state to be rejected or no longer what was seen, another
            decision stands than was shown, or reason or name are missing.
    """
    wish = _wish(runtime, contract, Outcome.REJECT, reason, actor)
    with runtime.catalog.transaction() as tx:
        audit.lock(tx)
        states = [_known(tx, contract, doc_id, seen) for doc_id in dict.fromkeys(doc_ids)]
        for state in states:
            if state.state not in ("quarantined", "active"):
                raise _refused(contract, state, "neither quarantined nor in the index", "rejected")
        return tuple(_settle(tx, wish, state, standing) for state in states)


def settle_cut(
    runtime: Runtime,
    contract: str,
    looked: DocumentState,
    cut: Cut,
    *,
    reason: str,
    actor: str,
    seen: str = "",
    standing: str | None = None,
) -> Settlement:
    """Keeps some parts of a document with the next ingest; see `ingestion.splitting.deciding.split_held`.

    Args:
        runtime: The project.
        contract: Name of the contract.
        looked: The standing row of the document that the cut was made of.
        cut: Which parts are kept.
        reason: Why, in a person's words.
        actor: Who.
        seen: First characters of the digest of the bytes that were looked at; empty to trust that they are those.
        standing: `ingestion.shown.standing_of` the decision that was shown; None to decide whatever stands.

    Raises:
        ConfigurationError: The document is in no state to be split or no longer what was seen, another decision
            stands than was shown, or reason or name are missing.
    """
    wish = replace(_wish(runtime, contract, f"{decisions.SPLIT}:{cut.digest}", reason, actor), cut=cut)
    with runtime.catalog.transaction() as tx:
        audit.lock(tx)
        state = _known(tx, contract, looked.doc_id, seen or looked.judged_sha256)
        if state.state not in ("quarantined", "active") and not _rejected_by_hand(tx, contract, state):
            raise _refused(contract, state, "neither quarantined nor in the index", "split")
        return _settle(tx, wish, state, standing)


def acknowledge(
    runtime: Runtime,
    contract: str,
    doc_ids: Sequence[str],
    *,
    reason: str,
    actor: str,
    seen: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Notes that a person saw the warnings of admitted documents; nothing else changes.

    Args:
        runtime: The project.
        contract: Name of the contract.
        doc_ids: The documents.
        reason: Why, in a person's words.
        actor: Who.
        seen: Document to the digest of the bytes that were looked at; those that are missing are trusted to be these.

    Raises:
        ConfigurationError: A document is unknown, not in the index or no longer what was seen, or reason or name
            are missing.
    """
    wish = _wish(runtime, contract, votes.REVIEWED, reason, actor)
    with runtime.catalog.transaction() as tx:
        audit.lock(tx)
        states = [_known(tx, contract, doc_id, seen.get(doc_id, "")) for doc_id in dict.fromkeys(doc_ids)]
        for state in states:
            if state.state != "active":
                raise _refused(contract, state, "not in the index, so it has nothing to be accepted", "noted")
            votes.cast(tx, _vote(wish, state))


def _wish(runtime: Runtime, contract: str, outcome: str, reason: str, actor: str) -> _Wish:
    if not reason.strip() or not actor.strip():
        what = _NOUNS.get(outcome.partition(":")[0], "a decision")
        raise ConfigurationError(f"{what} needs --reason and a name (--by): somebody will ask who decided, and why.")
    unseen = votes.unseen(actor)
    if unseen or not votes.person(actor):
        raise ConfigurationError(
            f"the name {actor!a} (--by) holds characters that nobody sees ({', '.join(unseen[:4])}): two names "
            "must not look the same. Write it with letters, digits, blanks and punctuation only. Nothing was done."
        )
    return _Wish(
        contract=contract,
        outcome=outcome,
        reason=reason.strip(),
        actor=" ".join(actor.split()),
        persons=runtime.contract(contract).triage.persons,
    )


def _settle(tx: Session, wish: _Wish, state: DocumentState, standing: str | None) -> Settlement:
    require_standing(tx, wish.contract, state, standing)
    cast = votes.cast(tx, _vote(wish, state)) if wish.persons > 1 else ()
    agreed = votes.agreeing(cast, wish.outcome)
    settled = wish.persons <= 1 or len(agreed) >= wish.persons
    if settled:
        cut = wish.cut or _standing_cut(tx, wish.contract, state)
        decisions.set_override(tx, _override(wish, state, agreed, cut))
        if wish.cut is not None:
            votes.clear(tx, wish.contract, state.doc_id, state.judged_sha256)
    return Settlement(
        doc_id=state.doc_id,
        raw_sha256=state.judged_sha256,
        outcome=wish.outcome,
        settled=settled,
        votes=cast,
        persons=wish.persons,
    )


def _standing_cut(tx: Session, contract: str, state: DocumentState) -> Cut | None:
    """Returns how a document is cut by now: who releases it releases what is kept of it.

    None where the cut no longer fits its text: then the whole is what was looked at.
    """
    override = queue.override_of(tx, contract, state)
    newest = queue.newest_of(tx, contract, state)
    if override is None or (newest is not None and any(reason["code"] == STALE for reason in newest.reasons)):
        return None
    return cut_in(override.parts)


def _held(tx: Session, contract: str, doc_id: str, seen: str) -> DocumentState:
    state = _known(tx, contract, doc_id, seen)
    if state.state == "quarantined" or _rejected_by_hand(tx, contract, state):
        return state
    raise _refused(contract, state, "not quarantined", "released")


def _rejected_by_hand(tx: Session, contract: str, state: DocumentState) -> bool:
    override = decisions.overrides(tx, contract).get((state.doc_id, state.judged_sha256))
    return state.state == "rejected" and override is not None and override.outcome == Outcome.REJECT.value


def _known(tx: Session, contract: str, doc_id: str, seen: str) -> DocumentState:
    state = documents.find(tx, contract, doc_id)
    if state is None:
        close = difflib.get_close_matches(doc_id, documents.states(tx, contract), n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ConfigurationError(
            f"unknown document of {contract} {doc_id!r}.{hint} See them with `stemma quarantine list {contract}`."
        )
    if seen and (len(seen) < _LEAST_DIGEST or not state.judged_sha256.startswith(seen.lower())):
        raise ConfigurationError(
            f"the bytes of {doc_id!r} are not those that --sha256 {seen} names: they have the digest "
            f"{state.judged_sha256}. Nothing was done. Look at it again with `stemma quarantine show {contract} "
            f"{doc_id}`, and give at least {_LEAST_DIGEST} characters of its digest."
        )
    return state


def _refused(contract: str, state: DocumentState, why: str, done: str) -> ConfigurationError:
    return ConfigurationError(
        f"{state.doc_id!r} is {state.state}, {why}: {_NOT_HELD.get(state.state, 'it is held')}. Nothing was "
        f"{done}. See `stemma quarantine show {contract} {state.doc_id}`."
    )


def _vote(wish: _Wish, state: DocumentState) -> VoteRecord:
    return VoteRecord(
        contract=wish.contract,
        doc_id=state.doc_id,
        raw_sha256=state.judged_sha256,
        actor=wish.actor,
        outcome=wish.outcome,
        reason=wish.reason,
        at=utc_now(),
        parts=wish.cut.to_json() if wish.cut else None,
    )


def _override(wish: _Wish, state: DocumentState, agreed: Sequence[VoteRecord], cut: Cut | None) -> OverrideRecord:
    """Returns the decision; with the names and reasons of all who agreed, where more than one had to."""
    return OverrideRecord(
        contract=wish.contract,
        doc_id=state.doc_id,
        raw_sha256=state.judged_sha256,
        outcome=decisions.SPLIT if wish.cut else wish.outcome,
        reason="; ".join(f"{vote.actor}: {vote.reason}" for vote in agreed) or wish.reason,
        actor=" and ".join(vote.actor for vote in agreed) or wish.actor,
        at=utc_now(),
        parts=cut.to_json() if cut else None,
    )
