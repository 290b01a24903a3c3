"""Names of the sources: the server types of ODCS. All are files under one fsspec URL, but `api`: URLs over HTTP."""

from __future__ import annotations

from corpus.plugins import Registry

_FILES = "ingestion.sources.files:FilesSource"

SOURCES = Registry(
    seam="source",
    group="stemma.sources",
    table={
        **dict.fromkeys(("files", "local", "s3", "gcs", "azure", "sftp", "custom"), _FILES),
        "api": "ingestion.web.source:WebSource",
    },
)
