"""Splits: which parts of a document a person keeps, beside the decision and beside each vote for it.

And an index of the decisions that have reasons, since they are few and people look at them; and a table of estimates of
AI-written text, which stand in no manifest.

A migration is a record of what was done: it does not follow later changes of `corpus.catalog.tables`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    for table in ("overrides", "votes"):
        op.add_column(table, sa.Column("parts", sa.JSON(), nullable=True))
    where = sa.text("CAST(reasons AS TEXT) <> '[]'")
    op.create_index(
        "ix_decisions_reasoned", "decisions", ["contract", "doc_id"], sqlite_where=where, postgresql_where=where
    )
    op.create_table(
        "origin_estimates",
        sa.Column("name", KEY, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", "number", "measured_at", name=op.f("pk_origin_estimates")),
    )


def downgrade() -> None:
    op.drop_table("origin_estimates")
    op.drop_index("ix_decisions_reasoned", table_name="decisions")
    for table in ("votes", "overrides"):
        with op.batch_alter_table(table) as batch:
            batch.drop_column("parts")
