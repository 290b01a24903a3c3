"""Work in progress of a run, kept in the home between its stages.

staging/runs/<run>.json               what acquire saw: counts and vanished documents
staging/shards/<shard>/entries.json   the due documents of one shard
staging/shards/<shard>/assessed.parquet  their assessments, one row per document

Shards are named by their content, so a run that was killed finds the assessments of the run before.
`settle` removes what a finished run no longer needs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from corpus import batches
from corpus.errors import ConfigurationError
from corpus.ids import canonical_json, fingerprint
from corpus.storage import Store
from corpus.types import Assessment, OnFail, Severity, SourceRef, Violation
from ingestion.snapshot import Entry, Snapshot

ASSESSED = pa.schema(
    [
        *batches.DOCUMENTS,
        pa.field("path", pa.string(), nullable=False),
        pa.field("state_key", pa.string(), nullable=False),
        pa.field("modified_at", pa.string()),
        pa.field("violations", pa.string(), nullable=False),
        pa.field("actor", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNote:
    """What acquire leaves for settle.

    Attributes:
        listed: Documents that the source listed.
        unchanged: Documents with nothing to do.
        vanished: Ids of known documents that are no longer listed.
        shards: Names of the shards with due documents.
    """

    listed: int
    unchanged: int
    vanished: tuple[str, ...]
    shards: tuple[str, ...]


def write_note(store: Store, run_id: str, snapshot: Snapshot, shards: Sequence[str]) -> None:
    """Records what acquire saw; a run that is started again replaces its note."""
    note = {
        "listed": snapshot.listed,
        "unchanged": snapshot.unchanged,
        "vanished": list(snapshot.vanished),
        "shards": list(shards),
    }
    store.replace(_note(run_id), canonical_json(note))


def read_note(store: Store, run_id: str) -> RunNote:
    """Reads what `write_note` wrote.

    Raises:
        ConfigurationError: The run has not been acquired.
    """
    try:
        note = json.loads(store.read_bytes(_note(run_id)))
    except FileNotFoundError as error:
        raise ConfigurationError(f"run {run_id} has nothing staged: start it with acquire.") from error
    return RunNote(
        listed=note["listed"],
        unchanged=note["unchanged"],
        vanished=tuple(note["vanished"]),
        shards=tuple(note["shards"]),
    )


def write_shard(store: Store, contract: str, entries: Sequence[Entry], overrides: Mapping[str, str]) -> str:
    """Stages the due documents of one shard.

    Args:
        store: The home.
        contract: Name of the contract.
        entries: The documents.
        overrides: Document id to what a person decided, which changes what assessing them gives.

    Returns:
        The shard's name, a digest of all that.
    """
    rows = [_entry_json(entry) for entry in entries]
    shard = fingerprint("shard", {"contract": contract, "entries": rows, "overrides": dict(overrides)})[:32]
    store.publish(f"staging/shards/{shard}/entries.json", canonical_json(rows))
    return shard


def read_shard(store: Store, shard: str) -> tuple[Entry, ...]:
    """Reads the entries of a shard.

    Raises:
        ConfigurationError: There is no such shard.
    """
    try:
        rows = json.loads(store.read_bytes(f"staging/shards/{shard}/entries.json"))
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"no staged shard {shard}: its run has been settled, or never acquired. Start a new run."
        ) from error
    return tuple(_entry(row) for row in rows)


def is_assessed(store: Store, shard: str) -> bool:
    """Returns whether the shard's assessments are complete."""
    return store.exists(_assessed(shard))


def write_assessed(store: Store, shard: str, assessments: Iterable[Assessment]) -> None:
    """Publishes the assessments of a shard, all or none."""
    with store.scratch() as folder:
        path = folder / "assessed.parquet"
        batches.write_rows(path, ASSESSED, (_assessed_row(item) for item in assessments))
        # Assessing again may say other words (a time, an answer just registered): the last one holds.
        store.remove(_assessed(shard))
        store.publish_file(_assessed(shard), path)


def read_assessed(store: Store, shard: str, columns: list[str] | None = None) -> list[dict[str, Any]]:
    """Returns the assessed rows of a shard, or some of their columns."""
    with store.open(_assessed(shard)) as handle:
        return list(batches.stream_rows(handle, columns))


def discard(store: Store, run_id: str, shards: Iterable[str]) -> None:
    """Removes what a settled run no longer needs."""
    for shard in shards:
        store.remove(f"staging/shards/{shard}")
    store.remove(_note(run_id))


def _note(run_id: str) -> str:
    return f"staging/runs/{run_id}.json"


def _assessed(shard: str) -> str:
    return f"staging/shards/{shard}/assessed.parquet"


def _assessed_row(assessment: Assessment) -> dict[str, Any]:
    ref = assessment.ref
    return {
        **batches.document_row(assessment),
        "path": ref.path,
        "state_key": assessment.state_key,
        "modified_at": ref.modified_at.isoformat() if ref.modified_at else None,
        "violations": batches.dumps([asdict(violation) for violation in assessment.violations]),
        "actor": assessment.decision.actor,
    }


def violations_of(row: Mapping[str, Any]) -> tuple[Violation, ...]:
    """Returns the row rules that an assessed document broke."""
    return tuple(
        Violation(**{**value, "severity": Severity(value["severity"]), "on_fail": OnFail(value["on_fail"])})
        for value in batches.loads(row["violations"])
    )


def _entry_json(entry: Entry) -> dict[str, Any]:
    ref = entry.ref
    return {
        "doc_id": ref.doc_id,
        "uri": ref.uri,
        "path": ref.path,
        "size": ref.size,
        "modified_at": ref.modified_at.isoformat() if ref.modified_at else None,
        "version_tag": ref.version_tag,
        "sidecar_uri": ref.sidecar_uri,
        "raw_sha256": entry.raw_sha256,
        "state_key": entry.state_key,
    }


def _entry(row: Mapping[str, Any]) -> Entry:
    modified = row["modified_at"]
    ref = SourceRef(
        doc_id=row["doc_id"],
        uri=row["uri"],
        path=row["path"],
        size=row["size"],
        modified_at=datetime.fromisoformat(modified) if modified else None,
        version_tag=row["version_tag"],
        sidecar_uri=row["sidecar_uri"],
    )
    return Entry(ref=ref, raw_sha256=row["raw_sha256"], state_key=row["state_key"])
