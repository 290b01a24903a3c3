"""Admission: votes, sketches, relations, authors, profiles, and when a document is looked at again.

A migration is a record of what was done: it does not follow later changes of `corpus.catalog.tables`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)

TABLES = ("votes", "sketches", "sketch_bands", "relations", "authors", "profiles")


def upgrade() -> None:
    op.add_column("documents", sa.Column("due_at", TIME, nullable=True))
    _votes()
    _sketches()
    _relations()
    _profiles()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_column("documents", "due_at")


def _votes() -> None:
    """What each person thinks, where more than one must agree."""
    op.create_table(
        "votes",
        sa.Column("contract", KEY, nullable=False),
        sa.Column("doc_id", KEY, nullable=False),
        sa.Column("raw_sha256", KEY, nullable=False),
        sa.Column("actor", KEY, nullable=False),
        sa.Column("outcome", KEY, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("contract", "doc_id", "raw_sha256", "actor", "outcome", name=op.f("pk_votes")),
    )


def _sketches() -> None:
    """MinHash signatures and their bands."""
    op.create_table(
        "sketches",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("contract", KEY, nullable=False),
        sa.Column("doc_id", KEY, nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("family", KEY, nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sketches")),
        sa.UniqueConstraint("contract", "doc_id", name=op.f("uq_sketches_contract_doc_id")),
    )
    op.create_index(
        op.f("ix_sketches_contract_content_sha256_doc_id"),
        "sketches",
        ["contract", "content_sha256", "doc_id"],
        unique=False,
    )
    op.create_table(
        "sketch_bands",
        sa.Column("band", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sketch", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["sketch"], ["sketches.id"], name=op.f("fk_sketch_bands_sketch"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("band", "sketch", name=op.f("pk_sketch_bands")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_sketch_bands_sketch"), "sketch_bands", ["sketch"], unique=False)


def _relations() -> None:
    """How documents stand to each other, and who wrote them."""
    op.create_table(
        "relations",
        sa.Column("contract", KEY, nullable=False),
        sa.Column("doc_id", KEY, nullable=False),
        sa.Column("other_id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.PrimaryKeyConstraint("contract", "doc_id", "other_id", "kind", name=op.f("pk_relations")),
    )
    op.create_index(
        op.f("ix_relations_contract_other_id_kind_doc_id"),
        "relations",
        ["contract", "other_id", "kind", "doc_id"],
        unique=False,
    )
    op.create_table(
        "authors",
        sa.Column("contract", KEY, nullable=False),
        sa.Column("author", KEY, nullable=False),
        sa.Column("first_run_id", KEY, nullable=False),
        sa.Column("first_seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("contract", "author", name=op.f("pk_authors")),
    )


def _profiles() -> None:
    """The baselines of drift."""
    op.create_table(
        "profiles",
        sa.Column("contract", KEY, nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("profile", sa.JSON(), nullable=False),
        sa.Column("accepted_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("contract", "run_id", name=op.f("pk_profiles")),
    )
    op.create_index(op.f("ix_profiles_contract_accepted_at"), "profiles", ["contract", "accepted_at"], unique=False)
