"""What the catalog takes and gives: frozen records, one per row, with no tie to a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from corpus.ids import judged_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRecord:
    """One version of a contract.

    Attributes:
        name: The contract's name.
        version: Its version, as its author gives it.
        digest: Digest of its meaning.
        yaml: Its text when it was first seen.
        registered_at: When that was.
        seen_at: When a run last used it.
    """

    name: str
    version: str
    digest: str
    yaml: str
    registered_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run.

    Attributes:
        run_id: Its id.
        contract: The contract it works for.
        kind: `ingest`, `release`, `reembed`, ...
        actor: Who started it.
        state: `running`, `succeeded` or `failed`.
        started_at: When it was first started.
        finished_at: When it ended; None while it runs.
        receipt: The JSON receipt it ended with; empty while it runs.
    """

    run_id: str
    contract: str
    kind: str
    actor: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    receipt: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentState:
    """What one document's source says now.

    Attributes:
        doc_id: The document.
        uri: Where its bytes are.
        path: Its path inside the source.
        state: `active`, `quarantined`, `rejected`, `failed` or `gone`.
        state_key: Digest of all that its outcome rests on; empty means: look again.
        raw_sha256: Digest of its bytes, empty when they could not be read.
        sidecar_sha256: Digest of the metadata beside it, empty where there is none.
        size: Bytes.
        modified_at: Last change as the source says.
        revision_id: The revision that was decided.
        segment_id: The segment that holds it; empty where none does. Never empty when active.
        outcome: The decision's outcome (`corpus.types.Outcome`).
        run_id: The run that wrote this.
        updated_at: When.
        due_at: When the outcome must be worked out again, though nothing changed; None for never.
        stamp: What the listing said when its bytes, and what is beside it, had these digests; empty where the source
            cannot promise that they are the same while that is. A note on reading, and no part of what was decided:
            two rows that differ in it alone are equal.
    """

    doc_id: str
    uri: str
    path: str
    state: str
    state_key: str
    raw_sha256: str
    sidecar_sha256: str = ""
    size: int
    modified_at: datetime | None
    revision_id: str
    segment_id: str
    outcome: str
    run_id: str
    updated_at: datetime
    due_at: datetime | None = None
    stamp: str = field(default="", compare=False)

    @property
    def judged_sha256(self) -> str:
        """What people's decisions and votes are kept under."""
        return judged_digest(self.raw_sha256, self.sidecar_sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRevision:
    """A revision that the next version will hold, and the segment it is in."""

    doc_id: str
    revision_id: str
    segment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """What one run decided about one revision.

    Attributes:
        contract: The contract it was decided under.
        doc_id: The document.
        revision_id: The revision.
        run_id: The run.
        outcome: A value of `corpus.types.Outcome`.
        reasons: JSON objects, as `corpus.batches.reason_json` writes them.
        quality_score: Composite in [0, 1]; None when there was no text.
        digital_source_type: A value of `corpus.types.OriginKind`.
        origin_basis: A value of `corpus.types.Basis`.
        actor: `stemma`, or the person who overrode.
        decided_at: When.
        findings: JSON objects, as `corpus.batches.finding_json` writes them.
    """

    contract: str
    doc_id: str
    revision_id: str
    run_id: str
    outcome: str
    reasons: tuple[Mapping[str, Any], ...]
    quality_score: float | None
    digital_source_type: str
    origin_basis: str
    actor: str
    decided_at: datetime
    findings: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideRecord:
    """A person's decision about one document at one content; another content is judged afresh.

    Attributes:
        contract: The contract.
        doc_id: The document.
        raw_sha256: Digest of what the person looked at (`corpus.ids.judged_digest`): the document's bytes and the
            metadata beside them.
        outcome: A value of `corpus.types.Outcome`, or `split` for a document of which only parts are kept.
        reason: Why, in the person's words.
        actor: Who.
        at: When.
        parts: How the document is cut (`ingestion.splitting.cut.Cut.to_json`); None where it is whole.
    """

    contract: str
    doc_id: str
    raw_sha256: str
    outcome: str
    reason: str
    actor: str
    at: datetime
    parts: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteRecord:
    """What one person thinks should become of a held document, at one content.

    Attributes:
        contract: The contract.
        doc_id: The document.
        raw_sha256: Digest of what the person looked at (`corpus.ids.judged_digest`): the document's bytes and the
            metadata beside them.
        actor: Who.
        outcome: A value of `corpus.types.Outcome`, or `reviewed` for a warning that was noted,
            or `split:` and the digest of the cut.
        reason: Why, in the person's words.
        at: When.
        parts: How the document is to be cut; None where that is not what is voted on.
    """

    contract: str
    doc_id: str
    raw_sha256: str
    actor: str
    outcome: str
    reason: str
    at: datetime
    parts: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SketchRecord:
    """The MinHash signature of a document that is kept.

    Attributes:
        contract: The contract.
        doc_id: The document.
        content_sha256: Digest of its text.
        title: Its title.
        family: Id of the family of versions that it belongs to; its own id for one that stands alone.
        signature: The signature, as `ingestion.relations.sketch` makes it.
    """

    contract: str
    doc_id: str
    content_sha256: str
    title: str
    family: str
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationRecord:
    """How one document stands to another.

    Attributes:
        contract: The contract.
        doc_id: The document.
        other_id: The other one.
        kind: A finding's code, such as `duplicate.near` or `family.superseded`.
        detail: Figures behind it.
        run_id: The run that found it.
    """

    contract: str
    doc_id: str
    other_id: str
    kind: str
    detail: Mapping[str, Any]
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorRecord:
    """Somebody who wrote documents of a contract, and since which run that is known."""

    contract: str
    author: str
    first_run_id: str
    first_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRecord:
    """How the columns of an accepted run were distributed.

    Attributes:
        contract: The contract.
        run_id: The run.
        profile: The profile as JSON.
        accepted_at: When the run was settled.
    """

    contract: str
    run_id: str
    profile: Mapping[str, Any]
    accepted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRecord:
    """One immutable segment.

    Attributes:
        segment_id: Its content-derived id.
        contract: The contract its documents came under.
        chunker_fingerprint: How they were cut.
        assess_fingerprint: How they were judged.
        documents: Rows of documents.parquet.
        chunks: Rows of chunks.parquet.
        documents_sha256: Digest of documents.parquet.
        chunks_sha256: Digest of chunks.parquet.
        run_id: The run that wrote it first.
        created_at: When.
    """

    segment_id: str
    contract: str
    chunker_fingerprint: str
    assess_fingerprint: str
    documents: int
    chunks: int
    documents_sha256: str
    chunks_sha256: str
    run_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorsRecord:
    """The vectors file of one segment in one space.

    Attributes:
        segment_id: The segment.
        embedder_fingerprint: The space.
        rows: Rows of the file; equals the segment's chunks.
        sha256: Digest of the file.
        runtime: What computed it (backend, element type, versions).
        created_at: When.
    """

    segment_id: str
    embedder_fingerprint: str
    rows: int
    sha256: str
    runtime: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderRecord:
    """One vector space and the name it goes by.

    Attributes:
        fingerprint: Digest of everything that changes a vector.
        model: The name it is asked for by.
        revision: The model's revision, empty where the contract names none.
        dimension: Numbers per vector.
        parts: What the fingerprint is made of.
        first_seen_at: When it was first registered.
    """

    fingerprint: str
    model: str
    revision: str
    dimension: int
    parts: Mapping[str, Any]
    first_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRecord:
    """An answer that a RAG system served.

    Attributes:
        answer_id: Its id in the system that served it.
        system: That system.
        model: The language model that wrote it.
        served_at: When it was served.
        text: Its text; None when only digests may be kept.
        text_sha256: Digest of its text.
        retrieved: Chunk ids that were given to the model.
        cited: Chunk ids that the answer cites.
        index_version: The version they came from, empty when not known.
        gram_count: Number of the keys that it is found by.
        decidable: Whether there is enough novelty in it to recognise it.
        context_known: Whether `retrieved` is complete.
        question: What was asked; None when it was not logged or may not be kept.
        trace_id: Trace of the request that it was served in, empty when not known.
        mark: The provenance mark that it was served with, empty for none.
        expires_at: When it must be forgotten; None for never.
        depth: Greatest generation depth of what it retrieved; a document made of it is one deeper.
        signature: Its words as short hashes, each with whether the retrieved texts hold it (`provenance.signature`).
    """

    answer_id: str
    system: str
    model: str
    served_at: datetime
    text: str | None
    text_sha256: str
    retrieved: tuple[str, ...]
    cited: tuple[str, ...]
    index_version: str
    gram_count: int
    decidable: bool
    context_known: bool
    question: str | None = None
    trace_id: str = ""
    mark: str = ""
    expires_at: datetime | None = None
    depth: int = 0
    signature: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRecord:
    """One index version; everything here can be rebuilt from its manifest.

    Attributes:
        name: The index.
        number: The version, from 1.
        contract: The contract it was built under.
        contract_version: That contract's version.
        manifest_sha256: Digest of manifest.json.
        identity: Digest of what is deterministic in it.
        embedder_fingerprint: Its vector space.
        chunker_fingerprint: How its chunks were cut.
        documents: Documents in it.
        chunks: Chunks, and vectors, in it.
        path: Its folder inside the home.
        state: `candidate`, `released` or `retired`.
        run_id: The run that built it.
        created_at: When.
        manifest: The manifest.
    """

    name: str
    number: int
    contract: str
    contract_version: str
    manifest_sha256: str
    identity: str
    embedder_fingerprint: str
    chunker_fingerprint: str
    documents: int
    chunks: int
    path: str
    state: str
    run_id: str
    created_at: datetime
    manifest: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasState:
    """Where an alias points.

    Attributes:
        name: The index.
        alias: The alias, such as `live`.
        number: The version it points to.
        generation: Moves so far, from 1; what a mover must know to move it again.
        moved_at: When it was last moved.
        actor: Who moved it.
        manifest_sha256: Digest of that version's manifest.
    """

    name: str
    alias: str
    number: int
    generation: int
    moved_at: datetime
    actor: str
    manifest_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One entry of the audit log.

    Attributes:
        number: Its place, from 1 without gaps.
        at: When.
        actor: Who.
        action: What was done, such as `alias.move`.
        subject: To what.
        detail: JSON object with the rest.
        previous: Digest of the entry before, 64 zeros for the first.
        digest: SHA-256 of the canonical JSON of all the above.
    """

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]
    previous: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What checking the audit log found.

    Attributes:
        entries: Number of entries there.
        broken_at: Number of the first entry that is changed, missing or out of place; None for none.
        head: Digest of the last good entry. Kept elsewhere, it also proves that no entry was cut
            off at the end, which the chain alone cannot show.
    """

    entries: int
    broken_at: int | None
    head: str
