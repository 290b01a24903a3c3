"""Tables of the system of record: decisions and pointers, never content.

Typed for SQLAlchemy 2. The classes describe tables only: queries select columns, and what leaves the
catalog are the records of `corpus.catalog.records`. A change here needs a migration; a test compares
the two on both databases.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from corpus.catalog.columns import EMPTY, KEY, NUMBER, OPTIONAL_KEY, ZERO, Base, JsonTuple, UtcTime, one_of
from corpus.catalog.index_tables import (
    ERASURE_STATES,
    TOMBSTONE_KINDS,
    VERSION_STATES,
    AliasRow,
    CanaryRow,
    ContaminationRow,
    ErasureRow,
    EvaluationRow,
    GoldenBindingRow,
    OriginEstimateRow,
    ReplacedVersionRow,
    TombstoneRow,
    VersionHoldRow,
    VersionRow,
)
from corpus.catalog.source_tables import WebValidatorRow

__all__ = (
    "DOCUMENT_STATES",
    "ERASURE_STATES",
    "LINEAGE_KINDS",
    "LINEAGE_RELATIONS",
    "REEMBED_STATES",
    "RUN_STATES",
    "TOMBSTONE_KINDS",
    "VERSION_STATES",
    "AliasRow",
    "AnswerErasedRow",
    "AnswerGramRow",
    "AnswerPostingsRow",
    "AnswerRow",
    "AuditRow",
    "AuthorRow",
    "Base",
    "CanaryRow",
    "ChunkDigestRow",
    "ContaminationRow",
    "ContractRow",
    "DecisionRow",
    "DocumentRow",
    "EmbedRateRow",
    "EmbedderNameRow",
    "EmbedderRow",
    "ErasureRow",
    "EvaluationRow",
    "GoldenBindingRow",
    "LineageEdgeRow",
    "LineageNodeRow",
    "OriginEstimateRow",
    "OverrideRow",
    "ProfileRow",
    "ReembedRow",
    "RelationRow",
    "ReplacedVersionRow",
    "RevisionRow",
    "RunRow",
    "SegmentRow",
    "SketchBandRow",
    "SketchRow",
    "TombstoneRow",
    "VectorsRow",
    "VersionHoldRow",
    "VersionRow",
    "VoteRow",
    "WebValidatorRow",
)

DOCUMENT_STATES = ("active", "quarantined", "rejected", "failed", "gone")
RUN_STATES = ("running", "succeeded", "failed")
REEMBED_STATES = ("running", "finished", "abandoned")
LINEAGE_KINDS = ("document", "answer")
LINEAGE_RELATIONS = ("wasDerivedFrom",)


REASONED = "CAST(reasons AS TEXT) <> '[]'"
"""What the index over decisions with reasons holds; a statement that says the same can use it."""


class ContractRow(Base):
    """One version of one contract, as it was first seen."""

    __tablename__ = "contracts"
    name: Mapped[str] = mapped_column(KEY, primary_key=True)
    version: Mapped[str] = mapped_column(KEY, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    yaml: Mapped[str] = mapped_column(Text)
    registered_at: Mapped[datetime] = mapped_column(UtcTime)
    seen_at: Mapped[datetime] = mapped_column(UtcTime)


class RunRow(Base):
    """One run of one contract."""

    __tablename__ = "runs"
    __table_args__ = (one_of("state", RUN_STATES), Index(None, "contract", "started_at"))
    run_id: Mapped[str] = mapped_column(KEY, primary_key=True)
    contract: Mapped[str] = mapped_column(KEY)
    kind: Mapped[str] = mapped_column(String)
    actor: Mapped[str] = mapped_column(String)
    state: Mapped[str] = mapped_column(String)
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)
    receipt: Mapped[dict[str, Any]] = mapped_column(JSON)


class SegmentRow(Base):
    """One immutable batch of revisions and their chunks; `id` keeps the digest table small."""

    __tablename__ = "segments"
    __table_args__ = (UniqueConstraint("segment_id"), Index(None, "contract"))
    id: Mapped[int] = mapped_column(NUMBER, primary_key=True, autoincrement=True)
    segment_id: Mapped[str] = mapped_column(KEY)
    contract: Mapped[str] = mapped_column(KEY)
    chunker_fingerprint: Mapped[str] = mapped_column(String)
    assess_fingerprint: Mapped[str] = mapped_column(String)
    documents: Mapped[int] = mapped_column(Integer)
    chunks: Mapped[int] = mapped_column(Integer)
    documents_sha256: Mapped[str] = mapped_column(String)
    chunks_sha256: Mapped[str] = mapped_column(String)
    run_id: Mapped[str] = mapped_column(KEY)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class DocumentRow(Base):
    """What one document's source says now: one standing row per document."""

    __tablename__ = "documents"
    __table_args__ = (
        one_of("state", DOCUMENT_STATES),
        CheckConstraint("state <> 'active' OR segment_id IS NOT NULL", name="active_has_segment"),
        Index(None, "contract", "state"),
        Index(None, "segment_id"),
    )
    contract: Mapped[str] = mapped_column(KEY, primary_key=True)
    doc_id: Mapped[str] = mapped_column(KEY, primary_key=True)
    uri: Mapped[str] = mapped_column(String)
    path: Mapped[str] = mapped_column(String)
    state: Mapped[str] = mapped_column(String)
    state_key: Mapped[str] = mapped_column(String)
    raw_sha256: Mapped[str] = mapped_column(String)
    sidecar_sha256: Mapped[str] = mapped_column(String)
    size: Mapped[int] = mapped_column(BigInteger)
    modified_at: Mapped[datetime | None] = mapped_column(UtcTime)
    revision_id: Mapped[str] = mapped_column(KEY)
    segment_id: Mapped[str] = mapped_column(
        OPTIONAL_KEY, ForeignKey("segments.segment_id", ondelete="SET NULL"), nullable=True
    )
    outcome: Mapped[str] = mapped_column(String)
    run_id: Mapped[str] = mapped_column(KEY)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcTime)
    stamp: Mapped[str] = mapped_column(String, server_default=EMPTY)


class RevisionRow(Base):
    """History: every revision that was ever made active, and by which run."""

    __tablename__ = "revisions"
    __table_args__ = (Index(None, "segment_id"),)
    contract: Mapped[str] = mapped_column(KEY, primary_key=True)
    doc_id: Mapped[str] = mapped_column(KEY, primary_key=True)
    revision_id: Mapped[str] = mapped_column(KEY, primary_key=True)
    run_id: Mapped[str] = mapped_column(KEY, primary_key=True)
    raw_sha256: Mapped[str] = mapped_column(String)
    segment_id: Mapped[str] = mapped_column(
        OPTIONAL_KEY, ForeignKey("segments.segment_id", ondelete="SET NULL"), nullable=True
    )
    activated_at: Mapped[datetime] = mapped_column(UtcTime)


class DecisionRow(Base):
    """What one run decided about one revision, with reasons and findings."""

    __tablename__ = "decisions"
    __table_args__ = (
        UniqueConstraint("contract", "doc_id", "revision_id", "run_id"),
        Index(
            "ix_decisions_reasoned", "contract", "doc_id", sqlite_where=text(REASONED), postgresql_where=text(REASONED)
        ),
    )
    id: Mapped[int] = mapped_column(NUMBER, primary_key=True, autoincrement=True)
    contract: Mapped[str] = mapped_column(KEY)
    doc_id: Mapped[str] = mapped_column(KEY)
    revision_id: Mapped[str] = mapped_column(KEY)
    run_id: Mapped[str] = mapped_column(KEY)
    outcome: Mapped[str] = mapped_column(String)
    reasons: Mapped[tuple[Any, ...]] = mapped_column(JsonTuple)
    quality_score: Mapped[float | None]
    digital_source_type: Mapped[str] = mapped_column(String)
    origin_basis: Mapped[str] = mapped_column(String)
    actor: Mapped[str] = mapped_column(String)
    decided_at: Mapped[datetime] = mapped_column(UtcTime)
    findings: Mapped[tuple[Any, ...]] = mapped_column(JsonTuple)


class OverrideRow(Base):
    """A person's decision about one document at one content."""

    __tablename__ = "overrides"
    contract: Mapped[str] = mapped_column(KEY, primary_key=True)
    doc_id: Mapped[str] = mapped_column(KEY, primary_key=True)
    raw_sha256: Mapped[str] = mapped_column(KEY, primary_key=True)
    outcome: Mapped[str] = mapped_column(String)
    reason: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String)
    at: Mapped[datetime] = mapped_column(UtcTime)
    parts: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class VoteRow(Base):
    """What one person thinks should become of a held document, where more than one must agree."""

    __tablename__ = "votes"
    contract: Mapped[str] = mapped_column(KEY, primary_key=True)
    doc_id: Mapped[str] = mapped_column(KEY, primary_key=True)
    raw_sha256: Mapped[str] = mapped_column(KEY, primary_key=True)
    actor: Mapped[str] = mapped_column(KEY, primary_key=True)
    outcome: Mapped[str] = mapped_column(KEY, primary_key=True)
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcTime)
    parts: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class SketchRow(Base):
    """The MinHash signature of a document that is kept; `id` keeps the band table small."""

    __tablename__ = "sketches"
    __table_args__ = (UniqueConstraint("contract", "doc_id"), Index(None, "contract", "content_sha256", "doc_id"))
    id: Mapped[int] = mapped_column(NUMBER, primary_key=True, autoincrement=True)
    contract: Mapped[str] = mapped_column(KEY)
    doc_id: Mapped[str] = mapped_column(KEY)
    content_sha256: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(Text)
    family: Mapped[str] = mapped_column(KEY)
    signature: Mapped[bytes] = mapped_column(LargeBinary)


class SketchBandRow(Base):
    """One band of a signature, as a signed 64-bit number: equal bands make two documents candidates."""

    __tablename__ = "sketch_bands"
    __table_args__ = (Index(None, "sketch"), {"sqlite_with_rowid": False})
    band: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    sketch: Mapped[int] = mapped_column(NUMBER, ForeignKey("sketches.id", ondelete="CASCADE"), primary_key=True)


class RelationRow(Base):
    """How one document stands to another: its copy, its older version, in conflict with it."""

    __tablename__ = "relations"
    __table_args__ = (Index(None, "contract", "other_id", "kind", "doc_id"),)
    contract: Mapped[str] = mapped_column(KEY, primary_key=True)
    doc_id: Mapped[str] = mapped_column(KEY, primary_key=True)
    other_id: Mapped[str] = mapped_column(KEY, primary_key=True)
    kind: Mapped[str] = mapped_column(KEY, primary_key=True)
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
    run_id: Mapped[str] = mapped_column(KEY)


class AuthorRow(Base):
    """Somebody who wrote documents of a contract, and since when that is known."""

    __tablename__ = "authors"
    contract: Mapped[str] = mapped_column(KEY, primary_key=True)
    author: Mapped[str] = mapped_column(KEY, primary_key=True)
    first_run_id: Mapped[str] = mapped_column(KEY)
    first_seen_at: Mapped[datetime] = mapped_column(UtcTime)


class ProfileRow(Base):
    """How the columns of an accepted run were distributed: the baseline of drift."""

    __tablename__ = "profiles"
    __table_args__ = (Index(None, "contract", "accepted_at"),)
    contract: Mapped[str] = mapped_column(KEY, primary_key=True)
    run_id: Mapped[str] = mapped_column(KEY, primary_key=True)
    profile: Mapped[dict[str, Any]] = mapped_column(JSON)
    accepted_at: Mapped[datetime] = mapped_column(UtcTime)


class EmbedderRow(Base):
    """One vector space."""

    __tablename__ = "embedders"
    fingerprint: Mapped[str] = mapped_column(KEY, primary_key=True)
    model: Mapped[str] = mapped_column(String)
    revision: Mapped[str] = mapped_column(String)
    dimension: Mapped[int] = mapped_column(Integer)
    parts: Mapped[dict[str, Any]] = mapped_column(JSON)
    first_seen_at: Mapped[datetime] = mapped_column(UtcTime)


class EmbedderNameRow(Base):
    """The space that a model name and revision were last accepted to mean."""

    __tablename__ = "embedder_names"
    model: Mapped[str] = mapped_column(KEY, primary_key=True)
    revision: Mapped[str] = mapped_column(KEY, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(KEY, ForeignKey("embedders.fingerprint"))


class VectorsRow(Base):
    """The vectors of one segment in one space."""

    __tablename__ = "vectors"
    __table_args__ = (Index(None, "embedder_fingerprint"),)
    segment_id: Mapped[str] = mapped_column(
        KEY, ForeignKey("segments.segment_id", ondelete="CASCADE"), primary_key=True
    )
    embedder_fingerprint: Mapped[str] = mapped_column(KEY, ForeignKey("embedders.fingerprint"), primary_key=True)
    rows: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String)
    runtime: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class ReembedRow(Base):
    """A contract's way into one space: under way, finished or given up, and how fast it may go."""

    __tablename__ = "reembeds"
    __table_args__ = (one_of("state", REEMBED_STATES),)
    contract: Mapped[str] = mapped_column(KEY, primary_key=True)
    embedder_fingerprint: Mapped[str] = mapped_column(KEY, primary_key=True)
    model: Mapped[str] = mapped_column(String)
    revision: Mapped[str] = mapped_column(String)
    mode: Mapped[str] = mapped_column(String)
    state: Mapped[str] = mapped_column(String)
    run_id: Mapped[str] = mapped_column(KEY)
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    full_at: Mapped[float] = mapped_column(Float)


class EmbedRateRow(Base):
    """How fast a model read tokens on a machine: sums in which what is old counts less and less."""

    __tablename__ = "embed_rates"
    embedder_fingerprint: Mapped[str] = mapped_column(KEY, primary_key=True)
    machine: Mapped[str] = mapped_column(KEY, primary_key=True)
    tokens: Mapped[float] = mapped_column(Float)
    seconds: Mapped[float] = mapped_column(Float)
    measured_at: Mapped[datetime] = mapped_column(UtcTime)


class ChunkDigestRow(Base):
    """Where a chunk's text first stands in a segment: 32 bytes, a small number and a row."""

    __tablename__ = "chunk_digests"
    __table_args__ = (Index(None, "segment"), {"sqlite_with_rowid": False})
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    segment: Mapped[int] = mapped_column(NUMBER, ForeignKey("segments.id", ondelete="CASCADE"), primary_key=True)
    row: Mapped[int] = mapped_column(Integer)


class AnswerRow(Base):
    """An answer that a RAG system served; `id` keeps the gram table small."""

    __tablename__ = "answers"
    __table_args__ = (
        UniqueConstraint("answer_id"),
        Index(None, "mark"),
        Index(None, "expires_at"),
        Index(None, "text_sha256"),
        Index(None, "index_version", "served_at"),
    )
    id: Mapped[int] = mapped_column(NUMBER, primary_key=True, autoincrement=True)
    answer_id: Mapped[str] = mapped_column(KEY)
    system: Mapped[str] = mapped_column(String)
    model: Mapped[str] = mapped_column(String)
    served_at: Mapped[datetime] = mapped_column(UtcTime)
    text: Mapped[str | None] = mapped_column(Text)
    text_sha256: Mapped[str] = mapped_column(String)
    retrieved: Mapped[tuple[Any, ...]] = mapped_column(JsonTuple)
    cited: Mapped[tuple[Any, ...]] = mapped_column(JsonTuple)
    index_version: Mapped[str] = mapped_column(String)
    gram_count: Mapped[int] = mapped_column(Integer)
    decidable: Mapped[bool]
    context_known: Mapped[bool]
    question: Mapped[str | None] = mapped_column(Text)
    trace_id: Mapped[str] = mapped_column(String, server_default=EMPTY)
    mark: Mapped[str] = mapped_column(KEY, server_default=EMPTY)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    depth: Mapped[int] = mapped_column(Integer, server_default=ZERO)
    signature: Mapped[bytes | None] = mapped_column(LargeBinary)


class AnswerGramRow(Base):
    """One fingerprint gram of one answer, as a signed 64-bit number; those not packed yet."""

    __tablename__ = "answer_grams"
    __table_args__ = (Index(None, "answer"), {"sqlite_with_rowid": False})
    gram: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    answer: Mapped[int] = mapped_column(NUMBER, ForeignKey("answers.id", ondelete="CASCADE"), primary_key=True)


class AnswerPostingsRow(Base):
    """Packed grams of many answers: those whose uppermost bits are `bucket`, sorted, with the answers' numbers."""

    __tablename__ = "answer_postings"
    bucket: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    postings: Mapped[bytes] = mapped_column(LargeBinary)


class AnswerErasedRow(Base):
    """Digest of the id of an answer that was erased: an import must not bring it back."""

    __tablename__ = "answers_erased"
    id_digest: Mapped[str] = mapped_column(KEY, primary_key=True)
    erased_at: Mapped[datetime] = mapped_column(UtcTime)


class LineageNodeRow(Base):
    """An end of edges of lineage: a document at one revision, or an answer; `id` keeps the edge table small."""

    __tablename__ = "lineage_nodes"
    __table_args__ = (one_of("kind", LINEAGE_KINDS), UniqueConstraint("kind", "name", "revision_id"))
    id: Mapped[int] = mapped_column(NUMBER, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(KEY)
    name: Mapped[str] = mapped_column(KEY)
    revision_id: Mapped[str] = mapped_column(KEY)


class LineageEdgeRow(Base):
    """One step of lineage, in the terms of PROV: `subject` was derived from `object`."""

    __tablename__ = "lineage_edges"
    __table_args__ = (
        one_of("relation", LINEAGE_RELATIONS),
        Index(None, "object"),
        Index(None, "run_id", sqlite_where=text("run_id IS NOT NULL"), postgresql_where=text("run_id IS NOT NULL")),
        {"sqlite_with_rowid": False},
    )
    subject: Mapped[int] = mapped_column(NUMBER, ForeignKey("lineage_nodes.id", ondelete="CASCADE"), primary_key=True)
    object: Mapped[int] = mapped_column(NUMBER, ForeignKey("lineage_nodes.id", ondelete="CASCADE"), primary_key=True)
    relation: Mapped[str] = mapped_column(KEY, primary_key=True)
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
    run_id: Mapped[str] = mapped_column(OPTIONAL_KEY, nullable=True)


class AuditRow(Base):
    """One link of the audit log's hash chain."""

    __tablename__ = "audit_log"
    number: Mapped[int] = mapped_column(NUMBER, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcTime)
    actor: Mapped[str] = mapped_column(String)
    action: Mapped[str] = mapped_column(String)
    subject: Mapped[str] = mapped_column(String)
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))
