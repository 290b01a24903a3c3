"""Canary checks: when a model's canary texts were embedded again, and what came of it.

A migration is a record of what was done: it does not follow later changes of `corpus.catalog.tables`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "canary_checks",
        sa.Column("check_id", KEY, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("checked_at", TIME, nullable=False),
        sa.Column("occasion", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("texts", sa.Integer(), nullable=False),
        sa.Column("min_cosine", sa.Double(), nullable=False),
        sa.Column("mean_cosine", sa.Double(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("moved", sa.JSON(), nullable=False),
        sa.Column("runtime", sa.JSON(), nullable=False),
        sa.Column("differs", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("check_id", name=op.f("pk_canary_checks")),
    )
    op.create_index(op.f("ix_canary_checks_fingerprint_checked_at"), "canary_checks", ["fingerprint", "checked_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_canary_checks_fingerprint_checked_at"), table_name="canary_checks")
    op.drop_table("canary_checks")
