"""Figures for monitoring, in the text form of Prometheus: read from the catalog when asked, never kept in memory.

Everything is a gauge, because it is what the catalog says now: a process that has just started knows as much as one
that ran all night. Only names of contracts, indexes and aliases are labels; no document is.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corpus import logs
from corpus.catalog import figures
from corpus.catalog.session import SCHEMA_REVISION
from corpus.errors import ConfigurationError
from ingestion.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prometheus_client import CollectorRegistry
    from prometheus_client.core import GaugeMetricFamily

    Samples = Sequence[tuple[Mapping[str, str], float]]

_log = logging.getLogger(__name__)
_failed: set[str] = set()

HELP: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "stemma_build_info": ("Version of this software and schema of the catalog; always 1.", ("version", "schema")),
    "stemma_documents": ("Documents by state.", ("contract", "state")),
    "stemma_documents_bytes": ("Bytes of documents at their source, by state.", ("contract", "state")),
    "stemma_quarantine_oldest_timestamp_seconds": (
        "When the document that waits longest in quarantine was last judged.",
        ("contract",),
    ),
    "stemma_run_documents": ("Documents of the newest successful ingest by outcome.", ("contract", "outcome")),
    "stemma_runs": ("Runs by state.", ("contract", "kind", "state")),
    "stemma_last_success_timestamp_seconds": ("When a run last succeeded.", ("contract", "kind")),
    "stemma_last_failure_timestamp_seconds": ("When a run last failed.", ("contract", "kind")),
    "stemma_index_versions": ("Index versions by state.", ("index", "state")),
    "stemma_index_version": ("Number of the version that an alias points to.", ("index", "alias")),
    "stemma_index_moved_timestamp_seconds": ("When an alias came to point where it points.", ("index", "alias")),
    "stemma_index_built_timestamp_seconds": ("When the version was built.", ("index", "alias")),
    "stemma_index_documents": ("Documents in the version.", ("index", "alias")),
    "stemma_index_chunks": ("Chunks in the version.", ("index", "alias")),
    "stemma_index_ai_share": (
        "Share that is AI-written or AI-assisted, by what that rests on; bases are not added up.",
        ("index", "alias", "of", "basis"),
    ),
    "stemma_index_quality": ("Quality scores of documents, by quantile.", ("index", "alias", "quantile")),
    "stemma_index_validated_timestamp_seconds": (
        "Dates on which documents were last validated, by quantile: freshness.",
        ("index", "alias", "quantile"),
    ),
    "stemma_index_validated_missing": ("Documents without a date of validation.", ("index", "alias")),
    "stemma_contamination_alarms": ("Alarms of the newest measurement of contamination.", ("index",)),
    "stemma_answers": ("Registered answers.", ()),
    "stemma_catalog_bytes": ("Size of the catalog's database.", ()),
    "stemma_metrics_timestamp_seconds": ("When these figures were read.", ()),
}
"""Name to help text and labels of every figure; the page on monitoring has each."""


def text(runtime: Runtime) -> str:
    """Returns all figures in the text form of Prometheus, version 0.0.4.

    Raises:
        CatalogError: The catalog cannot be read.
    """
    from prometheus_client import generate_latest  # noqa: PLC0415 - only where figures are asked for

    return generate_latest(_registry(runtime)).decode("utf-8")


def write(runtime: Runtime, path: Path) -> None:
    """Writes all figures into a file, for the textfile collector of node_exporter; readers see the old or the new one.

    Raises:
        CatalogError: The catalog cannot be read.
        ConfigurationError: The file cannot be written.
    """
    from prometheus_client import write_to_textfile  # noqa: PLC0415 - as above

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_to_textfile(str(path), _registry(runtime))
    except OSError as error:
        raise ConfigurationError(
            f"metrics file {path} cannot be written: {error.strerror or error}. Set metrics_file (stemma.toml or "
            "STEMMA_METRICS_FILE) to a file in a folder that you may write."
        ) from error


def leave(runtime: Runtime) -> None:
    """Writes the file that the setting `metrics_file` names, at the end of a run; never raises, logs trouble once."""
    try:
        write(runtime, Path(runtime.settings.locate(runtime.settings.metrics_file)))
    except Exception as problem:  # noqa: BLE001 - figures are beside the work: whatever is wrong, the run goes on
        kind = type(problem).__name__
        if kind not in _failed:
            _failed.add(kind)
            _log.warning(
                "the metrics file could not be written (%s: %s); the run goes on.", kind, logs.redact(str(problem))
            )


def _registry(runtime: Runtime) -> CollectorRegistry:
    from prometheus_client import CollectorRegistry  # noqa: PLC0415 - as above

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(tuple(_families(runtime))))
    return registry


class _Collected:
    """Gives a registry what was gathered."""

    def __init__(self, families: tuple[GaugeMetricFamily, ...]) -> None:
        self._families = families

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._families


def _families(runtime: Runtime) -> Iterator[GaugeMetricFamily]:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - as above

    found = gather(runtime)
    for name, (words, labels) in HELP.items():
        family = GaugeMetricFamily(name, words, labels=labels)
        for given, value in found.get(name, ()):
            family.add_metric([given[label] for label in labels], value)
        yield family


def gather(runtime: Runtime) -> dict[str, Samples]:
    """Reads the figures: name to pairs of labels and value, from one state of the catalog.

    Raises:
        CatalogError: The catalog cannot be read.
    """
    with runtime.catalog.reading() as tx:
        states, runs = figures.by_state(tx), figures.by_run(tx)
        receipts = dict(figures.newest_receipts(tx))
        versions, served = figures.version_counts(tx), figures.served(tx)
        alarms, answers, size = figures.alarms(tx), figures.answers(tx), figures.catalog_bytes(tx)
    return {
        "stemma_build_info": [({"version": installed("stemma-rag"), "schema": SCHEMA_REVISION}, 1)],
        **_documents(states),
        **_runs(runs, receipts),
        "stemma_index_versions": [
            ({"index": name, "state": state}, number)
            for name, counted in versions.items()
            for state, number in counted.items()
        ],
        **_served(served),
        "stemma_contamination_alarms": [({"index": name}, number) for name, number in alarms.items()],
        "stemma_answers": [({}, answers)],
        "stemma_catalog_bytes": [({}, size)],
        "stemma_metrics_timestamp_seconds": [({}, datetime.now(UTC).timestamp())],
    }


def _documents(states: tuple[figures.StateFigures, ...]) -> dict[str, Samples]:
    return {
        "stemma_documents": [({"contract": item.contract, "state": item.state}, item.documents) for item in states],
        "stemma_documents_bytes": [({"contract": item.contract, "state": item.state}, item.size) for item in states],
        "stemma_quarantine_oldest_timestamp_seconds": [
            ({"contract": item.contract}, item.since.timestamp())
            for item in states
            if item.state == "quarantined" and item.since is not None
        ],
    }


def _runs(runs: tuple[figures.RunFigures, ...], receipts: Mapping[str, Mapping[str, Any]]) -> dict[str, Samples]:
    ended = {
        state: [
            ({"contract": item.contract, "kind": item.kind}, item.latest.timestamp())
            for item in runs
            if item.state == state and item.latest is not None
        ]
        for state in ("succeeded", "failed")
    }
    return {
        "stemma_run_documents": [
            ({"contract": contract, "outcome": outcome}, number)
            for contract, receipt in receipts.items()
            for outcome, number in receipt.get("counts", {}).items()
        ],
        "stemma_runs": [
            ({"contract": item.contract, "kind": item.kind, "state": item.state}, item.runs) for item in runs
        ],
        "stemma_last_success_timestamp_seconds": ended["succeeded"],
        "stemma_last_failure_timestamp_seconds": ended["failed"],
    }


def _served(served: tuple[figures.ServedFigures, ...]) -> dict[str, Samples]:
    found: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for item in served:
        mine = {"index": item.name, "alias": item.alias}
        manifest = item.manifest
        built = datetime.fromisoformat(manifest["created_at"])
        plain = {
            "stemma_index_version": item.number,
            "stemma_index_moved_timestamp_seconds": item.moved_at.timestamp(),
            "stemma_index_built_timestamp_seconds": built.timestamp(),
            "stemma_index_documents": manifest["contents"]["documents"],
            "stemma_index_chunks": manifest["contents"]["chunks"],
            "stemma_index_validated_missing": manifest["freshness"]["missing"],
        }
        for name, value in plain.items():
            found.setdefault(name, []).append((mine, value))
        found.setdefault("stemma_index_ai_share", []).extend(
            ({**mine, "of": of, "basis": basis}, share)
            for of in ("documents", "chunks")
            for basis, share in manifest["origin"][f"ai_share_{of}"].items()
        )
        found.setdefault("stemma_index_quality", []).extend(
            ({**mine, "quantile": quantile}, value) for quantile, value in manifest["quality"]["quantiles"].items()
        )
        found.setdefault("stemma_index_validated_timestamp_seconds", []).extend(
            ({**mine, "quantile": quantile}, _midnight(str(value)))
            for quantile, value in manifest["freshness"]["quantiles"].items()
        )
    return dict(found)


def _midnight(day: str) -> float:
    parsed = date.fromisoformat(day[:10])
    return datetime(parsed.year, parsed.month, parsed.day, tzinfo=UTC).timestamp()
