"""What events say of corpora and indexes, read from catalog, manifests and reports. Figures and names, no text.

Plain objects; making them OpenLineage's is for `ingestion.events.build`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from contracts.model import Contract
from corpus.catalog import figures
from corpus.errors import ConfigurationError, StemmaError
from corpus.receipts import Receipt
from ingestion import reports
from ingestion.runtime import Runtime

_SEVERITY = {"block": "error", "quarantine": "error", "repair": "warn", "warn": "warn"}
"""`onFail` of a rule to the severity that OpenLineage knows: whether a failure keeps something out."""


def source_of(runtime: Runtime, contract: Contract) -> tuple[str, str]:
    """Returns namespace and name of a contract's source, by OpenLineage's naming of data sets, without credentials."""
    root = contract.source.root
    parts = urlsplit(root)
    if "://" not in root or parts.scheme == "file":
        return "file", str(Path(runtime.settings.locate(parts.path if "://" in root else root)))
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}", parts.path.strip("/") or "/"


def corpus_of(runtime: Runtime, contract: Contract, receipt: Receipt | None) -> dict[str, Any]:
    """Returns the fields of the facet `stemma_corpus`; the counts are those of a settled run."""
    with runtime.catalog.reading() as tx:
        states = figures.by_state(tx, contract.name)
        origins = figures.origins(tx, contract.name)
        quality = figures.quality(tx, contract.name)
    counted = receipt is not None and receipt.counts.received > 0
    return {
        "contract": {"name": contract.name, "version": contract.version, "digest": contract.digest},
        "documents": {item.state: item.documents for item in states},
        "originMix": [
            {"digitalSourceType": kind, "basis": basis, "documents": number} for kind, basis, number in origins
        ],
        "quality": {
            "scored": quality.scored,
            "missing": quality.missing,
            "lowest": quality.lowest,
            "mean": quality.mean,
            "highest": quality.highest,
            "atMost": {str(step): number for step, number in quality.below},
        },
        "counts": asdict(receipt.counts) if counted and receipt is not None else None,
    }


def index_of(runtime: Runtime, name: str, version: int) -> dict[str, Any] | None:
    """Returns the fields of the facet `stemma_index` of the alias that points to a version; None where none does."""
    with runtime.catalog.reading() as tx:
        found = [item for item in figures.served(tx, name) if item.number == version]
    return _index(max(found, key=lambda item: item.moved_at)) if found else None


def _index(served: figures.ServedFigures) -> dict[str, Any]:
    manifest = served.manifest
    embedder = manifest["fingerprints"]["embedder"]
    contents, origin, contract = manifest["contents"], manifest["origin"], manifest["contract"]
    return {
        "version": served.number,
        "alias": served.alias,
        "manifestSha256": served.manifest_sha256,
        "identity": manifest["identity"],
        "contract": {name: contract[name] for name in ("name", "version", "digest")},
        "contents": {
            **{name: contents[name] for name in ("documents", "chunks", "tokens")},
            "corpusSha256": contents["corpus_sha256"],
        },
        "embedder": {
            "model": str(embedder["parts"].get("model", "")),
            "fingerprint": embedder["digest"],
            "dimension": manifest["index"]["dimension"],
        },
        "fingerprints": {role: ref["digest"] for role, ref in manifest["fingerprints"].items()},
        "origin": {
            "documents": dict(origin["documents"]),
            "chunks": dict(origin["chunks"]),
            "aiShareDocuments": dict(origin["ai_share_documents"]),
            "aiShareChunks": dict(origin["ai_share_chunks"]),
            "maxGenerationDepth": origin["max_generation_depth"],
        },
        "quality": dict(manifest["quality"]),
        "freshness": dict(manifest["freshness"]),
        "gates": [{"name": gate["name"], "passed": gate["passed"]} for gate in manifest["gates"]],
    }


def assertions_of(runtime: Runtime, contract: str, run_id: str) -> list[dict[str, Any]]:
    """Returns how each rule of the contract came out in a run, as OpenLineage's assertions; none where none was judged.

    `actual` is the number of documents that fail: the words of a report may quote what stands in one.
    """
    try:
        report: Mapping[str, Any] = reports.read(runtime, contract, run_id)
    except (ConfigurationError, json.JSONDecodeError):
        return []
    return [_assertion(rule) for rule in report["rules"]]


def _assertion(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "assertion": rule["rule"],
        "success": rule["verdict"] == "pass",
        "column": rule["field"] or None,
        "severity": _SEVERITY.get(rule["on_fail"], "warn"),
        "name": rule["name"],
        "actual": f"{rule['failing_count']} documents fail",
        "params": {
            name: rule[name] for name in ("engine", "scope", "on_fail", "verdict", "failing_count") if rule.get(name)
        }
        | {"judged": bool(rule.get("judged", True))},
    }


def contract_of(runtime: Runtime, name: str) -> Contract | None:
    """Returns a contract, or None where it is unknown or invalid: an event about its failure must still go out."""
    try:
        return runtime.contract(name)
    except StemmaError:
        return None
