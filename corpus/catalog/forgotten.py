"""Answers that may not be kept any longer: those erased by hand, and those whose term is over.

Of an erased answer the digest of its id stays, so that the next import of the same log does not bring it
back, and an entry of the audit log that says who, when and why. Neither holds a word of it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Text, cast, delete, or_, select, update
from sqlalchemy.orm import Session

from corpus.catalog import audit, lineage, postings, rows
from corpus.catalog.records import AnswerRecord, AuditRecord
from corpus.catalog.tables import AnswerErasedRow, AnswerRow, AuditRow, DecisionRow, DocumentRow
from corpus.ids import canonical_json, fingerprint
from corpus.types import utc_now

ERASE = "answer.erase"
"""Action under which an erasure stands in the audit log; its subject is the digest of the answer's id."""
_NEIGHBOURS = 200
"""Ids on either side of a misspelt one that are compared with it: what a person types ends wrongly more often than it
begins so, and a registry of a million is not read for a hint."""


def id_digest(answer_id: str) -> str:
    """Returns the digest under which an erased answer is remembered."""
    return fingerprint("erased-answer", {"answer_id": answer_id})


def erase(tx: Session, answer_id: str, *, reason: str, actor: str, documents: int) -> bool:
    """Removes an answer for good: its text, its question, its signature and its keys.

    Args:
        tx: The transaction.
        answer_id: The answer; one that is not registered is refused from now on too.
        reason: Why, for the audit log.
        actor: Who.
        documents: Number of documents that are looked at again for it, for the audit log.

    Returns:
        False where it was erased before: then nothing is written, and what came back all the same goes.
    """
    postings.hold(tx)
    digest = id_digest(answer_id)
    row = {"id_digest": digest, "erased_at": utc_now()}
    known = remove(tx, [answer_id])
    if not rows.insert_new(tx, AnswerErasedRow, row, key=("id_digest",)):
        return False
    detail = {"reason": reason, "registered": bool(known), "documents_to_look_at": documents}
    audit.append(tx, actor=actor, action=ERASE, subject=digest, detail=detail)
    return True


def remove(tx: Session, answer_ids: Iterable[str]) -> int:
    """Removes answers, their keys and their lineage, and remembers nothing; returns how many there were.

    Keys that serve for other answers of the same text go over to one of these that can be recognised.
    """
    postings.hold(tx)
    leaving: dict[int, str] = {}
    statement = select(AnswerRow.id, AnswerRow.text_sha256)
    for batch in rows.chunks(dict.fromkeys(answer_ids)):
        leaving |= {row.id: row.text_sha256 for row in tx.execute(statement.where(AnswerRow.answer_id.in_(batch)))}
        lineage.forget(tx, map(lineage.answer, batch))
    heirs = _heirs(tx, leaving)
    postings.hand_over(tx, {number: heirs.get(digest) for number, digest in leaving.items()})
    for numbers in rows.chunks(sorted(leaving)):
        tx.execute(delete(AnswerRow).where(AnswerRow.id.in_(numbers)))
    return len(leaving)


def _heirs(tx: Session, leaving: Mapping[int, str]) -> dict[str, int]:
    # The last of each text takes them: one that can be recognised before one that cannot, then the first served.
    order = (AnswerRow.decidable, AnswerRow.context_known, AnswerRow.served_at.desc(), AnswerRow.id.desc())
    statement = select(AnswerRow.text_sha256, AnswerRow.id).order_by(*order)
    heirs: dict[str, int] = {}
    for digests in rows.chunks(dict.fromkeys(leaving.values())):
        for row in tx.execute(statement.where(AnswerRow.text_sha256.in_(digests))):
            if row.id not in leaving:
                heirs[row.text_sha256] = row.id
    return heirs


def keep(tx: Session, records: Iterable[AnswerRecord]) -> None:
    """Gives answers that are there the text, question and term of these records; nothing else of them changes."""
    for record in records:
        chosen = update(AnswerRow).where(AnswerRow.answer_id == record.answer_id)
        values = {"text": record.text, "question": record.question, "expires_at": record.expires_at}
        tx.execute(chosen.values(**values))


def erased(tx: Session, answer_ids: Iterable[str]) -> frozenset[str]:
    """Returns those of some ids whose answers were erased."""
    found: set[str] = set()
    for batch in rows.chunks(dict.fromkeys(answer_ids)):
        digests = {id_digest(answer_id): answer_id for answer_id in batch}
        hits = tx.execute(select(AnswerErasedRow.id_digest).where(AnswerErasedRow.id_digest.in_(list(digests))))
        found.update(digests[digest] for digest in hits.scalars())
    return frozenset(found)


def tombstone(tx: Session, answer_id: str) -> AuditRecord | None:
    """Returns what the audit log says about the erasure of an answer; None for one that was not erased."""
    statement = select(*rows.columns(AuditRow, AuditRecord)).where(AuditRow.subject == id_digest(answer_id))
    return rows.first(tx, AuditRecord, statement.where(AuditRow.action == ERASE).order_by(AuditRow.number))


def expired(tx: Session, now: datetime, limit: int = rows.IN_BATCH) -> tuple[str, ...]:
    """Returns the ids of answers whose term is over, the longest overdue first."""
    statement = select(AnswerRow.answer_id).where(AnswerRow.expires_at <= now)
    return tuple(tx.execute(statement.order_by(AnswerRow.expires_at, AnswerRow.answer_id).limit(limit)).scalars())


def page(
    tx: Session, *, after: str = "", limit: int = 100, system: str | None = None, index: str | None = None
) -> tuple[AnswerRecord, ...]:
    """Returns answers by id, a page at a time.

    Args:
        tx: The transaction.
        after: The last id of the page before, empty for the first.
        limit: Most answers to return.
        system: Only of this RAG system.
        index: Only those retrieved from an index of this name.
    """
    statement = select(*rows.columns(AnswerRow, AnswerRecord)).where(AnswerRow.answer_id > after)
    if system is not None:
        statement = statement.where(AnswerRow.system == system)
    if index is not None:
        statement = statement.where(AnswerRow.index_version.startswith(f"{index}/", autoescape=True))
    return tuple(rows.read(tx, AnswerRecord, statement.order_by(AnswerRow.answer_id).limit(limit)))


def near(tx: Session, answer_id: str) -> tuple[str, ...]:
    """Returns the ids most like one that is not registered, among its neighbours in order; none where none is."""
    before = select(AnswerRow.answer_id).where(AnswerRow.answer_id < answer_id).order_by(AnswerRow.answer_id.desc())
    after = select(AnswerRow.answer_id).where(AnswerRow.answer_id > answer_id).order_by(AnswerRow.answer_id)
    found = [name for side in (before, after) for name in tx.execute(side.limit(_NEIGHBOURS)).scalars()]
    return tuple(difflib.get_close_matches(answer_id, found, n=3, cutoff=0.75))


def marked(tx: Session, mark: str) -> AnswerRecord | None:
    """Returns the answer that was served with a mark; None where the registry holds none."""
    if not mark:
        return None
    statement = select(*rows.columns(AnswerRow, AnswerRecord)).where(AnswerRow.mark == mark)
    return rows.first(tx, AnswerRecord, statement.order_by(AnswerRow.id))


def judged_by(tx: Session, answer_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Finds the standing documents whose latest findings name answers.

    Args:
        tx: The transaction.
        answer_ids: The answers.

    Returns:
        Contract to document ids, sorted; contracts without any are left out. Reads the findings that name one of
        the answers, and no others.
    """
    found: dict[str, set[str]] = {}
    for batch in rows.chunks(dict.fromkeys(answer_ids), 200):
        # Findings are stored as canonical JSON: this is how an id stands in them, and nowhere else.
        named = [cast(DecisionRow.findings, Text).contains(_said(answer_id), autoescape=True) for answer_id in batch]
        standing = (
            select(DecisionRow.contract, DecisionRow.doc_id)
            .join(
                DocumentRow,
                (DocumentRow.contract == DecisionRow.contract)
                & (DocumentRow.doc_id == DecisionRow.doc_id)
                & (DocumentRow.revision_id == DecisionRow.revision_id),
            )
            .where(DocumentRow.state != "gone", or_(*named))
        )
        for contract, doc_id in tx.execute(standing):
            found.setdefault(contract, set()).add(doc_id)
    return {contract: tuple(sorted(found[contract])) for contract in sorted(found)}


def _said(answer_id: str) -> str:
    return canonical_json({"answer_id": answer_id}).decode("utf-8")[1:-1]
