"""Documents that may say in other words what an answer said: from texts to findings, with the model and the corpus.

Two steps, so that little is embedded. The vectors of a document's chunks, which the index needs anyway, are compared
with the answers'; only where one comes near are the sentences of those chunks, of the answer's sources and of what the
corpus holds nearby embedded and aligned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from corpus.catalog import answers, decisions
from corpus.catalog.records import AnswerRecord
from corpus.seams import Embedder, Vectors
from corpus.types import Assessment, Basis, Chunk, Finding, Outcome, Scope, Span
from index.reader import Hit, IndexReader
from ingestion import answervectors
from ingestion.reentry import last_change
from ingestion.runtime import Runtime
from ingestion.servedchunks import in_version
from provenance.alignment import Candidate, Neighbour, Sentences, align, alignable, is_suspect
from provenance.calibration import Threshold
from provenance.paraphrase import suspicions

SLACK = 0.25
"""How far under the threshold of sentences a chunk may be near an answer: a chunk says more than one thing."""
MOST_CANDIDATES = 4
"""Answers that one chunk is aligned with at the most, the nearest."""
NEIGHBOURS = 6
"""Chunks of the corpus looked at near each chunk and each answer."""
_DERIVED = (Basis.MATCHED.value, Basis.SUSPECTED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What looking at documents needs.

    Attributes:
        runtime: The project.
        contract: Name of the contract.
        embedder: The model.
        threshold: Of its space, for this contract's corpus.
        reader: The live version; None before the first.
        sentences: Vectors of sentences embedded so far, by text.
    """

    runtime: Runtime
    contract: str
    embedder: Embedder
    threshold: Threshold
    reader: IndexReader | None
    sentences: dict[str, Vectors] = field(default_factory=dict)

    def embedded(self, text: str, spans: Sequence[Span], language: str = "und") -> Sentences:
        """Returns sentences with their vectors; each distinct one is embedded once."""
        fresh = list(dict.fromkeys(span.of(text) for span in spans if span.of(text) not in self.sentences))
        if fresh:
            self.sentences.update(zip(fresh, self.embedder.embed(fresh), strict=True))
        rows = [self.sentences[span.of(text)] for span in spans]
        vectors = np.stack(rows) if rows else np.empty((0, self.embedder.dimension), dtype=np.float32)
        return Sentences(text=text, spans=tuple(spans), vectors=vectors, language=language)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draft:
    """A document that was read and chunked.

    Attributes:
        assessment: What is known about it.
        chunks: Its chunks.
        vectors: Of the chunks, shape `(len(chunks), dimension)`.
    """

    assessment: Assessment
    chunks: tuple[Chunk, ...]
    vectors: Vectors


def look(desk: Desk, drafts: Sequence[Draft]) -> dict[str, tuple[Finding, ...]]:
    """Says which documents may repeat an answer in other words.

    Args:
        desk: What is needed.
        drafts: The documents of a shard.

    Returns:
        Document id to its findings; documents without any are left out.
    """
    drafts = [draft for draft in drafts if draft.chunks and not _is_answer(draft.assessment.findings)]
    near = _near(desk, drafts)
    wanted = {name for found in near.values() for name in found}
    with desk.runtime.catalog.reading() as tx:
        records = answers.get(tx, sorted(wanted))
    stored = answervectors.sentences_of(desk.runtime, desk.embedder.fingerprint, records)
    around = _Around(desk, records)
    found: dict[str, tuple[Finding, ...]] = {}
    for draft in drafts:
        doc_id = draft.assessment.ref.doc_id
        chosen = {name: near[doc_id][name] for name in near.get(doc_id, {}) if _may_repeat(draft, records.get(name))}
        if chosen:
            found[doc_id] = _aligned(desk, draft, chosen, stored, around)
    return {doc_id: findings for doc_id, findings in found.items() if findings}


def _is_answer(findings: Iterable[Finding]) -> bool:
    """Whether the whole document is known to be an answer: then there is nothing to suspect."""
    return any(
        item.code == "answer.match" and item.basis is Basis.MATCHED and item.scope is Scope.DOCUMENT
        for item in findings
    )


def _near(desk: Desk, drafts: Sequence[Draft]) -> dict[str, dict[str, list[int]]]:
    """Returns, by document, the answers that a chunk of it is near, each with the places of those chunks."""
    if not drafts:
        return {}
    vectors = np.concatenate([draft.vectors for draft in drafts])
    found = iter(
        answervectors.nearest(
            desk.runtime,
            desk.embedder.fingerprint,
            vectors,
            least=desk.threshold.value - SLACK,
            most=MOST_CANDIDATES,
        )
    )
    near: dict[str, dict[str, list[int]]] = {}
    for draft in drafts:
        mine = near.setdefault(draft.assessment.ref.doc_id, {})
        for place in range(len(draft.chunks)):
            for item in next(found):
                mine.setdefault(item.answer_id, []).append(place)
    return near


def _may_repeat(draft: Draft, record: AnswerRecord | None) -> bool:
    """Whether a document may come from an answer: it changed later, is no source of it, and no match is known."""
    if record is None or record.text is None:
        return False
    changed = last_change(draft.assessment)
    if changed is not None and record.served_at >= changed:
        return False
    matched = {str(item.detail.get("answer_id", "")) for item in draft.assessment.findings if item.level == "E2"}
    own = {chunk.chunk_id for chunk in draft.chunks}
    return record.answer_id not in matched and not own & {*record.retrieved, *record.cited}


def _aligned(
    desk: Desk,
    draft: Draft,
    chosen: Mapping[str, Sequence[int]],
    stored: Mapping[str, answervectors.AnswerSentences],
    around: _Around,
) -> tuple[Finding, ...]:
    text = draft.assessment.document.text if draft.assessment.document else ""
    places = sorted({place for found in chosen.values() for place in found})
    stretches = [draft.chunks[place].span for place in places]
    spans = [span for span in alignable(text) if any(_touch(span, stretch) for stretch in stretches)]
    document = desk.embedded(text, spans, draft.assessment.language)
    candidates: list[Candidate] = []
    beside: dict[str, tuple[Neighbour, ...]] = {}
    for name in sorted(chosen):
        record, sentences = around.records[name], stored.get(name)
        if sentences is None or sentences.text_sha256 != record.text_sha256 or record.text is None:
            continue
        kept = Sentences(
            text=record.text, spans=sentences.spans, vectors=sentences.vectors, language=sentences.language
        )
        alone = align(document, Candidate(answer_id=name, sentences=kept), (), desk.threshold)
        if not is_suspect(document, alone, desk.threshold):  # the corpus only ever clears: it need not be asked
            continue
        retrieved = around.retrieved(record)
        known = record.context_known and len(retrieved) >= len(set(record.retrieved)) > 0
        candidates.append(Candidate(answer_id=name, sentences=kept, context_known=known, depth=record.depth))
        beside[name] = (*retrieved, *around.answer(draft, kept), *around.own(draft, record))
    if not candidates:
        return ()
    return suspicions(document, candidates, around.document(draft, places), desk.threshold, beside=beside)


def _touch(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


class _Around:
    """What the corpus holds near documents and answers, looked up once for each."""

    def __init__(self, desk: Desk, records: Mapping[str, AnswerRecord]) -> None:
        self.desk = desk
        self.records = records
        self._retrieved = _retrieved_texts(desk.runtime, records.values())

    def retrieved(self, record: AnswerRecord) -> tuple[Neighbour, ...]:
        """Returns what an answer was given, as far as its index version still holds it."""
        texts = self._retrieved.get(record.index_version, {})
        return tuple(
            self._neighbour(chunk_id, texts[chunk_id][0], texts[chunk_id][1])
            for chunk_id in dict.fromkeys((*record.retrieved, *record.cited))
            if chunk_id in texts
        )

    def document(self, draft: Draft, places: Sequence[int]) -> tuple[Neighbour, ...]:
        """Returns the chunks of other documents near some chunks of a document."""
        return self._neighbours(draft, draft.vectors[list(places)], own=False)

    def answer(self, draft: Draft, sentences: Sentences) -> tuple[Neighbour, ...]:
        """Returns the chunks of other documents near an answer: what it was probably written from."""
        if not len(sentences.vectors):
            return ()
        middle = sentences.vectors.mean(axis=0, keepdims=True)
        return self._neighbours(draft, np.concatenate([sentences.vectors, middle]), own=False)

    def own(self, draft: Draft, record: AnswerRecord) -> tuple[Neighbour, ...]:
        """Returns the chunks of the document as it stands, where it stood before the answer was served."""
        if not self._stood(draft.assessment.ref.doc_id, record):
            return ()
        return self._neighbours(draft, draft.vectors, own=True)

    def _stood(self, doc_id: str, record: AnswerRecord) -> bool:
        with self.desk.runtime.catalog.reading() as tx:
            history = decisions.of_document(tx, self.desk.contract, doc_id)
        return any(Outcome(item.outcome).admitted and item.decided_at < record.served_at for item in history)

    def _neighbours(self, draft: Draft, vectors: Vectors, *, own: bool) -> tuple[Neighbour, ...]:
        reader = self.desk.reader
        if reader is None:
            return ()
        doc_id = draft.assessment.ref.doc_id
        found: dict[str, Hit] = {}
        for vector in vectors:
            hits = reader.search(vector, NEIGHBOURS, embedder_fingerprint=self.desk.embedder.fingerprint)
            for hit in hits:
                if (hit.doc_id == doc_id) == own and hit.origin_basis not in _DERIVED:
                    found[hit.chunk_id] = hit
        return tuple(self._neighbour(hit.chunk_id, hit.doc_id, hit.text) for hit in found.values())

    def _neighbour(self, chunk_id: str, doc_id: str, text: str) -> Neighbour:
        sentences = self.desk.embedded(text, alignable(text))
        return Neighbour(chunk_id=chunk_id, doc_id=doc_id, sentences=sentences)


def _retrieved_texts(runtime: Runtime, records: Iterable[AnswerRecord]) -> dict[str, dict[str, tuple[str, str]]]:
    """Returns, by index version, the document and text of the chunks that answers retrieved from it."""
    wanted: dict[str, set[str]] = {}
    for record in records:
        if record.index_version:
            wanted.setdefault(record.index_version, set()).update(record.retrieved, record.cited)
    return {version: _texts(runtime, version, ids) for version, ids in wanted.items() if ids}


def _texts(runtime: Runtime, version: str, ids: set[str]) -> dict[str, tuple[str, str]]:
    found = in_version(runtime, version, ids, ["doc_id", "text"])
    return {key: (row["doc_id"], row["text"]) for key, row in found.items()}
