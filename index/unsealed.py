"""A candidate's files as a reader, before they are sealed: what a gate asks questions of.

Nothing is verified here, since nothing is signed yet: the files are those that this process has just built.
What is published is opened with `index.reader.open_index` and nothing else.
"""

from __future__ import annotations

from corpus import batches
from index import layout, search
from index.build import Built
from index.fields import DOCUMENT_COLUMNS
from index.manifest import Manifest
from index.reader import IndexReader
from index.tombstones import Watch
from index.verify import Verified


def open_built(built: Built, draft: Manifest, watch: Watch | None = None) -> IndexReader:
    """Opens a candidate for searches by vector; it lives as long as its folder.

    Args:
        built: The files.
        draft: The manifest that they would get, without gates.
        watch: The index's tombstones, which hold for a candidate too; None leaves nothing out.
    """
    index = search.map_index(built.folder / layout.INDEX)
    chunks = batches.read_table(built.folder / layout.CHUNKS).combine_chunks()
    documents = batches.read_table(built.folder / layout.DOCUMENTS, list(DOCUMENT_COLUMNS)).combine_chunks()
    return IndexReader(Verified(manifest=draft, manifest_sha256="", keyid=""), index, chunks, documents, None, watch)
