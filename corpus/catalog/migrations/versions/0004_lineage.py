"""Lineage: what a document was derived from and what an answer had retrieved, as a graph that is walked both ways.

A migration is a record of what was done: it does not follow later changes of `corpus.catalog.tables`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "lineage_nodes",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("revision_id", KEY, nullable=False),
        sa.CheckConstraint("kind IN ('document', 'answer')", name=op.f("ck_lineage_nodes_kind_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lineage_nodes")),
        sa.UniqueConstraint("kind", "name", "revision_id", name=op.f("uq_lineage_nodes_kind_name_revision_id")),
    )
    op.create_table(
        "lineage_edges",
        sa.Column("subject", NUMBER, nullable=False),
        sa.Column("object", NUMBER, nullable=False),
        sa.Column("relation", KEY, nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("run_id", KEY, nullable=True),
        sa.CheckConstraint("relation IN ('wasDerivedFrom')", name=op.f("ck_lineage_edges_relation_known")),
        sa.ForeignKeyConstraint(
            ["subject"], ["lineage_nodes.id"], name=op.f("fk_lineage_edges_subject"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["object"], ["lineage_nodes.id"], name=op.f("fk_lineage_edges_object"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("subject", "object", "relation", name=op.f("pk_lineage_edges")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_lineage_edges_object"), "lineage_edges", ["object"], unique=False)
    found = sa.text("run_id IS NOT NULL")
    op.create_index(
        op.f("ix_lineage_edges_run_id"), "lineage_edges", ["run_id"], sqlite_where=found, postgresql_where=found
    )


def downgrade() -> None:
    op.drop_table("lineage_edges")
    op.drop_table("lineage_nodes")
