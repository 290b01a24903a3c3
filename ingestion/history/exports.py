"""The metadata of an index as Parquet: what DuckDB, pandas or a warehouse can ask without this software.

versions.parquet       one row per version: its manifest flattened, and whether it may be believed
fingerprints.parquet   one row per version and role
gates.parquet          one row per version and gate
files.parquet          one row per version and file
documents.parquet      one row per version and document, without texts
aliases.parquet        one row per time in which an alias served a version
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from corpus import batches
from corpus.catalog.records import VersionRecord
from corpus.errors import ConfigurationError, IntegrityError
from index import layout
from ingestion.history.opened import History, open_history
from ingestion.history.trusted import Signature, Unreadable, manifest_of, signature_of
from ingestion.runtime import Runtime

_UTC = pa.timestamp("us", tz="UTC")
_KEY = (("index", pa.string()), ("number", pa.int32()))
_LEFT_OUT = ("text", "blocks", "metadata", "findings", "quality_parts")
"""Columns of documents that are texts, or lists that nobody asks for by the row; the version holds them."""

VERSIONS = pa.schema(
    [
        *_KEY,
        ("identity", pa.string()),
        ("state", pa.string()),
        ("aliases", pa.list_(pa.string())),
        ("signature", pa.string()),
        ("keyid", pa.string()),
        ("previous", pa.int32()),
        ("created_at", _UTC),
        ("manifest_sha256", pa.string()),
        ("run_id", pa.string()),
        ("actor", pa.string()),
        ("code_version", pa.string()),
        ("contract_name", pa.string()),
        ("contract_version", pa.string()),
        ("contract_digest", pa.string()),
        ("model", pa.string()),
        ("embedder_fingerprint", pa.string()),
        ("chunker_fingerprint", pa.string()),
        ("documents", pa.int64()),
        ("chunks", pa.int64()),
        ("tokens", pa.int64()),
        ("corpus_sha256", pa.string()),
        ("received", pa.int64()),
        ("indexed", pa.int64()),
        ("unchanged", pa.int64()),
        ("quarantined", pa.int64()),
        ("rejected", pa.int64()),
        ("failed", pa.int64()),
        ("removed", pa.int64()),
        ("ai_documents_declared", pa.float64()),
        ("ai_documents_matched", pa.float64()),
        ("ai_chunks_declared", pa.float64()),
        ("ai_chunks_matched", pa.float64()),
        ("max_generation_depth", pa.int32()),
        ("quality_p10", pa.float64()),
        ("quality_p50", pa.float64()),
        ("quality_p90", pa.float64()),
        ("freshness_min", pa.string()),
        ("freshness_p50", pa.string()),
        ("freshness_max", pa.string()),
        ("factory", pa.string()),
        ("dimension", pa.int32()),
        ("recall_at_10", pa.float64()),
        ("gates_failed", pa.int32()),
        ("manifest", pa.string()),
    ]
)
FINGERPRINTS = pa.schema([*_KEY, ("role", pa.string()), ("digest", pa.string()), ("parts", pa.string())])
GATES = pa.schema(
    [
        *_KEY,
        ("gate", pa.string()),
        ("passed", pa.bool_()),
        ("expected", pa.string()),
        ("actual", pa.string()),
        ("message", pa.string()),
    ]
)
FILES = pa.schema([*_KEY, ("file", pa.string()), ("size", pa.int64()), ("sha256", pa.string())])
ALIASES = pa.schema(
    [
        ("index", pa.string()),
        ("alias", pa.string()),
        ("number", pa.int32()),
        ("since", _UTC),
        ("until", _UTC),
        ("actor", pa.string()),
        ("reason", pa.string()),
    ]
)
DOCUMENTS = pa.schema(
    [*(pa.field(*pair) for pair in _KEY), *(field for field in batches.DOCUMENTS if field.name not in _LEFT_OUT)]
)
TABLES: Mapping[str, pa.Schema] = {
    "versions": VERSIONS,
    "fingerprints": FINGERPRINTS,
    "gates": GATES,
    "files": FILES,
    "documents": DOCUMENTS,
    "aliases": ALIASES,
}
"""File name without its ending to schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written.

    Attributes:
        folder: The folder.
        rows: File name to rows.
        unreadable: Versions whose documents are not in documents.parquet, with the reason.
    """

    folder: Path
    rows: Mapping[str, int]
    unreadable: tuple[Unreadable, ...]


def export(runtime: Runtime, name: str, folder: Path) -> Exported:
    """Writes the metadata of an index as Parquet files; files of the same names are replaced.

    Args:
        runtime: The project.
        name: The index.
        folder: Where to; it is made where it is missing.

    Raises:
        ConfigurationError: There is no such index, it has no version, or the folder cannot be written.
    """
    history = open_history(runtime, name)
    if not history.versions:
        raise ConfigurationError(f"index {name!r} has no version yet. Run `stemma ingest {name}`.")
    records = sorted(history.versions, key=lambda record: record.number)
    signatures = {record.number: signature_of(runtime, record) for record in records}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        rows = {
            "versions": _write(folder, "versions", (_version(history, item, signatures) for item in records)),
            "fingerprints": _write(folder, "fingerprints", (row for item in records for row in _fingerprints(item))),
            "gates": _write(folder, "gates", (row for item in records for row in _gates(item))),
            "files": _write(folder, "files", (row for item in records for row in _files(item))),
            "aliases": _write(folder, "aliases", _aliases(history)),
        }
        documents, unreadable = _documents(runtime, records, folder)
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be written: {error.strerror or error}. Name another folder with --to."
        ) from error
    return Exported(
        folder=folder,
        rows={f"{table}.parquet": count for table, count in {**rows, "documents": documents}.items()},
        unreadable=tuple(unreadable),
    )


def _write(folder: Path, table: str, rows: Iterable[dict[str, Any]]) -> int:
    return batches.write_rows(folder / f"{table}.parquet", TABLES[table], rows)


def _version(history: History, record: VersionRecord, signatures: Mapping[int, Signature]) -> dict[str, Any]:
    manifest, signature = record.manifest, signatures[record.number]
    own = {
        "index": record.name,
        "number": record.number,
        "identity": record.identity,
        "state": record.state,
        "aliases": sorted(alias for alias, number in history.aliases.items() if number == record.number),
        "signature": signature.state,
        "keyid": signature.keyid or None,
        "created_at": record.created_at,
        "manifest_sha256": record.manifest_sha256,
        "model": history.models.get(record.embedder_fingerprint),
        "embedder_fingerprint": record.embedder_fingerprint,
        "chunker_fingerprint": record.chunker_fingerprint,
        "gates_failed": sum(1 for gate in manifest["gates"] if not gate["passed"]),
        "manifest": batches.dumps(manifest),
    }
    return {**own, **_told(manifest)}


def _told(manifest: Mapping[str, Any]) -> dict[str, Any]:
    contract, origin = manifest["contract"], manifest["origin"]
    quality, freshness = manifest["quality"]["quantiles"], manifest["freshness"]["quantiles"]
    return {
        "previous": manifest["previous"],
        **{name: manifest["run"][name] for name in ("run_id", "actor", "code_version")},
        **{f"contract_{name}": contract[name] for name in ("name", "version", "digest")},
        **manifest["contents"],
        **manifest["conservation"],
        **{f"ai_documents_{basis}": origin["ai_share_documents"][basis] for basis in ("declared", "matched")},
        **{f"ai_chunks_{basis}": origin["ai_share_chunks"][basis] for basis in ("declared", "matched")},
        "max_generation_depth": origin["max_generation_depth"],
        **{f"quality_{rank}": quality.get(rank) for rank in ("p10", "p50", "p90")},
        **{f"freshness_{rank}": freshness.get(rank) for rank in ("min", "p50", "max")},
        **{name: manifest["index"][name] for name in ("factory", "dimension", "recall_at_10")},
    }


def _fingerprints(record: VersionRecord) -> Iterator[dict[str, Any]]:
    for role, ref in sorted(record.manifest["fingerprints"].items()):
        yield {**_key(record), "role": role, "digest": ref["digest"], "parts": json.dumps(ref["parts"], sort_keys=True)}


def _gates(record: VersionRecord) -> Iterator[dict[str, Any]]:
    for gate in record.manifest["gates"]:
        yield {
            **_key(record),
            "gate": gate["name"],
            **{name: gate[name] for name in ("passed", "expected", "actual", "message")},
        }


def _files(record: VersionRecord) -> Iterator[dict[str, Any]]:
    for file, ref in sorted(record.manifest["files"].items()):
        yield {**_key(record), "file": file, "size": ref["size"], "sha256": ref["sha256"]}


def _aliases(history: History) -> Iterator[dict[str, Any]]:
    for item in history.served(record.number for record in history.versions):
        names = ("alias", "number", "since", "until", "actor", "reason")
        yield {"index": history.name, **{name: getattr(item, name) for name in names}}


def _key(record: VersionRecord) -> dict[str, Any]:
    return {"index": record.name, "number": record.number}


def _documents(runtime: Runtime, records: Iterable[VersionRecord], folder: Path) -> tuple[int, list[Unreadable]]:
    """Writes the documents of every version that can be read, a batch at a time."""
    written, unreadable = 0, []
    with ExitStack() as stack:
        writer = stack.enter_context(pq.ParquetWriter(folder / "documents.parquet", DOCUMENTS, compression="zstd"))
        for record in records:
            try:
                manifest_of(runtime, record, (layout.DOCUMENTS,))
            except IntegrityError as error:
                state = "retired" if record.state == "retired" else "damaged"
                unreadable.append(Unreadable(number=record.number, state=state, why=str(error)))
                continue
            for table in _batches(runtime, record):
                writer.write_table(table)
                written += table.num_rows
    return written, unreadable


def _batches(runtime: Runtime, record: VersionRecord) -> Iterator[pa.Table]:
    own = [name for name in DOCUMENTS.names if name not in ("index", "number")]
    with runtime.store.open(f"{record.path}/{layout.DOCUMENTS}") as handle:
        for batch in batches.stream_batches(handle, own, 8_192):
            rows = batch.num_rows
            keys = [pa.array([record.name] * rows, pa.string()), pa.array([record.number] * rows, pa.int32())]
            yield pa.Table.from_arrays(
                [*keys, *(batch.column(name) for name in own)], names=["index", "number", *own]
            ).cast(DOCUMENTS)
