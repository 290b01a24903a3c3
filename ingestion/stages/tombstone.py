"""Deletion: a document or chunk is served no more, at once; the next version does without the document.

The catalog's rows are the truth, the signed file beside the versions is what readers look at. Rows first, then the
file, then the alias files, which say how far the file is. Killed between them, `reconcile` writes them again.
"""

from __future__ import annotations

import numpy as np
from sqlalchemy.orm import Session

from corpus.catalog import audit, documents, erasures, runs, versions
from corpus.errors import ConfigurationError, IntegrityError
from corpus.ids import new_run_id, tomb_digest
from corpus.naming import nearest
from corpus.receipts import Receipt
from corpus.types import EMPTY
from index.layout import version_name
from index.pointer import read_pointer, version_numbers
from index.release import project_alias
from index.signing import Signer, TrustStore, load_trusted_signer
from index.tombstones import Tombstones, read_tombstones, stored_sequence, write_tombstones
from ingestion.runtime import Runtime
from ingestion.servedchunks import in_version


def delete(
    runtime: Runtime,
    contract: str,
    doc_id: str = "",
    *,
    chunk_id: str = "",
    reason: str,
    actor: str,
    undo: bool = False,
) -> Receipt:
    """Takes a document or a chunk out of what is served, or lets it be served again.

    Nothing is removed from the home: `ingestion.stages.erase` does that. A document stays out also when its source
    still has it, until it is restored.

    Args:
        runtime: The project.
        contract: Name of the contract.
        doc_id: The document; empty for a chunk.
        chunk_id: The chunk; empty for a document.
        reason: Why, for the audit log.
        actor: Who.
        undo: Let it be served again.

    Returns:
        A receipt with the figures `changed` (0 where it was so before), `tombstones`, `share` of the live version's
        documents under tombstones, and `rebuild`, 1 where that is more than the contract's `rebuildShare`, so that
        the index should be released.

    Raises:
        ConfigurationError: Neither or both are named, the document is unknown or erased, or there is no signing key.
    """
    if bool(doc_id) == bool(chunk_id) or not reason.strip() or not actor.strip():
        raise ConfigurationError("a deletion needs a document or a chunk, a reason and a name.")
    terms = runtime.contract(contract)
    signer = load_trusted_signer(runtime.settings.signing_key, runtime.settings.trusted_keys)
    if chunk_id and not undo:
        _require_chunk(runtime, contract, chunk_id)
    changed = _bury(runtime, contract, doc_id, chunk_id, (reason.strip(), actor.strip()), undo=undo)
    number = project(runtime, contract, signer)
    share = share_of(runtime, contract)
    return Receipt(
        stage="index.restore" if undo else "index.delete",
        contract=contract,
        run_id=new_run_id(),
        key=doc_id or chunk_id,
        figures={
            "changed": int(changed),
            "tombstones": number,
            "share": round(share, 4),
            "rebuild": int(share > terms.index.rebuild_share),
        },
    )


def _bury(runtime: Runtime, contract: str, doc_id: str, chunk_id: str, why: tuple[str, str], *, undo: bool) -> bool:
    """Writes or lifts one tombstone; returns whether that changed anything."""
    reason, actor = why
    kind, digest = ("document", tomb_digest(contract, doc_id)) if doc_id else ("chunk", chunk_id)
    with runtime.catalog.transaction() as tx:
        after = adopt(runtime, tx, contract)
        if doc_id:
            _require_document(tx, contract, doc_id, digest)
        changed = (digest in erasures.buried(tx, contract, kind)) is undo
        if changed:
            erasures.bury(tx, contract, kind, [digest], lifted=undo, after=after)
            action = erasures.RESTORE if undo else erasures.DELETE
            subject = f"{contract}/{doc_id or chunk_id}"
            audit.append(tx, actor=actor, action=action, subject=subject, detail={"reason": reason, "kind": kind})
    return changed


def adopt(runtime: Runtime, tx: Session, contract: str) -> int:
    """Takes over what the file says and the catalog does not, as after it was restored; returns the file's sequence.

    A file that does not hold is passed over: the rows are the truth, and it is written again from them.
    """
    trust = TrustStore.from_folder(runtime.settings.trusted_keys)
    try:
        found = read_tombstones(runtime.store, contract, trust)
    except IntegrityError:
        return stored_sequence(runtime.store, contract)
    erasures.adopt(tx, contract, found.sequence, found.documents, found.chunks)
    return found.sequence


def _require_document(tx: Session, contract: str, doc_id: str, digest: str) -> None:
    erased = erasures.get(tx, contract, digest)
    if erased is not None and erased.state != "lifted":
        raise ConfigurationError(f"{doc_id!r} of {contract!r} was erased. Lift that first: `stemma erase ... --lift`.")
    if documents.find(tx, contract, doc_id) is None:
        near = nearest(doc_id, documents.states(tx, contract))
        meant = f"Did you mean {' or '.join(map(repr, near))}?" if near else "Ids are those that hits name."
        raise ConfigurationError(f"{contract!r} has no document {doc_id!r}. {meant}")


def _require_chunk(runtime: Runtime, contract: str, chunk_id: str) -> None:
    """Refuses the id of a chunk that no version holds: a tombstone on it would say that something was done."""
    wanted = {chunk_id}
    numbers = version_numbers(runtime.store, contract)
    if any(in_version(runtime, f"{contract}/{version_name(number)}", wanted, []) for number in reversed(numbers)):
        return
    raise ConfigurationError(
        f"no version of {contract!r} holds a chunk {chunk_id!r}. Ids are those of hits: `stemma index query NAME TEXT "
        "--json`."
    )


def project(runtime: Runtime, contract: str, signer: Signer) -> int:
    """Writes the tombstone file and the alias files of an index from their rows; returns the number of tombstones.

    The file is written while the log's lock is held: of two who delete at once the later rows are written later, so
    that no reader ever finds an older file than the one before, which it would take for one that was put back.
    """
    trust = TrustStore.from_folder(runtime.settings.trusted_keys)
    with runtime.catalog.transaction() as tx:
        audit.lock(tx)
        wanted = _rows(tx, contract)
        if wanted.sequence and not _is_there(runtime, wanted, trust):
            write_tombstones(runtime.store, wanted, signer)
    with runtime.catalog.reading() as tx:
        states = versions.aliases(tx, contract)
    for state in states:
        project_alias(runtime.store, runtime.catalog, state, signer)
    return len(wanted)


def is_projected(runtime: Runtime, contract: str) -> bool:
    """Returns whether readers see the tombstones that the catalog has, and alias files that say so."""
    trust = TrustStore.from_folder(runtime.settings.trusted_keys)
    with runtime.catalog.reading() as tx:
        wanted = _rows(tx, contract)
        aliases = [state.alias for state in versions.aliases(tx, contract)]
    if not wanted.sequence:
        return True
    pointers = [read_pointer(runtime.store, contract, alias) for alias in aliases]
    behind = any(pointer is None or pointer.tombstones < wanted.sequence for pointer in pointers)
    return not behind and _is_there(runtime, wanted, trust)


def _rows(tx: Session, contract: str) -> Tombstones:
    return Tombstones(
        index=contract,
        sequence=erasures.sequence(tx, contract),
        documents=erasures.buried(tx, contract, "document"),
        chunks=erasures.buried(tx, contract, "chunk"),
    )


def _is_there(runtime: Runtime, wanted: Tombstones, trust: TrustStore) -> bool:
    try:
        return read_tombstones(runtime.store, wanted.index, trust) == wanted
    except IntegrityError:
        return False  # whatever is there, it is written again


def share_of(runtime: Runtime, contract: str) -> float:
    """Returns which share of the live version's documents is under tombstones, in [0, 1]."""
    from corpus import batches  # noqa: PLC0415 - Arrow, which only a deletion needs here
    from index import layout  # noqa: PLC0415

    with runtime.catalog.reading() as tx:
        live = versions.alias(tx, contract, "live")
        buried = erasures.buried(tx, contract, "document")
    if live is None or not buried:
        return 0.0
    try:
        with runtime.store.open(f"{layout.version_path(contract, live.number)}/{layout.DOCUMENTS}") as handle:
            names = batches.read_table(handle, ["doc_id"])["doc_id"].to_pylist()
    except FileNotFoundError:
        return 0.0
    return float(np.mean([tomb_digest(contract, name) in buried for name in names])) if names else 0.0


def rebuild_run(runtime: Runtime, contract: str, reason: str) -> str:
    """Opens and closes the run that a release after deletions belongs to; it may shrink the index."""
    run_id = new_run_id()
    receipt = Receipt(
        stage="index.delete",
        contract=contract,
        run_id=run_id,
        key=contract,
        figures={"allow_shrink": 1, "reason": reason},
    )
    with runtime.catalog.transaction() as tx:
        runs.start(tx, run_id=run_id, contract=contract, kind="delete", actor=runtime.settings.actor)
        runs.finish(tx, run_id, state="succeeded", receipt=dict(EMPTY) | receipt.to_json())
    return run_id
