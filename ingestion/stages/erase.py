"""Erasure: a document leaves everything that is kept of it, and does not come back by itself.

First it is served no more (a tombstone, which stays), then it is taken out of answers, reports, versions, segments and
the catalog, then the database is written anew, then every file is read once more, and what was found is signed. The
order is that of what needs what: others' words about it are found by its text, so its text goes last. Each step looks
at what is there, so an erasure that was killed is completed by calling it again, by `complete` or by `reconcile`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from corpus.catalog import audit, authors, contracts, decisions, documents, erasures, relations, scrub
from corpus.catalog.erasures import ErasureRecord
from corpus.catalog.exclusive import gate
from corpus.catalog.records import AuditRecord
from corpus.errors import ConfigurationError, IntegrityError
from corpus.ids import new_run_id, tomb_digest
from corpus.naming import nearest
from corpus.receipts import Receipt
from index.signing import Signer, load_trusted_signer
from ingestion.erasure import receipt as receipts
from ingestion.erasure.answers import erase_answers
from ingestion.erasure.evidence import Evidence, gather
from ingestion.erasure.segments import rewrite_segments
from ingestion.erasure.sweep import Looked, clean_reports, drop_work, last_look
from ingestion.erasure.versions import Work, replace_versions
from ingestion.relations.codes import CONFLICT, CYCLE
from ingestion.relations.families import author_of
from ingestion.runtime import Runtime
from ingestion.stages import tombstone
from ingestion.standing import standing_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What an erasure did.

    Attributes:
        receipt: Figures for a person.
        signed: What the signed receipt says.
        path: Where that is, in the home.
        also: Other documents that say some of the same, as `PATH DOCUMENT`.
    """

    receipt: Receipt
    signed: dict[str, Any]
    path: str
    also: tuple[str, ...]


def erase(runtime: Runtime, contract: str, doc_id: str, *, reason: str, actor: str) -> Erased:
    """Erases a document for good, and refuses it from now on.

    Args:
        runtime: The project.
        contract: Name of its contract.
        doc_id: The document; one that is not there is refused from now on too.
        reason: Why; it stands in the audit log for ever, so it must not say what the document said.
        actor: Who.

    Returns:
        What was done, with the signed receipt.

    Raises:
        ConfigurationError: No reason, nobody's name, a reason or a contract that quotes it, or no signing key.
        IntegrityError: A version cannot be verified, or something is left; the document is served no more all the same.
        CatalogError: Runs are at work, or the database cannot be written anew.
    """
    for name, value in (("a document", doc_id), ("a reason", reason), ("a name", actor)):
        if not value.strip():
            raise ConfigurationError(
                f"erasing a document needs {name}, and got an empty text: `stemma erase NAME DOC --reason '...'`."
            )
    terms = runtime.contract(contract)
    signer = load_trusted_signer(runtime.settings.signing_key, runtime.settings.trusted_keys)
    digest = tomb_digest(contract, doc_id)
    with gate(runtime.catalog, alone=True):
        found = gather(runtime, contract, doc_id, _alias(digest))
        if found.words.names(reason) or found.words.quotes(reason):
            raise ConfigurationError(
                "the reason names or quotes the document, and it is kept for ever. Say why in other words, such as the "
                "number of a request."
            )
        if found.words.redact(terms.raw_yaml) != terms.raw_yaml:
            raise ConfigurationError(
                f"contract {contract!r} quotes the document, and every version holds its contract: the next one would "
                "bring the words back. Take them out of the contract's file, raise its version, and run again."
            )
        with runtime.catalog.transaction() as tx:
            after = tombstone.adopt(runtime, tx, contract)
            record = erasures.request(tx, contract, doc_id, reason=reason.strip(), actor=actor.strip())
            erasures.remember_contents(tx, contract, digest, found.contents)
            erasures.bury(tx, contract, "document", [digest], after=after)
        return _work(runtime, record, signer)


def names_like(runtime: Runtime, contract: str, doc_id: str) -> list[str]:
    """Returns ids of documents that look like one that the contract does not have: a typing error erases nothing."""
    with runtime.catalog.reading() as tx:
        known = documents.states(tx, contract)
    return [] if doc_id in known else nearest(doc_id, known)


def complete(runtime: Runtime, contract: str = "") -> tuple[Erased, ...]:
    """Completes erasures that were cut short, of one contract or of all."""
    with runtime.catalog.reading() as tx:
        pending = [record for record in erasures.pending(tx) if contract in ("", record.contract)]
    if not pending:
        return ()
    signer = load_trusted_signer(runtime.settings.signing_key, runtime.settings.trusted_keys)
    with gate(runtime.catalog, alone=True):
        return tuple(_work(runtime, record, signer) for record in pending)


def lift(runtime: Runtime, contract: str, doc_id: str, *, reason: str, actor: str) -> Receipt:
    """Lets an erased document be taken in again by the next ingest; what was erased does not come back.

    Raises:
        ConfigurationError: No reason, or the document was not erased, or its erasure is at work.
    """
    if not reason.strip():
        raise ConfigurationError("lifting an erasure needs a reason: it goes into the audit log.")
    signer = load_trusted_signer(runtime.settings.signing_key, runtime.settings.trusted_keys)
    digest = tomb_digest(contract, doc_id)
    with runtime.catalog.transaction() as tx:
        after = tombstone.adopt(runtime, tx, contract)
        record = erasures.get(tx, contract, digest)
        if record is None or record.state != "done":
            state = "is being erased" if record is not None and record.state == "pending" else "was not erased"
            raise ConfigurationError(f"{doc_id!r} of {contract!r} {state}, so there is nothing to lift.")
        erasures.lift(tx, contract, digest, reason=reason.strip(), actor=actor)
        erasures.bury(tx, contract, "document", [digest], lifted=True, after=after)
        again = _refused(tx, contract, digest)
        documents.look_again(tx, contract, doc_ids=again)
    tombstone.project(runtime, contract, signer)
    return Receipt(
        stage="erase.lift",
        contract=contract,
        run_id=new_run_id(),
        key=digest,
        figures={"lifted": 1, "documents_to_look_at": len(again)},
    )


def _refused(tx: Any, contract: str, digest: str) -> list[str]:
    """Returns the documents that were refused because of an erasure."""
    return [
        found.doc_id
        for found in decisions.standing(tx, contract, "reject")
        if any(reason["code"] == "erased" and digest[:12] in reason["message"] for reason in found.reasons)
    ]


def _alias(digest: str) -> str:
    return f"erased:{digest[:16]}"


def _work(runtime: Runtime, record: ErasureRecord, signer: Signer) -> Erased:
    """Does what is left to do of an erasure; the gate is held."""
    tombstone.project(runtime, record.contract, signer)
    found = gather(runtime, record.contract, record.doc_id, _alias(record.digest))
    with runtime.catalog.transaction() as tx:
        erasures.remember_contents(tx, record.contract, record.digest, found.contents)
    work = Work(runtime=runtime, record=record, words=found.words, signer=signer, run_id=new_run_id())
    done: dict[str, Any] = {"answers": erase_answers(work, found.chunk_ids)}
    done["runs_in_progress"] = drop_work(work)
    done["reports"] = clean_reports(work)
    with runtime.catalog.transaction() as tx:
        done["mentions"] = scrub.clean_mentions(tx, found.words.clean)
        done["contracts"] = contracts.clean_texts(tx, found.words.redact)
    versions = replace_versions(work)
    done["segments"] = rewrite_segments(work)
    _let_go(runtime)
    done["rows"] = _forget(work, found)
    scrub.compact(runtime.catalog)
    looked = last_look(work, found.texts)
    if looked.left:
        raise IntegrityError(
            f"erasure {record.digest[:12]} found something of the document left in {', '.join(looked.left[:5])}"
            f"{f' and {len(looked.left) - 5} more' if len(looked.left) > 5 else ''}. It is served no more, and is not "
            "done: remove these, then run `stemma erase` again without a document."
        )
    return _finish(work, found, versions, done, looked)


def _let_go(runtime: Runtime) -> None:
    from ingestion.answervectors import let_go  # noqa: PLC0415 - a home without such vectors does without

    if runtime.store.names("answers"):
        let_go(runtime)


def _forget(work: Work, found: Evidence) -> dict[str, int]:
    """Removes the document's own rows, redacts the log, and forgets an author whom no other document names."""
    contract, doc_id = work.name, work.record.doc_id
    named = {author for metadata in found.metadata if (author := author_of(_texts(metadata)))}
    kept = _authors(work.runtime, contract, doc_id) if named else set()
    with work.runtime.catalog.transaction() as tx:
        held = relations.waiting_on(tx, contract, [doc_id], (CONFLICT, CYCLE))
        documents.look_again(tx, contract, doc_ids=held)  # a copy may come in now
        rows = scrub.forget_document(tx, contract, doc_id, _alias(work.record.digest))
        redacted = audit.redact(tx, work.record.digest, work.record.actor, lambda entry: _is_about(work, entry))
        authors.remove(tx, contract, named - kept)
    return {**rows, "audit_log": len(redacted)} if redacted else rows


def _is_about(work: Work, entry: AuditRecord) -> bool:
    if entry.subject == work.record.digest:
        return False
    mine = entry.subject == f"{work.name}/{work.record.doc_id}"
    return mine or work.words.clean(entry.detail) != entry.detail


def _authors(runtime: Runtime, contract: str, doc_id: str) -> set[str]:
    from corpus import batches  # noqa: PLC0415 - Arrow, only where an author is named

    rows: Iterable[dict[str, Any]] = standing_rows(runtime, contract, ["metadata"], {doc_id})
    return {author_of(_texts(batches.loads(row["metadata"]))) for row in rows}


def _texts(metadata: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in metadata.items() if isinstance(value, str)}


def _finish(work: Work, found: Evidence, versions: dict[int, int], done: dict[str, Any], looked: Looked) -> Erased:
    record = work.record
    signed = receipts.publish(
        work,
        {
            "searched": {"files": looked.files, "bytes": looked.size},
            "found": {
                "texts": len(found.texts),
                "chunks": len(found.chunk_ids),
                "segments": len(found.segments),
                "versions": len(found.versions),
            },
            "removed": done,
            "versions": {str(old): new for old, new in versions.items()},
            "also_said_by": len(looked.also),
            "left": 0,
        },
    )
    with work.runtime.catalog.transaction() as tx:
        erasures.finish(tx, record.contract, record.digest)
    scrub.compact(work.runtime.catalog)  # the id, which was kept until now
    rows = sum(done["rows"].values())
    figures: dict[str, int | float | str] = {
        "erased": 1,
        "versions": len(versions),
        "segments": done["segments"],
        "answers": done["answers"],
        "rows": rows,
        "files_searched": looked.files,
        "also_said_by": len(looked.also),
    }
    return Erased(
        receipt=Receipt(
            stage="erase", contract=record.contract, run_id=work.run_id, key=record.digest, figures=figures
        ),
        signed=signed,
        path=receipts.path_of(record.contract, record.digest),
        also=looked.also,
    )
