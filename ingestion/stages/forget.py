"""Forgetting answers: those whose term is over, and those that somebody wants erased.

An erased answer can no longer be the ground of a decision, so the documents that were judged by it are looked
at again. One whose term is over was judged rightly in its time: what was decided by it stands.
"""

from __future__ import annotations

from datetime import datetime

from corpus.catalog import answers, documents, forgotten
from corpus.errors import ConfigurationError
from corpus.ids import new_run_id
from corpus.receipts import Receipt
from ingestion.clock import now_to_remove_by
from ingestion.keeping import Keeping
from ingestion.runtime import Runtime

_PAGE = 2_000
"""Answers looked at at once."""


def erase(runtime: Runtime, answer_id: str, *, reason: str, actor: str) -> Receipt:
    """Removes an answer for good, and refuses it from now on.

    Args:
        runtime: The project.
        answer_id: The answer; it need not be registered yet.
        reason: Why; it stands in the audit log for ever, so it must not say what the answer said.
        actor: Who.

    Returns:
        A receipt with the figures `erased` (0 where it was before), `registered` (whether the registry held it)
        and `documents_to_look_at`.

    Raises:
        ConfigurationError: There is no reason, or nobody's name.
    """
    for name, value in (("an answer id", answer_id), ("a reason", reason), ("a name", actor)):
        if not value.strip():
            raise ConfigurationError(f"erasing an answer needs {name}, and got an empty text.")
    with runtime.catalog.transaction() as tx:
        registered = answers.get(tx, [answer_id])
        judged = forgotten.judged_by(tx, [answer_id])
        number = sum(len(doc_ids) for doc_ids in judged.values())
        done = forgotten.erase(tx, answer_id, reason=reason.strip(), actor=actor.strip(), documents=number)
        for contract, doc_ids in judged.items() if done else ():
            documents.look_again(tx, contract, doc_ids=doc_ids)
    _let_go(runtime)
    return Receipt(
        stage="answers.erase",
        contract="",
        run_id=new_run_id(),
        key=forgotten.id_digest(answer_id),
        figures={
            "erased": int(done),
            "registered": len(registered) if done else 0,
            "documents_to_look_at": number if done else 0,
        },
    )


def prune(runtime: Runtime, *, dry_run: bool = False) -> Receipt:
    """Keeps of each answer what its contract lets be kept today, and removes those whose term is over.

    Args:
        runtime: The project.
        dry_run: Say how many, and change nothing.

    Returns:
        A receipt with the figures `expired`, `removed`, and `changed`: answers of which the contract says now that
        less, or for another time, is kept.

    Raises:
        ContractError: A contract is invalid, so what it lets be kept is not known.
    """
    now = now_to_remove_by(runtime, dry_run=dry_run)
    found, changed = _by_todays_terms(runtime, now, write=not dry_run)
    removed = 0
    while not dry_run:
        # A part at a time: on SQLite nobody else can write meanwhile.
        with runtime.catalog.transaction() as tx:
            done = forgotten.remove(tx, forgotten.expired(tx, now))
        removed += done
        if not done:
            break
    if removed or (changed and not dry_run):
        _let_go(runtime)
    return Receipt(
        stage="answers.prune",
        contract="",
        run_id=new_run_id(),
        key="answers",
        figures={"expired": found, "removed": removed, "changed": changed},
    )


def _by_todays_terms(runtime: Runtime, now: datetime, *, write: bool) -> tuple[int, int]:
    """Gives answers the terms that their contracts have now; returns how many are over, and how many changed."""
    keeping, expired, changed, after = Keeping(runtime), 0, 0, ""
    while True:
        with runtime.catalog.reading() as tx:
            page = forgotten.page(tx, after=after, limit=_PAGE)
        if not page:
            return expired, changed
        after = page[-1].answer_id
        kept = [keeping.kept(record) for record in page]
        fresh = [new for old, new in zip(page, kept, strict=True) if new != old]
        expired += sum(record.expires_at is not None and record.expires_at <= now for record in kept)
        changed += len(fresh)
        if write and fresh:
            with runtime.catalog.transaction() as tx:
                forgotten.keep(tx, fresh)


def _let_go(runtime: Runtime) -> None:
    """Takes the vectors of what was forgotten out of the home; killed before, the next call or ingest does it."""
    from ingestion.answervectors import let_go  # noqa: PLC0415 - Arrow, which a home without such vectors does without

    if runtime.store.names("answers"):
        let_go(runtime)
