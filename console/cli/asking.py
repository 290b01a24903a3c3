"""Asking one version of an index, through the same reader that an application uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from console.cli.command import Json
from corpus.catalog import embedders
from corpus.catalog.records import VersionRecord
from corpus.errors import ConfigurationError, FingerprintMismatch
from corpus.seams import Embedder
from index.reader import Hit, open_index
from index.signing import TrustStore
from ingestion.models import load_model
from ingestion.runtime import Runtime


def ask(runtime: Runtime, version: VersionRecord, text: str, *, k: int, where: Mapping[str, Sequence[str]]) -> Json:
    """Opens a version, verified, and searches it.

    Args:
        runtime: The project.
        version: The version.
        text: The question.
        k: How many hits.
        where: Filter to the values of which one has to hold.

    Returns:
        The question, the version that answered, and the hits, best first.

    Raises:
        ConfigurationError: A filter is unknown, or the model is not installed.
        IntegrityError: The version or the model is not what it was.
    """
    if not text.strip():
        raise ConfigurationError("the question is empty. Ask something: stemma index query NAME 'your question'.")
    reader = open_index(
        runtime.store,
        version.name,
        version=version.number,
        trust=TrustStore.from_folder(runtime.settings.trusted_keys),
        embedder=_embedder(runtime, version),
    )
    hits = reader.search(text, k=k, where=where)
    return {
        "name": version.name,
        "version": version.number,
        "manifest_sha256": reader.manifest_sha256,
        "query": text,
        "where": {field: list(values) for field, values in where.items()},
        "hits": [_hit(rank, hit) for rank, hit in enumerate(hits, start=1)],
    }


def _hit(rank: int, hit: Hit) -> Json:
    found = asdict(hit)
    found["headings"] = list(hit.headings)
    return {"rank": rank, **found}


def _embedder(runtime: Runtime, version: VersionRecord) -> Embedder:
    with runtime.catalog.reading() as tx:
        space = embedders.get(tx, version.embedder_fingerprint)
    if space is None:
        raise FingerprintMismatch(
            f"the catalog does not know the model of {version.name} v{version.number:06d} "
            f"({version.embedder_fingerprint[:12]}). Was the version copied from another home?"
        )
    return load_model(runtime, space.model, space.revision or None, space.fingerprint)
