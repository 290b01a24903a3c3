"""The first schema: contracts, runs, documents, decisions, segments, vectors, answers, versions, audit log.

A migration is a record of what was done: it does not follow later changes of `corpus.catalog.tables`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _contracts_and_runs()
    _segments()
    _documents()
    _decisions()
    _vectors()
    _answers()
    _versions()
    _audit_log()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


TABLES = (
    "contracts",
    "runs",
    "segments",
    "documents",
    "revisions",
    "decisions",
    "overrides",
    "embedders",
    "embedder_names",
    "vectors",
    "chunk_digests",
    "answers",
    "answer_grams",
    "versions",
    "aliases",
    "audit_log",
)


def _contracts_and_runs() -> None:
    """What was promised, and who ran when."""
    op.create_table(
        "contracts",
        sa.Column("name", KEY, nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("yaml", sa.Text(), nullable=False),
        sa.Column("registered_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_contracts")),
    )
    op.create_table(
        "runs",
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("contract", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.Column("receipt", sa.JSON(), nullable=False),
        sa.CheckConstraint("state IN ('running', 'succeeded', 'failed')", name=op.f("ck_runs_state_known")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_runs")),
    )
    op.create_index(op.f("ix_runs_contract_started_at"), "runs", ["contract", "started_at"], unique=False)


def _segments() -> None:
    """Immutable batches of revisions."""
    op.create_table(
        "segments",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("segment_id", KEY, nullable=False),
        sa.Column("contract", KEY, nullable=False),
        sa.Column("chunker_fingerprint", sa.String(), nullable=False),
        sa.Column("assess_fingerprint", sa.String(), nullable=False),
        sa.Column("documents", sa.Integer(), nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("documents_sha256", sa.String(), nullable=False),
        sa.Column("chunks_sha256", sa.String(), nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segments")),
        sa.UniqueConstraint("segment_id", name=op.f("uq_segments_segment_id")),
    )
    op.create_index(op.f("ix_segments_contract"), "segments", ["contract"], unique=False)


def _documents() -> None:
    """What each source says now, and what it ever said."""
    op.create_table(
        "documents",
        sa.Column("contract", KEY, nullable=False),
        sa.Column("doc_id", KEY, nullable=False),
        sa.Column("uri", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("state_key", sa.String(), nullable=False),
        sa.Column("raw_sha256", sa.String(), nullable=False),
        sa.Column("sidecar_sha256", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", TIME, nullable=True),
        sa.Column("revision_id", KEY, nullable=False),
        sa.Column("segment_id", KEY, nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.CheckConstraint("state <> 'active' OR segment_id IS NOT NULL", name=op.f("ck_documents_active_has_segment")),
        sa.CheckConstraint(
            "state IN ('active', 'quarantined', 'rejected', 'failed', 'gone')", name=op.f("ck_documents_state_known")
        ),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segments.segment_id"], name=op.f("fk_documents_segment_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("contract", "doc_id", name=op.f("pk_documents")),
    )
    op.create_index(op.f("ix_documents_contract_state"), "documents", ["contract", "state"], unique=False)
    op.create_index(op.f("ix_documents_segment_id"), "documents", ["segment_id"], unique=False)
    op.create_table(
        "revisions",
        sa.Column("contract", KEY, nullable=False),
        sa.Column("doc_id", KEY, nullable=False),
        sa.Column("revision_id", KEY, nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("raw_sha256", sa.String(), nullable=False),
        sa.Column("segment_id", KEY, nullable=True),
        sa.Column("activated_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segments.segment_id"], name=op.f("fk_revisions_segment_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("contract", "doc_id", "revision_id", "run_id", name=op.f("pk_revisions")),
    )
    op.create_index(op.f("ix_revisions_segment_id"), "revisions", ["segment_id"], unique=False)


def _decisions() -> None:
    """What was decided, by rule or by a person."""
    op.create_table(
        "decisions",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("contract", KEY, nullable=False),
        sa.Column("doc_id", KEY, nullable=False),
        sa.Column("revision_id", KEY, nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("quality_score", sa.Double(), nullable=True),
        sa.Column("digital_source_type", sa.String(), nullable=False),
        sa.Column("origin_basis", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("decided_at", TIME, nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
        sa.UniqueConstraint(
            "contract", "doc_id", "revision_id", "run_id", name=op.f("uq_decisions_contract_doc_id_revision_id_run_id")
        ),
    )
    op.create_table(
        "overrides",
        sa.Column("contract", KEY, nullable=False),
        sa.Column("doc_id", KEY, nullable=False),
        sa.Column("raw_sha256", KEY, nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("contract", "doc_id", "raw_sha256", name=op.f("pk_overrides")),
    )


def _vectors() -> None:
    """Spaces, vectors in them, and where each text stands."""
    op.create_table(
        "embedders",
        sa.Column("fingerprint", KEY, nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("revision", sa.String(), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("parts", sa.JSON(), nullable=False),
        sa.Column("first_seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_embedders")),
    )
    op.create_table(
        "embedder_names",
        sa.Column("model", KEY, nullable=False),
        sa.Column("revision", KEY, nullable=False),
        sa.Column("fingerprint", KEY, nullable=False),
        sa.ForeignKeyConstraint(["fingerprint"], ["embedders.fingerprint"], name=op.f("fk_embedder_names_fingerprint")),
        sa.PrimaryKeyConstraint("model", "revision", name=op.f("pk_embedder_names")),
    )
    op.create_table(
        "vectors",
        sa.Column("segment_id", KEY, nullable=False),
        sa.Column("embedder_fingerprint", KEY, nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("runtime", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["embedder_fingerprint"], ["embedders.fingerprint"], name=op.f("fk_vectors_embedder_fingerprint")
        ),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segments.segment_id"], name=op.f("fk_vectors_segment_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("segment_id", "embedder_fingerprint", name=op.f("pk_vectors")),
    )
    op.create_index(op.f("ix_vectors_embedder_fingerprint"), "vectors", ["embedder_fingerprint"], unique=False)
    op.create_table(
        "chunk_digests",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("segment", NUMBER, nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["segment"], ["segments.id"], name=op.f("fk_chunk_digests_segment"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest", "segment", name=op.f("pk_chunk_digests")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_chunk_digests_segment"), "chunk_digests", ["segment"], unique=False)


def _answers() -> None:
    """Answers that were served, and their grams."""
    op.create_table(
        "answers",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("answer_id", KEY, nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("served_at", TIME, nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("text_sha256", sa.String(), nullable=False),
        sa.Column("retrieved", sa.JSON(), nullable=False),
        sa.Column("cited", sa.JSON(), nullable=False),
        sa.Column("index_version", sa.String(), nullable=False),
        sa.Column("gram_count", sa.Integer(), nullable=False),
        sa.Column("decidable", sa.Boolean(), nullable=False),
        sa.Column("context_known", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answers")),
        sa.UniqueConstraint("answer_id", name=op.f("uq_answers_answer_id")),
    )
    op.create_table(
        "answer_grams",
        sa.Column("gram", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("answer", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["answer"], ["answers.id"], name=op.f("fk_answer_grams_answer"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("gram", "answer", name=op.f("pk_answer_grams")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_answer_grams_answer"), "answer_grams", ["answer"], unique=False)


def _versions() -> None:
    """Index versions and what points to them."""
    op.create_table(
        "versions",
        sa.Column("name", KEY, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("contract", KEY, nullable=False),
        sa.Column("contract_version", sa.String(), nullable=False),
        sa.Column("manifest_sha256", sa.String(), nullable=False),
        sa.Column("identity", sa.String(), nullable=False),
        sa.Column("embedder_fingerprint", sa.String(), nullable=False),
        sa.Column("chunker_fingerprint", sa.String(), nullable=False),
        sa.Column("documents", sa.Integer(), nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.CheckConstraint("state IN ('candidate', 'released', 'retired')", name=op.f("ck_versions_state_known")),
        sa.PrimaryKeyConstraint("name", "number", name=op.f("pk_versions")),
    )
    op.create_table(
        "aliases",
        sa.Column("name", KEY, nullable=False),
        sa.Column("alias", KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("moved_at", TIME, nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["name", "number"], ["versions.name", "versions.number"], name=op.f("fk_aliases_name_number")
        ),
        sa.PrimaryKeyConstraint("name", "alias", name=op.f("pk_aliases")),
    )


def _audit_log() -> None:
    """The hash chain of what people changed."""
    op.create_table(
        "audit_log",
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_log")),
    )
