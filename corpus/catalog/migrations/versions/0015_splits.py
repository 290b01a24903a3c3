"""Splits: which parts of a document a person keeps, beside the decision and beside each vote for it.

A migration is a record of what was done: it does not follow later changes of `corpus.catalog.tables`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("overrides", "votes"):
        op.add_column(table, sa.Column("parts", sa.JSON(), nullable=True))


def downgrade() -> None:
    for table in ("votes", "overrides"):
        with op.batch_alter_table(table) as batch:
            batch.drop_column("parts")
