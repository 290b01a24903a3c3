"""Erasure: tombstones of indexes, documents that were erased, and versions that were built again without them.

A migration is a record of what was done: it does not follow later changes of `corpus.catalog.tables`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "tombstones",
        sa.Column("name", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("digest", KEY, nullable=False),
        sa.Column("lifted", sa.Boolean(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.CheckConstraint("kind IN ('document', 'chunk')", name=op.f("ck_tombstones_kind_known")),
        sa.PrimaryKeyConstraint("name", "kind", "digest", name=op.f("pk_tombstones")),
    )
    op.create_table(
        "erasures",
        sa.Column("contract", KEY, nullable=False),
        sa.Column("digest", KEY, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("doc_id", sa.String(), nullable=False),
        sa.Column("contents", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("requested_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.CheckConstraint("state IN ('pending', 'done', 'lifted')", name=op.f("ck_erasures_state_known")),
        sa.PrimaryKeyConstraint("contract", "digest", name=op.f("pk_erasures")),
    )
    op.create_table(
        "replaced_versions",
        sa.Column("name", KEY, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("replaced_by", sa.Integer(), nullable=False),
        sa.Column("replaced_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", "number", name=op.f("pk_replaced_versions")),
    )


def downgrade() -> None:
    op.drop_table("replaced_versions")
    op.drop_table("erasures")
    op.drop_table("tombstones")
