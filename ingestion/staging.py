"""Work in progress of a run, kept in the home between its stages.

staging/<run>/note.json                  what acquire saw: counts, vanished documents, the contract
staging/<run>/relations.json             what comparing them with the corpus changed
staging/<run>/<shard>/entries.json       the due documents of one shard
staging/<run>/<shard>/assessed.parquet   their assessments, one row per document
staging/<run>/<shard>/refused.json       what became of documents that could not be cut or embedded
staging/<run>/<shard>/reopened.json      documents that the next run has to judge again, where some could not be cut
staging/<run>/<shard>/vectors-*.parquet  vectors of their chunks, where assessing them needed these

Each run has a folder of its own, so two runs over one source cannot take each other's work away. What
is expensive is not here: segments and vectors are named by content, and a run that is started again
after a kill finds them. `settle` removes the folder of a finished run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import pyarrow as pa

from contracts.model import Contract
from corpus import batches
from corpus.errors import ConfigurationError
from corpus.ids import canonical_json, fingerprint
from corpus.storage import Store
from corpus.types import Assessment, OnFail, Outcome, Severity, SourceRef, Violation
from ingestion.snapshot import Entry

_RUN_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")

WHOLE_RUN = ""
"""Key, among document ids, of what `relate` found for the run as a whole."""

ASSESSED = pa.schema(
    [
        *batches.DOCUMENTS,
        pa.field("path", pa.string(), nullable=False),
        pa.field("state_key", pa.string(), nullable=False),
        pa.field("sidecar_sha256", pa.string(), nullable=False),
        pa.field("modified_at", pa.string()),
        pa.field("violations", pa.string(), nullable=False),
        pa.field("actor", pa.string(), nullable=False),
        pa.field("due_at", pa.string()),
        pa.field("sketch", pa.binary(), nullable=False),
        pa.field("stamp", pa.string()),
        pa.field("whole", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNote:
    """What acquire leaves for the later stages.

    Attributes:
        contract_digest: The terms that the run works under.
        allow_shrink: Whether a person let this run remove more than the contract's guard allows.
        reason: Why, in that person's words.
        known: Documents that were known before, those gone not counted.
        listed: Documents that the source listed.
        unchanged: Documents with nothing to do.
        vanished: Id and mark of each known document that is no longer listed.
        shards: Names of the shards with due documents.
    """

    contract_digest: str
    allow_shrink: bool
    listed: int
    unchanged: int
    vanished: tuple[tuple[str, str], ...]
    shards: tuple[str, ...]
    reason: str = ""
    known: int = 0


def write_note(store: Store, run_id: str, note: RunNote) -> None:
    """Records what acquire saw; a run that is acquired again replaces its note."""
    store.replace(_note(run_id), canonical_json(asdict(note)))


def find_note(store: Store, run_id: str) -> RunNote | None:
    """Reads what `write_note` wrote; None where the run was settled, or never acquired."""
    try:
        note = json.loads(store.read_bytes(_note(run_id)))
    except FileNotFoundError:
        return None
    vanished = tuple((doc_id, mark) for doc_id, mark in note["vanished"])
    return RunNote(**{**note, "vanished": vanished, "shards": tuple(note["shards"])})


def read_note(store: Store, run_id: str, contract: Contract) -> RunNote:
    """Reads the note of a run at work under the terms that it was started with.

    Raises:
        ConfigurationError: The run has nothing staged, or the contract was edited meanwhile.
    """
    note = find_note(store, run_id)
    if note is None:
        raise ConfigurationError(
            f"run {run_id} has nothing staged: it was settled, or never acquired. Start a new run."
        )
    if note.contract_digest != contract.digest:
        raise ConfigurationError(
            f"contract {contract.name!r} was edited while run {run_id} was at work under its old terms. Nothing of the "
            "rest was written. Start a new run."
        )
    return note


def write_shard(store: Store, run_id: str, entries: Sequence[Entry], overrides: Mapping[str, str]) -> str:
    """Stages the due documents of one shard.

    Args:
        store: The home.
        run_id: The run.
        entries: The documents.
        overrides: Document id to what a person decided, which changes what assessing them gives.

    Returns:
        The shard's name, a digest of all that but the stamps: a file that was just written has none yet, and is the
        same document a moment later.
    """
    rows = [_entry_json(entry) for entry in entries]
    named = [{name: value for name, value in row.items() if name != "stamp"} for row in rows]
    shard = fingerprint("shard", {"entries": named, "overrides": dict(overrides)})[:32]
    store.replace(f"{_shard(run_id, shard)}/entries.json", canonical_json(rows))
    return shard


def read_shard(store: Store, run_id: str, shard: str) -> tuple[Entry, ...]:
    """Reads the entries of a shard.

    Raises:
        ConfigurationError: The run has no such shard.
    """
    try:
        rows = json.loads(store.read_bytes(f"{_shard(run_id, shard)}/entries.json"))
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"run {run_id} has no staged shard {shard}: it was settled, or never acquired. Start a new run."
        ) from error
    return tuple(_entry(row) for row in rows)


def is_assessed(store: Store, run_id: str, shard: str) -> bool:
    """Returns whether the shard's assessments are complete, and none of them has to be tried again."""
    if not store.exists(_assessed(run_id, shard)):
        return False
    return all(row["outcome"] != Outcome.FAIL for row in read_assessed(store, run_id, shard, ["outcome"]))


def write_assessed(store: Store, run_id: str, shard: str, assessments: Iterable[Assessment]) -> None:
    """Publishes the assessments of a shard, all or none; the last attempt's hold."""
    write_rows(store, run_id, shard, (_assessed_row(item) for item in assessments))


def write_rows(store: Store, run_id: str, shard: str, rows: Iterable[dict[str, Any]]) -> None:
    """Publishes rows that are assessed already, with the columns of `ASSESSED`, as `write_assessed` does."""
    with store.scratch() as folder:
        path = folder / "assessed.parquet"
        batches.write_rows(path, ASSESSED, rows)
        store.replace_file(_assessed(run_id, shard), path)


def read_assessed(store: Store, run_id: str, shard: str, columns: list[str] | None = None) -> list[dict[str, Any]]:
    """Returns the assessed rows of a shard, or some of their columns, as far as they are known by now.

    Raises:
        ConfigurationError: The shard has not been assessed.
    """
    patches = read_relations(store, run_id)
    wanted = sorted({*columns, "doc_id"}) if columns and patches else columns
    try:
        with store.open(_assessed(run_id, shard)) as handle:
            rows = list(batches.stream_rows(handle, wanted))
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"shard {shard} of run {run_id} has not been assessed, or the run was settled. Start a new run."
        ) from error
    return [_patched(row, patches.get(row["doc_id"], {})) for row in rows] if patches else rows


def _patched(row: dict[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    return row | {name: value for name, value in patch.items() if name in row}


def write_relations(store: Store, run_id: str, patches: Mapping[str, Mapping[str, Any]]) -> None:
    """Records what became of assessed documents once they were compared with the rest of the corpus.

    Args:
        store: The home.
        run_id: The run.
        patches: Document id to the columns of its assessed row that are different now.
    """
    store.replace(_relations(run_id), canonical_json({doc_id: dict(patch) for doc_id, patch in patches.items()}))


def read_relations(store: Store, run_id: str) -> dict[str, dict[str, Any]]:
    """Reads what `write_relations` wrote; empty before."""
    try:
        return dict(_parsed(store.read_bytes(_relations(run_id))))
    except FileNotFoundError:
        return {}


@lru_cache(maxsize=1)
def _parsed(data: bytes) -> dict[str, dict[str, Any]]:
    """Parses what relating a run left once, not again for each shard: it grows with the run, as their number does."""
    patches: dict[str, dict[str, Any]] = json.loads(data)
    return patches


def leave_refused(store: Store, run_id: str, shard: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Records what became of documents that were admitted and then could not be cut or embedded.

    Args:
        store: The home.
        run_id: The run.
        shard: Their shard.
        rows: Document id to its row as it is since.
    """
    kept = {doc_id: {name: row[name] for name in ("outcome", "actor", "reasons")} for doc_id, row in rows.items()}
    store.replace(f"{_shard(run_id, shard)}/refused.json", canonical_json(kept))


def read_refused(store: Store, run_id: str, shards: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Returns, by document id, the columns of assessed rows that `leave_refused` wrote for some shards."""
    found: dict[str, dict[str, Any]] = {}
    for shard in shards:
        found.update(json.loads(store.read_bytes(f"{_shard(run_id, shard)}/refused.json")))
    return found


def leave_reopened(store: Store, run_id: str, shard: str, doc_ids: Sequence[str]) -> None:
    """Records which documents the next run has to judge again, because one of this shard could not be cut."""
    store.replace(f"{_shard(run_id, shard)}/reopened.json", canonical_json(list(doc_ids)))


def read_reopened(store: Store, run_id: str, shard: str) -> tuple[str, ...]:
    """Reads what `leave_reopened` wrote; empty where every document could be cut."""
    try:
        return tuple(json.loads(store.read_bytes(f"{_shard(run_id, shard)}/reopened.json")))
    except FileNotFoundError:
        return ()


def vectors_path(run_id: str, shard: str, space: str) -> str:
    """Returns where assessing a shard leaves the vectors of its chunks, for the stage that writes the segment."""
    return f"{_shard(run_id, shard)}/vectors-{space}.parquet"


def discard(store: Store, run_id: str) -> None:
    """Removes what a settled run no longer needs; the note first, so that no half folder counts as staged."""
    store.remove(_note(run_id))
    store.remove(_folder(run_id))


def _folder(run_id: str) -> str:
    if not _RUN_ID.match(run_id):
        raise ConfigurationError(f"not a run id: {run_id!r}. Use letters, digits, '.', '_' and '-', 200 at the most.")
    return f"staging/{run_id}"


def _note(run_id: str) -> str:
    return f"{_folder(run_id)}/note.json"


def _shard(run_id: str, shard: str) -> str:
    return f"{_folder(run_id)}/{shard}"


def _relations(run_id: str) -> str:
    return f"{_folder(run_id)}/relations.json"


def _assessed(run_id: str, shard: str) -> str:
    return f"{_shard(run_id, shard)}/assessed.parquet"


def _assessed_row(assessment: Assessment) -> dict[str, Any]:
    ref = assessment.ref
    return {
        **batches.document_row(assessment),
        "path": ref.path,
        "state_key": assessment.state_key,
        "sidecar_sha256": assessment.sidecar_sha256,
        "modified_at": ref.modified_at.isoformat() if ref.modified_at else None,
        "violations": batches.dumps([asdict(violation) for violation in assessment.violations]),
        "actor": assessment.decision.actor,
        "due_at": assessment.due_at.isoformat() if assessment.due_at else None,
        "sketch": assessment.sketch,
        "stamp": ref.stamp,
        "whole": batches.dumps(batches.whole_json(assessment)) if assessment.whole else None,
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
        "manifest_uri": ref.manifest_uri,
        "stamp": ref.stamp,
        "raw_sha256": entry.raw_sha256,
        "state_key": entry.state_key,
        "seen": entry.seen,
        "sidecar_sha256": entry.sidecar_sha256,
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
        manifest_uri=row.get("manifest_uri", ""),
        stamp=row.get("stamp", ""),
    )
    return Entry(
        ref=ref,
        raw_sha256=row["raw_sha256"],
        state_key=row["state_key"],
        seen=row["seen"],
        sidecar_sha256=row["sidecar_sha256"],
    )
