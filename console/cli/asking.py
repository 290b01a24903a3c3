"""Asking one version of an index, through the same reader that an application uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from console.cli.command import Json
from corpus.catalog.records import VersionRecord
from corpus.errors import ConfigurationError
from index.fusion import Hybrid
from index.reader import Hit, open_index
from index.signing import TrustStore
from ingestion.history.replay import embedder_of
from ingestion.runtime import Runtime


def ask(
    runtime: Runtime,
    version: VersionRecord,
    text: str,
    *,
    k: int,
    where: Mapping[str, Mapping[str, Sequence[str]]],
    hybrid: Hybrid | None = None,
) -> Json:
    """Opens a version, verified, and searches it.

    Args:
        runtime: The project.
        version: The version.
        text: The question.
        k: How many hits.
        where: Filters, as `index.filters.parse_where` reads them.
        hybrid: How the search by words joins; None for vectors alone.

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
        embedder=embedder_of(runtime, version),
    )
    hits = reader.search(text, k=k, where=where, hybrid=hybrid)
    return {
        "name": version.name,
        "version": version.number,
        "manifest_sha256": reader.manifest_sha256,
        "query": text,
        "where": {field: list(signs["="]) if set(signs) == {"="} else dict(signs) for field, signs in where.items()},
        "hits": [_hit(rank, hit) for rank, hit in enumerate(hits, start=1)],
    }


def _hit(rank: int, hit: Hit) -> Json:
    found = asdict(hit)
    found["headings"] = list(hit.headings)
    return {"rank": rank, **found}
