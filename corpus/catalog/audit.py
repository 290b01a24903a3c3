"""The audit log: who changed what by hand, as a chain of hashes.

Each entry's digest covers the entry and the digest before it, so an entry that is changed, removed
or put in between breaks the chain. Appending is serialised on both databases; the digest is of
canonical JSON, so that anyone can check a log with a dozen lines of code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from corpus.catalog import rows
from corpus.catalog.records import AuditRecord, AuditReport
from corpus.catalog.tables import AuditRow
from corpus.ids import canonical_json, sha256_hex
from corpus.types import utc_now

START = "0" * 64
REDACT = "audit.redact"
"""Action of the entry that says which earlier ones lost their words to an erasure."""
_REDACTED = "erased"

# Any fixed number will do; PostgreSQL's advisory locks are named by number.
_LOCK = 0x57E3A002


def lock(tx: Session) -> None:
    """Makes others who append wait until this transaction ends.

    On SQLite the transaction holds the write lock already.
    """
    if tx.get_bind().dialect.name == "postgresql":
        tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def append(
    tx: Session, *, actor: str, action: str, subject: str, detail: Mapping[str, Any], at: datetime | None = None
) -> AuditRecord:
    """Appends an entry.

    Args:
        tx: The transaction.
        actor: Who.
        action: What was done, such as `alias.move`.
        subject: To what.
        detail: JSON object with the rest.
        at: When; None for now.

    Returns:
        The entry.

    Raises:
        TypeError: `detail` holds something that is not JSON.
        ValueError: `detail` holds NaN or an infinity.
    """
    lock(tx)
    last = tx.execute(select(AuditRow.number, AuditRow.digest).order_by(AuditRow.number.desc()).limit(1)).first()
    entry = AuditRecord(
        number=last.number + 1 if last else 1,
        at=at or utc_now(),
        actor=actor,
        action=action,
        subject=subject,
        detail=detail,
        previous=last.digest if last else START,
        digest="",
    )
    entry = replace(entry, digest=entry_digest(entry))
    rows.insert(tx, AuditRow, [rows.values(entry)], key=("number",))
    return entry


def entry_digest(entry: AuditRecord) -> str:
    """Returns what an entry's digest must be: SHA-256 of the canonical JSON of all its other fields."""
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    said = {name: value for name, value in rows.values(entry).items() if name != "digest"}
    return sha256_hex(canonical_json({**said, "at": at}))


def redact(tx: Session, erasure: str, actor: str, named: Callable[[AuditRecord], bool]) -> tuple[int, ...]:
    """Takes the words out of entries about an erased document; the chain holds, and says that it was done.

    What an entry said and of what is replaced by the digest of the erasure; who did what when, and the digests of the
    chain, stay. One more entry names the numbers, so an entry that is emptied without it breaks the chain.

    Args:
        tx: The transaction.
        erasure: Digest under which the erasure is remembered.
        actor: Who erases.
        named: Whether an entry is about the document.

    Returns:
        The numbers of the entries.
    """
    lock(tx)
    statement = select(*rows.columns(AuditRow, AuditRecord)).order_by(AuditRow.number)
    meant = [
        entry.number for entry in rows.read(tx, AuditRecord, statement) if not _is_redacted(entry) and named(entry)
    ]
    for batch in rows.chunks(meant):
        chosen = update(AuditRow).where(AuditRow.number.in_(batch))
        tx.execute(chosen.values(subject=erasure, detail={_REDACTED: erasure}))
    if meant:
        append(tx, actor=actor, action=REDACT, subject=erasure, detail={"entries": meant})
    return tuple(meant)


def _is_redacted(entry: AuditRecord) -> bool:
    return set(entry.detail) == {_REDACTED}


def verify(tx: Session) -> AuditReport:
    """Checks the whole chain, in bounded memory.

    Of an entry that was redacted only its place in the chain can be checked, and that a later entry says so.
    """
    statement = select(*rows.columns(AuditRow, AuditRecord)).order_by(AuditRow.number)
    head = START
    entries = tx.execute(select(func.count()).select_from(AuditRow)).scalar_one()
    streamed = rows.read(tx, AuditRecord, statement.execution_options(yield_per=rows.WRITE_BATCH))
    emptied: set[int] = set()
    for number, entry in enumerate(streamed, start=1):
        redacted = _is_redacted(entry)
        right = redacted or entry.digest == entry_digest(entry)
        if entry.number != number or entry.previous != head or not right:
            return AuditReport(entries=entries, broken_at=number, head=head)
        if redacted:
            emptied.add(number)
        elif entry.action == REDACT:
            emptied.difference_update(entry.detail["entries"])
        head = entry.digest
    return AuditReport(entries=entries, broken_at=min(emptied, default=None), head=head)


def number_of(tx: Session, digest: str) -> int | None:
    """Returns the number of the entry with a digest; None where the log holds none.

    A head that was kept elsewhere and is no longer there shows that entries were cut off at the end.
    """
    return tx.execute(select(AuditRow.number).where(AuditRow.digest == digest)).scalar_one_or_none()


def tail(tx: Session, limit: int = 20) -> tuple[AuditRecord, ...]:
    """Returns the newest entries, newest first."""
    statement = select(*rows.columns(AuditRow, AuditRecord)).order_by(AuditRow.number.desc()).limit(limit)
    return tuple(rows.read(tx, AuditRecord, statement))
