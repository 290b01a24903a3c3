"""Acquire: list the source, read and hash every document, find what is due, cut it into shards.

The floor of an unchanged run is hashing every byte; nothing heavier happens here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from contracts.model import Contract
from corpus.catalog import contracts as contract_rows
from corpus.catalog import decisions, documents, relations, runs
from corpus.catalog.records import DocumentState, OverrideRecord
from corpus.errors import ParseError, SourceGone, SourceUnavailable, TornRead
from corpus.receipts import Counts, Receipt
from corpus.types import RawBlob, SourceRef, utc_now
from ingestion import staging
from ingestion.embedding import require_same_model
from ingestion.erasure.left import adding
from ingestion.examine import Tools, limited_key, sidecar_digest, state_key, unread_key
from ingestion.observing import observed
from ingestion.progress import NO_PROGRESS, Progress
from ingestion.relations.codes import CONFLICT, CYCLE
from ingestion.runtime import Runtime
from ingestion.snapshot import Entry, Snapshot, cut_shards, guard_shrink, mark_of, plan_snapshot
from ingestion.toolkit import asks_paraphrase, tools_of
from ingestion.web.memory import recall, remember


@observed("ingest", begins=True)
@adding
def acquire(
    runtime: Runtime,
    contract_name: str,
    run_id: str,
    *,
    allow_shrink: bool = False,
    progress: Progress = NO_PROGRESS,
    on_due: Callable[[Entry], None] = lambda _: None,
) -> Receipt:
    """Finds the documents whose outcome has to be worked out.

    Args:
        runtime: The project.
        contract_name: Name of the contract.
        run_id: The run; a second call with the same id replaces the first.
        allow_shrink: Let the run remove more documents than the contract's guard allows.
        progress: Told about each document hashed.
        on_due: Told of each due document as it is found, so that what reads it can be made ready meanwhile.

    Returns:
        A receipt whose outputs are the shards with due documents.

    Raises:
        ConfigurationError: Unknown contract, or it declares another model than is served.
        ContractBlocked: The source suddenly lists (almost) nothing.
        FingerprintMismatch: The model changed behind its name.
        SourceUnavailable: The source cannot be listed completely.
    """
    contract = runtime.contract(contract_name)
    space = require_same_model(runtime, contract)
    tools = tools_of(contract, runtime.settings)
    prepared = _prepared(runtime, contract, progress)
    known, overrides = _open_run(runtime, contract, run_id)
    recall(runtime, contract.name, tools.source)
    snapshot = _with_waiting(runtime, contract.name, tools, known, _look(runtime, tools, known, progress, on_due))
    if not allow_shrink:
        _guard(contract, snapshot, known)
    remember(runtime, contract.name, tools.source)
    shards = tuple(
        staging.write_shard(runtime.store, run_id, shard, _overrides_in(shard, overrides))
        for shard in cut_shards(snapshot.due, runtime.settings.shard_bytes)
    )
    staging.write_note(runtime.store, run_id, _note(contract, snapshot, shards, allow_shrink=allow_shrink))
    return Receipt(
        stage="acquire",
        contract=contract.name,
        run_id=run_id,
        key=contract.source.root,
        outputs=shards,
        counts=Counts(received=snapshot.listed, unchanged=snapshot.unchanged),
        figures={"due": len(snapshot.due), "vanished": len(snapshot.vanished), "shards": len(shards)} | prepared,
        fingerprints={"assess": tools.assess_fingerprint, "chunker": tools.chunker_fingerprint}
        | {"embedder": space.fingerprint},
    )


def _note(contract: Contract, snapshot: Snapshot, shards: tuple[str, ...], *, allow_shrink: bool) -> staging.RunNote:
    return staging.RunNote(
        contract_digest=contract.digest,
        allow_shrink=allow_shrink,
        listed=snapshot.listed,
        unchanged=snapshot.unchanged,
        vanished=snapshot.vanished,
        shards=shards,
    )


def _prepared(runtime: Runtime, contract: Contract, progress: Progress) -> dict[str, int]:
    """Makes ready for looking at answers in other words, where the contract asks for that."""
    if not asks_paraphrase(contract):
        return {}
    from ingestion.paraphrases import prepare  # noqa: PLC0415 - brings the reader, which other contracts do without

    return prepare(runtime, contract, progress)


def _open_run(
    runtime: Runtime, contract: Contract, run_id: str
) -> tuple[dict[str, DocumentState], dict[tuple[str, str], OverrideRecord]]:
    with runtime.catalog.transaction() as tx:
        contract_rows.require_same_terms(tx, name=contract.name, version=contract.version, digest=contract.digest)
        runs.start(tx, run_id=run_id, contract=contract.name, kind="ingest", actor=runtime.settings.actor)
        return documents.states(tx, contract.name), decisions.overrides(tx, contract.name)


def _guard(contract: Contract, snapshot: Snapshot, known: Mapping[str, DocumentState]) -> None:
    standing = sum(1 for state in known.values() if state.state != "gone")
    share = contract.guards.max_removed_share
    guard_shrink(snapshot, known=standing, max_removed_share=share, contract=contract.name)


def _look(
    runtime: Runtime,
    tools: Tools,
    known: Mapping[str, DocumentState],
    progress: Progress,
    on_due: Callable[[Entry], None],
) -> Snapshot:
    progress.start("hashing", len(known))
    entries = _entries(tools, runtime.settings.max_document_bytes, progress)
    snapshot = plan_snapshot(entries, known, utc_now(), on_due)
    progress.done()
    return snapshot


def _with_waiting(
    runtime: Runtime, contract: str, tools: Tools, known: Mapping[str, DocumentState], snapshot: Snapshot
) -> Snapshot:
    """Adds the documents whose outcome rests on one that changes or leaves: copies, versions, contradictions.

    They are looked at again in the same run, so that a copy comes in when the one that was kept goes.
    """
    changing = {entry.ref.doc_id for entry in snapshot.due} | {doc_id for doc_id, _ in snapshot.vanished}
    with runtime.catalog.reading() as tx:
        waiting: set[str] = set()
        fresh = [doc_id for doc_id in changing if doc_id in known]
        while fresh:
            found = relations.waiting_on(tx, contract, fresh, (CONFLICT, CYCLE))
            fresh = [doc_id for doc_id in found if doc_id not in waiting]
            waiting.update(fresh)
    waiting -= changing
    if not waiting:
        return snapshot
    refs = (ref for ref in tools.source.list() if ref.doc_id in waiting)
    again = [_entry(tools, ref, runtime.settings.max_document_bytes) for ref in refs]
    added = tuple(replace(entry, seen=mark_of(known.get(entry.ref.doc_id))) for entry in again)
    return replace(snapshot, due=(*snapshot.due, *added), unchanged=snapshot.unchanged - len(added))


def _entries(tools: Tools, max_bytes: int, progress: Progress) -> Iterator[Entry]:
    for ref in tools.source.list():
        yield _entry(tools, ref, max_bytes)
        progress.advance()


def _entry(tools: Tools, ref: SourceRef, max_bytes: int) -> Entry:
    if ref.size > max_bytes:
        return Entry(ref=ref, raw_sha256="", state_key=unread_key(tools, ref))
    try:
        blob = RawBlob(ref=ref, data=b"", sha256=ref.sha256) if ref.sha256 else tools.source.read(ref)
    except ParseError:
        return Entry(ref=ref, raw_sha256="", state_key=unread_key(tools, ref))
    except (TornRead, SourceGone, SourceUnavailable):
        # Assess reads again and turns what is still wrong into a Decision.
        return Entry(ref=ref, raw_sha256="", state_key="")
    key = state_key(tools, blob)
    return Entry(
        ref=blob.ref,
        raw_sha256=blob.sha256,
        sidecar_sha256=sidecar_digest(blob),
        state_key=key,
        limited_key=limited_key(tools, key),
    )


def _overrides_in(shard: tuple[Entry, ...], overrides: Mapping[tuple[str, str], OverrideRecord]) -> dict[str, str]:
    pairs = ((entry.ref.doc_id, overrides.get((entry.ref.doc_id, entry.judged_sha256))) for entry in shard)
    return {doc_id: override.outcome for doc_id, override in pairs if override is not None}
