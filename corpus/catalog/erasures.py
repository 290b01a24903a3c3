"""What may not be served or taken in again: tombstones, erased documents, and what their versions became.

Of an erased document digests stay, of its id and of what it said. The id itself stands here only while the erasure
is at work, so that one that was cut short can be completed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from corpus.catalog import audit, rows
from corpus.catalog.tables import ErasureRow, ReplacedVersionRow, TombstoneRow
from corpus.ids import tomb_digest
from corpus.types import utc_now

ERASE = "document.erase"
"""Action under which an erasure stands in the audit log; its subject is the digest of the document's id."""
LIFT = "document.erase.lift"
DELETE = "document.delete"
RESTORE = "document.restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRecord:
    """A document that was erased, or is being erased.

    Attributes:
        contract: Its contract.
        digest: `corpus.ids.tomb_digest` of its id.
        state: `pending`, `done` or `lifted`.
        doc_id: Its id while the erasure is at work; empty afterwards.
        contents: `corpus.ids.erased_digest` of its bytes and of its text, at every revision that was found.
        reason: Why.
        actor: Who.
        requested_at: When it was asked for.
        finished_at: When it was completed; None before.
    """

    contract: str
    digest: str
    state: str
    doc_id: str
    contents: tuple[str, ...]
    reason: str
    actor: str
    requested_at: datetime
    finished_at: datetime | None


def request(tx: Session, contract: str, doc_id: str, *, reason: str, actor: str) -> ErasureRecord:
    """Notes that a document is to be erased; asked again while it is, nothing changes but what is missing is done.

    One that was lifted before is erased again.
    """
    digest = tomb_digest(contract, doc_id)
    found = get(tx, contract, digest)
    if found is not None and found.state == "pending":
        return found
    record = ErasureRecord(
        contract=contract,
        digest=digest,
        state="pending",
        doc_id=doc_id,
        contents=found.contents if found else (),
        reason=reason,
        actor=actor,
        requested_at=utc_now(),
        finished_at=None,
    )
    changed = ("state", "doc_id", "contents", "reason", "actor", "requested_at", "finished_at")
    rows.insert(tx, ErasureRow, [rows.values(record)], key=("contract", "digest"), update=changed)
    if found is None or found.state == "lifted":
        audit.append(tx, actor=actor, action=ERASE, subject=digest, detail={"contract": contract, "reason": reason})
    return record


def restore(tx: Session, record: ErasureRecord) -> None:
    """Writes an erasure that was completed before the catalog was lost; one that is there stays as it is."""
    rows.insert(tx, ErasureRow, [rows.values(record)], key=("contract", "digest"))


def remember_contents(tx: Session, contract: str, digest: str, contents: Iterable[str]) -> None:
    """Adds digests of what an erased document said."""
    found = get(tx, contract, digest)
    if found is not None:
        merged = tuple(sorted({*found.contents, *contents}))
        tx.execute(_one(contract, digest).values(contents=merged))


def finish(tx: Session, contract: str, digest: str) -> None:
    """Notes that an erasure is complete: the document's id goes too."""
    tx.execute(_one(contract, digest).values(state="done", doc_id="", finished_at=utc_now()))


def lift(tx: Session, contract: str, digest: str, *, reason: str, actor: str) -> bool:
    """Lets a document be taken in again; returns whether it was erased."""
    found = get(tx, contract, digest)
    if found is None or found.state == "lifted":
        return False
    tx.execute(_one(contract, digest).values(state="lifted", doc_id="", contents=[]))
    audit.append(tx, actor=actor, action=LIFT, subject=digest, detail={"contract": contract, "reason": reason})
    return True


def get(tx: Session, contract: str, digest: str) -> ErasureRecord | None:
    """Returns the erasure of a document; None where it was never erased."""
    statement = select(*rows.columns(ErasureRow, ErasureRecord))
    return rows.first(tx, ErasureRecord, statement.where(ErasureRow.contract == contract, ErasureRow.digest == digest))


def of_contract(tx: Session, contract: str) -> tuple[ErasureRecord, ...]:
    """Returns the erasures of a contract, oldest first."""
    statement = select(*rows.columns(ErasureRow, ErasureRecord)).where(ErasureRow.contract == contract)
    return tuple(rows.read(tx, ErasureRecord, statement.order_by(ErasureRow.requested_at, ErasureRow.digest)))


def pending(tx: Session) -> tuple[ErasureRecord, ...]:
    """Returns the erasures that were cut short or are at work, oldest first."""
    statement = select(*rows.columns(ErasureRow, ErasureRecord)).where(ErasureRow.state == "pending")
    return tuple(rows.read(tx, ErasureRecord, statement.order_by(ErasureRow.requested_at, ErasureRow.digest)))


def _one(contract: str, digest: str) -> Any:
    return update(ErasureRow).where(ErasureRow.contract == contract, ErasureRow.digest == digest)


def bury(tx: Session, name: str, kind: str, digests: Iterable[str], *, lifted: bool = False, after: int = 0) -> int:
    """Sets tombstones of an index, or lifts them.

    Args:
        tx: The transaction.
        name: The index.
        kind: `document` or `chunk`.
        digests: `tomb_digest` of documents, or ids of chunks, which are digests.
        lifted: Lift them.
        after: Sequence of the tombstone file that is there; the new one is larger.

    Returns:
        The sequence of the index's tombstones from now on; unchanged where nothing changed.
    """
    audit.lock(tx)  # two that count at once would count the same
    wanted = set(digests)
    standing = {found.digest for found in _standing(tx, name, kind)}
    changing = wanted & standing if lifted else wanted - standing
    number = max(sequence(tx, name), after)
    if not changing:
        return number
    now = utc_now()
    written = (
        {"name": name, "kind": kind, "digest": digest, "lifted": lifted, "sequence": number + 1, "changed_at": now}
        for digest in sorted(changing)
    )
    changed = ("lifted", "sequence", "changed_at")
    rows.insert(tx, TombstoneRow, written, key=("name", "kind", "digest"), update=changed)
    return number + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tomb:
    digest: str


def _standing(tx: Session, name: str, kind: str) -> Iterable[_Tomb]:
    statement = select(*rows.columns(TombstoneRow, _Tomb)).where(
        TombstoneRow.name == name, TombstoneRow.kind == kind, TombstoneRow.lifted.is_(False)
    )
    return list(rows.read(tx, _Tomb, statement))


def adopt(tx: Session, name: str, sequence_: int, documents: Iterable[str], chunks: Iterable[str]) -> None:
    """Takes over tombstones that a file has and the catalog has not: it was restored from an older copy, or lost.

    Args:
        tx: The transaction.
        name: The index.
        sequence_: Sequence of the file; nothing is done unless it is beyond the catalog's.
        documents: Digests of documents.
        chunks: Ids of chunks.
    """
    if sequence_ <= sequence(tx, name):
        return
    now = utc_now()
    for kind, digests in (("document", documents), ("chunk", chunks)):
        row = {"name": name, "kind": kind, "lifted": False, "sequence": sequence_, "changed_at": now}
        written = ({**row, "digest": digest} for digest in sorted(digests))
        changed = ("lifted", "sequence", "changed_at")
        rows.insert(tx, TombstoneRow, written, key=("name", "kind", "digest"), update=changed)


def buried(tx: Session, name: str, kind: str) -> frozenset[str]:
    """Returns the digests that stand under tombstones of an index."""
    return frozenset(found.digest for found in _standing(tx, name, kind))


def sequence(tx: Session, name: str) -> int:
    """Returns the sequence of an index's tombstones; 0 where there never was one."""
    found = tx.execute(select(func.max(TombstoneRow.sequence)).where(TombstoneRow.name == name)).scalar()
    return int(found or 0)


def replace_version(tx: Session, name: str, number: int, by: int) -> None:
    """Notes which number a version has since it was built again; what pointed to it points there."""
    earlier = update(ReplacedVersionRow).where(
        ReplacedVersionRow.name == name, ReplacedVersionRow.replaced_by == number
    )
    tx.execute(earlier.values(replaced_by=by))
    row = {"name": name, "number": number, "replaced_by": by, "replaced_at": utc_now()}
    rows.insert(tx, ReplacedVersionRow, [row], key=("name", "number"), update=("replaced_by", "replaced_at"))


def replacements(tx: Session, name: str) -> dict[int, int]:
    """Returns, by the numbers that versions had, those that they have since they were built again."""
    statement = select(ReplacedVersionRow.number, ReplacedVersionRow.replaced_by)
    return {row.number: row.replaced_by for row in tx.execute(statement.where(ReplacedVersionRow.name == name))}
