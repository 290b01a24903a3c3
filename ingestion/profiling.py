"""The profile of a run that is about to be judged, and the one that it is compared with.

staging/<run>/profile.json holds it between `admit`, which measures, and `settle`, which keeps it: a run
that is blocked never becomes a baseline.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from contracts.drift.profile import COLUMNS, Baseline, Profile, from_json
from corpus import batches
from corpus.catalog import profiles
from corpus.catalog.records import ProfileRecord
from corpus.ids import canonical_json
from corpus.storage import Store
from corpus.types import Outcome, utc_now
from ingestion import staging
from ingestion.runtime import Runtime
from ingestion.standing import standing_batches

_SCHEMA = pa.schema([batches.DOCUMENTS.field(name) for name in COLUMNS])


def documents_of(
    runtime: Runtime, contract: str, run_id: str, shards: Sequence[str], leaving: Collection[str]
) -> Iterator[pa.RecordBatch]:
    """Yields the profiled columns of what the next version would hold, one batch in memory at a time.

    Args:
        runtime: The project.
        contract: Name of the contract.
        run_id: The run.
        shards: Its assessed shards.
        leaving: Ids of standing documents that vanish or are replaced in this run.
    """
    yield from standing_batches(runtime, contract, COLUMNS, leaving)
    for shard in shards:
        rows = staging.read_assessed(runtime.store, run_id, shard, [*COLUMNS, "outcome"])
        admitted = [row for row in rows if Outcome(row["outcome"]).admitted]
        for batch in batches.batched(admitted, 1_024):
            yield pa.RecordBatch.from_pylist(batch, schema=_SCHEMA)


def without(batch: pa.RecordBatch, documents: Collection[str]) -> pa.RecordBatch:
    """Returns a batch without some documents."""
    if not documents:
        return batch
    named = pa.array(sorted(documents), pa.string())
    return batch.filter(pc.invert(pc.is_in(batch.column("doc_id"), value_set=named)))


def baseline_of(runtime: Runtime, contract: str) -> Baseline | None:
    """Returns the profile of the run that was accepted last; None before the first."""
    with runtime.catalog.reading() as tx:
        record = profiles.latest(tx, contract)
    if record is None:
        return None
    return Baseline(profile=from_json(record.profile), run_id=record.run_id, accepted_at=record.accepted_at)


def leave(store: Store, run_id: str, profile: Profile) -> None:
    """Leaves the profile of an admitted run for `settle`."""
    store.replace(_path(run_id), canonical_json(profile.to_json()))


def left(store: Store, contract: str, run_id: str) -> ProfileRecord | None:
    """Returns what `leave` left, to be kept with the run; None where nothing changed, so nothing was measured."""
    try:
        profile = json.loads(store.read_bytes(_path(run_id)))
    except FileNotFoundError:
        return None
    return ProfileRecord(contract=contract, run_id=run_id, profile=profile, accepted_at=utc_now())


def _path(run_id: str) -> str:
    return f"staging/{run_id}/profile.json"
