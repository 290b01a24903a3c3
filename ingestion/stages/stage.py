"""Stage: write the segment of one shard, embed it, then commit once.

Files first, one catalog transaction last. Killed anywhere before the transaction, the files that
are there are found again; nothing points to them yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from contracts.model import Contract
from corpus import batches
from corpus.catalog import decisions, documents, embedders, relations, segments
from corpus.catalog.records import DecisionRecord, DocumentState, EmbedderRecord, SegmentRecord
from corpus.errors import IntegrityError
from corpus.receipts import Receipt
from corpus.types import Outcome, utc_now
from ingestion import staging
from ingestion.cutting import Knife
from ingestion.embedding import Embedded, embed_segment, open_embedder, require_same_model, vectors_path
from ingestion.erasure.left import adding
from ingestion.lineage import remember as lineage
from ingestion.migrating import AlsoEmbedded, also_embed, note_rate
from ingestion.observing import observed
from ingestion.pacing import Pace
from ingestion.progress import NO_PROGRESS, Progress
from ingestion.relations.refused import resting_on, without
from ingestion.relations.remember import counted, remember
from ingestion.runtime import Runtime
from ingestion.segment import Row, Segment, write_segment
from ingestion.snapshot import mark_of
from ingestion.stages.assess import counts_of
from ingestion.suspects import Attempt, Watched
from ingestion.toolkit import chunker_of, tools_of
from ingestion.trying import Trial

Standing = tuple[Row, DocumentState | None]

_STATES = {
    Outcome.ACCEPT: "active",
    Outcome.REPAIR: "active",
    Outcome.QUARANTINE: "quarantined",
    Outcome.REJECT: "rejected",
    Outcome.FAIL: "failed",
}


@observed("ingest")
@adding
def stage(
    runtime: Runtime, contract_name: str, run_id: str, shard: str, *, progress: Progress = NO_PROGRESS
) -> Receipt:
    """Stages one assessed shard.

    Args:
        runtime: The project.
        contract_name: Name of the contract.
        run_id: The run.
        shard: A shard that `assess` has done and `admit` has let through.
        progress: Told about each text embedded.

    Returns:
        A receipt with the segment as output and the outcomes of the shard's documents as counts.

    Raises:
        FingerprintMismatch: The model changed behind its name.
        IntegrityError: The model gave a vector that is zero, NaN or not of unit length.
    """
    contract = runtime.contract(contract_name)
    space = require_same_model(runtime, contract)
    staging.read_note(runtime.store, run_id, contract)
    prepared = staging.vectors_path(run_id, shard, space.fingerprint)
    with (attempt := Attempt(runtime.store, shard)).alive():
        rows, patches, knife, segment = _cut(runtime, contract, run_id, attempt)
        pace, also = Watched(attempt=attempt, owners=knife.owners), AlsoEmbedded()
        vectors = _vectors(runtime, space, segment, prepared, progress, pace)
        if vectors:
            also = also_embed(runtime, contract_name, segment.segment_id, space, progress, pace)
    with runtime.catalog.transaction() as tx:
        _require_files(runtime, segment, vectors)
        segments.add(tx, _segment_record(runtime, contract_name, run_id, segment))
        _commit_vectors(tx, space, segment, vectors)
        also.commit(tx)
        current = _current(tx, runtime, contract.name, run_id, shard, rows)
        documents.record(tx, contract.name, run_id, _states(run_id, segment, current))
        decisions.add(tx, [_decision(row, contract.name, run_id) for row, _ in current])
        remember(tx, contract.name, run_id, [row for row, _ in current], patches)
        lineage.remember(tx, contract.name, run_id, [row for row, _ in current])
        documents.look_again(tx, contract.name, doc_ids=_overtaken(rows, current, patches))
    return Receipt(
        stage="stage",
        contract=contract.name,
        run_id=run_id,
        key=shard,
        inputs=(shard,),
        outputs=(segment.segment_id,),
        counts=counts_of(Counter([row["outcome"] for row, _ in current] + [Outcome.FAIL] * (len(rows) - len(current)))),
        figures={
            "overtaken": len(rows) - len(current),
            "refused": len(knife.refused),
            **counted([row for row, _ in current]),
            "chunks": len(segment.chunk_digests),
            "embedded": vectors.texts if vectors else 0,
            "embed_seconds": round(vectors.seconds, 3) if vectors else 0.0,
            **also.figures(),
        },
        fingerprints={"embedder": space.fingerprint},
    )


def _cut(
    runtime: Runtime, contract: Contract, run_id: str, attempt: Attempt
) -> tuple[Sequence[Row], Mapping[str, dict[str, Any]], Knife, Segment]:
    """Writes the segment; returns rows and relations as they are without what could not be cut, what cut, and it."""
    shard = attempt.shard
    rows: Sequence[Row] = staging.read_assessed(runtime.store, run_id, shard)
    patches = staging.read_relations(runtime.store, run_id)
    decided = [row for row in rows if row["outcome"] != Outcome.FAIL]
    knife, tools = _knife(runtime, contract, run_id, attempt, decided), tools_of(contract, runtime.settings)
    segment = write_segment(
        runtime.store, contract.name, decided, knife, tools, referred=lambda name: _is_known(runtime, name)
    )
    if not knife.refused:
        return rows, patches, knife, segment
    rows = [knife.judged(row, tools) for row in rows]
    lost = {row["doc_id"]: row for row in rows if row["doc_id"] in knife.refused}
    staging.leave_refused(runtime.store, run_id, shard, lost)
    staging.leave_reopened(runtime.store, run_id, shard, resting_on(patches, knife.refused))
    return rows, without(patches, knife.refused), knife, segment


def _knife(runtime: Runtime, contract: Contract, run_id: str, attempt: Attempt, rows: Sequence[Row]) -> Knife:
    """Returns what cuts the documents of a shard, warned of those that ended an earlier attempt."""
    tried = Trial(settings=runtime.settings, contract=contract.name, run_id=run_id, shard=attempt.shard, assessed=True)
    names = [row["doc_id"] for row in rows if Outcome(row["outcome"]).admitted]
    return Knife(chunker=chunker_of(contract), attempt=attempt, deadly=attempt.deadly(names, tried))


def _is_known(runtime: Runtime, segment_id: str) -> bool:
    with runtime.catalog.reading() as tx:
        return segments.get(tx, segment_id) is not None


def _require_files(runtime: Runtime, segment: Segment, vectors: Embedded | None) -> None:
    """Refuses to refer to files that somebody collected while the model was at work."""
    names = [f"segments/{segment.segment_id}/{name}" for name in ("documents.parquet", "chunks.parquet")]
    if vectors is not None:
        names.append(vectors_path(vectors.record.embedder_fingerprint, segment.segment_id))
    missing = [name for name in names if not runtime.store.exists(name)]
    if missing:
        raise IntegrityError(f"{missing[0]} was removed while this run was at work. Run it again.")


def _current(
    tx: Session, runtime: Runtime, contract: str, run_id: str, shard: str, rows: Sequence[Row]
) -> list[Standing]:
    """Returns the rows about whose documents no faster run has decided since the source was listed.

    Each comes with the standing row of its document.
    """
    seen = {entry.ref.doc_id: entry.seen for entry in staging.read_shard(runtime.store, run_id, shard)}
    states = relations.states(tx, contract, (row["doc_id"] for row in rows))
    current = []
    for row in rows:
        state = states.get(row["doc_id"])
        overtaken = mark_of(state) != seen[row["doc_id"]] and (state is None or state.run_id != run_id)
        if not overtaken:
            current.append((row, state))
    return current


def _overtaken(rows: Sequence[Row], current: Sequence[Standing], patches: Mapping[str, Any]) -> list[str]:
    """Returns the documents that a faster run decided about, without what this one found of others."""
    mine = {row["doc_id"] for row, _ in current}
    return [row["doc_id"] for row in rows if row["doc_id"] not in mine and row["doc_id"] in patches]


def _vectors(
    runtime: Runtime, space: EmbedderRecord, segment: Segment, prepared: str, progress: Progress, pace: Pace
) -> Embedded | None:
    if not segment.chunk_digests:
        return None
    embedder = open_embedder(runtime, space)
    return embed_segment(runtime, embedder, segment.segment_id, progress, prepared=prepared, pace=pace)


def _commit_vectors(tx: Session, space: EmbedderRecord, segment: Segment, vectors: Embedded | None) -> None:
    if vectors is None:
        return
    embedders.register(tx, space)
    segments.add_chunk_digests(tx, segment.segment_id, segment.chunk_digests)
    segments.add_vectors(tx, vectors.record)
    note_rate(tx, vectors)


def _segment_record(runtime: Runtime, contract_name: str, run_id: str, segment: Segment) -> SegmentRecord:
    tools = tools_of(runtime.contract(contract_name), runtime.settings)
    return SegmentRecord(
        segment_id=segment.segment_id,
        contract=contract_name,
        chunker_fingerprint=tools.chunker_fingerprint,
        assess_fingerprint=tools.assess_fingerprint,
        documents=segment.documents,
        chunks=len(segment.chunk_digests),
        documents_sha256=segment.documents_sha256,
        chunks_sha256=segment.chunks_sha256,
        run_id=run_id,
        created_at=utc_now(),
    )


def _states(run_id: str, segment: Segment, current: Sequence[Standing]) -> list[DocumentState]:
    """Returns the new standing rows.

    A document that could not be read keeps the row it has: nothing new is known of it. Without one it
    gets a row of its own, so that a person finds it.
    """
    return [
        _state(row, segment, run_id)
        for row, state in current
        if row["outcome"] != Outcome.FAIL or state is None or state.state in ("gone", "failed")
    ]


def _state(row: Row, segment: Segment, run_id: str) -> DocumentState:
    modified = row["modified_at"]
    return DocumentState(
        doc_id=row["doc_id"],
        uri=row["uri"],
        path=row["path"],
        state=_STATES[Outcome(row["outcome"])],
        state_key=row["state_key"],
        raw_sha256=row["raw_sha256"] or "",
        sidecar_sha256=row["sidecar_sha256"],
        size=row["size_bytes"],
        modified_at=datetime.fromisoformat(modified) if modified else None,
        revision_id=row["revision_id"],
        segment_id=segment.segment_id if row["outcome"] != Outcome.FAIL else "",
        outcome=row["outcome"],
        run_id=run_id,
        updated_at=utc_now(),
        due_at=datetime.fromisoformat(row["due_at"]) if row["due_at"] else None,
        stamp=row["stamp"] or "",
    )


def _decision(row: Row, contract: str, run_id: str) -> DecisionRecord:
    reasons: Sequence[dict[str, object]] = batches.loads(row["reasons"])
    return DecisionRecord(
        contract=contract,
        doc_id=row["doc_id"],
        revision_id=row["revision_id"],
        run_id=run_id,
        outcome=row["outcome"],
        reasons=tuple(reasons),
        quality_score=row["quality_score"],
        digital_source_type=row["digital_source_type"],
        origin_basis=row["origin_basis"],
        actor=row["actor"],
        decided_at=utc_now(),
        findings=tuple(batches.loads(row["findings"])),
    )
