"""Origin: answers with question, trace, mark, term, depth and the word signature they are recognised by; packed grams.

A migration is a record of what was done: it does not follow later changes of `corpus.catalog.tables`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)

ADDED = ("question", "trace_id", "mark", "expires_at", "depth", "signature")


def upgrade() -> None:
    op.add_column("answers", sa.Column("question", sa.Text(), nullable=True))
    op.add_column("answers", sa.Column("trace_id", sa.String(), nullable=False, server_default=sa.text("''")))
    op.add_column("answers", sa.Column("mark", KEY, nullable=False, server_default=sa.text("''")))
    op.add_column("answers", sa.Column("expires_at", TIME, nullable=True))
    op.add_column("answers", sa.Column("depth", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column("answers", sa.Column("signature", sa.LargeBinary(), nullable=True))
    op.create_index("ix_answers_mark", "answers", ["mark"])
    op.create_index("ix_answers_expires_at", "answers", ["expires_at"])
    op.create_index("ix_answers_text_sha256", "answers", ["text_sha256"])
    op.create_table(
        "answer_postings",
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("postings", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", name=op.f("pk_answer_postings")),
    )


def downgrade() -> None:
    op.drop_table("answer_postings")
    op.drop_index("ix_answers_text_sha256", "answers")
    op.drop_index("ix_answers_expires_at", "answers")
    op.drop_index("ix_answers_mark", "answers")
    for column in reversed(ADDED):
        op.drop_column("answers", column)
