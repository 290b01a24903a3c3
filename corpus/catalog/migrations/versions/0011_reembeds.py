"""Re-embeds under way, how fast they may go, and how fast models were measured to be.

A migration is a record of what was done: it does not follow later changes of `corpus.catalog.tables`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "reembeds",
        sa.Column("contract", KEY, nullable=False),
        sa.Column("embedder_fingerprint", KEY, nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("revision", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("full_at", sa.Float(), nullable=False),
        sa.CheckConstraint("state IN ('running', 'finished', 'abandoned')", name=op.f("ck_reembeds_state_known")),
        sa.PrimaryKeyConstraint("contract", "embedder_fingerprint", name=op.f("pk_reembeds")),
    )
    op.create_table(
        "embed_rates",
        sa.Column("embedder_fingerprint", KEY, nullable=False),
        sa.Column("machine", KEY, nullable=False),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("measured_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("embedder_fingerprint", "machine", name=op.f("pk_embed_rates")),
    )


def downgrade() -> None:
    op.drop_table("embed_rates")
    op.drop_table("reembeds")
