"""Holds on index versions: what retention must not remove, whoever asks.

A migration is a record of what was done: it does not follow later changes of `corpus.catalog.tables`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "version_holds",
        sa.Column("name", KEY, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["name", "number"], ["versions.name", "versions.number"], name=op.f("fk_version_holds_name_number")
        ),
        sa.PrimaryKeyConstraint("name", "number", name=op.f("pk_version_holds")),
    )


def downgrade() -> None:
    op.drop_table("version_holds")
