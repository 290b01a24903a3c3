"""Acquire: list the source, read and hash what its listing does not show to be unchanged, cut what is due into shards.

A document is not read where the source lists it, and what is beside it, exactly as when it was read last. The floor of
an unchanged run is so the listing; of a source that promises nothing by its listing it is hashing every byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from contracts.model import Contract
from corpus.batches import batched
from corpus.catalog import contracts as contract_rows
from corpus.catalog import decisions, documents, relations, runs
from corpus.catalog.records import DocumentState, EmbedderRecord, OverrideRecord
from corpus.receipts import Counts, Receipt
from corpus.types import SourceRef, utc_now
from ingestion import staging
from ingestion.embedding import require_same_model
from ingestion.erasure.left import adding
from ingestion.examine import Tools
from ingestion.observing import observed
from ingestion.progress import NO_PROGRESS, Progress
from ingestion.reading import Reading
from ingestion.relations.codes import CONFLICT, CYCLE
from ingestion.runtime import Runtime
from ingestion.shrinking import guard_shrink, require_reason, whole_listing
from ingestion.snapshot import Entry, Snapshot, cut_shards, mark_of, plan_snapshot, shard_size
from ingestion.splitting.cut import cut_in
from ingestion.toolkit import asks_paraphrase, tools_of
from ingestion.web.memory import recall, remember

_AT_ONCE = 5_000
"""Stamps that are written in one transaction."""


@observed("ingest", begins=True)
@adding
def acquire(
    runtime: Runtime,
    contract_name: str,
    run_id: str,
    *,
    allow_shrink: bool = False,
    reason: str = "",
    progress: Progress = NO_PROGRESS,
    on_due: Callable[[Entry], None] = lambda _: None,
) -> Receipt:
    """Finds the documents whose outcome has to be worked out.

    Args:
        runtime: The project.
        contract_name: Name of the contract.
        run_id: The run; a second call with the same id replaces the first.
        allow_shrink: Let the run remove more documents than the contract's guard allows.
        reason: Why, for the audit log; required with `allow_shrink`.
        progress: Told about each document looked at.
        on_due: Told of each due document as it is found, so that what reads it can be made ready meanwhile.

    Returns:
        A receipt whose outputs are the shards with due documents, and whose figure `read` says how many were read.

    Raises:
        ConfigurationError: Unknown contract, another model than is served, or `allow_shrink` without a reason.
        ContractBlocked: The source suddenly lists (almost) nothing.
        FingerprintMismatch: The model changed behind its name.
        SourceUnavailable: The source cannot be listed completely.
    """
    require_reason(reason, asked=allow_shrink)
    contract = runtime.contract(contract_name)
    space = require_same_model(runtime, contract)
    tools = tools_of(contract, runtime.settings)
    prepared = _prepared(runtime, contract, progress)
    known, overrides = _open_run(runtime, contract, run_id)
    recall(runtime, contract.name, tools.source)
    reading = Reading(tools, runtime.settings, known)
    snapshot = _look(reading, contract.name, known, progress, on_due)
    snapshot = _with_waiting(runtime, contract.name, reading, known, snapshot)
    standing = sum(1 for state in known.values() if state.state != "gone")
    if not allow_shrink:
        share = contract.guards.max_removed_share
        guard_shrink(snapshot, known=standing, max_removed_share=share, contract=contract.name)
    remember(runtime, contract.name, tools.source)
    _note_stamps(runtime, contract.name, reading)
    shards = _write_shards(runtime, run_id, snapshot, overrides)
    note = _note(contract, snapshot, shards, standing, allow_shrink=allow_shrink, reason=reason.strip())
    staging.write_note(runtime.store, run_id, note)
    return Receipt(
        stage="acquire",
        contract=contract.name,
        run_id=run_id,
        key=contract.source.root,
        outputs=shards,
        counts=Counts(received=snapshot.listed, unchanged=snapshot.unchanged),
        figures=_figures(snapshot, len(shards), reading.read) | prepared,
        fingerprints=_fingerprints(tools, space),
    )


def _write_shards(
    runtime: Runtime, run_id: str, snapshot: Snapshot, overrides: Mapping[tuple[str, str], OverrideRecord]
) -> tuple[str, ...]:
    return tuple(
        staging.write_shard(runtime.store, run_id, shard, _overrides_in(shard, overrides))
        for shard in cut_shards(snapshot.due, _shard_bytes(runtime, snapshot))
    )


def _shard_bytes(runtime: Runtime, snapshot: Snapshot) -> int:
    on = runtime.settings
    return shard_size(snapshot.due, least=on.shard_bytes, most=on.max_shard_bytes, shards=on.max_shards)


def _fingerprints(tools: Tools, space: EmbedderRecord) -> dict[str, str]:
    made = {"assess": tools.assess_fingerprint, "chunker": tools.chunker_fingerprint}
    return made | {"embedder": space.fingerprint}


def _figures(snapshot: Snapshot, shards: int, read: int) -> dict[str, int]:
    return {"due": len(snapshot.due), "vanished": len(snapshot.vanished), "shards": shards, "read": read}


def _note(
    contract: Contract, snapshot: Snapshot, shards: tuple[str, ...], known: int, *, allow_shrink: bool, reason: str
) -> staging.RunNote:
    return staging.RunNote(
        contract_digest=contract.digest,
        allow_shrink=allow_shrink,
        reason=reason,
        known=known,
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


def _look(
    reading: Reading,
    contract: str,
    known: Mapping[str, DocumentState],
    progress: Progress,
    on_due: Callable[[Entry], None],
) -> Snapshot:
    progress.start("hashing", len(known))
    listed = whole_listing(reading.tools.source, contract, len(known))
    snapshot = plan_snapshot(_entries(reading, listed, progress), known, utc_now(), on_due)
    progress.done()
    return snapshot


def _entries(reading: Reading, listed: Iterator[SourceRef], progress: Progress) -> Iterator[Entry]:
    for ref in listed:
        yield reading.entry(ref)
        progress.advance()


def _note_stamps(runtime: Runtime, contract: str, reading: Reading) -> None:
    for batch in batched(reading.stamps, _AT_ONCE):  # a part at a time: on SQLite nobody else can write meanwhile
        with runtime.catalog.transaction() as tx:
            documents.note_stamps(tx, contract, batch)


def _with_waiting(
    runtime: Runtime, contract: str, reading: Reading, known: Mapping[str, DocumentState], snapshot: Snapshot
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
    refs = whole_listing(reading.tools.source, contract, len(known))
    again = [reading.entry(ref) for ref in refs if ref.doc_id in waiting]
    added = tuple(replace(entry, seen=mark_of(known.get(entry.ref.doc_id))) for entry in again)
    return replace(snapshot, due=(*snapshot.due, *added), unchanged=snapshot.unchanged - len(added))


def _overrides_in(shard: tuple[Entry, ...], overrides: Mapping[tuple[str, str], OverrideRecord]) -> dict[str, str]:
    pairs = ((entry.ref.doc_id, overrides.get((entry.ref.doc_id, entry.judged_sha256))) for entry in shard)
    return {doc_id: _said(override) for doc_id, override in pairs if override is not None}


def _said(override: OverrideRecord) -> str:
    cut = cut_in(override.parts)
    return override.outcome if cut is None else f"{override.outcome}:{cut.digest}"
