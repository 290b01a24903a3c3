"""Contamination: what was measured of an index version, and the answers of an index by time.

A migration is a record of what was done: it does not follow later changes of `corpus.catalog.tables`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "contamination",
        sa.Column("name", KEY, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("measured_at", TIME, nullable=False),
        sa.Column("k", sa.Integer(), nullable=False),
        sa.Column("compared_with", sa.Integer(), nullable=True),
        sa.Column("questions", sa.Integer(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("alarms", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", "number", "measured_at", name=op.f("pk_contamination")),
    )
    op.create_index("ix_answers_index_version_served_at", "answers", ["index_version", "served_at"])


def downgrade() -> None:
    op.drop_index("ix_answers_index_version_served_at", "answers")
    op.drop_table("contamination")
