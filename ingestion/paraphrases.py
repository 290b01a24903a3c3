"""The suspected tier of self-ingestion in a run: for contracts that ask for it, and for nothing else.

Before a run lists its source, new answers get their vectors, standing documents that one of them is near are looked at
again, and the threshold is set against the corpus's own background. While a shard is assessed, its documents are
chunked and embedded, and the vectors are left for the stage that writes the segment: no text goes through the
model twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from contracts.model import Contract
from corpus import batches
from corpus.catalog import answers, answertexts, documents, versions
from corpus.catalog.records import EmbedderRecord
from corpus.errors import ParseError
from corpus.ids import canonical_json
from corpus.seams import Embedder, Vectors
from corpus.types import Assessment, Chunk, Finding, utc_now
from index import layout
from index.reader import IndexReader, open_index
from index.signing import TrustStore
from ingestion import answervectors, staging
from ingestion.cutting import MARKED_AT_ONCE, Knife
from ingestion.embedding import known_vectors, open_embedder, require_same_model
from ingestion.examine import Examined
from ingestion.progress import NO_PROGRESS, Progress
from ingestion.runtime import Runtime
from ingestion.suspecting import SLACK, Desk, Draft, look
from ingestion.suspects import Attempt, Watched
from ingestion.toolkit import chunker_of
from provenance.alignment import alignable
from provenance.calibration import Threshold, threshold_of
from provenance.classify import verdict

_SAMPLE = 256
"""Sentences of the corpus from which the background is measured: some seconds of the default model."""
_OWN_SOURCES = 5
"""Chunks nearest to an answer that are taken for what it was made from, and are no background."""
_MOST_BACKGROUND = 5_000
"""Sentences of answers that the background is measured on, but for those of the last file begun."""
_GROWTH = 2
"""The background is measured again once there are so many times as many answers."""
_HITS = 10


def prepare(runtime: Runtime, contract: Contract, progress: Progress = NO_PROGRESS) -> dict[str, int]:
    """Makes ready for a run: answers embedded, the threshold set, standing documents near new answers due again.

    Args:
        runtime: The project.
        contract: A contract that asks for the tier (`ingestion.toolkit.asks_paraphrase`).
        progress: Told about each answer embedded.

    Returns:
        Figures: `answers` with vectors, `answers_without_text` that cannot be recognised in other words, and
        `look_again`, the standing documents that may repeat a new answer.

    Raises:
        FingerprintMismatch: The model changed behind its name.
    """
    with runtime.catalog.reading() as tx:
        newest = answertexts.newest(tx)
    if not newest:
        return {"answers": 0, "answers_without_text": 0, "look_again": 0}
    space = require_same_model(runtime, contract)
    embedder = open_embedder(runtime, space)
    kept = answervectors.refresh(runtime, embedder, progress)
    before = _read(runtime, contract, space)
    reader = _reader(runtime, contract)
    threshold, measured = before.threshold, before.measured
    if threshold is None or kept.answers >= _GROWTH * max(measured, 1) or (reader is not None and not before.corpus):
        threshold, measured = _calibrated(runtime, embedder, reader), kept.answers
    due = _look_again(runtime, contract, embedder, reader, before.seen, threshold) if newest > before.seen else 0
    after = _State(seen=newest, threshold=threshold, measured=measured, corpus=reader is not None)
    if after != before:
        _write(runtime, contract, space, after)
    return {"answers": kept.answers, "answers_without_text": kept.unreadable, "look_again": due}


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What a contract remembers in one space: answers seen, and the threshold with what it was measured on."""

    seen: int = 0
    threshold: Threshold | None = None
    measured: int = 0
    corpus: bool = False


def _path(contract: Contract, space: str) -> str:
    return f"{answervectors.folder_of(space)}/{contract.name}.json"


def _read(runtime: Runtime, contract: Contract, space: EmbedderRecord) -> _State:
    try:
        found = json.loads(runtime.store.read_bytes(_path(contract, space.fingerprint)))
        value, _, name = str(found["threshold"]).partition("@")
        threshold = Threshold(value=float(value), space=name, basis=str(found["basis"]))
        return _State(
            seen=int(found["seen"]), threshold=threshold, measured=int(found["answers"]), corpus=bool(found["corpus"])
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return _State()


def _write(runtime: Runtime, contract: Contract, space: EmbedderRecord, state: _State) -> None:
    value = {
        "seen": state.seen,
        "threshold": str(state.threshold),
        "basis": state.threshold.basis if state.threshold else "",
        "answers": state.measured,
        "corpus": state.corpus,
        "at": utc_now().isoformat(),
    }
    runtime.store.replace(_path(contract, space.fingerprint), canonical_json(value))


def _reader(runtime: Runtime, contract: Contract) -> IndexReader | None:
    """Opens the live version; None before there is one."""
    with runtime.catalog.reading() as tx:
        live = versions.alias(tx, contract.name, "live")
    if live is None:
        return None
    return _open(runtime.store, contract.name, live.number, runtime.settings.trusted_keys)


@lru_cache(maxsize=1)
def _open(store: Any, name: str, number: int, keys: Any) -> IndexReader:
    """Opens a version once per process: every shard of a run asks for it."""
    return open_index(store, name, version=number, trust=TrustStore.from_folder(keys), mmap=True)


def _calibrated(runtime: Runtime, embedder: Embedder, reader: IndexReader | None) -> Threshold:
    if reader is None:
        return threshold_of(embedder.fingerprint)
    chunks, texts = _sample(runtime, reader)
    return threshold_of(embedder.fingerprint, _background(runtime, embedder, reader, chunks, texts))


def _sample(runtime: Runtime, reader: IndexReader) -> tuple[list[str], list[str]]:
    """Returns sentences of the live version, spread over it by the digests of their chunks: the same every time."""
    path = f"{layout.version_path(reader.manifest.name, reader.manifest.number)}/{layout.CHUNKS}"
    with runtime.store.open(path) as handle:
        table = batches.read_table(handle, ["chunk_id", "text"])
    listed = sorted(
        zip(table["chunk_id"].to_pylist(), table["text"].to_pylist(), strict=True),
        key=lambda item: hashlib.sha256(item[0].encode()).digest(),
    )
    chunks, texts = [], []
    for chunk_id, text in listed:
        spans = alignable(text)[:2]
        chunks += [chunk_id] * len(spans)
        texts += [span.of(text) for span in spans]
        if len(texts) >= _SAMPLE:
            break
    return chunks, texts


def _background(
    runtime: Runtime, embedder: Embedder, reader: IndexReader, chunks: Sequence[str], texts: Sequence[str]
) -> Vectors:
    """Returns how near each sampled sentence comes to an answer that was not made from its chunk."""
    vectors = embedder.embed(texts)
    best = np.full(len(texts), -1.0, dtype=np.float32)
    sources: dict[str, set[str]] = {}
    looked = 0
    for names, block in answervectors.sentence_blocks(runtime, embedder.fingerprint):
        if looked >= _MOST_BACKGROUND:
            break
        looked += len(names)
        for name, vector in zip(names, block, strict=True):
            hits = reader.search(vector, _OWN_SOURCES, embedder_fingerprint=embedder.fingerprint)
            sources.setdefault(name, set()).update(hit.chunk_id for hit in hits)
        own = np.array([[chunk in sources[name] for name in names] for chunk in chunks], dtype=np.bool_)
        cosines = vectors @ block.T
        best = np.maximum(best, np.where(own.reshape(cosines.shape), -1.0, cosines).max(axis=1, initial=-1.0))
    return best


def _look_again(
    runtime: Runtime,
    contract: Contract,
    embedder: Embedder,
    reader: IndexReader | None,
    seen: int,
    threshold: Threshold,
) -> int:
    """Makes standing documents due that new answers are near: logs mostly arrive after the pages made of them."""
    if reader is None:
        return 0
    with runtime.catalog.reading() as tx:
        fresh = [item.answer_id for item in answertexts.listed(tx, after=seen) if item.readable]
        served = {
            name: record.served_at
            for part in batches.batched(fresh, 1024)
            for name, record in answers.get(tx, part).items()
        }
    found: dict[str, Any] = {}
    for name, vector in answervectors.passages_of(runtime, embedder.fingerprint, fresh):
        for hit in reader.search(vector, _HITS, embedder_fingerprint=embedder.fingerprint):
            if hit.score >= threshold.value - SLACK:
                found[hit.doc_id] = min(served[name], found.get(hit.doc_id, served[name]))
    with runtime.catalog.transaction() as tx:
        states = {doc_id: documents.find(tx, contract.name, doc_id) for doc_id in found}
        due = [
            doc_id
            for doc_id, state in states.items()
            if state is not None
            and state.state == "active"
            and (state.modified_at is None or state.modified_at > found[doc_id])
        ]
        documents.look_again(tx, contract.name, doc_ids=sorted(due))
    return len(due)


def with_suspicions(
    runtime: Runtime,
    contract: Contract,
    run_id: str,
    attempt: Attempt,
    drafts: Sequence[Examined],
    progress: Progress = NO_PROGRESS,
) -> list[Examined]:
    """Adds what is suspected to the documents of a shard.

    The vectors of their chunks are left with the run's work for `stage`.

    Args:
        runtime: The project.
        contract: A contract that asks for it.
        run_id: The run.
        attempt: At the shard.
        drafts: Its documents.
        progress: Told about each text embedded.

    Raises:
        FingerprintMismatch: The model changed behind its name.
    """
    space = require_same_model(runtime, contract)
    threshold = _read(runtime, contract, space).threshold
    if threshold is None or not runtime.store.names(f"{answervectors.folder_of(space.fingerprint)}/passages"):
        return list(drafts)
    embedder = open_embedder(runtime, space)
    desk = Desk(
        runtime=runtime,
        contract=contract.name,
        embedder=embedder,
        threshold=threshold,
        reader=_reader(runtime, contract),
    )
    # Two looks: a mended text has places of its own.
    first = [draft.assessment for draft in drafts if draft.assessment.document is not None]
    mended = [draft.mended for draft in drafts if draft.mended is not None]
    knife = Knife(chunker=chunker_of(contract), attempt=attempt)
    vectors = _chunked(runtime, knife, embedder, [*first, *mended], progress)
    _leave(runtime, staging.vectors_path(run_id, attempt.shard, space.fingerprint), vectors, embedder.dimension)
    found, again = (look(desk, _drafts(knife, vectors, read, embedder.dimension)) for read in (first, mended))
    return [
        Examined(
            assessment=_told(draft.assessment, found.get(draft.assessment.ref.doc_id, ())),
            mended=_told(draft.mended, again.get(draft.mended.ref.doc_id, ())) if draft.mended is not None else None,
        )
        for draft in drafts
    ]


def _told(assessment: Assessment, findings: Sequence[Finding]) -> Assessment:
    if not findings:
        return assessment
    told = (*assessment.findings, *findings)
    origin, passages = verdict(told)
    return replace(assessment, findings=told, origin=origin, passage_origins=passages)


def _cut(knife: Knife, item: Assessment) -> tuple[Chunk, ...]:
    """Cuts a document as the segment will have it; one that cannot be cut is for the stage that writes it to refuse."""
    if item.document is None:
        return ()
    try:
        return knife.chunks(item.ref.doc_id, item.revision_id, item.document)
    except ParseError:
        return ()


def _chunked(
    runtime: Runtime, knife: Knife, embedder: Embedder, read: Sequence[Assessment], progress: Progress
) -> dict[str, Vectors]:
    texts: dict[str, str] = {}
    for lot in batches.batched(read, MARKED_AT_ONCE):
        knife.attempt.cutting(item.ref.doc_id for item in lot)
        texts.update((chunk.text_sha256, chunk.text) for item in lot for chunk in _cut(knife, item))
    pace = Watched(attempt=knife.attempt, owners=knife.owners)
    return known_vectors(runtime, embedder, texts, progress, subject="documents in assessment", pace=pace)


def _leave(runtime: Runtime, path: str, vectors: Mapping[str, Vectors], dimension: int) -> None:
    rows = (
        (tuple(part), np.stack([vectors[digest] for digest in part])) for part in batches.batched(sorted(vectors), 4096)
    )
    with runtime.store.scratch() as folder:
        batches.write_vectors(folder / "vectors.parquet", rows, dimension)
        runtime.store.replace_file(path, folder / "vectors.parquet")


def _drafts(knife: Knife, vectors: Mapping[str, Vectors], read: Sequence[Assessment], dimension: int) -> list[Draft]:
    none = np.empty((0, dimension), dtype=np.float32)
    cut = ((item, _cut(knife, item)) for item in read)
    return [
        Draft(
            assessment=item,
            chunks=chunks,
            vectors=np.stack([vectors[chunk.text_sha256] for chunk in chunks]) if chunks else none,
        )
        for item, chunks in cut
    ]
