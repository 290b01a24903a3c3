"""Our facets of OpenLineage, as classes of its client. Loaded only where events are emitted.

Each has a published JSON Schema in `ingestion/events/schemas`; the fields are documented there.
"""

from __future__ import annotations

from typing import Any

import attr
from openlineage.client.generated.base import DatasetFacet, RunFacet

SCHEMA = "urn:stemma-rag:openlineage:{kind}:1#/$defs/{name}"
"""A name and no address: the schemas come with the package."""


@attr.define
class StemmaCorpusDatasetFacet(DatasetFacet):
    """What a corpus holds after a run."""

    contract: dict[str, str]
    documents: dict[str, int]
    originMix: list[dict[str, Any]]  # noqa: N815 - the field's name in JSON
    quality: dict[str, Any]
    counts: dict[str, int] | None = None

    @staticmethod
    def _get_schema() -> str:
        return SCHEMA.format(kind="corpus-dataset-facet", name="StemmaCorpusDatasetFacet")


@attr.define
class StemmaIndexDatasetFacet(DatasetFacet):
    """What a published index version is and holds."""

    version: int
    alias: str
    manifestSha256: str  # noqa: N815
    identity: str
    contract: dict[str, str]
    contents: dict[str, Any]
    embedder: dict[str, Any]
    fingerprints: dict[str, str]
    origin: dict[str, Any]
    quality: dict[str, Any]
    freshness: dict[str, Any]
    gates: list[dict[str, Any]]

    @staticmethod
    def _get_schema() -> str:
        return SCHEMA.format(kind="index-dataset-facet", name="StemmaIndexDatasetFacet")


@attr.define
class StemmaRunFacet(RunFacet):
    """How a run is called in Stemma, and the figures of its receipt."""

    runId: str  # noqa: N815
    contract: str
    stage: str
    figures: dict[str, float]
    status: str | None = None
    errorKind: str | None = None  # noqa: N815
    retryable: bool | None = None

    @staticmethod
    def _get_schema() -> str:
        return SCHEMA.format(kind="run-facet", name="StemmaRunFacet")
