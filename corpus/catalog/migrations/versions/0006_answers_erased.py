"""Erased answers: digests of their ids, so that what was erased does not come back with the next import.

A migration is a record of what was done: it does not follow later changes of `corpus.catalog.tables`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "answers_erased",
        sa.Column("id_digest", KEY, nullable=False),
        sa.Column("erased_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id_digest", name=op.f("pk_answers_erased")),
    )


def downgrade() -> None:
    op.drop_table("answers_erased")
