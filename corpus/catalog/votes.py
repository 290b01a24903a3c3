"""What people think should become of a document, at one content, where more than one must agree.

A vote speaks of the bytes that were looked at, with the metadata beside them, and of no others. One person has one
vote: a later one takes the place of the earlier, and the audit log keeps both. That somebody saw the warnings of an
admitted document is kept beside the votes and takes no vote's place.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from corpus.catalog import audit, rows
from corpus.catalog.records import VoteRecord
from corpus.catalog.tables import VoteRow

REVIEWED = "reviewed"
"""Outcome of a vote that changes nothing: a person saw the warnings of an admitted document."""


_UNSEEN = ("Cc", "Cf", "Cs")
"""Unicode categories of characters that show nothing: controls, format characters, halves of characters."""
_BLANK = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}
    | {*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}
)
"""Letters and marks that show nothing: joiners, fillers, variation selectors (Unicode: Default_Ignorable_Code_Point,
and the Braille pattern without dots)."""


def person(name: str) -> str:
    """Returns what two spellings of one person's name have in common; characters that nobody sees make no other."""
    seen = unicodedata.normalize("NFKC", _seen(" ".join(name.split())))
    return " ".join(_seen(unicodedata.normalize("NFKC", seen.casefold())).split())


def unseen(name: str) -> tuple[str, ...]:
    """Returns the characters of a name that nobody sees, as `U+200B`; blanks between words are none."""
    bare = " ".join(name.split())
    return tuple(f"U+{ord(character):04X}" for character in bare if not _shows(character))


def _seen(text: str) -> str:
    return "".join(character for character in text if _shows(character))


def _shows(character: str) -> bool:
    return unicodedata.category(character) not in _UNSEEN and ord(character) not in _BLANK


def cast(tx: Session, vote: VoteRecord) -> tuple[VoteRecord, ...]:
    """Keeps a vote in place of an earlier one of the same person, and writes it to the audit log.

    A review (`REVIEWED`) takes the place of an earlier review only, and a vote that of a vote.

    Casting is serialised on both databases, so of two people who vote at once the second sees the first.

    Returns:
        Every vote on these bytes, this one included, oldest first.
    """
    audit.lock(tx)
    mine = (
        VoteRow.contract == vote.contract,
        VoteRow.doc_id == vote.doc_id,
        VoteRow.raw_sha256 == vote.raw_sha256,
    )
    for earlier in of_content(tx, vote.contract, vote.doc_id, vote.raw_sha256):
        alike = (earlier.outcome == REVIEWED) == (vote.outcome == REVIEWED)
        if alike and person(earlier.actor) == person(vote.actor):
            which = (VoteRow.actor == earlier.actor, VoteRow.outcome == earlier.outcome)
            tx.execute(delete(VoteRow).where(*mine, *which))
    rows.insert(tx, VoteRow, [rows.values(vote)], key=("contract", "doc_id", "raw_sha256", "actor", "outcome"))
    detail: dict[str, Any] = {"raw_sha256": vote.raw_sha256, "outcome": vote.outcome, "reason": vote.reason}
    if vote.parts is not None:
        detail["parts"] = dict(vote.parts)
    subject = f"{vote.contract}/{vote.doc_id}"
    audit.append(tx, actor=vote.actor, action="decision.vote", subject=subject, detail=detail)
    return of_content(tx, vote.contract, vote.doc_id, vote.raw_sha256)


def clear(tx: Session, contract: str, doc_id: str, raw_sha256: str) -> None:
    """Takes back every vote on one content, reviews left out: what they spoke of was cut since. The log keeps them."""
    mine = (VoteRow.contract == contract, VoteRow.doc_id == doc_id, VoteRow.raw_sha256 == raw_sha256)
    tx.execute(delete(VoteRow).where(*mine, VoteRow.outcome != REVIEWED))


def of_content(tx: Session, contract: str, doc_id: str, raw_sha256: str) -> tuple[VoteRecord, ...]:
    """Returns the votes on one document at one content, oldest first."""
    statement = select(*rows.columns(VoteRow, VoteRecord)).where(
        VoteRow.contract == contract, VoteRow.doc_id == doc_id, VoteRow.raw_sha256 == raw_sha256
    )
    return tuple(rows.read(tx, VoteRecord, statement.order_by(VoteRow.at, VoteRow.actor, VoteRow.outcome)))


def of_contract(tx: Session, contract: str) -> dict[tuple[str, str], tuple[VoteRecord, ...]]:
    """Returns the votes of a contract by (document id, digest of what was looked at), oldest first."""
    statement = select(*rows.columns(VoteRow, VoteRecord)).where(VoteRow.contract == contract)
    found: dict[tuple[str, str], tuple[VoteRecord, ...]] = {}
    for vote in rows.read(tx, VoteRecord, statement.order_by(VoteRow.at, VoteRow.actor, VoteRow.outcome)):
        key = vote.doc_id, vote.raw_sha256
        found[key] = (*found.get(key, ()), vote)
    return found


def agreeing(votes: Iterable[VoteRecord], outcome: str) -> tuple[VoteRecord, ...]:
    """Returns the votes for one outcome, one per person."""
    return tuple({person(vote.actor): vote for vote in votes if vote.outcome == outcome}.values())
