"""A catalog of an earlier build is brought up with everything in it."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from corpus.catalog import documents
from corpus.catalog.session import Catalog, open_catalog

FIRST_DOCUMENT = """
INSERT INTO documents (contract, doc_id, uri, path, state, state_key, raw_sha256, sidecar_sha256, size, modified_at,
    revision_id, segment_id, outcome, run_id, updated_at)
VALUES ('kb', 'a.md', 'file:///a.md', 'a.md', 'rejected', 'key', '', '', 3, NULL, 'r1', NULL, 'reject', 'run',
    '2026-11-01 00:00:00.000000')
"""


def _at_first_schema(catalog: Catalog) -> None:
    config = Config()
    config.set_main_option("script_location", "corpus.catalog:migrations")
    with catalog.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
        connection.execute(text(FIRST_DOCUMENT))


def test_documents_of_the_first_schema_are_kept(catalog_url: str) -> None:
    catalog = open_catalog(catalog_url)
    _at_first_schema(catalog)
    catalog.upgrade()
    catalog.check()
    with catalog.reading() as tx:
        [state] = documents.states(tx, "kb").values()
    assert (state.doc_id, state.state, state.due_at) == ("a.md", "rejected", None)
    catalog.close()
