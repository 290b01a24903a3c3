"""Runs migrations on the connection that `Catalog.upgrade` opened and locked."""

from __future__ import annotations

from alembic import context

from corpus.catalog.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
